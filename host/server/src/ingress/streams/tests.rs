//! What an answer tells of itself, without a library below: pieces are taken and dropped by hand.

use std::io::sink;
use std::sync::atomic::AtomicU64;
use std::task::Wake;
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use hostel_model::platform::BoxTask;

use super::*;
use crate::access_log::AccessLog;
use crate::line_writer::LineWriter;
use crate::metrics::Metrics;
use crate::platform::real_platform;
use crate::record::{Origin, Protocol, Recorder};

/// Seconds that pass when the test says so.
#[derive(Clone, Default)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> Monotonic {
        Monotonic(Duration::from_secs(self.0.load(Ordering::Relaxed)))
    }
    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
    fn pause_thread(&self, _time: Duration) {}
    fn sleep_until(&self, at: Monotonic) -> BoxTask {
        let hand = self.clone();
        Box::pin(std::future::poll_fn(move |_| if hand.now() < at { Poll::Pending } else { Poll::Ready(()) }))
    }
}

/// Counts how often a task is woken.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// One stream whose client may be silent for ten seconds, and the task it belongs to.
struct Ground {
    hand: Hand,
    streams: Arc<Streams>,
    stream: Arc<Stream>,
    woken: Arc<Woken>,
    timer: Timer,
}

impl Ground {
    fn new() -> Self {
        let hand = Hand::default();
        let clock: Arc<dyn Clock> = Arc::new(hand.clone());
        let streams = Arc::new(Streams::new(Arc::clone(&clock)));
        let limits = PaceLimits { idle: Duration::from_secs(10), rate: 0, grace: Duration::ZERO };
        let stream = Stream::begin(&streams, limits);
        Self { hand, streams, stream, woken: Arc::default(), timer: Timer::new(clock) }
    }

    fn in_task<T>(&self, poll: impl FnOnce(&mut Context<'_>) -> T) -> T {
        poll(&mut Context::from_waker(&Waker::from(Arc::clone(&self.woken))))
    }

    fn watch(&mut self, answered: bool) -> Poll<()> {
        let waker = Waker::from(Arc::clone(&self.woken));
        self.stream.poll_watch(answered, &mut self.timer, &mut Context::from_waker(&waker))
    }

    fn wakes(&self) -> u32 {
        self.woken.0.swap(0, Ordering::Relaxed)
    }

    fn is_stuck(&self) -> bool {
        self.streams.stuck.notified().now_or_never().is_some()
    }

    /// An answer of the host's own words.
    fn body(&self, bytes: usize) -> (StreamBody, Arc<Exchange>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let platform = real_platform(runtime.handle().clone());
        let writer = LineWriter::start("test", Box::new(sink()), Default::default(), &platform).unwrap();
        let recorder =
            Recorder { clock: platform.clock, log: AccessLog(writer), unrouted: Metrics::new().service(None) };
        let exchange = Arc::<Exchange>::default();
        let peer = "192.0.2.1:1".parse().unwrap();
        let origin = Origin::Outside { peer, protocol: Protocol::Http2, exchange: Arc::clone(&exchange) };
        let record = recorder.begin("id".into(), "GET", "/", origin);
        let words = AnswerBody::Host(Some(vec![b'x'; bytes].into()));
        (StreamBody::new(words, Arc::clone(&self.stream), Arc::clone(&exchange), record, false), exchange)
    }

    fn poll(&self, body: &mut StreamBody) -> Poll<Option<Piece>> {
        let polled = self.in_task(|context| Pin::new(body).poll_frame(context));
        polled.map(|frame| frame.map(|frame| frame.unwrap().into_data().ok().unwrap()))
    }
}

fn piece(polled: Poll<Option<Piece>>) -> Piece {
    let Poll::Ready(Some(piece)) = polled else { panic!("there must be a piece") };
    piece
}

#[test]
fn the_end_of_a_long_answer_is_told_when_the_rest_was_taken() {
    let ground = Ground::new();
    let (mut body, exchange) = ground.body(20_000);
    assert_eq!(body.size_hint().exact(), Some(20_000));
    let mut piece = piece(ground.poll(&mut body));
    assert!(!body.is_end_stream() && ground.poll(&mut body).is_pending());
    piece.advance(19_999);
    assert!(ground.wakes() == 0 && ground.poll(&mut body).is_pending() && !exchange.state().complete);
    piece.advance(1);
    drop(piece);
    assert!(ground.wakes() > 0 && matches!(ground.poll(&mut body), Poll::Ready(None)) && exchange.state().complete);
}

#[test]
fn the_end_of_a_short_answer_is_told_with_its_last_bytes() {
    let ground = Ground::new();
    let (mut body, exchange) = ground.body(4_096);
    assert!(!body.is_end_stream() && !exchange.state().complete);
    let _piece = piece(ground.poll(&mut body));
    assert!(body.is_end_stream() && exchange.state().complete);
}

#[test]
fn a_stream_is_given_up_when_nothing_of_its_answer_was_taken_for_too_long() {
    let mut ground = Ground::new();
    ground.hand.pass(100);
    assert!(ground.watch(false).is_pending(), "nobody waits for the client");
    let mut piece = ground.stream.hand_out(Bytes::from_static(b"abc"));
    ground.hand.pass(9);
    assert!(ground.watch(false).is_pending());
    piece.advance(1);
    ground.hand.pass(9);
    assert!(ground.watch(false).is_pending(), "it took something");
    // More that is handed out does not put it off.
    let _more = ground.stream.hand_out(Bytes::from_static(b"def"));
    ground.hand.pass(1);
    assert!(ground.watch(false).is_ready() && !ground.is_stuck(), "dropping it resets it");
}

#[test]
fn a_client_is_not_waited_for_while_its_guest_may_go_on() {
    let mut ground = Ground::new();
    let mut piece = ground.stream.hand_out(vec![0; AHEAD_BYTES].into());
    assert!(ground.in_task(|context| ground.stream.poll_left(AHEAD_BYTES, context)).is_pending());
    ground.hand.pass(9);
    piece.advance(PIECE_BYTES);
    assert!(ground.in_task(|context| ground.stream.poll_left(AHEAD_BYTES, context)).is_ready());
    ground.hand.pass(100);
    piece.advance(1);
    ground.hand.pass(100);
    assert!(ground.watch(false).is_pending());
    assert!(ground.in_task(|context| ground.stream.poll_left(0, context)).is_pending());
    ground.hand.pass(10);
    assert!(ground.watch(false).is_ready());
}

#[test]
fn a_short_answer_that_is_not_taken_ends_the_connection() {
    let mut ground = Ground::new();
    let piece = ground.stream.hand_out(Bytes::from_static(b"abc"));
    assert!(ground.watch(true).is_pending() && !ground.is_stuck());
    ground.hand.pass(10);
    assert!(ground.watch(true).is_ready() && ground.is_stuck());
    // One that was taken, or is not wanted any more, does not.
    drop(piece);
    assert!(ground.wakes() > 0);
    ground.hand.pass(100);
    assert!(ground.watch(true).is_ready() && !ground.is_stuck());
}

#[test]
fn a_guest_is_asked_for_more_only_if_its_client_takes_what_is_there() {
    let ground = Ground::new();
    for bytes in [0, 1, 1_000, 16_384, 1 << 20] {
        let (mut pieces, mut ahead) = (Vec::new(), 0);
        while ground.in_task(|context| ground.stream.poll_left(AHEAD_BYTES, context)).is_ready() {
            assert!(ahead <= AHEAD_BYTES, "{ahead} bytes in pieces of {bytes}");
            pieces.push(ground.stream.hand_out(vec![0; bytes].into()));
            ahead += bytes;
        }
        assert!(pieces.len() <= AHEAD_BYTES / PIECE_BYTES + 1, "{} pieces of {bytes}", pieces.len());
        assert_eq!(ground.wakes(), 0);
        pieces.pop();
        assert_eq!(ground.wakes(), 1, "pieces of {bytes}");
    }
}

#[test]
fn a_stream_is_open_until_its_answer_was_taken() {
    let ground = Ground::new();
    let Ground { hand, streams, stream, .. } = ground;
    let piece = stream.hand_out(Bytes::from_static(b"abc"));
    drop(stream);
    hand.pass(7);
    assert_eq!(streams.quiet_since(), None);
    drop(piece);
    assert_eq!(streams.quiet_since(), Some(hand.now()));
}
