//! What is kept of old revisions, and what becomes of the rest.

use std::num::NonZeroU32;

use super::*;

#[test]
fn so_many_revisions_are_kept_and_the_rest_is_collected() {
    let (mut bench, guest) = (Bench::new(), revisions());
    let keeping = |revision| {
        folder(guest.revision(revision)).rollout(|rollout| rollout.keep.revisions = NonZeroU32::new(3).unwrap())
    };
    for revision in 1..=6 {
        bench.follow(&keeping(revision), false).unwrap();
    }
    let kept = bench.store.journal.revisions(&name("users")).unwrap();
    let numbers: Vec<String> = kept.iter().map(|kept| kept.revision.number.to_string()).collect();
    assert_eq!(numbers, ["r4", "r5", "r6"]);
    let refused = bench.ask(What::Rollback { service: name("users"), to: Some("r2".parse().unwrap()) }).unwrap_err();
    assert!(matches!(refused, DeployError::NoRevision { .. }), "{refused}");
    bench.ask(What::Rollback { service: name("users"), to: Some("r4".parse().unwrap()) }).unwrap();
    assert_eq!(bench.answers().as_deref(), Some("4"));
}

#[test]
fn exactly_one_revision_of_a_service_is_left() {
    let (mut bench, guest) = (Bench::new(), revisions());
    for revision in 1..=30 {
        bench.follow(&folder(guest.revision(revision % 5)), false).unwrap();
        bench.get("/users");
    }
    crate::harness::eventually("one is left", || bench.live.revisions_alive() == 1);
}
