//! Every way in which a component can fail to start, and that nothing of it is left.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Waker};
use std::time::Duration;

use hostel_model::failure::Failure;
use hostel_model::limits::{Limits, fixed};
use hostel_model::units::ByteSize;

use crate::compile::PoolUse;
use crate::error::GuestFailure;
use crate::testing::{Bench, component_p2, component_p3};

/// Waits for an hour.
const WAITS: &str = "(func $start (call $wait (call $later (i64.const 3600000000000)))) (start $start)";
const LOOPS: &str = "(func $start (loop $again (br $again))) (start $start)";
const TRAPS: &str = "(func $start unreachable) (start $start)";

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

impl Bench {
    fn try_out(&self, bytes: &[u8], limits: Limits) -> Result<(), GuestFailure> {
        let service = self.service(bytes, limits);
        let tried = run(service.trial());
        let counters = self.sandbox.counters();
        assert_eq!(counters.live.load(Ordering::Relaxed), 0, "an instance is left");
        assert_eq!(counters.panics.load(Ordering::Relaxed), 0, "the host panicked");
        assert_eq!(self.sandbox.pool_use(), PoolUse::default(), "a slot is taken");
        assert_eq!(self.sandbox.memory_budget().used(), 0, "memory is taken");
        tried
    }

    fn fails(&self, bytes: &[u8], limits: Limits) -> GuestFailure {
        self.try_out(bytes, limits).unwrap_err()
    }
}

#[test]
fn a_component_that_starts_passes_and_leaves_nothing_behind() {
    let bench = Bench::new();
    bench.try_out(&component_p2("(memory 1)"), Limits::default()).unwrap();
    let brief = "(func $start (call $wait (call $later (i64.const 1000000)))) (start $start)";
    bench.try_out(&component_p2(brief), Limits::default()).unwrap();
    assert_eq!(bench.sandbox.counters().started.load(Ordering::Relaxed), 0);
}

#[test]
fn a_trap_at_the_start_is_told_with_its_name() {
    let bench = Bench::new();
    for bytes in [component_p2(TRAPS), component_p3(TRAPS)] {
        let failure = bench.fails(&bytes, Limits::default());
        assert_eq!((failure.failure, failure.trap), (Failure::Trap, Some("unreachable")), "{failure:?}");
    }
}

#[test]
fn a_start_that_never_ends_is_cut_by_the_processor_limit() {
    let bench = Bench::new();
    // An hour to go by the clock: it cannot be the deadline that ends it.
    let limits = Limits { cpu: Duration::from_millis(20), deadline: Duration::from_hours(1), ..Limits::default() };
    for bytes in [component_p2(LOOPS), component_p3(LOOPS)] {
        let failure = bench.fails(&bytes, limits.clone());
        assert_eq!(failure.failure, Failure::CpuLimit, "{failure:?}");
    }
}

#[test]
fn a_start_that_waits_is_cut_by_the_deadline() {
    let bench = Bench::new();
    let limits = Limits { deadline: Duration::from_millis(50), ..Limits::default() };
    for bytes in [component_p2(WAITS), component_p3(WAITS)] {
        let failure = bench.fails(&bytes, limits.clone());
        assert_eq!(failure.failure, Failure::Deadline, "{failure:?}");
    }
}

#[test]
fn memory_over_the_limit_is_refused_at_the_start() {
    let bench = Bench::new();
    let limits = Limits { memory: ByteSize::kib(128), ..Limits::default() };
    bench.try_out(&component_p2("(memory 2)"), limits.clone()).unwrap();
    let failure = bench.fails(&component_p2("(memory 3)"), limits);
    assert_eq!(failure.failure, Failure::MemoryLimit, "{failure:?}");
}

#[test]
fn a_handler_of_another_type_is_found_out() {
    let bench = Bench::new();
    let failure = bench.fails(&component_p3(""), Limits::default());
    assert_eq!((failure.failure, failure.trap), (Failure::Trap, None));
    assert!(failure.detail.contains("type mismatch"), "{failure:?}");
}

#[test]
fn trials_wait_for_their_turn_and_a_dropped_one_gives_it_up() {
    let bench = Bench::new();
    let waits = bench.service(&component_p2(WAITS), Limits::default());
    let starts = bench.service(&component_p2(""), Limits::default());
    run(async {
        let mut task = Context::from_waker(Waker::noop());
        let mut under_way: Vec<_> = (0..fixed::TRIALS).map(|_| Box::pin(waits.trial())).collect();
        for trial in &mut under_way {
            assert!(trial.as_mut().poll(&mut task).is_pending());
        }
        let mut next = pin!(starts.trial());
        assert!(next.as_mut().poll(&mut task).is_pending());
        assert_eq!(bench.sandbox.counters().live.load(Ordering::Relaxed), u64::from(fixed::TRIALS));
        under_way.pop();
        next.await.unwrap();
    });
    assert_eq!(bench.sandbox.counters().live.load(Ordering::Relaxed), 0);
}
