//! Whose bytes pass on an HTTP/1 connection: exchanges told apart by following the framing of both directions.
//!
//! HTTP/1.1 answers in order, so the exchange being answered is always the oldest one.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hostel_model::platform::Monotonic;

use super::chunks::{BodyScan, Broken};
use super::framing::Framing;
use super::head::{Head, described};
use crate::edge::Fault;
use crate::record::{Exchange, RequestRecord};

/// The meter of one connection, shared by its socket and its requests.
#[derive(Clone, Default)]
pub struct Meter(Arc<Mutex<MeterState>>);

#[derive(Default)]
struct MeterState {
    writing: Framing,
    /// Whether a head was ever complete, or refused.
    used: bool,
    /// Whether a head has begun, and is neither.
    mid_head: bool,
    /// The exchange whose request is being read.
    current: Option<Arc<Exchange>>,
    /// Exchanges that no request has claimed yet, the oldest first.
    unclaimed: VecDeque<Claim>,
    /// Exchanges whose answer is due, the oldest first.
    answering: VecDeque<Answering>,
}

/// The exchange of a request that was read.
#[derive(Default)]
pub struct Claim {
    /// Its bytes.
    pub exchange: Arc<Exchange>,
    /// Why it is refused, if its head may not be passed on.
    pub refused: Option<Box<RefusedHead>>,
}

/// A head that was not passed on.
pub struct RefusedHead {
    /// Which rule it broke.
    pub fault: Fault,
    /// Its method as far as it can be told.
    pub method: String,
    /// Its target likewise.
    pub path: String,
}

struct Answering {
    exchange: Arc<Exchange>,
    record: Arc<RequestRecord>,
    head_only: bool,
}

impl Meter {
    /// The exchange of the request that was just parsed.
    #[must_use]
    pub fn claim(&self) -> Claim {
        self.state().unclaimed.pop_front().unwrap_or_default()
    }

    /// `record` is complete once the answer to `exchange` has been written.
    pub fn answer(&self, exchange: &Arc<Exchange>, record: &Arc<RequestRecord>, head_only: bool) {
        let answering = Answering { exchange: Arc::clone(exchange), record: Arc::clone(record), head_only };
        self.state().answering.push_back(answering);
    }

    /// The first exchange that began and never became a request, when the
    /// connection ends.
    #[must_use]
    pub fn left_over(&self) -> Option<Claim> {
        let mut state = self.state();
        let begun = state.current.take().map(|exchange| Claim { exchange, refused: None });
        let first = state.unclaimed.pop_front().or(begun);
        // Line ends between requests are not one.
        first.filter(|claim| claim.refused.is_some() || claim.exchange.state().received.total() > 2)
    }

    /// Whether no request was ever complete enough to be answered.
    #[must_use]
    pub fn is_unused(&self) -> bool {
        !self.state().used
    }

    /// Whether the head of a request has begun to come, and is not complete.
    #[must_use]
    pub fn is_mid_head(&self) -> bool {
        self.state().mid_head
    }

    /// So many bytes of a head came, the first of them at `began`, and it is not complete.
    pub fn partial(&self, began: Monotonic, bytes: usize) {
        let mut state = self.state();
        state.mid_head = true;
        let exchange = state.current.get_or_insert_default();
        exchange.update(|seen| (seen.first_byte, seen.received.line) = (began, bytes as u64));
    }

    /// A head is complete. `bodyless` says that the request is, too.
    pub fn head(&self, began: Monotonic, head: &Head, bodyless: bool) {
        let mut state = self.state();
        (state.used, state.mid_head) = (true, false);
        let exchange = state.current.take().unwrap_or_default();
        exchange.update(|seen| {
            seen.first_byte = began;
            (seen.received.line, seen.received.headers) = (head.line, head.headers);
        });
        state.current = (!bodyless).then(|| Arc::clone(&exchange));
        state.unclaimed.push_back(Claim { exchange, refused: None });
    }

    /// More of a body came; how much of `bytes` belongs to it and whether it is complete.
    ///
    /// # Errors
    /// When its framing is broken.
    pub fn body(&self, scan: &mut BodyScan, bytes: &[u8]) -> Result<(usize, bool), Broken> {
        let mut state = self.state();
        let Some(exchange) = &state.current else {
            return Err(Broken);
        };
        let followed = exchange.update(|seen| scan.follow(bytes, &mut seen.received))?;
        if followed.ended {
            state.current = None;
        }
        Ok((followed.taken, followed.ended))
    }

    /// The head that is being read, of which there is `head`, may not be passed on.
    pub fn refuse(&self, began: Monotonic, fault: Fault, head: &[u8]) {
        let mut state = self.state();
        (state.used, state.mid_head) = (true, false);
        let exchange = state.current.take().unwrap_or_default();
        exchange.update(|seen| (seen.first_byte, seen.received.line) = (began, head.len() as u64));
        let (method, path) = described(head);
        state.unclaimed.push_back(Claim { exchange, refused: Some(Box::new(RefusedHead { fault, method, path })) });
    }

    /// The first `count` bytes of `slices` went out; how many answers are complete with them.
    pub fn wrote(&self, slices: &[IoSlice<'_>], mut count: usize, now: Monotonic) -> usize {
        // Let go after the lock: their lines may be written then.
        let mut done = Vec::new();
        let mut state = self.state();
        for slice in slices {
            let bytes = slice.get(..count.min(slice.len())).unwrap_or_default();
            count -= bytes.len();
            state.follow(bytes, now, &mut done);
        }
        done.len()
    }

    fn state(&self) -> MutexGuard<'_, MeterState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MeterState {
    /// Adds the records of answers that are complete with `bytes` to `done`.
    fn follow(&mut self, mut bytes: &[u8], now: Monotonic, done: &mut Vec<Arc<RequestRecord>>) {
        while !bytes.is_empty() {
            let answering = self.answering.front();
            let head_only = answering.is_some_and(|answering| answering.head_only);
            // hyper itself answers what it cannot parse.
            let unparsed = || self.unclaimed.front().map(|claim| &claim.exchange);
            let Some(exchange) = answering.map(|answering| &answering.exchange).or_else(unparsed) else {
                return;
            };
            let followed = exchange.update(|seen| {
                seen.last_byte = now;
                let followed = self.writing.follow(bytes, head_only, &mut seen.sent);
                seen.status = self.writing.last_status();
                seen.complete = followed.ended || self.writing.ends_with_connection();
                followed
            });
            if followed.ended {
                done.extend(self.answering.pop_front().map(|answering| answering.record));
            }
            bytes = bytes.get(followed.taken..).unwrap_or_default();
        }
    }
}
