//! How long each step outside may take: almost as long as the limit is well, longer is an error.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use hostel_sandbox::{BodyError, OutgoingError, Patience};
use http_body_util::BodyExt as _;
use rustls::RootCertStore;

use super::hand::Hand;
use super::secured_upstream::{Secured, authority, believed};
use super::upstream::{Then, Upstream};
use super::{Answer, Scene, eventually, get};
use crate::egress::Outlet;

/// 99 of a hundred, and 101.
const SHARES: [(u32, bool); 2] = [(99, true), (101, false)];

fn scene(authorities: RootCertStore) -> (Scene, Hand) {
    let hand = Hand::default();
    let scene = Scene::of(authorities, 1_000, Some(Arc::new(hand.clone())));
    scene.dns.says("api.example", &["127.0.0.1"]);
    (scene, hand)
}

/// What comes of a request during which `limit` almost passes, or does; then `goes_on` happens.
fn after(
    (scene, hand): &(Scene, Hand),
    (outlet, uri): (&Arc<Outlet>, &str),
    (limit, share): (Duration, u32),
    begun: impl FnMut() -> bool,
    goes_on: impl FnOnce(),
) -> Answer {
    let mut asking = Box::pin(scene.asking(outlet, get(uri), Patience::default()));
    assert!(asking.as_mut().now_or_never().is_none());
    eventually("it has begun", begun);
    hand.pass(limit * share / 100);
    if share < 100 {
        goes_on();
    }
    scene.runtime.block_on(asking)
}

#[test]
fn a_name_is_resolved_within_five_seconds() {
    let ground = scene(RootCertStore::empty());
    let scene = &ground.0;
    let upstream = Upstream::saying("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let grants = [format!("http://*.example:{}", upstream.port), format!("http://127.0.0.1:{}", upstream.port)];
    for (share, good) in SHARES {
        let outlet = scene.outlet(&[&grants[0], &grants[1]]);
        scene.dns.falls_silent();
        let asked = scene.dns.asked().len();
        let begun = || scene.dns.asked().len() > asked;
        let uri = upstream.uri("api.example");
        let answer = after(&ground, (&outlet, &uri), (Duration::from_secs(5), share), begun, || scene.dns.speaks());
        match good {
            true => assert_eq!(scene.text(answer), "hello"),
            false => assert_eq!(answer.err(), Some(OutgoingError::DnsTimeout)),
        }
    }
}

/// A listener whose queue is full: who connects now waits for somebody to be accepted.
fn full() -> (socket2::Socket, SocketAddr, Vec<std::net::TcpStream>) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        waiting.push(stream);
        assert!(waiting.len() < 100, "its queue is never full");
    }
    (socket, address, waiting)
}

#[test]
fn a_connection_is_made_within_five_seconds() {
    let ground = scene(RootCertStore::empty());
    let scene = &ground.0;
    for (share, good) in SHARES {
        let (socket, address, waiting) = full();
        let outlet = scene.outlet(&[&format!("http://127.0.0.1:{}", address.port())]);
        let begun = || outlet.places.left() == 31;
        let goes_on = || {
            let accepts = move || {
                waiting.iter().for_each(|_| drop(socket.accept().unwrap()));
                let mut stream = std::net::TcpStream::from(socket.accept().unwrap().0);
                let _ = stream.read(&mut [0; 1_024]);
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
            };
            scene.platform.spawn.thread("accepts", Box::new(accepts)).unwrap();
        };
        let uri = format!("http://127.0.0.1:{}/", address.port());
        let answer = after(&ground, (&outlet, &uri), (Duration::from_secs(5), share), begun, goes_on);
        match good {
            true => assert_eq!(answer.expect("a connection").status(), 204),
            false => assert_eq!(answer.err(), Some(OutgoingError::ConnectTimeout)),
        }
    }
}

#[test]
fn a_handshake_is_finished_within_five_seconds() {
    let authority = authority();
    let ground = scene(believed(&authority));
    let scene = &ground.0;
    for (share, good) in SHARES {
        let server = Secured::start(scene, &authority, "api.example", &[b"http/1.1"]);
        server.handshakes.forget_permits(1_000);
        let outlet = server.outlet(scene, 32);
        let (uri, begun) = (server.uri("api.example", "/"), || server.connections() == 1);
        let goes_on = || server.handshakes.add_permits(1);
        let answer = after(&ground, (&outlet, &uri), (Duration::from_secs(5), share), begun, goes_on);
        match good {
            true => assert!(scene.text(answer).starts_with("GET / ")),
            false => assert_eq!(answer.err(), Some(OutgoingError::ConnectTimeout)),
        }
    }
}

/// A server that goes on with its answer each time it is told to.
fn told(pieces: &'static [&'static str]) -> (Upstream, Sender<()>) {
    let (goes_on, told) = channel::<()>();
    let told = Mutex::new(told);
    let upstream = Upstream::with(move |stream, _| {
        for (place, piece) in pieces.iter().enumerate() {
            if place > 0 && told.lock().unwrap().recv().is_err() {
                return Then::Close;
            }
            let _ = stream.write_all(piece.as_bytes());
        }
        Then::Next
    });
    (upstream, goes_on)
}

#[test]
fn a_response_begins_within_the_deadline() {
    let ground = scene(RootCertStore::empty());
    let scene = &ground.0;
    for (share, good) in SHARES {
        let (upstream, goes_on) = told(&["", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"]);
        let outlet = scene.outlet(&[&format!("http://127.0.0.1:{}", upstream.port)]);
        let (uri, begun) = (upstream.uri("127.0.0.1"), || upstream.heads().len() == 1);
        let limit = (Duration::from_mins(1), share);
        let answer = after(&ground, (&outlet, &uri), limit, begun, || goes_on.send(()).unwrap());
        match good {
            true => assert_eq!(scene.text(answer), "hello"),
            false => assert_eq!(answer.err(), Some(OutgoingError::ResponseTimeout)),
        }
    }
}

#[test]
fn a_body_is_silent_for_at_most_thirty_seconds() {
    let (scene, hand) = scene(RootCertStore::empty());
    for (share, good) in SHARES {
        let (upstream, goes_on) = told(&["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "lo"]);
        let outlet = scene.outlet(&[&format!("http://127.0.0.1:{}", upstream.port)]);
        // What a guest allows beyond that is not allowed.
        let patience = Patience { between_bytes: Some(Duration::from_hours(1)), ..Patience::default() };
        let answer = scene.ask(&outlet, get(&upstream.uri("127.0.0.1")), patience).unwrap();
        let mut body = answer.into_body();
        let mut next = || scene.runtime.block_on(body.frame()).unwrap().map(|frame| frame.into_data().unwrap());
        assert_eq!(next().unwrap(), "hel");
        assert!(scene.runtime.block_on(async { body.frame().now_or_never() }).is_none());
        hand.pass(Duration::from_secs(30) * share / 100);
        if good {
            assert!(scene.runtime.block_on(async { body.frame().now_or_never() }).is_none());
            goes_on.send(()).unwrap();
        }
        let last = scene.runtime.block_on(body.frame()).unwrap().map(|frame| frame.into_data().unwrap());
        match good {
            true => assert_eq!(last.unwrap(), "lo"),
            false => assert_eq!(last.unwrap_err(), BodyError::Idle),
        }
    }
}
