//! How services go from one revision to the next: commands and folder, shares, the way back, breaker, approval.

use std::collections::BTreeMap;
use std::path::Path;

use hostel::deploy::{DeployError, Done, What};
use hostel_model::name::ServiceName;
use hostel_model::standing::Unchangeable;
use hostel_storage::Change;

use crate::harness::{Bench, Harness, guest};
use crate::reload::revision::Guest;

mod approval;
mod breaker;
mod drift;
mod kept;
mod moment;
mod refused;
mod share;

fn name(text: &str) -> ServiceName {
    ServiceName::parse(text).unwrap()
}

fn revisions() -> Guest {
    Guest::read(Path::new(guest::REVISION_P2))
}

/// The folder with the service `users` made of `bytes`.
fn folder(bytes: Vec<u8>) -> Harness {
    Harness::new().service_of("users", bytes).route("/users/*")
}

impl Bench {
    /// Deploys `bytes` as `users` by command.
    fn users(&mut self, bytes: &[u8], weight: Option<u8>) -> Result<Done, DeployError> {
        self.command_bytes("users", bytes, weight)
    }

    /// Which revision answers.
    fn answers(&self) -> Option<String> {
        self.get("/users").header("x-revision").map(str::to_owned)
    }

    fn roll_back(&mut self) -> Result<Done, DeployError> {
        self.ask(What::Rollback { service: name("users"), to: None })
    }
}

fn the_change(done: &Done) -> (Change, String) {
    let [change] = done.changes.as_slice() else { panic!("{:?}", done.changes) };
    (change.change, change.revision.number.to_string())
}

#[test]
fn a_service_is_deployed_by_command_and_goes_back_and_forth() {
    let (mut bench, guest) = (Bench::new(), revisions());
    bench.deploy(&Harness::new()).unwrap();
    assert_eq!(the_change(&bench.users(&guest.revision(1), None).unwrap()), (Change::Deployed, "r1".to_owned()));
    assert_eq!(bench.answers().as_deref(), Some("1"));
    bench.users(&guest.revision(2), None).unwrap();
    assert_eq!(bench.answers().as_deref(), Some("2"));
    assert_eq!(the_change(&bench.roll_back().unwrap()), (Change::RolledBack, "r2".to_owned()));
    assert_eq!(bench.answers().as_deref(), Some("1"));
    bench.users(&guest.revision(3), None).unwrap();
    let to = Some(bench.store.journal.revisions(&name("users")).unwrap()[1].revision.number);
    bench.ask(What::Rollback { service: name("users"), to }).unwrap();
    assert_eq!(bench.answers().as_deref(), Some("2"));
    bench.ask(What::Undeploy(name("users"))).unwrap();
    assert_eq!(bench.get("/users").status, 404);
    let refused = bench.ask(What::Undeploy(name("users"))).unwrap_err();
    assert!(matches!(refused, DeployError::Unchangeable { reason: Unchangeable::Absent, .. }), "{refused}");
    assert!(matches!(bench.ask(What::Promote(name("nobody"))).unwrap_err(), DeployError::NoService(_)));
    let to = Some("r9".parse().unwrap());
    let refused = bench.ask(What::Rollback { service: name("users"), to }).unwrap_err();
    assert!(matches!(refused, DeployError::NoRevision { .. }), "{refused}");
}

#[test]
fn a_disabled_service_is_there_and_not_ready() {
    let (mut bench, guest) = (Bench::new(), revisions());
    bench.deploy(&folder(guest.revision(1))).unwrap();
    bench.ask(What::Disable(name("users"))).unwrap();
    let answer = bench.get("/users");
    assert_eq!((answer.status, answer.problem().as_deref()), (503, Some("not-ready")));
    // It survives a restart, and new code does not switch it on.
    bench.restart();
    bench.deploy(&folder(guest.revision(2))).unwrap();
    assert!(bench.live.load().services[&name("users")].disabled());
    bench.ask(What::Enable(name("users"))).unwrap();
    assert!(!bench.live.load().services[&name("users")].disabled());
}

#[test]
fn several_services_change_in_one_swap_or_none_does() {
    let (mut bench, guest) = (Bench::new(), revisions());
    bench.deploy(&folder(guest.revision(1))).unwrap();
    let put = |bench: &Bench, bytes: &[u8]| bench.store.artifacts.put(bytes).unwrap();
    let good = put(&bench, &guest.revision(2));
    let bad = put(&bench, b"no component");
    let services = BTreeMap::from([(name("users"), good), (name("orders"), bad)]);
    let refused = bench.ask(What::Deploy { services, weight: None }).unwrap_err();
    assert!(matches!(refused, DeployError::Rejected(_)) && refused.to_string().contains("`orders`"), "{refused}");
    assert_eq!(bench.answers().as_deref(), Some("1"));
    let services = BTreeMap::from([(name("users"), good), (name("orders"), put(&bench, &guest.revision(3)))]);
    let done = bench.ask(What::Deploy { services, weight: None }).unwrap();
    assert_eq!(done.changes.len(), 2);
    assert_eq!(bench.answers().as_deref(), Some("2"));
    assert_eq!(bench.get("/orders").header("x-revision"), Some("3"));
}

#[test]
fn a_dry_run_and_an_outdated_order_change_nothing() {
    let (mut bench, guest) = (Bench::new(), revisions());
    bench.deploy(&folder(guest.revision(1))).unwrap();
    let (live, disk) = (bench.live.load(), bench.on_disk().0);
    let digest = bench.store.artifacts.put(&guest.revision(2)).unwrap();
    let what = || What::Deploy { services: BTreeMap::from([(name("users"), digest)]), weight: None };
    let done = bench.order(what(), true, None).unwrap();
    assert_eq!(the_change(&done), (Change::Deployed, "r2".to_owned()));
    let refused = bench.order(what(), false, Some(7)).unwrap_err();
    assert!(matches!(refused, DeployError::Outdated { expected: 7, actual: 1 }), "{refused}");
    assert!(std::sync::Arc::ptr_eq(&live, &bench.live.load()));
    assert_eq!(disk, bench.on_disk().0);
    bench.order(what(), false, Some(1)).unwrap();
    assert_eq!(bench.answers().as_deref(), Some("2"));
}

#[test]
fn a_component_that_fails_before_its_first_request_is_refused() {
    use crate::reload::revision::Start;
    let (mut bench, guest) = (Bench::new(), revisions());
    bench.deploy(&folder(guest.revision(1))).unwrap();
    for (start, why) in [(Start::Traps, "unreachable"), (Start::Loops, "cpu-limit")] {
        let refused = bench.users(&guest.unstartable(2, start), None).unwrap_err();
        let DeployError::Rejected(reasons) = &refused else { panic!("{refused}") };
        let text = reasons[0].1.to_string();
        assert!(text.contains("before its first request") && text.contains(why), "{text}");
        assert_eq!(bench.answers().as_deref(), Some("1"), "{text}");
    }
    assert_eq!(bench.sandbox.pool_use().component_instances, 0);
}
