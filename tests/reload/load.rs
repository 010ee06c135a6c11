//! Makes load at a constant rate, and checks every answer to its last byte.
//!
//! An open loop: when a request is due is decided by the clock and not by the answers,
//! and an answer's time counts from then, so that a host that stalls cannot hide it.
//! One thread polls all connections; it shares the processors with the host it measures,
//! which is why nothing here is a general client.

pub mod answer;
pub mod board;
pub mod figures;
mod lane;
pub mod latency;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::answer::{Answer, Parsed, parse};
use self::board::Board;
use self::figures::Figures;
use self::lane::{Arrival, Lane, Pending};
use super::revision;

/// A request without an answer for so long is lost. Longer than the deadline of any request.
const PATIENCE: Duration = Duration::from_secs(45);
/// How long the thread sleeps at most, and with it how late it notices what it is told.
const NAP: Duration = Duration::from_millis(5);

/// What is asked, and how often.
#[derive(Clone)]
pub struct Settings {
    /// Where the host listens.
    pub address: SocketAddr,
    /// Asked in turn; their places are those on the board.
    pub paths: Vec<String>,
    /// Connections, and thus requests under way at once.
    pub connections: usize,
    /// When the next request is due.
    pub pace: Pace,
}

/// When the next request is due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// By the clock, so many times a second.
    Open(f64),
    /// As soon as a connection is free, which shows what the host can do.
    Closed,
}

/// A load under way.
pub struct Load {
    orders: Sender<Order>,
    thread: JoinHandle<Figures>,
}

enum Order {
    Cut(Sender<Figures>),
    Stop,
}

impl Load {
    /// Begins.
    pub fn start(settings: Settings, board: Arc<Board>) -> Self {
        let (orders, ordered) = channel();
        let thread = std::thread::spawn(move || Generator::new(settings, board).run(&ordered));
        Self { orders, thread }
    }

    /// What was seen since the last cut; from now on it counts from nothing.
    pub fn cut(&self) -> Figures {
        let (answer, answered) = channel();
        self.orders.send(Order::Cut(answer)).expect("the load must be under way");
        match answered.recv_timeout(PATIENCE) {
            Ok(figures) => figures,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => panic!("the load has ended by itself"),
        }
    }

    /// Ends once every request has its answer, and says what was seen since the last cut.
    pub fn stop(self) -> Figures {
        self.orders.send(Order::Stop).expect("the load must be under way");
        self.thread.join().expect("the load must not panic")
    }
}

struct Generator {
    settings: Settings,
    board: Arc<Board>,
    requests: Vec<Vec<u8>>,
    lanes: Vec<Lane>,
    /// Lanes without a request; the one that rested longest is next, so that all of them are in use.
    free: VecDeque<usize>,
    figures: Figures,
    since: Instant,
    began: Instant,
    /// Requests that were sent, ever.
    issued: u64,
    buffer: Vec<u8>,
}

impl Generator {
    fn new(settings: Settings, board: Arc<Board>) -> Self {
        let request = |path: &String| format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", settings.address).into_bytes();
        let now = Instant::now();
        Self {
            requests: settings.paths.iter().map(request).collect(),
            lanes: (0..settings.connections).map(|_| Lane::new(settings.address)).collect(),
            free: (0..settings.connections).collect(),
            figures: Figures::default(),
            since: now,
            began: now,
            issued: 0,
            buffer: vec![0; 64 * 1024],
            settings,
            board,
        }
    }

    fn run(mut self, orders: &Receiver<Order>) -> Figures {
        let mut stopping = false;
        loop {
            match orders.try_recv() {
                // Nobody is left to be told, if it fails.
                Ok(Order::Cut(answer)) => drop(answer.send(self.take())),
                Ok(Order::Stop) => stopping = true,
                Err(_) => {}
            }
            if stopping && self.free.len() == self.lanes.len() {
                return self.take();
            }
            if !stopping {
                self.send_what_is_due();
            }
            self.read_what_came(stopping);
        }
    }

    fn take(&mut self) -> Figures {
        let now = Instant::now();
        let elapsed = now - std::mem::replace(&mut self.since, now);
        Figures { elapsed, ..std::mem::take(&mut self.figures) }
    }

    /// When the next request is due.
    fn due(&self) -> Instant {
        match self.settings.pace {
            Pace::Open(rate) => self.began + Duration::from_secs_f64(self.issued as f64 / rate),
            Pace::Closed => Instant::now(),
        }
    }

    fn send_what_is_due(&mut self) {
        let now = Instant::now();
        while let Some(lane) = self.free.front().copied() {
            let due = self.due();
            if due > now && self.settings.pace != Pace::Closed {
                return;
            }
            self.free.pop_front();
            let service = (self.issued % self.requests.len() as u64) as usize;
            self.issued += 1;
            self.figures.sent += 1;
            self.send(lane, Pending { service, due, sent: now, since: self.board.since(service), again: false });
        }
    }

    fn send(&mut self, lane: usize, pending: Pending) {
        let sent = self.lanes[lane].send(&self.requests[pending.service]);
        self.lanes[lane].pending = Some(pending);
        if let Err(error) = sent {
            self.ended(lane, &error.to_string());
        }
    }

    /// Waits for answers until the next request is due.
    fn read_what_came(&mut self, stopping: bool) {
        let nap = if self.free.is_empty() || stopping {
            NAP
        } else {
            self.due().saturating_duration_since(Instant::now()).min(NAP)
        };
        let open: Vec<usize> = (0..self.lanes.len()).filter(|lane| self.lanes[*lane].stream().is_some()).collect();
        let streams = open.iter().filter_map(|lane| self.lanes[*lane].stream());
        let mut polled: Vec<PollFd<'_>> = streams.map(|stream| PollFd::new(stream, PollFlags::IN)).collect();
        let nap = Timespec { tv_sec: 0, tv_nsec: nap.subsec_nanos().into() };
        // An interrupted wait is one that found nothing.
        let _ = poll(&mut polled, Some(&nap));
        let ready: Vec<usize> = open
            .iter()
            .zip(&polled)
            .filter(|(_, polled)| !polled.revents().is_empty())
            .map(|(lane, _)| *lane)
            .collect();
        for lane in ready {
            self.read(lane);
        }
        self.give_up_what_is_late();
    }

    fn read(&mut self, lane: usize) {
        let arrival = self.lanes[lane].read(&mut self.buffer);
        if !self.lanes[lane].received.is_empty() {
            self.judge(lane);
        }
        if arrival == Arrival::Ended && self.lanes[lane].stream().is_some() {
            self.ended(lane, "closed");
        }
    }

    /// Looks whether the answer is whole, and whether it is right.
    fn judge(&mut self, lane: usize) {
        let received = std::mem::take(&mut self.lanes[lane].received);
        let Some(pending) = self.lanes[lane].pending else {
            self.figures.mixed += 1;
            self.figures.remark(|| format!("bytes that nobody asked for: {:?}", start(&received)));
            return self.lanes[lane].close();
        };
        match parse(&received) {
            Parsed::Part => self.lanes[lane].received = received,
            Parsed::Strange(what) => {
                self.figures.mixed += 1;
                self.figures.remark(|| format!("{what}: {:?}", start(&received)));
                self.done(lane, true);
            }
            Parsed::Whole(answer) => {
                let rest = received.len() > answer.length;
                if rest {
                    self.figures.mixed += 1;
                    self.figures.remark(|| format!("more than one answer: {:?}", start(&received[answer.length..])));
                } else {
                    self.count(&pending, &answer);
                }
                self.figures.latency.note(pending.due.elapsed());
                let closes = rest || answer.closes;
                self.lanes[lane].received = received;
                self.done(lane, closes);
            }
        }
    }

    fn count(&mut self, pending: &Pending, answer: &Answer<'_>) {
        let figures = &mut self.figures;
        let fails = answer.status == 500 && answer.revision.is_some();
        if answer.status != 200 {
            *figures.statuses.entry(answer.status).or_default() += 1;
            if !fails {
                figures.remark(|| format!("status {}: {:?}", answer.status, start(&answer.body)));
                return;
            }
        }
        let Some(number) = answer.revision.filter(|number| answer.body == revision::body(*number, fails)) else {
            figures.mixed += 1;
            figures.remark(|| format!("x-revision {:?} with {:?}", answer.revision, start(&answer.body)));
            return;
        };
        if !self.board.may_answer(pending.service, pending.since, number) {
            figures.stale += 1;
            let latest = self.board.latest(pending.service);
            figures.remark(|| format!("revision {number} answered service {} of {latest}", pending.service));
            return;
        }
        let share = figures.revisions.entry(number).or_default();
        if fails {
            share.failed += 1;
        } else {
            share.good += 1;
            figures.good += 1;
        }
    }

    /// The connection has ended, or could not be made.
    fn ended(&mut self, lane: usize, why: &str) {
        let received = self.lanes[lane].received.len();
        self.lanes[lane].close();
        let Some(pending) = self.lanes[lane].pending else {
            return;
        };
        if received == 0 && !pending.again {
            self.figures.retried += 1;
            self.send(lane, Pending { again: true, ..pending });
            return;
        }
        self.lose(lane, || format!("{why} after {received} bytes of an answer, again: {}", pending.again));
    }

    fn give_up_what_is_late(&mut self) {
        for lane in 0..self.lanes.len() {
            let late = |pending: &Pending| pending.sent.elapsed() > PATIENCE;
            if self.lanes[lane].pending.as_ref().is_some_and(late) {
                self.lose(lane, || format!("no answer after {PATIENCE:?}"));
            }
        }
    }

    fn lose(&mut self, lane: usize, why: impl FnOnce() -> String) {
        self.figures.lost += 1;
        self.figures.remark(|| format!("lost: {}", why()));
        self.done(lane, true);
    }

    fn done(&mut self, lane: usize, close: bool) {
        self.lanes[lane].pending = None;
        self.lanes[lane].received.clear();
        if close {
            self.lanes[lane].close();
        }
        self.free.push_back(lane);
    }
}

/// How an answer begins, for people.
fn start(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned()
}
