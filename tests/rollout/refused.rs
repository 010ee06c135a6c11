//! What a bad file, a missing artifact or a host without room does not do to what serves.

use std::sync::Arc;

use hostel::deploy::RejectReason;
use hostel::live::FolderFile;
use hostel_model::units::ByteSize;

use super::*;

const BAD: &[u8] = b"no component";

fn users(bench: &Bench) -> (String, FolderFile) {
    let folder = bench.live.load().services[&name("users")].folder_file();
    (bench.answers().unwrap_or_default(), folder)
}

fn artifact(bench: &Bench, bytes: &[u8]) -> std::path::PathBuf {
    let digest = hostel_model::digest::Digest::of(bytes).to_string();
    let mut files = bench.on_disk().1.into_iter();
    files.find(|file| file.file_name().unwrap().to_str().unwrap().starts_with(&digest)).unwrap()
}

#[test]
fn a_bad_file_keeps_no_host_from_starting_that_served_before() {
    let (mut bench, guest) = (Bench::new(), revisions());
    bench.deploy(&folder(guest.revision(1))).unwrap();
    let done = bench.follow(&folder(BAD.to_vec()), false).unwrap();
    assert_eq!(done.rejected.len(), 1);
    assert_eq!(users(&bench), ("1".to_owned(), FolderFile::Differs), "the drift is told");
    bench.restart();
    let done = bench.deploy(&folder(BAD.to_vec()).variable("key", "value")).unwrap();
    let settings = Arc::clone(&bench.live.load().services[&name("users")].settings);
    assert_eq!(settings.grants.variables["key"], "value", "what the configuration says holds");
    assert_eq!((done.rejected.len(), users(&bench)), (1, ("1".to_owned(), FolderFile::Differs)));
    // Of a service that never served nothing is left to start with.
    let mut new = Bench::new();
    assert!(matches!(new.deploy(&folder(BAD.to_vec())).unwrap_err(), DeployError::Rejected(_)));
}

#[test]
fn a_bad_file_does_not_undo_the_command_that_mended_it() {
    let (mut bench, guest) = (Bench::new(), revisions());
    bench.deploy(&folder(guest.revision(1))).unwrap();
    bench.follow(&folder(BAD.to_vec()), false).unwrap();
    bench.users(&guest.revision(2), None).unwrap();
    bench.restart();
    assert_eq!(bench.deploy(&folder(BAD.to_vec())).unwrap().rejected.len(), 0, "a command has decided");
    assert_eq!(users(&bench), ("2".to_owned(), FolderFile::Differs));
}

#[test]
fn a_file_that_was_refused_is_tried_again_with_other_settings() {
    let (mut bench, guest) = (Bench::new(), revisions());
    let with = |bytes: Vec<u8>, memory| folder(bytes).limits(|limits| limits.memory = memory);
    bench.deploy(&folder(guest.revision(1))).unwrap();
    let little = with(guest.revision(2), ByteSize::kib(64));
    assert_eq!(bench.follow(&little, false).unwrap().rejected.len(), 1);
    assert_eq!(bench.follow(&little, false).unwrap().rejected.len(), 0, "said once");
    assert_eq!(bench.follow(&with(guest.revision(2), ByteSize::mib(64)), false).unwrap().rejected.len(), 0);
    assert_eq!(users(&bench), ("2".to_owned(), FolderFile::Same));
    // After a good one in between it is told again.
    assert_eq!(bench.follow(&folder(BAD.to_vec()), false).unwrap().rejected.len(), 1);
    bench.follow(&folder(guest.revision(2)), false).unwrap();
    assert_eq!(bench.follow(&folder(BAD.to_vec()), false).unwrap().rejected.len(), 1);
}

#[test]
fn nothing_becomes_live_that_would_be_gone_at_the_next_start() {
    let (mut bench, guest) = (Bench::new(), revisions());
    bench.deploy(&folder(guest.revision(1))).unwrap();
    let bytes = guest.revision(2);
    let digest = bench.store.artifacts.put(&bytes).unwrap();
    let services = BTreeMap::from([(name("users"), digest)]);
    let order = |services: &BTreeMap<_, _>| What::Deploy { services: services.clone(), weight: None };
    // Its code is in memory from here on.
    bench.order(order(&services), true, None).unwrap();
    std::fs::remove_file(artifact(&bench, &bytes)).unwrap();
    let refused = bench.ask(order(&services)).unwrap_err();
    let DeployError::Rejected(reasons) = &refused else { panic!("{refused}") };
    assert!(matches!(reasons[..], [(_, RejectReason::NoArtifact(_))]), "{refused}");
    assert_eq!(bench.answers().as_deref(), Some("1"));
    // The folder brings it along.
    bench.follow(&folder(bytes.clone()), false).unwrap();
    assert_eq!(bench.answers().as_deref(), Some("2"));
    // What is lost of a revision that is known comes back the same way.
    bench.follow(&folder(guest.revision(3)), false).unwrap();
    std::fs::remove_file(artifact(&bench, &bytes)).unwrap();
    bench.follow(&folder(bytes.clone()), false).unwrap();
    assert!(artifact(&bench, &bytes).exists());
    std::fs::remove_file(artifact(&bench, &bytes)).unwrap();
    bench.restart();
    bench.deploy(&folder(bytes.clone())).unwrap();
    assert!(artifact(&bench, &bytes).exists(), "what serves is kept again");
}

#[test]
fn what_was_taken_back_is_not_where_a_rollback_leads() {
    let (mut bench, guest) = (Bench::new(), revisions());
    bench.deploy(&Harness::new()).unwrap();
    bench.users(&guest.revision(1), None).unwrap();
    bench.users(&guest.revision(2), None).unwrap();
    let revision = bench.live.load().services[&name("users")].standing.live.unwrap();
    bench.ask(What::TakeBack { service: name("users"), revision, why: "it fails".to_owned() }).unwrap();
    assert_eq!(bench.answers().as_deref(), Some("1"));
    let refused = bench.roll_back().unwrap_err();
    assert!(matches!(refused, DeployError::Unchangeable { reason: Unchangeable::NoPrevious, .. }), "{refused}");
}

#[test]
fn a_revision_is_not_to_blame_for_a_host_without_room() {
    // Room for two instances, each of 128 KiB, and not for a third.
    let (mut bench, guest) = (Bench::with_memory(ByteSize::kib(350)), revisions());
    let sleeps = std::fs::read(guest::SLEEPS_P2).unwrap();
    bench.deploy(&Harness::new().service_of("sleeps", sleeps).route("/sleeps/*")).unwrap();
    bench.users(&guest.revision(1), None).unwrap();
    bench.users(&guest.revision(2), None).unwrap();
    let sleeping: Vec<_> = (0..2).map(|_| bench.request("/sleeps?ms=3000").begin()).collect();
    crate::harness::eventually("both sleep", || bench.sandbox.pool_use().component_instances >= 2);
    assert_eq!(bench.get("/users").status, 503);
    bench.roll_back().unwrap();
    assert_eq!(bench.revisions()["users"], "r1");
    assert_eq!(bench.get("/users").problem().as_deref(), Some("overloaded"), "there was no room to try it");
    sleeping.into_iter().for_each(|mut one| assert_eq!(one.read_answer("GET").status, 200));
    assert_eq!(bench.answers().as_deref(), Some("1"));
}
