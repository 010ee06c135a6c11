//! What the services of a tenant use together: requests, memory, bytes kept; and that a change of the numbers forgets nothing.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use hostel::deploy::{Author, Order, What};
use hostel_model::limits::Limits;
use hostel_model::tenant::TenantLimits;
use hostel_model::units::ByteSize;

use super::{OfTenant, ended, refused, tenants, to};
use crate::harness::{Connection, Harness, Running, eventually, guest};

fn requests(count: u32) -> TenantLimits {
    TenantLimits { requests: NonZeroU32::new(count), ..TenantLimits::default() }
}

fn hurried(limits: &mut Limits) {
    limits.queue_wait = Duration::from_millis(100);
}

/// Two services of a tenant that sleep, and two that are others'.
fn sleepers(count: u32) -> Harness {
    tenants(requests(count))
        .owned("acme-one", guest::SLEEPS_P2)
        .limits(hurried)
        .owned("acme-two", guest::SLEEPS_P3)
        .limits(hurried)
        .owned("beta-hello", guest::HELLO_P2)
        .serves("hello", guest::HELLO_P2)
}

fn sleep(host: &Running, service: &str, millis: u32) -> Connection {
    to(host, service, &format!("?ms={millis}")).begin()
}

#[track_caller]
fn others_are_served(host: &Running) {
    assert_eq!((to(host, "beta-hello", "").send().status, host.get("/hello").status), (200, 200));
}

#[test]
fn requests_of_a_tenant_are_counted_over_all_its_services() {
    // Of four one is kept for calls.
    let host = sleepers(4).start();
    let mut sleeping =
        [("acme-one", 1_500), ("acme-two", 1_500), ("acme-one", 1_500)].map(|(service, ms)| sleep(&host, service, ms));
    eventually("three work", || host.levels().instances_live == 3);
    for service in ["acme-one", "acme-two"] {
        refused(&to(&host, service, "?ms=0"), service, 503, "service-saturated");
        eventually("its line in the log", || {
            ended(&host, service).last().is_some_and(|line| line["outcome"] == "service-saturated")
        });
    }
    others_are_served(&host);
    for connection in &mut sleeping {
        assert_eq!(connection.read_answer("GET").status, 200);
    }
    eventually("all permits are back", || host.is_idle());
    assert_eq!(to(&host, "acme-two", "?ms=0").send().status, 200);
}

#[test]
fn a_request_that_finds_its_tenant_busy_waits_as_long_as_at_its_service() {
    let host = tenants(requests(1))
        .owned("acme-one", guest::SLEEPS_P2)
        .owned("acme-two", guest::SLEEPS_P3)
        .limits(|limits| limits.queue_wait = Duration::from_secs(20))
        .start();
    let mut first = sleep(&host, "acme-one", 400);
    eventually("it works", || host.levels().instances_live == 1);
    let second = to(&host, "acme-two", "?ms=0").send();
    assert_eq!(second.status, 200);
    assert_eq!(first.read_answer("GET").status, 200);
}

#[test]
fn calls_count_for_the_tenant_of_their_callee_and_have_a_quarter_kept() {
    let host = tenants(requests(4))
        .owned("acme-caller", guest::CALLER_P2)
        .calls(&["acme-one"])
        .owned("acme-one", guest::SLEEPS_P3)
        .limits(hurried)
        .start();
    let call = "?scheme=http&authority=acme-one.internal&path=/%3Fms=0";
    let _sleeping = [sleep(&host, "acme-one", 2_000), sleep(&host, "acme-one", 2_000)];
    eventually("two work", || host.levels().instances_live == 2);
    // The caller has the third, its callee the one that is kept.
    let answer = to(&host, "acme-caller", call).send();
    assert_eq!((answer.status, answer.text().as_str()), (200, "slept"), "{:?}", answer.header("x-error"));
    let alone = tenants(requests(1))
        .owned("acme-caller", guest::CALLER_P2)
        .calls(&["acme-one"])
        .owned("acme-one", guest::SLEEPS_P3)
        .start();
    let answer = to(&alone, "acme-caller", call).send();
    let error = answer.header("x-error").unwrap_or_default().to_lowercase();
    assert!(error.contains("connectionlimitreached"), "a call never waits: {error}");
}

#[test]
fn tenants_take_turns_where_all_wait_for_instances() {
    // Three for requests.
    let host = tenants(TenantLimits::default())
        .instances(4)
        .owned("acme-one", guest::SLEEPS_P2)
        .owned("beta-hello", guest::HELLO_P2)
        .start();
    let mut first: Vec<_> = (0..3).map(|_| sleep(&host, "acme-one", 500)).collect();
    eventually("three work", || host.levels().instances_live == 3);
    let mut waiting: Vec<_> = (0..6).map(|_| sleep(&host, "acme-one", 300)).collect();
    // They came before it, and have had time to stand in line.
    let begun = Instant::now();
    eventually("they wait", || begun.elapsed() > Duration::from_millis(100));
    assert_eq!(to(&host, "beta-hello", "").send().status, 200);
    let before = ended(&host, "acme-one").len();
    assert!(before < 6, "{before} of the other tenant were served before it");
    for connection in first.iter_mut().chain(&mut waiting) {
        assert_eq!(connection.read_answer("GET").status, 200);
    }
}

#[test]
fn memory_is_a_sum_over_all_instances_of_a_tenant() {
    let memory = Some(ByteSize::mib(12));
    let patient = |limits: &mut Limits| limits.cpu = Duration::from_secs(5);
    let host = tenants(TenantLimits { memory, ..TenantLimits::default() })
        .owned("acme-p2", guest::ALLOCATES_WITHOUT_END_P2)
        .limits(patient)
        .owned("acme-p3", guest::ALLOCATES_WITHOUT_END_P3)
        .limits(patient)
        .owned("acme-hello", guest::HELLO_P2)
        .owned("beta-scans", guest::SCANS_MEMORY_P2)
        .limits(patient)
        .start();
    for service in ["acme-p2", "acme-p3"] {
        // It has done nothing that it may not do alone: 503, and no mark against its revision.
        refused(&to(&host, service, ""), service, 503, "overloaded");
        eventually("its memory is given back", || host.is_idle());
        assert_eq!(to(&host, "acme-hello", "").send().status, 200, "{service}");
    }
    let scanned = to(&host, "beta-scans", "?mib=32&marker=tenant-memory").send().json()["scanned"].as_u64().unwrap();
    assert!(scanned > 12 << 20, "another tenant has as much as it may: {scanned}");
}

#[test]
fn bytes_kept_are_a_sum_over_all_services_of_a_tenant() {
    let storage = Some(ByteSize(10_000));
    let host = tenants(TenantLimits { storage, ..TenantLimits::default() })
        .owned("acme-p2", guest::KEYVALUE_P2)
        .keyvalue("")
        .owned("acme-p3", guest::KEYVALUE_P3)
        .keyvalue("")
        .owned("beta-p2", guest::KEYVALUE_P2)
        .keyvalue("")
        .start();
    let set = |service: &str, key: &str, bytes: usize| {
        let request =
            host.request("POST", &format!("/{service}?op=set&key={key}")).header("Host", &super::host_of(service));
        request.body(vec![b'v'; bytes]).send().json()
    };
    assert_eq!(set("acme-p2", "a", 6_000)["result"], "ok");
    assert_eq!(set("acme-p3", "a", 3_900)["result"], "ok");
    for service in ["acme-p2", "acme-p3"] {
        let answer = set(service, "b", 200);
        assert!(answer["text"].as_str().unwrap().contains("services of the tenant may keep"), "{answer}");
    }
    assert_eq!(set("beta-p2", "a", 20_000)["result"], "ok");
    assert_eq!(set("acme-p2", "a", 5_000)["result"], "ok");
    assert_eq!(set("acme-p3", "b", 200)["result"], "ok");
}

#[test]
fn numbers_that_change_forget_nothing_that_is_in_use() {
    let host = sleepers(8).start();
    let again = |count: u32| {
        let what = What::Folder { request: sleepers(count).request(), strict: true };
        let order = Order { what, by: Author::Folder, dry_run: false, if_version: None };
        host.host().deployer().ask_from_thread(order).unwrap_or_else(|error| panic!("{error}"));
    };
    let mut sleeping: Vec<_> = (0..4).map(|_| sleep(&host, "acme-one", 6_000)).collect();
    eventually("four work", || host.levels().instances_live == 4);
    again(4);
    refused(&to(&host, "acme-two", "?ms=0"), "acme-two", 503, "service-saturated");
    again(8);
    assert_eq!(to(&host, "acme-two", "?ms=0").send().status, 200);
    // Gone and back, the tenant still has what it uses.
    let mut without = sleepers(4).request();
    without.tenants = hostel_model::tenant::Tenants::default();
    without.services.retain(|service| service.name.as_str() == "hello");
    let order = Order {
        what: What::Folder { request: without, strict: true },
        by: Author::Folder,
        dry_run: false,
        if_version: None,
    };
    host.host().deployer().ask_from_thread(order).unwrap_or_else(|error| panic!("{error}"));
    again(4);
    refused(&to(&host, "acme-two", "?ms=0"), "acme-two", 503, "service-saturated");
    for connection in &mut sleeping {
        assert_eq!(connection.read_answer("GET").status, 200);
    }
    eventually("all permits are back", || host.is_idle());
    assert_eq!(to(&host, "acme-two", "?ms=0").send().status, 200);
}
