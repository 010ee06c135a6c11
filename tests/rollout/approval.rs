//! What a revision asks for beyond the one before is told, and waits where it is to.

use super::*;

fn caller(approval: bool, calls: &[&str], path: &str) -> Harness {
    let bytes = std::fs::read(path).unwrap();
    let harness = Harness::new().service_of("users", bytes).route("/users/*").calls(calls);
    harness.rollout(|rollout| rollout.require_approval = approval)
}

fn gained(done: &Done) -> Vec<String> {
    done.changes.iter().flat_map(|change| change.difference.gained.clone()).collect()
}

#[test]
fn a_difference_of_grants_is_told() {
    let mut bench = Bench::new();
    bench.deploy(&caller(false, &[], guest::HELLO_P2)).unwrap();
    let done = bench.deploy(&caller(false, &["orders"], guest::CALLER_P2)).unwrap();
    assert_eq!(gained(&done), ["calls orders", "import wasi:http/outgoing-handler"]);
    let back = bench.roll_back().unwrap();
    let lost: Vec<_> = back.changes.iter().flat_map(|change| change.difference.lost.clone()).collect();
    assert_eq!((gained(&back), lost), (vec![], vec!["import wasi:http/outgoing-handler".to_owned()]));
}

#[test]
fn what_asks_for_more_waits_where_approval_is_required() {
    let mut bench = Bench::new();
    bench.deploy(&caller(true, &[], guest::HELLO_P2)).unwrap();
    assert_eq!(bench.get("/users").status, 200, "it asks for nothing");
    let done = bench.follow(&caller(true, &["orders"], guest::CALLER_P2), false).unwrap();
    assert_eq!(the_change(&done), (Change::Waiting, "r2".to_owned()));
    assert_eq!(bench.get("/users").text(), "Hello, World!\n");
    assert!(bench.live.load().services[&name("users")].settings.grants.calls.is_empty());
    // Said once.
    assert!(bench.follow(&caller(true, &["orders"], guest::CALLER_P2), false).unwrap().changes.is_empty());
    bench.restart();
    bench.deploy(&caller(true, &["orders"], guest::CALLER_P2)).unwrap();
    assert_eq!(bench.revisions()["users"], "r1", "a restart is no approval");
    bench.ask(What::Approve(name("users"))).unwrap();
    assert_eq!(bench.revisions()["users"], "r2");
    assert_eq!(bench.live.load().services[&name("users")].settings.grants.calls.len(), 1);
    let refused = bench.ask(What::Approve(name("users"))).unwrap_err();
    assert!(matches!(refused, DeployError::Unchangeable { reason: Unchangeable::NothingPending, .. }), "{refused}");
}

#[test]
fn a_first_revision_that_asks_for_something_is_not_ready_until_it_is_approved() {
    let mut bench = Bench::new();
    bench.deploy(&caller(true, &["orders"], guest::CALLER_P2)).unwrap();
    let answer = bench.get("/users");
    assert_eq!((answer.status, answer.problem().as_deref()), (503, Some("not-ready")));
    bench.ask(What::Approve(name("users"))).unwrap();
    assert_ne!(bench.get("/users").status, 503);
}

#[test]
fn a_grant_that_the_configuration_adds_waits_too() {
    let mut bench = Bench::new();
    bench.deploy(&caller(true, &[], guest::HELLO_P2)).unwrap();
    let done = bench.follow(&caller(true, &["orders"], guest::HELLO_P2), false).unwrap();
    assert_eq!(the_change(&done), (Change::Waiting, "r1".to_owned()));
    let grants = |bench: &Bench| bench.live.load().services[&name("users")].settings.grants.calls.len();
    assert_eq!(grants(&bench), 0);
    bench.ask(What::Approve(name("users"))).unwrap();
    assert_eq!(grants(&bench), 1);
}

#[test]
fn what_waits_can_be_withdrawn() {
    let mut bench = Bench::new();
    // Of a service that never served: by command, or by its file.
    bench.deploy(&caller(true, &["orders"], guest::CALLER_P2)).unwrap();
    bench.ask(What::Undeploy(name("users"))).unwrap();
    assert_eq!(bench.get("/users").status, 404);
    let mut bench = Bench::new();
    bench.deploy(&caller(true, &["orders"], guest::CALLER_P2)).unwrap();
    bench.follow(&Harness::new(), false).unwrap();
    assert_eq!(bench.get("/users").status, 404);
    // Beside what serves: by a rollback, or by the old file.
    let mut bench = Bench::new();
    bench.deploy(&caller(true, &[], guest::HELLO_P2)).unwrap();
    let waits = caller(true, &["orders"], guest::CALLER_P2);
    bench.follow(&waits, false).unwrap();
    assert_eq!(the_change(&bench.follow(&caller(true, &[], guest::HELLO_P2), false).unwrap()).0, Change::RolledBack);
    assert!(matches!(bench.ask(What::Approve(name("users"))).unwrap_err(), DeployError::Unchangeable { .. }));
    bench.follow(&waits, false).unwrap();
    assert_eq!(the_change(&bench.roll_back().unwrap()), (Change::RolledBack, "r2".to_owned()));
    assert!(matches!(bench.ask(What::Approve(name("users"))).unwrap_err(), DeployError::Unchangeable { .. }));
    assert_eq!(bench.get("/users").text(), "Hello, World!\n");
}

#[test]
fn what_is_granted_while_something_waits_is_shown_first() {
    let mut bench = Bench::new();
    bench.deploy(&caller(true, &[], guest::HELLO_P2)).unwrap();
    bench.follow(&caller(true, &["orders"], guest::HELLO_P2), false).unwrap();
    let seen = bench.store.journal.latest(&name("users")).unwrap().unwrap().sequence;
    assert!(bench.follow(&caller(true, &["orders"], guest::HELLO_P2), false).unwrap().changes.is_empty());
    let done = bench.follow(&caller(true, &["orders", "payments"], guest::HELLO_P2), false).unwrap();
    assert_eq!(gained(&done), ["calls orders", "calls payments"]);
    let refused = bench.order(What::Approve(name("users")), false, Some(seen)).unwrap_err();
    assert!(matches!(refused, DeployError::Outdated { .. }), "{refused}");
}
