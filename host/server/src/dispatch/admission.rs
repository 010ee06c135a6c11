//! Permits: how many requests and calls run at once, with a share kept for calls.
//!
//! Requests from outside wait their turn in a bounded queue. Calls never wait: a
//! caller holds a permit of its own, and callers that wait for each other would
//! wait for ever. So a quarter of every set of permits is out of reach for
//! requests, and a call that finds none free is refused at once.
//!
//! Taking and giving back is arithmetic on one number as long as nobody waits.
//! Those who wait get their turns by the group they belong to, one group after
//! the other: as many services as one tenant likes to have push nobody back.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use hostel_model::limits::fixed;
use hostel_model::platform::Clock;
use tokio::sync::oneshot;

use turns::Turns;

mod turns;

/// Those who take turns with others where many wait: the services of one tenant, or those of the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Group(pub u32);

/// A set of permits.
#[derive(Debug, Clone)]
pub struct Permits(Arc<Set>);

/// The right to run one request or call; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    set: Arc<Set>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Request,
    Call,
}

/// How many permits, of both kinds and of requests alone, in one number so that they change together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    all: u32,
    requests: u32,
}

#[derive(Debug)]
struct Set {
    /// The most there may be.
    limits: AtomicU64,
    /// Those that were given out.
    used: AtomicU64,
    /// How many wait, to be read without the lock.
    waiting: AtomicU32,
    line: Mutex<Line>,
}

/// Who waits, and for what.
#[derive(Debug, Default)]
struct Line {
    requests: Turns<oneshot::Sender<Permit>>,
    /// Told once everything is given back.
    all_free: Vec<oneshot::Sender<()>>,
}

/// How many wait for permits of one set.
#[derive(Debug)]
pub struct Queue {
    length: u32,
    waiting: AtomicU32,
}

struct Waiting<'a>(&'a AtomicU32);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Queue {
    /// Room for `length` waiting requests.
    #[must_use]
    pub fn new(length: u32) -> Self {
        Self { length, waiting: AtomicU32::new(0) }
    }

    fn enter(&self) -> Option<Waiting<'_>> {
        self.waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
                (waiting < self.length).then_some(waiting + 1)
            })
            .ok()
            .map(|_| Waiting(&self.waiting))
    }
}

impl Counts {
    /// `count` permits, a quarter of them (at least one, where there are two) for calls only.
    fn of(count: u32) -> Self {
        let reserve = if count > 1 { (count / fixed::CALLS_RESERVE_DIVISOR).max(1) } else { 0 };
        Self { all: count, requests: count - reserve }
    }

    fn one(kind: Kind) -> Self {
        Self { all: 1, requests: u32::from(kind == Kind::Request) }
    }

    fn packed(self) -> u64 {
        u64::from(self.all) << 32 | u64::from(self.requests)
    }

    fn unpacked(packed: u64) -> Self {
        // Each half is a number of 32 bits.
        Self { all: (packed >> 32) as u32, requests: packed as u32 }
    }

    /// One more of `kind`, if that is within `limits`.
    fn more(self, kind: Kind, limits: Self) -> Option<Self> {
        let one = Self::one(kind);
        let more = Self { all: self.all.checked_add(one.all)?, requests: self.requests + one.requests };
        let fits = more.all <= limits.all && (kind == Kind::Call || more.requests <= limits.requests);
        fits.then_some(more)
    }
}

impl Permits {
    /// `count` permits, a quarter of them (at least one, where there are two) for calls only.
    #[must_use]
    pub fn new(count: u32) -> Self {
        Self(Arc::new(Set {
            limits: AtomicU64::new(Counts::of(count).packed()),
            used: AtomicU64::new(0),
            waiting: AtomicU32::new(0),
            line: Mutex::default(),
        }))
    }

    /// From now on there are `count`. Those that were given out stay, and none is given out before
    /// enough of them are back.
    pub fn resize(&self, count: u32) {
        self.0.limits.store(Counts::of(count).packed(), Ordering::SeqCst);
        self.0.hand_out();
    }

    /// A permit for a call, if one is free now.
    #[must_use]
    pub fn for_call(&self) -> Option<Permit> {
        self.0.take(Kind::Call).then(|| self.0.permit(Kind::Call))
    }

    /// A permit for a request; waits in `queue` for at most `patience`, and takes turns there with other
    /// groups than its own.
    pub async fn for_request(
        &self,
        queue: &Queue,
        group: Group,
        patience: Duration,
        clock: &dyn Clock,
    ) -> Option<Permit> {
        if let Some(permit) = self.request_now() {
            return Some(permit);
        }
        let _waiting = queue.enter()?;
        let mut place = Place::in_line(&self.0, group);
        match select(&mut place.given, clock.sleep_until(clock.now().after(patience))).await {
            Either::Left((permit, _)) => permit.ok(),
            Either::Right(_) => None,
        }
    }

    /// Returns once every permit is back.
    pub async fn all_free(&self) {
        let (tell, told) = oneshot::channel();
        {
            let mut line = self.0.line();
            line.all_free.push(tell);
            self.0.waiting.fetch_add(1, Ordering::SeqCst);
        }
        self.0.hand_out();
        // Fails only if the set is gone, and with it every permit.
        let _ = told.await;
    }

    /// How many were given out.
    #[must_use]
    pub fn used(&self) -> u32 {
        Counts::unpacked(self.0.used.load(Ordering::Relaxed)).all
    }

    /// Permits are handed out in turn: this fails while somebody waits.
    fn request_now(&self) -> Option<Permit> {
        let nobody_waits = self.0.waiting.load(Ordering::SeqCst) == 0;
        (nobody_waits && self.0.take(Kind::Request)).then(|| self.0.permit(Kind::Request))
    }
}

impl Set {
    /// Counts one more, if there is one.
    fn take(&self, kind: Kind) -> bool {
        let limits = Counts::unpacked(self.limits.load(Ordering::SeqCst));
        let more = |used| Counts::unpacked(used).more(kind, limits).map(Counts::packed);
        self.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok()
    }

    /// The permit for what was counted.
    fn permit(self: &Arc<Self>, kind: Kind) -> Permit {
        Permit { set: Arc::clone(self), kind }
    }

    fn give_back(self: &Arc<Self>, kind: Kind) {
        self.used.fetch_sub(Counts::one(kind).packed(), Ordering::SeqCst);
        // Whoever comes to wait looks once more afterwards: one of the two sees the other.
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.hand_out();
        }
    }

    /// Gives what is free to those who wait.
    fn hand_out(self: &Arc<Self>) {
        let mut given = Vec::new();
        let mut line = self.line();
        while !line.requests.is_empty() && self.take(Kind::Request) {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            given.extend(line.requests.next());
        }
        if !line.all_free.is_empty() && self.used.load(Ordering::SeqCst) == 0 {
            let told = std::mem::take(&mut line.all_free);
            self.waiting.fetch_sub(u32::try_from(told.len()).unwrap_or(u32::MAX), Ordering::SeqCst);
            for tell in told {
                // Fails if nobody waits for it any more.
                let _ = tell.send(());
            }
        }
        drop(line);
        for place in given {
            // Who left meanwhile gives it back, and that asks for the lock.
            drop(place.send(self.permit(Kind::Request)));
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.set.give_back(self.kind);
    }
}

/// A request that waits; whoever leaves is asked no more.
struct Place<'s> {
    set: &'s Arc<Set>,
    group: Group,
    ticket: u64,
    given: oneshot::Receiver<Permit>,
}

impl<'s> Place<'s> {
    fn in_line(set: &'s Arc<Set>, group: Group) -> Self {
        let (give, given) = oneshot::channel();
        let ticket = {
            let mut line = set.line();
            set.waiting.fetch_add(1, Ordering::SeqCst);
            line.requests.enter(group, give)
        };
        // Something may have come back before it stood there.
        set.hand_out();
        Self { set, group, ticket, given }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.set.line().requests.leave(self.group, self.ticket) {
            self.set.waiting.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests;
