//! Clients that take an answer too slowly, or not at all: the guest they hold is freed, and one that takes enough is served.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::slow::{DRIP, LIMIT, pass, pause};
use crate::harness::{Harness, Running, guest};

/// What a client may hold that it has not read. With much less the system tells the other side
/// of room only now and then.
const WINDOW: u32 = 16 * 1024;
/// What it takes at each drip: 80 kB a second.
const TAKEN: usize = 4 * 1024;

/// A host whose services never stop answering.
fn host(change: impl Fn(&mut hostel_model::limits::ListenerLimits)) -> Running {
    let endless =
        |harness: Harness, name, path| harness.serves(name, path).limits(|limits| limits.cpu = Duration::from_secs(10));
    let harness = endless(Harness::new(), "p2", guest::ENDLESS_BODY_P2);
    endless(harness, "p3", guest::ENDLESS_BODY_P3).listener(change).start()
}

/// A connection with a small window, on which `path` was asked for.
fn begin(address: SocketAddr, path: &str) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(WINDOW).unwrap();
        socket.connect(address).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    (&stream).write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
    stream
}

/// Takes something at each drip for so long; false if the connection ended before.
fn take_slowly(mut stream: &TcpStream, time: Duration) -> bool {
    let start = Instant::now();
    let mut buffer = vec![0; TAKEN];
    while start.elapsed() < time {
        if !matches!(stream.read(&mut buffer), Ok(1..)) {
            return false;
        }
        pass(DRIP);
    }
    true
}

#[track_caller]
fn assert_given_up(host: &Running, service: &str, start: Instant, limit: Duration) {
    let line = host.log().json_line("its line", |line| line["service"] == service);
    let took = start.elapsed();
    assert!(took > limit && took < limit + Duration::from_secs(1), "{service}: after {took:?} of {limit:?}");
    assert_eq!((&line["outcome"], &line["status"]), (&"client-gone".into(), &499.into()), "{line}");
    assert!(host.is_idle(), "{service}: its guest is still there");
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let host = host(|limits| limits.write_idle = LIMIT);
    for service in ["p2", "p3"] {
        let start = Instant::now();
        let mut stream = begin(host.address(), &format!("/{service}"));
        assert_given_up(&host, service, start, LIMIT);
        // What it finds when it comes back does not look like a whole answer.
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        assert!(bytes.starts_with(b"HTTP/1.1 200 ") && !bytes.ends_with(b"0\r\n\r\n"));
    }
}

#[test]
fn a_client_that_always_takes_something_is_served_on() {
    let host = host(|limits| limits.write_idle = LIMIT);
    for service in ["p2", "p3"] {
        let stream = begin(host.address(), &format!("/{service}"));
        assert!(take_slowly(&stream, LIMIT * 3), "{service}");
        assert!(pause(&stream, DRIP), "{service}: nothing more comes");
    }
}

#[test]
fn a_client_that_takes_too_little_is_given_up_after_a_grace() {
    let host = host(|limits| {
        limits.rate_grace = LIMIT;
        limits.write_rate = 1 << 20;
    });
    for service in ["p2", "p3"] {
        let start = Instant::now();
        let stream = begin(host.address(), &format!("/{service}"));
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(!take_slowly(&stream, Duration::from_secs(20)), "{service}"));
            assert_given_up(&host, service, start, LIMIT);
        });
    }
}

#[test]
fn a_client_that_takes_enough_is_served_on() {
    let host = host(|limits| {
        limits.rate_grace = LIMIT;
        limits.write_rate = 1_000;
    });
    for service in ["p2", "p3"] {
        let stream = begin(host.address(), &format!("/{service}"));
        assert!(take_slowly(&stream, LIMIT * 3), "{service}");
    }
}
