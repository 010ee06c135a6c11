//! A tenant's share of the processor: one that spins has it and no more, and the others have the rest.

use std::num::NonZeroU8;
use std::time::Duration;

use hostel_model::limits::Limits;
use hostel_model::tenant::TenantLimits;

use super::{OfTenant, ended, tenants, to};
use crate::harness::{eventually, guest};

/// For how long they spin.
const TIME: Duration = Duration::from_secs(3);

fn spins(limits: &mut Limits) {
    limits.cpu = Duration::from_secs(60);
    limits.deadline = TIME;
}

#[test]
fn a_spinning_tenant_has_its_share_and_leaves_the_rest() {
    let cpu_share = NonZeroU8::new(20);
    let host = tenants(TenantLimits { cpu_share, ..TenantLimits::default() })
        .owned("acme-p2", guest::LOOPS_FOREVER_P2)
        .limits(spins)
        .owned("acme-p3", guest::LOOPS_FOREVER_P3)
        .limits(spins)
        .owned("beta-hello", guest::HELLO_P2)
        .serves("hello", guest::HELLO_P3)
        .start();
    let services = ["acme-p2", "acme-p3", "acme-p2", "acme-p3"];
    let mut spinning = services.map(|service| to(&host, service, "").begin());
    eventually("they spin", || host.levels().instances_live == 4);
    for _ in 0..20 {
        assert_eq!((to(&host, "beta-hello", "").send().status, host.get("/hello").status), (200, 200));
    }
    for connection in &mut spinning {
        let answer = connection.read_answer("GET");
        assert_eq!((answer.status, answer.problem().as_deref()), (504, Some("deadline")));
    }
    let used: f64 = ["acme-p2", "acme-p3"]
        .iter()
        .flat_map(|service| ended(&host, service))
        .map(|line| line["cpu_ms"].as_f64().unwrap())
        .sum();
    // A fifth of two threads for three seconds is 1,200 ms; 40 ms may be used ahead, and a tick on each thread.
    assert!(used <= 1_350.0, "{used} ms");
    assert!(used >= 100.0, "{used} ms: it hardly had a turn");
}

#[test]
fn without_a_share_a_tenant_has_what_is_free() {
    let host = tenants(TenantLimits::default())
        .owned("acme-p2", guest::LOOPS_FOREVER_P2)
        .limits(|limits| limits.cpu = Duration::from_millis(300))
        .start();
    let answer = to(&host, "acme-p2", "").send();
    assert_eq!((answer.status, answer.problem().as_deref()), (504, Some("cpu-limit")));
    let shared = tenants(TenantLimits { cpu_share: NonZeroU8::new(100), ..TenantLimits::default() })
        .owned("acme-p2", guest::LOOPS_FOREVER_P2)
        .limits(|limits| limits.cpu = Duration::from_millis(300))
        .start();
    let answer = to(&shared, "acme-p2", "").send();
    assert_eq!((answer.status, answer.problem().as_deref()), (504, Some("cpu-limit")), "all of it is no bound");
}
