//! Sums over the services of one tenant, whatever the numbers say meanwhile.

use std::num::{NonZeroU8, NonZeroU32};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};

use hostel_model::failure::Failure;
use hostel_model::limits::Limits;
use hostel_model::tenant::{ServicePattern, TenantLimits, TenantName};
use hostel_model::units::ByteSize;
use wasmtime::ResourceLimiter;

use super::*;
use crate::ledger::{Ledger, Refusal};
use crate::memory::InstanceLimiter;
use crate::testing::{Bench, component_p2, component_p3, platform};

fn tenant(limits: TenantLimits) -> Tenant {
    Tenant {
        name: TenantName::parse("acme").unwrap(),
        services: ServicePattern::parse("acme-*").unwrap(),
        hosts: Vec::new(),
        limits,
    }
}

fn share(limits: TenantLimits) -> Arc<TenantShare> {
    Arc::new(TenantShare::new(&tenant(limits), 2, &platform().clock))
}

fn memory(bytes: u64) -> TenantLimits {
    TenantLimits { memory: Some(ByteSize(bytes)), ..TenantLimits::default() }
}

fn slots(count: u32) -> TenantLimits {
    TenantLimits { compile_slots: NonZeroU32::new(count), ..TenantLimits::default() }
}

#[test]
fn memory_is_a_sum_over_the_instances_of_a_tenant_and_of_the_host() {
    let (host, share) = (Arc::new(MemoryBudget::new(150)), share(memory(100)));
    let limiter = |tenant: Option<&Arc<TenantShare>>| {
        InstanceLimiter::new(Arc::clone(&host), 1_000, 10, Arc::new(Ledger::for_tests())).within(tenant.cloned())
    };
    let [mut one, mut two, mut other] = [limiter(Some(&share)), limiter(Some(&share)), limiter(None)];
    assert!(one.memory_growing(0, 60, None).unwrap());
    assert!(!two.memory_growing(0, 41, None).unwrap());
    assert!(two.ledger.was_refused(Refusal::TenantMemory) && !two.ledger.was_refused(Refusal::MemoryBudget));
    assert!(other.memory_growing(0, 80, None).unwrap(), "others have what the host has left");
    assert_eq!((share.memory_used(), host.used()), (60, 140));
    // What the host refuses is not counted for the tenant.
    assert!(!two.memory_growing(0, 20, None).unwrap());
    assert!(two.ledger.was_refused(Refusal::MemoryBudget));
    assert_eq!((share.memory_used(), host.used()), (60, 140));
    drop(other);
    assert!(two.memory_growing(0, 40, None).unwrap());
    drop((one, two));
    assert_eq!((share.memory_used(), host.used()), (0, 0));
}

#[test]
fn memory_that_is_in_use_stays_counted_when_the_sum_changes() {
    let (host, share) = (Arc::new(MemoryBudget::new(1_000)), share(memory(100)));
    let limiter = || {
        InstanceLimiter::new(Arc::clone(&host), 1_000, 10, Arc::new(Ledger::for_tests())).within(Some(share.clone()))
    };
    let [mut one, mut two] = [limiter(), limiter()];
    assert!(one.memory_growing(0, 90, None).unwrap());
    share.change(&tenant(memory(50)));
    assert!(!two.memory_growing(0, 1, None).unwrap());
    share.change(&tenant(memory(95)));
    assert!(!two.memory_growing(0, 6, None).unwrap());
    assert!(two.memory_growing(0, 5, None).unwrap());
    share.change(&tenant(TenantLimits::default()));
    assert!(two.memory_growing(5, 500, None).unwrap());
    drop((one, two));
    assert_eq!(share.memory_used(), 0);
}

#[test]
fn a_component_past_the_memory_of_its_tenant_is_overloaded_and_not_to_blame() {
    let bench = Bench::new();
    let (all, less) = (2 * 65_536, 2 * 65_536 - 1);
    // That of WASI 0.3 has no handler that could be called, so it does not come through a trial.
    for (bytes, limit, expected) in [
        (component_p2("(memory 2)"), all, None),
        (component_p2("(memory 2)"), less, Some(Failure::Overloaded)),
        (component_p3("(memory 2)"), less, Some(Failure::Overloaded)),
    ] {
        let share = share(memory(limit));
        let service = bench.service_of(Some(Arc::clone(&share)), &bytes, Limits::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let failure = runtime.block_on(service.trial()).err();
        assert_eq!(failure.as_ref().map(|failure| failure.failure), expected, "{failure:?}");
        if let Some(failure) = failure {
            assert!(failure.detail.starts_with("the `memory` of its tenant is used up"), "{failure:?}");
            assert!(!failure.failure.breaks_service() && !failure.failure.counts_against_revision());
        }
        assert_eq!(share.memory_used(), 0);
    }
}

#[test]
fn only_so_much_is_compiled_or_tried_at_once() {
    let share = share(slots(2));
    let slots_of = &share.compiling;
    let mut context = Context::from_waker(Waker::noop());
    let (one, two) = (slots_of.take_from_thread(), slots_of.take_from_thread());
    let mut third = Box::pin(slots_of.take());
    assert!(third.as_mut().poll(&mut context).is_pending());
    drop(one);
    let third = third.as_mut().poll(&mut context);
    assert!(third.is_ready());
    // What is taken beyond a smaller number goes on, and nothing is added.
    share.change(&tenant(slots(1)));
    let mut fourth = Box::pin(slots_of.take());
    drop(two);
    assert!(fourth.as_mut().poll(&mut context).is_pending());
    drop(third);
    assert!(fourth.as_mut().poll(&mut context).is_ready());
}

#[test]
fn a_thread_that_waits_for_a_place_gets_it() {
    let share = share(slots(1));
    let begun = AtomicBool::new(false);
    #[expect(clippy::disallowed_methods, reason = "a thread of this test")]
    std::thread::scope(|scope| {
        let first = share.compiling.take_from_thread();
        let waits = scope.spawn(|| {
            let _second = share.compiling.take_from_thread();
            begun.store(true, Ordering::SeqCst);
        });
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(!begun.load(Ordering::SeqCst));
        drop(first);
        waits.join().unwrap();
        let first = share.compiling.take_from_thread();
        let waits = scope.spawn(|| drop(share.compiling.take_from_thread()));
        share.change(&tenant(TenantLimits { cpu_share: NonZeroU8::new(5), ..TenantLimits::default() }));
        waits.join().unwrap();
        drop(first);
    });
}
