//! Clients that take 99 % of the time, or of the room, that a listener gives are served.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use hostel_model::limits::ListenerLimits;
use hostel_model::units::ByteSize;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConnection, StreamOwned};

use super::echoes;
use super::slow::pass;
use crate::harness::{Authority, Connection, Frames, Harness, Running, eventually, guest, kind};

/// What 1 % of it leaves is more than what chance takes of a busy machine.
const LIMIT: Duration = Duration::from_secs(8);
const NEARLY: Duration = Duration::from_millis(7_920);

const GET: &[u8] = b"GET /p2/x HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn long(limits: &mut ListenerLimits) {
    limits.first_byte = LIMIT;
    limits.header_read = LIMIT;
    limits.tls_handshake = LIMIT;
    limits.idle = LIMIT;
    limits.body_idle = LIMIT;
    limits.body_rate = 0;
}

#[track_caller]
fn is_answered(connection: &mut Connection, method: &str) {
    assert_eq!(connection.read_answer(method).status, 200);
}

/// Silent at first, in the middle of a head, between two requests, in the middle of a body.
#[test]
fn a_client_may_take_nearly_as_long_as_each_limit() {
    let host = echoes().listener(long).start();
    let host = &host;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut late = host.connect();
            pass(NEARLY);
            late.send(GET);
            is_answered(&mut late, "GET");
        });
        scope.spawn(|| {
            let mut slow = host.connect();
            slow.send(&GET[..GET.len() - 2]);
            pass(NEARLY);
            slow.send("\r\n");
            is_answered(&mut slow, "GET");
        });
        scope.spawn(|| {
            let mut rests = host.connect();
            rests.send(GET);
            is_answered(&mut rests, "GET");
            pass(NEARLY);
            rests.send(GET);
            is_answered(&mut rests, "GET");
        });
        scope.spawn(|| {
            let mut pauses = host.request("POST", "/p2").header("Content-Length", "10").begin();
            pauses.send("hello");
            pass(NEARLY);
            pauses.send("world");
            is_answered(&mut pauses, "POST");
        });
    });
}

#[test]
fn a_handshake_may_take_nearly_as_long_as_its_limit() {
    let authority = Authority::new();
    let tls = authority.plan(&[&["a.example"]]);
    let host = echoes().listener(long).listener_plan(|plan| plan.tls = Some(tls)).start();
    let stream = TcpStream::connect(host.address()).unwrap();
    pass(NEARLY);
    let name = ServerName::try_from("a.example").unwrap();
    let client = ClientConnection::new(Arc::new(Authority::client(&["http/1.1"])), name).unwrap();
    let mut stream = StreamOwned::new(client, stream);
    stream.write_all(b"GET /p2/x HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
    let mut begun = [0; 12];
    stream.read_exact(&mut begun).unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200");
}

/// A host whose service `never` reads nothing and says nothing, beside one that does.
fn never(change: impl Fn(&mut ListenerLimits)) -> Running {
    Harness::new()
        .serves("never", guest::NEVER_ANSWERS_P2)
        .serves("hello", guest::HELLO_P2)
        .listener_plan(|plan| plan.h2c = true)
        .listener(change)
        .start()
}

fn fields<'f>(method: &'f str, path: &'f str) -> [(&'f str, &'f str); 4] {
    [(":method", method), (":scheme", "http"), (":path", path), (":authority", "localhost")]
}

/// A client that has taken over the host's settings and has begun to send a body.
fn sends_body(host: &Running) -> Frames {
    let mut frames = Frames::to(host.address());
    assert!(frames.next_of(&[kind::SETTINGS]).is_some());
    frames.frame(kind::SETTINGS, ACK, 0, &[]);
    frames.frame(kind::HEADERS, kind::END_HEADERS, 1, &crate::harness::block(&fields("POST", "/never")));
    eventually("it is at work", || host.levels().instances_live == 1);
    frames
}

/// So many bytes of the body.
fn data(frames: &mut Frames, mut count: usize) {
    while count > 0 {
        let now = count.min(16_384);
        frames.frame(kind::DATA, 0, 1, &vec![b'x'; now]);
        count -= now;
    }
}

const ACK: u8 = 1;
const WINDOW_UPDATE: u8 = 8;
const FLOW_CONTROL_ERROR: u32 = 3;
const ENHANCE_YOUR_CALM: u32 = 11;

/// Whether the connection takes one more request, on `stream`, before anything ends.
#[track_caller]
fn goes_on(frames: &mut Frames, stream: u32) {
    frames.request(stream, &fields("GET", "/hello"));
    let next = frames.next_of(&[kind::HEADERS, kind::RST_STREAM, kind::GOAWAY]).expect("the host must say something");
    assert_eq!((next.kind, next.stream), (kind::HEADERS, stream), "{next:?}");
}

/// Both windows; of either 99 % are within it.
#[test]
fn a_body_may_be_sent_ahead_by_a_window_and_no_further() {
    for (stream_window, connection_window, least) in [(20_000, 1 << 20, 20_000), (1 << 20, 100_000, 100_000)] {
        let host = never(|limits| {
            limits.stream_window = ByteSize(stream_window);
            limits.connection_window = ByteSize(connection_window);
        });
        let mut frames = sends_body(&host);
        let nearly = least * 99 / 100;
        data(&mut frames, nearly);
        goes_on(&mut frames, 3);
        data(&mut frames, least - nearly + 1);
        let end = frames.next_of(&[kind::RST_STREAM, kind::GOAWAY]).expect("it must be refused");
        assert_eq!(end.error(), FLOW_CONTROL_ERROR, "{end:?}");
    }
}

#[test]
fn streams_may_be_reset_as_often_as_the_limit_and_a_flood_of_resets_ends_the_connection() {
    let host = never(|limits| limits.reset_streams = 20);
    let mut frames = Frames::to(host.address());
    let reset = |frames: &mut Frames, streams: std::ops::Range<u32>| {
        let each = streams.flat_map(|number| {
            let (stream, block) = (number * 2 + 1, crate::harness::block(&fields("GET", "/hello")));
            let head = crate::harness::frame(kind::HEADERS, kind::END_HEADERS | kind::END_STREAM, stream, &block);
            [head, crate::harness::frame(kind::RST_STREAM, 0, stream, &8_u32.to_be_bytes())]
        });
        let bytes: Vec<u8> = each.flatten().collect();
        frames.send(&bytes);
    };
    reset(&mut frames, 0..19);
    frames.request(101, &fields("GET", "/hello"));
    let next = frames.next_of(&[kind::GOAWAY, kind::DATA]).expect("the host must say something");
    assert_ne!(next.kind, kind::GOAWAY, "{next:?}");
    reset(&mut frames, 60..10_000);
    let end = frames.next_of(&[kind::GOAWAY]).expect("it must be told to go");
    assert_eq!(end.error(), ENHANCE_YOUR_CALM, "{end:?}");
}

#[test]
fn a_client_may_make_as_many_mistakes_as_the_limit() {
    let host = never(|limits| limits.reset_streams_local = 100);
    let mut frames = Frames::to(host.address());
    // A window that grows past what one can be is a mistake of one stream (RFC 9113, section 6.9.1).
    let mistakes = |frames: &mut Frames, streams: std::ops::Range<u32>| {
        for stream in streams.map(|number| number * 2 + 1) {
            frames.request(stream, &fields("GET", "/never"));
            frames.frame(WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes());
        }
    };
    mistakes(&mut frames, 0..99);
    for _ in 0..99 {
        let reset = frames.next_of(&[kind::RST_STREAM, kind::GOAWAY]).expect("each must be told");
        assert_eq!(reset.kind, kind::RST_STREAM, "{reset:?}");
    }
    goes_on(&mut frames, 201);
    mistakes(&mut frames, 110..200);
    let end = frames.next_of(&[kind::GOAWAY]).expect("it must be told to go");
    assert_eq!(end.error(), ENHANCE_YOUR_CALM, "{end:?}");
}
