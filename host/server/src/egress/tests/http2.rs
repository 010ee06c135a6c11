//! HTTP/2: what ends a body, what counts as a connection, and who shares one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use futures::stream;
use hostel_sandbox::{BodyError, OutgoingError, Patience};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::secured_upstream::{Secured, authority, believed};
use super::{Scene, eventually, get, request};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
/// On the data or the head that is the last of its stream.
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A server that answers the first request on a connection with these frames, and then says nothing more.
fn scripted(scene: &Scene, authority: &super::secured_upstream::Authority, script: &[Vec<u8>]) -> Secured {
    let bytes = [frame(SETTINGS, 0, 0, &[]), script.concat()].concat();
    Secured::serving(scene, authority, "api.example", &[b"h2"], move |mut stream| {
        let bytes = bytes.clone();
        Box::pin(async move {
            let mut seen = vec![0; 24];
            stream.read_exact(&mut seen).await.unwrap();
            loop {
                let mut head = [0; 9];
                stream.read_exact(&mut head).await.unwrap();
                let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
                stream.read_exact(&mut vec![0; length as usize]).await.unwrap();
                if head[3] == HEADERS {
                    break;
                }
            }
            stream.write_all(&bytes).await.unwrap();
            while stream.read(&mut [0; 1_024]).await.is_ok_and(|read| read > 0) {}
        })
    })
}

#[test]
fn only_what_its_server_has_ended_is_a_whole_body() {
    let authority = authority();
    let scene = Scene::believing(believed(&authority));
    scene.dns.says("api.example", &["127.0.0.1"]);
    // `:status: 200`, from the table that everybody knows.
    let head = frame(HEADERS, END_HEADERS, 1, &[0x88]);
    let (begun, whole) = (frame(DATA, 0, 1, b"hi"), frame(DATA, END_STREAM, 1, b"hi"));
    let trailers = frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\0\x05x-sum\x011");
    let no_error = frame(RST_STREAM, 0, 1, &[0; 4]);
    // The last stream that it has looked at is none of ours.
    let goes_away = frame(GOAWAY, 0, 0, &[0; 8]);
    let goes_away_after = frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]);
    for (place, (script, complete)) in [
        (vec![head.clone(), begun.clone(), no_error.clone()], false),
        (vec![head.clone(), no_error.clone()], false),
        (vec![head.clone(), begun.clone(), goes_away.clone()], false),
        (vec![head.clone(), goes_away], false),
        (vec![head.clone(), whole.clone()], true),
        // It wants to hear no more, and has said all.
        (vec![head.clone(), whole.clone(), no_error.clone()], true),
        (vec![head.clone(), begun.clone(), trailers.clone(), no_error], true),
        (vec![head.clone(), whole, goes_away_after.clone()], true),
        (vec![head, goes_away_after, begun, trailers], true),
    ]
    .into_iter()
    .enumerate()
    {
        let server = scripted(&scene, &authority, &script);
        let answer = scene.get(&server.outlet(&scene, 32), &server.uri("api.example", "/"));
        if complete {
            assert_eq!(scene.text(answer), "hi", "{place}");
        } else {
            assert_eq!(scene.broken(answer), BodyError::Gone, "{place}");
        }
    }
}

#[test]
fn a_connection_that_goes_away_counts_until_its_last_stream_is_over() {
    let authority = authority();
    let scene = Scene::believing(believed(&authority));
    let server = Secured::start(&scene, &authority, "api.example", &[b"h2"]);
    scene.dns.says("api.example", &["127.0.0.1"]);
    let outlet = server.outlet(&scene, 2);
    let uri = server.uri("api.example", "/holds-and-goes-away");
    let held: Vec<_> = (0..2).map(|_| scene.get(&outlet, &uri).expect("within the limit")).collect();
    assert_eq!(scene.get(&outlet, &uri).err(), Some(OutgoingError::Limit));
    assert_eq!((server.connections(), outlet.places.left(), server.closed()), (2, 0, 0));
    drop(held);
    eventually("both are closed", || server.closed() == 2);
    eventually("both may be made again", || outlet.places.left() == 2);
}

/// How many connections to `port` this process has not closed.
#[cfg(target_os = "linux")]
fn open_to(port: u16) -> usize {
    let text = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let to = format!("0100007F:{port:04X}");
    let established = |line: &&str| {
        let mut words = line.split_ascii_whitespace().skip(2);
        words.next() == Some(&to) && words.next() == Some("01")
    };
    text.lines().filter(established).count()
}

#[cfg(target_os = "linux")]
#[test]
fn a_connection_whose_server_reads_nothing_is_closed_before_it_counts_as_gone() {
    let authority = authority();
    let scene = Scene::believing(believed(&authority));
    scene.dns.says("api.example", &["127.0.0.1"]);
    let server = Secured::serving(&scene, &authority, "api.example", &[b"h2"], |mut stream| {
        Box::pin(async move {
            // Room for whatever comes, and nobody who takes it.
            let window = frame(SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]);
            let more = frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0, 0, 0]);
            stream.write_all(&[window, more].concat()).await.unwrap();
            std::future::pending::<()>().await;
        })
    });
    let outlet = server.outlet(&scene, 32);
    let sent = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&sent);
    let endless = stream::repeat_with(move || {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(Frame::data(Bytes::from_static(&[0; 64 << 10])))
    });
    let body = StreamBody::new(endless).boxed_unsync();
    let posted = request("POST", &server.uri("api.example", "/"), &[], "").map(|_| body);
    let (platform, counted) = (&scene.platform, &sent);
    let full = async move {
        let mut before = 0;
        loop {
            platform.clock.sleep_until(platform.clock.now().after(Duration::from_millis(300))).await;
            let now = counted.load(Ordering::SeqCst);
            if now > 0 && now == before {
                return;
            }
            before = now;
        }
    };
    scene.runtime.block_on(async {
        let asking = std::pin::pin!(scene.asking(&outlet, posted, Patience::default()));
        assert!(matches!(select(asking, std::pin::pin!(full)).await, Either::Right(_)));
    });
    assert_eq!((outlet.places.left(), open_to(server.port)), (31, 1));
    eventually("nobody uses it", || outlet.pool.push_out());
    eventually("its place is free", || outlet.places.left() == 32);
    assert_eq!(open_to(server.port), 0);
}

#[test]
fn readers_that_are_slow_hold_up_nobody_on_their_connection() {
    let authority = authority();
    let scene = Scene::believing(believed(&authority));
    let server = Secured::start(&scene, &authority, "api.example", &[b"h2"]);
    scene.dns.says("api.example", &["127.0.0.1"]);
    let outlet = server.outlet(&scene, 32);
    let slow: Vec<_> = (0..15).map(|_| scene.get(&outlet, &server.uri("api.example", "/big")).unwrap()).collect();
    // Its window is used up only when all that may come has come.
    (0..20).for_each(|_| super::pause());
    let text = scene.text(scene.get(&outlet, &server.uri("api.example", "/")));
    assert!(text.starts_with("GET "), "{text}");
    assert_eq!(server.connections(), 1);
    drop(slow);
}

#[test]
fn sixteen_share_a_connection_and_the_next_makes_another() {
    let authority = authority();
    let scene = Scene::believing(believed(&authority));
    let server = Secured::start(&scene, &authority, "api.example", &[b"h2"]);
    scene.dns.says("api.example", &["127.0.0.1"]);
    let outlet = server.outlet(&scene, 2);
    let uri = server.uri("api.example", "/holds");
    let mut held: Vec<_> = (0..16).map(|_| scene.get(&outlet, &uri).unwrap()).collect();
    assert_eq!(server.connections(), 1);
    held.extend((0..16).map(|_| scene.get(&outlet, &uri).unwrap()));
    assert_eq!(server.connections(), 2);
    assert_eq!(scene.get(&outlet, &uri).err(), Some(OutgoingError::Limit));
    // One that is over leaves room.
    held.pop();
    scene.ask(&outlet, get(&uri), Patience::default()).expect("there is room");
    assert_eq!(server.connections(), 2);
}
