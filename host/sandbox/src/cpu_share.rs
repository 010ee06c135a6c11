//! A share of the processor for all guests of one tenant, as the system's own bandwidth control gives it.
//!
//! What guests use is charged after each poll, which ends at the next tick of the
//! epochs. Accounts are kept as a point in time: when all that was used is paid
//! for at the tenant's rate. As long as that is less than [`PERIOD`] ahead a guest
//! may work; else it waits until it is, and is not polled meanwhile. So over any
//! longer time a tenant has its share and no more, whatever a single poll took, and
//! those of others have the threads to themselves.

use std::collections::BTreeSet;
use std::num::NonZeroU8;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hostel_model::platform::{Clock, Monotonic};

use crate::ledger::nanoseconds;
use crate::running::Timer;
use crate::tenant::TenantShare;

/// What a tenant may use ahead: its share of so much time. The period of the system's own control.
const PERIOD: Duration = Duration::from_millis(100);
/// Between two guests of a tenant that are let on when there is something to use again: long
/// enough for the first to begin.
const APART: Duration = Duration::from_millis(1);
/// Guests that are let on one after the other; those behind them come together with the last.
const APART_MAX: u32 = 20;

/// The processor time of one tenant.
pub(crate) struct CpuShare {
    clock: Arc<dyn Clock>,
    /// Threads that run guests.
    threads: u32,
    /// Zero stands for no bound.
    percent: AtomicU8,
    /// When all that was used is paid for, in nanoseconds of the clock.
    paid_at: AtomicU64,
    /// How many of `line` there are, to be read without its lock.
    waiting: AtomicUsize,
    line: Mutex<Line>,
}

/// Guests that wait, in the order in which they came.
#[derive(Default)]
struct Line {
    next: u64,
    tickets: BTreeSet<u64>,
}

impl CpuShare {
    pub(crate) fn new(threads: u32, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            threads: threads.max(1),
            percent: AtomicU8::new(0),
            paid_at: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            line: Mutex::default(),
        }
    }

    pub(crate) fn set_percent(&self, percent: Option<NonZeroU8>) {
        self.percent.store(percent.map_or(0, NonZeroU8::get), Ordering::Relaxed);
    }

    /// A guest has used so many nanoseconds.
    pub(crate) fn charge(&self, spent: u64) {
        let percent = self.percent.load(Ordering::Relaxed);
        if percent == 0 {
            return;
        }
        let cost = u128::from(spent) * 100 / (u128::from(percent) * u128::from(self.threads));
        let cost = u64::try_from(cost).unwrap_or(u64::MAX);
        let now = nanoseconds(self.clock.now().0);
        let paid = |paid_at: u64| Some(paid_at.max(now).saturating_add(cost));
        // Always changes it.
        let _ = self.paid_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, paid);
    }

    /// From when on there is something to use.
    fn opens_at(&self) -> Monotonic {
        if self.percent.load(Ordering::Relaxed) == 0 {
            return Monotonic::default();
        }
        Monotonic(Duration::from_nanos(self.paid_at.load(Ordering::Relaxed)).saturating_sub(PERIOD))
    }

    fn line(&self) -> std::sync::MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One guest and whether it is its tenant's turn.
pub(crate) struct CpuTurn {
    tenant: Arc<TenantShare>,
    ticket: Option<u64>,
    /// When it looks again.
    until: Option<Monotonic>,
    timer: Timer,
}

impl CpuTurn {
    pub(crate) fn new(tenant: &Arc<TenantShare>) -> Self {
        let timer = Timer::new(Arc::clone(&tenant.cpu.clock));
        Self { tenant: Arc::clone(tenant), ticket: None, until: None, timer }
    }

    /// Ready once the guest may work. Those who came first look first, and none depends on another's
    /// looking: whoever reads the body of one may have stopped.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(until) = self.until {
                std::task::ready!(self.timer.poll(context, until));
                self.until = None;
                if self.is_open() {
                    self.leave();
                    return Poll::Ready(());
                }
            } else if self.ticket.is_none() && self.tenant.cpu.waiting.load(Ordering::Relaxed) == 0 && self.is_open() {
                return Poll::Ready(());
            }
            let before = self.stand_in_line();
            let cpu = &self.tenant.cpu;
            self.until = Some(cpu.opens_at().max(cpu.clock.now()).after(APART * before));
        }
    }

    fn is_open(&self) -> bool {
        self.tenant.cpu.opens_at() <= self.tenant.cpu.clock.now()
    }

    /// How many came before it.
    fn stand_in_line(&mut self) -> u32 {
        let cpu = &self.tenant.cpu;
        let mut line = cpu.line();
        let ticket = *self.ticket.get_or_insert_with(|| {
            let ticket = line.next;
            line.next += 1;
            line.tickets.insert(ticket);
            cpu.waiting.fetch_add(1, Ordering::Relaxed);
            ticket
        });
        let before = line.tickets.iter().take_while(|other| **other < ticket).take(APART_MAX as usize).count();
        u32::try_from(before).unwrap_or(APART_MAX)
    }

    fn leave(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.tenant.cpu.line().tickets.remove(&ticket);
            self.tenant.cpu.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for CpuTurn {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests;
