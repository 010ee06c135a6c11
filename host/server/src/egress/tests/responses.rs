//! Servers that do not answer as they should.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use hostel_sandbox::{BodyError, OutgoingError, Patience};
use http_body_util::BodyExt;

use super::upstream::{Then, Upstream};
use super::{Answer, Scene, eventually, get, pause};

/// What comes of a server that answers as `answer` does.
fn asked(
    patience: Patience,
    answer: impl Fn(&mut TcpStream, &str) -> Then + Send + Sync + 'static,
) -> (Scene, Upstream, Answer) {
    let (scene, upstream) = (Scene::new(), Upstream::with(answer));
    let outlet = scene.outlet(&[&format!("http://127.0.0.1:{}", upstream.port)]);
    let answer = scene.ask(&outlet, get(&upstream.uri("127.0.0.1")), patience);
    (scene, upstream, answer)
}

fn saying(answer: &'static [u8], then: fn() -> Then) -> (Scene, Upstream, Answer) {
    asked(Patience::default(), move |stream, _| {
        let _ = stream.write_all(answer);
        then()
    })
}

#[test]
fn an_answer_that_breaks_off_never_looks_complete() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"[..],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ] {
        let (scene, _upstream, answer) = saying(answer, || Then::Close);
        assert_eq!(scene.broken(answer), BodyError::Gone);
    }
    let chunk = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n";
    let (scene, _upstream, answer) = saying(chunk, || Then::Close);
    assert!(matches!(scene.broken(answer), BodyError::Malformed | BodyError::Gone));
}

#[test]
fn an_answer_that_is_none_is_an_error() {
    for (answer, expected) in [
        (&b""[..], OutgoingError::Broken),
        (b"HTTP/1.1 200 OK\r\n", OutgoingError::Broken),
        (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", OutgoingError::Protocol),
        (b"HTTP/1.1 999999 OK\r\n\r\n", OutgoingError::Protocol),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", OutgoingError::Protocol),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", OutgoingError::Protocol),
    ] {
        let (_scene, _upstream, found) = saying(answer, || Then::Close);
        assert_eq!(found.err(), Some(expected), "{}", String::from_utf8_lossy(answer));
    }
}

#[test]
fn a_head_without_end_is_an_error() {
    let (_scene, upstream, answer) = asked(Patience::default(), |stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        // Until the other side has had enough.
        while stream.write_all(b"X-More: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n").is_ok() {}
        Then::Close
    });
    assert!(matches!(answer, Err(OutgoingError::HeadTooLarge | OutgoingError::Protocol)), "{:?}", answer.err());
    eventually("the connection is closed", || upstream.closed() == 1);
}

#[test]
fn interim_answers_without_end_are_no_answer() {
    let patience = Patience { first_byte: Some(Duration::from_millis(500)), ..Patience::default() };
    let (_scene, upstream, answer) = asked(patience, |stream, _| {
        while stream.write_all(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n").is_ok() {}
        Then::Close
    });
    assert_eq!(answer.err(), Some(OutgoingError::ResponseTimeout));
    eventually("the connection is closed", || upstream.closed() == 1);
    // A hundred thousand of them and then an answer is an answer.
    let (scene, _upstream, answer) = asked(Patience::default(), |stream, _| {
        let _ = stream.write_all("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100_000).as_bytes());
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        Then::Next
    });
    assert_eq!(scene.text(answer), "ok");
}

#[test]
fn a_body_may_not_fall_silent_and_may_be_slow() {
    let patience = Patience { between_bytes: Some(Duration::from_millis(400)), ..Patience::default() };
    let begun = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n";
    let (scene, upstream, answer) = asked(patience, |stream, _| {
        let _ = stream.write_all(begun);
        let _ = stream.write_all(b"hello ");
        Then::Next
    });
    assert_eq!(scene.broken(answer), BodyError::Idle);
    eventually("the connection is closed", || upstream.closed() == 1);
    // Drop by drop takes longer than the patience, but no drop does.
    let (scene, _upstream, answer) = asked(patience, |stream, _| {
        let _ = stream.write_all(begun);
        for byte in b"hello, world" {
            (0..6).for_each(|_| pause());
            let _ = stream.write_all(&[*byte]);
        }
        Then::Next
    });
    assert_eq!(scene.text(answer), "hello, world");
}

#[test]
fn a_body_without_end_waits_for_its_reader_and_ends_with_it() {
    let (scene, upstream, answer) = asked(Patience::default(), |stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        while stream.write_all(chunk.as_bytes()).is_ok() {}
        Then::Close
    });
    let mut body = answer.unwrap().into_body();
    let mut read = 0;
    scene.runtime.block_on(async {
        while read < 10 << 20 {
            let frame = body.frame().await.unwrap().unwrap();
            let bytes = frame.data_ref().unwrap().len();
            assert!(bytes <= 128 << 10, "{bytes} bytes at once");
            read += bytes;
        }
    });
    assert_eq!(upstream.closed(), 0);
    drop(body);
    eventually("the server is told", || upstream.closed() == 1);
}
