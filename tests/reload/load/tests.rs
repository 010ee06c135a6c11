//! The load sees what is wrong: each server here is wrong in one way.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// What a server does with its n-th request.
enum Does {
    Answers(Vec<u8>),
    /// It answers this much and closes.
    Breaks(Vec<u8>),
}

/// A server for one service, which begins as revision 7.
struct Server {
    address: SocketAddr,
    board: Arc<Board>,
}

impl Server {
    fn start(act: impl Fn(u64) -> Does + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (act, requests) = (Arc::new(act), Arc::new(AtomicU64::new(0)));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, act, requests) = (stream.unwrap(), Arc::clone(&act), Arc::clone(&requests));
                std::thread::spawn(move || {
                    let mut buffer = [0; 4096];
                    while stream.read(&mut buffer).is_ok_and(|count| count > 0) {
                        match act(requests.fetch_add(1, Ordering::Relaxed)) {
                            Does::Answers(bytes) => stream.write_all(&bytes).unwrap(),
                            Does::Breaks(bytes) => return stream.write_all(&bytes).unwrap(),
                        }
                    }
                });
            }
        });
        Self { address, board: Arc::new(Board::new(&[7])) }
    }

    /// What a load of some hundred requests sees.
    fn seen(&self) -> Figures {
        let settings =
            Settings { address: self.address, paths: vec!["/".into()], connections: 4, pace: Pace::Open(500.0) };
        let load = Load::start(settings, Arc::clone(&self.board));
        super::super::pause::pause(Duration::from_millis(400));
        load.stop()
    }
}

fn answer(status: u16, header: u32, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} X\r\nx-revision: {header}\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The right answer, but for every tenth request `wrong`.
fn sometimes(wrong: impl Fn() -> Does + Send + Sync + 'static) -> Figures {
    let right = || Does::Answers(answer(200, 7, &revision::body(7, false)));
    let figures = Server::start(move |request| if request % 10 == 3 { wrong() } else { right() }).seen();
    assert!(figures.sent > 100 && figures.good > figures.sent / 2, "{}", figures.shown());
    figures
}

/// What is left besides the right answers, in the order of `shown`.
fn faults(figures: &Figures) -> [bool; 5] {
    [figures.lost > 0, figures.mixed > 0, figures.stale > 0, figures.retried > 0, figures.wrong_status() > 0]
}

#[test]
fn right_answers_are_good_and_counted_once() {
    let figures = Server::start(|_| Does::Answers(answer(200, 7, &revision::body(7, false)))).seen();
    assert_eq!(faults(&figures), [false; 5], "{}", figures.shown());
    assert_eq!((figures.good, figures.latency.number()), (figures.sent, figures.sent));
    // A machine that is busy holds the clock back, and hastens nothing.
    assert!((200.0..505.0).contains(&figures.rate()), "{} a second of 500", figures.rate());
    assert!(figures.faults().is_empty());
}

#[test]
fn a_body_of_two_revisions_is_mixed() {
    let (one, other) = (revision::body(7, false), revision::body(8, false));
    let half = [&one[..one.len() / 2], &other[..one.len() - one.len() / 2]].concat();
    let figures = sometimes(move || Does::Answers(answer(200, 7, &half)));
    assert_eq!(faults(&figures), [false, true, false, false, false], "{}", figures.shown());
    let figures = sometimes(|| Does::Answers(answer(200, 8, &revision::body(7, false))));
    assert_eq!(faults(&figures), [false, true, false, false, false], "{}", figures.shown());
    assert!(!figures.faults().is_empty());
}

#[test]
fn a_body_that_is_too_short_for_its_revision_is_mixed() {
    let figures = sometimes(|| Does::Answers(answer(200, 7, &revision::body(7, false)[..100])));
    assert_eq!(faults(&figures), [false, true, false, false, false], "{}", figures.shown());
}

#[test]
fn bytes_after_an_answer_are_mixed() {
    let twice = answer(200, 7, &revision::body(7, false)).repeat(2);
    let figures = sometimes(move || Does::Answers(twice.clone()));
    assert!(figures.mixed > 0 && figures.lost == 0, "{}", figures.shown());
}

#[test]
fn a_revision_that_was_not_asked_for_is_stale() {
    let figures = sometimes(|| Does::Answers(answer(200, 8, &revision::body(8, false))));
    assert_eq!(faults(&figures), [false, false, true, false, false], "{}", figures.shown());
}

#[test]
fn half_an_answer_is_lost_and_none_is_asked_for_again() {
    let whole = answer(200, 7, &revision::body(7, false));
    for end in [1, 20, whole.len() - 1] {
        let part = whole[..end].to_vec();
        let figures = sometimes(move || Does::Breaks(part.clone()));
        assert_eq!(faults(&figures), [true, false, false, false, false], "{end}: {}", figures.shown());
    }
    let figures = sometimes(|| Does::Breaks(Vec::new()));
    assert_eq!(faults(&figures), [false, false, false, true, false], "{}", figures.shown());
}

#[test]
fn a_request_is_asked_again_once_only() {
    let figures = Server::start(|request| {
        if request < 100 { Does::Answers(answer(200, 7, &revision::body(7, false))) } else { Does::Breaks(Vec::new()) }
    });
    let figures = figures.seen();
    assert!(figures.lost > 10 && figures.retried >= figures.lost, "{}", figures.shown());
    assert_eq!(figures.good, 100);
}

#[test]
fn another_status_is_counted_by_itself() {
    let figures = sometimes(|| Does::Answers(answer(503, 7, b"no")));
    assert_eq!(faults(&figures), [false, false, false, false, true], "{}", figures.shown());
    let failing = sometimes(|| Does::Answers(answer(500, 7, &revision::body(7, true))));
    assert_eq!(failing.wrong_status(), failing.revisions[&7].failed, "{}", failing.shown());
}

#[test]
fn a_stall_counts_for_every_request_that_was_due() {
    // One answer of four connections is late by 0.2 s; the others go on, and nothing is hidden.
    let slow = Server::start(|request| {
        if request == 20 {
            super::super::pause::pause(Duration::from_millis(200));
        }
        Does::Answers(answer(200, 7, &revision::body(7, false)))
    });
    let one = Settings { address: slow.address, paths: vec!["/".into()], connections: 1, pace: Pace::Open(500.0) };
    let load = Load::start(one, Arc::clone(&slow.board));
    super::super::pause::pause(Duration::from_millis(400));
    let figures = load.stop();
    assert_eq!(faults(&figures), [false; 5], "{}", figures.shown());
    // A hundred requests were due while the only connection waited.
    let late = figures.latency.quantile(1.0 - 50.0 / figures.latency.number() as f64);
    assert!(late > Duration::from_millis(10), "{}", figures.latencies());
}
