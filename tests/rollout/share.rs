//! Two revisions share the requests; one that is worse is taken back.

use std::time::Duration;

use hostel_model::rollout::{Sticky, Weight};

use crate::harness::{Running, eventually};

use super::*;

fn count(bench: &Bench, requests: usize, revision: &str) -> usize {
    (0..requests).filter(|_| bench.answers().as_deref() == Some(revision)).count()
}

#[test]
fn requests_are_shared_by_weight_until_one_revision_has_them_all() {
    let (mut bench, guest) = (Bench::new(), revisions());
    bench.deploy(&folder(guest.revision(1))).unwrap();
    let done = bench.users(&guest.revision(2), Some(30)).unwrap();
    assert_eq!(the_change(&done), (Change::Candidate, "r2".to_owned()));
    // Six standard deviations around 120.
    let share = count(&bench, 400, "2");
    assert!((65..175).contains(&share), "{share}");
    bench.restart();
    bench.deploy(&folder(guest.revision(1))).unwrap();
    let standing = bench.live.load().services[&name("users")].standing.clone();
    assert_eq!(standing.candidate.unwrap().weight, Weight::of(30).unwrap());
}

#[test]
fn a_candidate_is_promoted_or_given_up() {
    let (mut bench, guest) = (Bench::new(), revisions());
    bench.deploy(&folder(guest.revision(1))).unwrap();
    bench.users(&guest.revision(2), Some(50)).unwrap();
    bench.roll_back().unwrap();
    assert_eq!(count(&bench, 20, "1"), 20);
    bench.users(&guest.revision(2), Some(50)).unwrap();
    bench.ask(What::Promote(name("users"))).unwrap();
    assert_eq!(count(&bench, 20, "2"), 20);
    assert_eq!(bench.revisions()["users"], "r2");
}

#[test]
fn a_client_stays_with_its_revision_where_it_is_to() {
    for sticky in [Sticky::Address, Sticky::Cookie] {
        let (mut bench, guest) = (Bench::new(), revisions());
        let scenario = |revision| folder(guest.revision(revision)).rollout(|rollout| rollout.sticky = sticky);
        bench.deploy(&scenario(1)).unwrap();
        assert!(bench.get("/users").header("set-cookie").is_none());
        bench.users(&guest.revision(2), Some(50)).unwrap();
        let first = bench.get("/users");
        let cookie = first.header("set-cookie").and_then(|cookie| cookie.split(';').next()).map(str::to_owned);
        assert_eq!(cookie.is_some(), sticky == Sticky::Cookie);
        for _ in 0..20 {
            let request = bench.request("/users");
            let answer = match &cookie {
                Some(cookie) => request.header("cookie", cookie).send(),
                None => request.send(),
            };
            assert_eq!(answer.header("x-revision"), first.header("x-revision"), "{sticky:?}");
            assert!(answer.header("set-cookie").is_none());
        }
    }
}

/// The cookie comes with the answer of the service that was asked, though another needs it.
#[test]
fn a_client_stays_with_its_revision_of_a_service_that_is_only_called() {
    let (mut bench, guest) = (Bench::new(), revisions());
    let scenario = Harness::new()
        .service_of("users", guest.revision(1))
        .rollout(|rollout| rollout.sticky = Sticky::Cookie)
        .serves("front", crate::harness::guest::CALLER_P2)
        .calls(&["users"]);
    bench.deploy(&scenario).unwrap();
    bench.users(&guest.revision(2), Some(50)).unwrap();
    let path = "/front?scheme=http&authority=users.internal&path=/users";
    let first = bench.get(path);
    let cookie = first.header("set-cookie").and_then(|cookie| cookie.split(';').next()).unwrap();
    let anew: std::collections::BTreeSet<_> = (0..40).map(|_| bench.get(path).text()).collect();
    assert_eq!(anew.len(), 2, "without the cookie both serve");
    for _ in 0..20 {
        let answer = bench.request(path).header("cookie", cookie).send();
        assert_eq!((answer.status, answer.text()), (200, first.text()));
        assert!(answer.header("set-cookie").is_none());
    }
}

/// Deploys `bytes` on a running host, and asks until the live revision is `expected`.
fn taken_back(host: &Running, bytes: &[u8], weight: Option<u8>, expected: &str) -> usize {
    host.deploy_bytes("users", bytes, weight);
    let mut asked = 0;
    eventually("it is taken back", || {
        for _ in 0..20 {
            host.get("/users");
            asked += 1;
        }
        let standing = host.host().snapshot().services[&name("users")].standing.clone();
        standing.candidate.is_none() && standing.live.unwrap().number.to_string() == expected
    });
    asked
}

#[test]
fn a_revision_that_fails_is_taken_back_by_itself() {
    let guest = revisions();
    let host = folder(guest.revision(1)).start();
    (0..150).for_each(|_| assert_eq!(host.get("/users").status, 200));
    let asked = taken_back(&host, &guest.failing(2, 30), Some(50), "r1");
    assert!(asked >= 100, "over at least 100 requests, not {asked}");
    taken_back(&host, &guest.failing(3, 30), None, "r1");
    assert_eq!(host.metric("hostel_revisions_taken_back_total{service=\"users\"}"), Some(2.0));
    let history = host.host().deployer().store().journal.history(&name("users"), 10).unwrap();
    assert_eq!((history[0].change, history[0].by.as_str()), (Change::TakenBack, "watch"));
    assert!(history[0].why.contains("failed"), "{}", history[0].why);
}

#[test]
fn a_good_revision_stays() {
    let guest = revisions();
    let host = folder(guest.revision(1)).rollout(|rollout| rollout.watch = Duration::from_millis(500)).start();
    (0..150).for_each(|_| assert_eq!(host.get("/users").status, 200));
    host.deploy_bytes("users", &guest.revision(2), None);
    let until = std::time::Instant::now() + Duration::from_secs(1);
    while std::time::Instant::now() < until {
        assert_eq!(host.get("/users").header("x-revision"), Some("2"));
    }
}
