//! A revision that only fails is left alone for a while.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::harness::{Running, eventually};

use super::*;

/// `?trap` fails, anything else is well.
fn counter() -> Harness {
    Harness::new().serves("users", guest::COUNTER_P2).rollout(|rollout| {
        rollout.breaker.failures = NonZeroU32::new(5).unwrap();
        rollout.breaker.open_min = Duration::from_secs(1);
        rollout.breaker.open_max = Duration::from_secs(1);
    })
}

/// Asks, and waits until the revision has learnt what became of it.
fn asks(host: &Running, path: &str, status: u16) {
    let revision = host.host().snapshot().services[&name("users")].live.clone().unwrap();
    let before = revision.tally.counts().requests;
    assert_eq!(host.get(path).status, status, "{path}");
    eventually("it is counted", || revision.tally.counts().requests == before + 1);
}

/// Waits until the breaker is open: requests are settled just after they are answered.
fn opens(host: &Running) {
    let revision = host.host().snapshot().services[&name("users")].live.clone().unwrap();
    eventually("it is open", || revision.breaker.is_open());
}

#[test]
fn it_opens_after_a_row_of_failures_and_closes_after_a_success() {
    let host = counter().start();
    for _ in 0..4 {
        asks(&host, "/users?trap", 502);
    }
    // A success ends the row.
    asks(&host, "/users", 200);
    for _ in 0..5 {
        asks(&host, "/users?trap", 502);
    }
    opens(&host);
    let answer = host.get("/users");
    assert_eq!((answer.status, answer.problem().as_deref()), (503, Some("breaker-open")));
    assert!(answer.header("retry-after").is_some());
    eventually("it is counted", || host.failures("users", "breaker-open") == 1);
    eventually("one may try again", || host.get("/users").status == 200);
    assert_eq!(host.get("/users").status, 200);
}

#[test]
fn a_caller_is_told_that_nothing_is_there_for_it() {
    let host = counter().service("a", guest::CALLER_P2).calls(&["users"]).route("/a").start();
    for _ in 0..5 {
        host.get("/users?trap");
    }
    opens(&host);
    let answer = host.get("/a?scheme=http&authority=users.internal&path=/");
    let error = answer.header("x-error").unwrap_or_default();
    assert!(error.contains("DestinationUnavailable"), "{error}");
    eventually("no instance is left", || host.is_idle());
}

#[test]
fn a_candidate_that_only_fails_costs_no_more_requests() {
    let mut bench = Bench::new();
    bench.deploy(&counter()).unwrap();
    let traps = std::fs::read(guest::TRAPS_P2).unwrap();
    bench.users(&traps, Some(50)).unwrap();
    let failed = (0..100).filter(|_| bench.get("/users").status != 200).count();
    // Five open it, and each pause lets one try.
    assert!((5..30).contains(&failed), "{failed}");
}
