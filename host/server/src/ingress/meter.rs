//! Whose bytes pass on an HTTP/1 connection: exchanges told apart by following the framing of both directions.
//!
//! HTTP/1.1 answers in order, so the exchange being answered is always the oldest one.

use std::collections::VecDeque;
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

    /// Whether nothing is being read or answered.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let state = self.state();
        state.current.is_none() && state.unclaimed.is_empty() && state.answering.is_empty()
    }

    /// The first byte of a request came.
    pub fn begins(&self, now: Monotonic) {
        let exchange = Arc::<Exchange>::default();
        exchange.update(|seen| seen.first_byte = now);
        self.state().current = Some(exchange);
    }

    /// When the first byte of the request that is being read came.
    #[must_use]
    pub fn began(&self) -> Option<Monotonic> {
        self.state().current.as_ref().map(|exchange| exchange.state().first_byte)
    }

    /// So many bytes of a head came, and it is not complete.
    pub fn partial(&self, bytes: usize) {
        if let Some(exchange) = &self.state().current {
            exchange.update(|seen| seen.received.line = bytes as u64);
        }
    }

    /// A head is complete. `bodyless` says that the request is, too.
    pub fn head(&self, head: &Head, bodyless: bool) {
        let mut state = self.state();
        let exchange = if bodyless { state.current.take() } else { state.current.clone() };
        let exchange = exchange.unwrap_or_default();
        exchange.update(|seen| (seen.received.line, seen.received.headers) = (head.line, head.headers));
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
    pub fn refuse(&self, fault: Fault, head: &[u8]) {
        let mut state = self.state();
        let exchange = state.current.take().unwrap_or_default();
        exchange.update(|seen| seen.received.line = head.len() as u64);
        let (method, path) = described(head);
        state.unclaimed.push_back(Claim { exchange, refused: Some(Box::new(RefusedHead { fault, method, path })) });
    }

    /// Bytes of answers went out; how many answers are complete with them.
    pub fn wrote(&self, mut bytes: &[u8], now: Monotonic) -> usize {
        let mut done = Vec::new();
        let mut state = self.state();
        let state = &mut *state;
        while !bytes.is_empty() {
            let answering = state.answering.front();
            let head_only = answering.is_some_and(|answering| answering.head_only);
            // hyper itself answers what it cannot parse.
            let unparsed = || state.unclaimed.front().map(|claim| &claim.exchange);
            let Some(exchange) = answering.map(|answering| &answering.exchange).or_else(unparsed) else {
                break;
            };
            let followed = exchange.update(|seen| {
                seen.last_byte = now;
                let followed = state.writing.follow(bytes, head_only, &mut seen.sent);
                seen.status = state.writing.last_status();
                seen.complete = followed.ended || state.writing.ends_with_connection();
                followed
            });
            if followed.ended {
                // Dropped at the end of this function: its line may be written now.
                done.extend(state.answering.pop_front().map(|answering| answering.record));
            }
            bytes = bytes.get(followed.taken..).unwrap_or_default();
        }
        done.len()
    }

    fn state(&self) -> MutexGuard<'_, MeterState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
