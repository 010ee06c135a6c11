//! Clients that send too slowly: each is closed within its limit and a second, and one that keeps just within it is served.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use hostel_model::limits::ListenerLimits;

use super::{echoes, patient};
use crate::harness::{Authority, Connection, Harness, Running, eventually, guest};

/// What every limit is lowered to.
pub(super) const LIMIT: Duration = Duration::from_millis(600);
/// Well within it, also on a busy machine.
pub(super) const WITHIN: Duration = Duration::from_millis(350);
/// By which a limit may be missed.
const MISSED: Duration = Duration::from_secs(1);
/// Between two pieces of what drips.
pub(super) const DRIP: Duration = Duration::from_millis(50);
/// A host that says nothing for so long has failed the test.
const PATIENCE: Duration = Duration::from_secs(60);

fn host(change: impl Fn(&mut ListenerLimits)) -> Running {
    echoes().listener(change).start()
}

/// Lets `time` pass; true as soon as the host says something, or closes.
pub(super) fn pause(stream: &TcpStream, time: Duration) -> bool {
    stream.set_read_timeout(Some(time)).unwrap();
    let spoke = !matches!(stream.peek(&mut [0]), Err(error) if matches!(
        error.kind(),
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
    ));
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    spoke
}

/// Lets `time` pass, which is what is tested.
pub(super) fn pass(time: Duration) {
    let start = Instant::now();
    eventually("time passes", || start.elapsed() >= time);
}

/// Sends piece after piece with a pause before each, until the host has enough.
fn drip<'b>(connection: &mut Connection, pieces: impl IntoIterator<Item = &'b [u8]>) {
    for piece in pieces {
        if pause(connection.stream(), DRIP) || connection.try_send(piece).is_err() {
            return;
        }
    }
}

/// Proves that what began at `start` was ended when its time was over, and not much later.
#[track_caller]
pub(super) fn assert_in_time(start: Instant, limit: Duration) {
    let took = start.elapsed();
    // Clocks of both ends are read at slightly different moments.
    assert!(took + Duration::from_millis(20) > limit, "closed after {took:?} of {limit:?}");
    assert!(took < limit + MISSED, "closed only after {took:?} of {limit:?}");
}

/// Proves that the client is told it was too slow, that the connection ends with it, and the log line.
#[track_caller]
fn assert_timed_out(host: &Running, connection: &mut Connection, start: Instant, limit: Duration) {
    let answer = connection.read_answer("GET");
    assert_in_time(start, limit);
    assert_eq!((answer.status, answer.problem().as_deref()), (408, Some("request-timeout")), "{answer:?}");
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(connection.is_closed_by_host());
    let line = host.log_line_for(answer.id());
    assert_eq!((&line["outcome"], &line["status"]), (&"request-timeout".into(), &408.into()), "{line}");
    assert_eq!(line["received"]["total"], connection.sent, "{line}");
}

const GET: &[u8] = b"GET /p2/x HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn a_client_that_says_nothing_is_closed() {
    let host = host(|limits| limits.first_byte = LIMIT);
    let start = Instant::now();
    let mut silent = host.connect();
    assert!(silent.read_raw(1).is_empty());
    assert_in_time(start, LIMIT);
    let mut late = host.connect();
    assert!(!pause(late.stream(), WITHIN));
    late.send(GET);
    let answer = late.read_answer("GET");
    assert_eq!(answer.status, 200);
    host.log_line_for(answer.id());
    // Nothing was asked by the other, so there is nothing to log.
    assert_eq!(host.log().json_lines().len(), 1);
}

#[test]
fn half_a_head_is_refused_when_its_time_is_over() {
    let host = host(|limits| limits.header_read = LIMIT);
    let heads: [&[u8]; 6] = [
        b"G",
        b"\r\n",
        b"GET /p2 HTTP/1.1",
        b"GET /p2 HTTP/1.1\r\n",
        b"GET /p2 HTTP/1.1\r\nHost: local",
        b"GET /p2 HTTP/1.1\r\nHost: localhost\r\n\r",
    ];
    std::thread::scope(|scope| {
        for head in heads {
            let host = &host;
            scope.spawn(move || {
                let start = Instant::now();
                let mut connection = host.connect();
                connection.send(head);
                assert_timed_out(host, &mut connection, start, LIMIT);
            });
        }
    });
}

#[test]
fn a_head_that_drips_is_refused_when_its_time_is_over() {
    let host = host(|limits| limits.header_read = LIMIT);
    let start = Instant::now();
    let mut connection = host.connect();
    connection.send(&GET[..GET.len() - 2]);
    drip(&mut connection, b"X-Drip: ".chunks(1).chain(std::iter::repeat_n(b"v".as_slice(), 1_000)));
    assert_timed_out(&host, &mut connection, start, LIMIT);
    // Whole fields are no better than bytes.
    let start = Instant::now();
    let mut connection = host.connect();
    connection.send(&GET[..GET.len() - 2]);
    drip(&mut connection, std::iter::repeat_n(b"X: y\r\n".as_slice(), 1_000));
    assert_timed_out(&host, &mut connection, start, LIMIT);
}

#[test]
fn a_head_that_drips_in_time_is_answered() {
    let host = host(|limits| limits.header_read = LIMIT);
    let mut connection = host.connect();
    for _ in 0..2 {
        drip(&mut connection, GET.chunks(GET.len().div_ceil(6)));
        assert_eq!(connection.read_answer("GET").status, 200);
    }
}

#[test]
fn the_next_head_of_a_connection_has_the_same_time() {
    let host = host(|limits| limits.header_read = LIMIT);
    let mut connection = host.connect();
    connection.send(GET);
    let first = connection.read_answer("GET");
    assert_eq!(first.status, 200);
    // The time in which nothing was asked does not count.
    assert!(!pause(connection.stream(), LIMIT + WITHIN));
    let (start, sent) = (Instant::now(), connection.sent);
    connection.send("GET /p2 HT");
    let answer = connection.read_answer("GET");
    assert_in_time(start, LIMIT);
    assert_eq!(answer.problem().as_deref(), Some("request-timeout"));
    assert!(connection.is_closed_by_host());
    let line = host.log_line_for(answer.id());
    assert_eq!(line["received"]["total"], connection.sent - sent, "{line}");
    assert_eq!((&line["method"], &line["path"]), (&"GET".into(), &"/p2".into()), "{line}");
}

#[test]
fn a_head_behind_one_that_is_being_answered_has_its_time() {
    let host = Harness::new().serves("slow", guest::SLEEPS_P2).listener(|limits| limits.header_read = LIMIT).start();
    let mut connection = host.connect();
    connection.send("GET /slow?ms=1500 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /slow HT");
    // What is at work is not cut off for what comes behind it.
    assert_eq!(connection.read_answer("GET").text(), "slept");
    assert_eq!(connection.read_answer("GET").problem().as_deref(), Some("request-timeout"));
    assert!(connection.is_closed_by_host());
}

#[test]
fn a_connection_that_rests_too_long_is_closed_without_a_word() {
    let host = host(|limits| limits.idle = LIMIT);
    let mut connection = host.connect();
    for _ in 0..2 {
        connection.send(GET);
        assert_eq!(connection.read_answer("GET").status, 200);
        assert!(!pause(connection.stream(), WITHIN));
    }
    let mut connection = host.connect();
    connection.send(GET);
    assert_eq!(connection.read_answer("GET").status, 200);
    let start = Instant::now();
    assert!(connection.read_raw(1).is_empty());
    assert_in_time(start, LIMIT);
    eventually("three lines", || host.log().json_lines().len() == 3);
}

fn post(service: &str, length: usize) -> String {
    format!("POST /{service} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n")
}

#[test]
fn a_body_that_stops_is_refused_when_its_time_is_over() {
    let host = patient().listener(|limits| limits.body_idle = LIMIT).start();
    for service in ["whole2", "whole3"] {
        for sent in ["", "hello"] {
            let mut connection = host.connect();
            let start = Instant::now();
            connection.send(post(service, 10) + sent);
            let answer = connection.read_answer("POST");
            assert_in_time(start, LIMIT);
            assert_eq!(answer.problem().as_deref(), Some("request-timeout"), "{service}: {answer:?}");
            assert!(connection.is_closed_by_host());
            assert_eq!(host.log_line_for(answer.id())["outcome"], "request-timeout", "{service}");
        }
        // Longer than the limit as a whole, and never silent for so long.
        let mut connection = host.connect();
        connection.send(post(service, 20));
        drip(&mut connection, [b"x".as_slice(); 20]);
        assert_eq!(connection.read_answer("POST").body.len(), 20, "{service}");
    }
}

#[test]
fn a_body_that_comes_too_slowly_is_refused_after_a_grace() {
    let harness = patient().listener(|limits| (limits.rate_grace, limits.body_rate) = (LIMIT, 100));
    let host = harness.start();
    for service in ["whole2", "whole3"] {
        // 20 bytes a second.
        let mut connection = host.connect();
        let start = Instant::now();
        connection.send(post(service, 1_000));
        drip(&mut connection, [b"x".as_slice(); 1_000]);
        let answer = connection.read_answer("POST");
        // What came earned its share.
        assert!(start.elapsed() > LIMIT && start.elapsed() < LIMIT * 2 + MISSED, "{:?}", start.elapsed());
        assert_eq!(answer.problem().as_deref(), Some("request-timeout"), "{service}: {answer:?}");
        assert!(connection.is_closed_by_host());
        // 400 bytes a second, for longer than the grace.
        let mut connection = host.connect();
        connection.send(post(service, 20 * 30));
        drip(&mut connection, [[b'x'; 20].as_slice(); 30]);
        assert_eq!(connection.read_answer("POST").body.len(), 20 * 30, "{service}");
    }
}

#[test]
fn an_answer_to_a_body_that_stops_breaks_off() {
    let host = host(|limits| limits.body_idle = LIMIT);
    for service in ["p2", "p3"] {
        let mut connection = host.connect();
        let start = Instant::now();
        connection.send(post(service, 10) + "hello");
        // It began to answer before it knew.
        let answer = connection.read_answer("POST");
        assert_in_time(start, LIMIT);
        assert!(!answer.complete || answer.status == 408, "{service}: {answer:?}");
        assert!(connection.is_closed_by_host());
        let line = host.log().json_line("its line", |line| line["service"] == service);
        let named = [&line["outcome"], &line["cause"]];
        assert!(named.iter().any(|name| **name == "request-timeout"), "{line}");
    }
}

#[test]
fn a_guest_that_takes_its_time_costs_its_client_nothing() {
    let host = Harness::new()
        .serves("slow", guest::SLEEPS_P2)
        .listener(|limits| {
            (limits.body_idle, limits.header_read, limits.idle) = (LIMIT, LIMIT, LIMIT);
            (limits.write_idle, limits.first_byte, limits.rate_grace) = (LIMIT, LIMIT, LIMIT);
        })
        .start();
    let mut connection = host.connect();
    for _ in 0..2 {
        let answer = host.request("GET", "/slow?ms=1500").send_on(&mut connection);
        assert_eq!((answer.status, answer.text().as_str()), (200, "slept"));
    }
}

#[test]
fn a_handshake_must_be_done_in_time() {
    let authority = Authority::new();
    let tls = authority.plan(&[&["a.example"]]);
    let host =
        echoes().listener(|limits| limits.tls_handshake = LIMIT).listener_plan(|plan| plan.tls = Some(tls)).start();
    // A record of 200 bytes that is never whole.
    for bytes in [&b""[..], b"\x16", b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03"] {
        let start = Instant::now();
        let mut connection = host.connect();
        connection.send(bytes);
        while !connection.read_raw(1_024).is_empty() {}
        assert_in_time(start, LIMIT);
    }
    // Counted once the socket is closed, which is all that its client sees.
    eventually("each was counted", || host.metric("hostel_tls_handshakes_failed_total") == Some(3.0));
}
