//! Folder and commands: who wins, what a restart makes of it, what a missing file does.

use hostel::live::FolderFile;

use super::*;

fn file(bench: &Bench) -> FolderFile {
    bench.live.load().services[&name("users")].folder_file()
}

#[test]
fn a_command_wins_until_the_file_changes() {
    let (mut bench, guest) = (Bench::new(), revisions());
    bench.deploy(&folder(guest.revision(1))).unwrap();
    assert_eq!(file(&bench), FolderFile::Same);
    bench.users(&guest.revision(2), None).unwrap();
    bench.follow(&folder(guest.revision(1)), false).unwrap();
    assert_eq!((bench.answers().as_deref(), file(&bench)), (Some("2"), FolderFile::Differs));
    bench.follow(&folder(guest.revision(3)), false).unwrap();
    assert_eq!((bench.answers().as_deref(), file(&bench)), (Some("3"), FolderFile::Same));
    // From here on the folder has its say again.
    bench.follow(&folder(guest.revision(1)), false).unwrap();
    assert_eq!(bench.answers().as_deref(), Some("1"));
}

#[test]
fn what_a_command_decided_survives_a_restart() {
    let (mut bench, guest) = (Bench::new(), revisions());
    bench.deploy(&folder(guest.revision(1))).unwrap();
    bench.follow(&folder(guest.revision(2)), false).unwrap();
    bench.roll_back().unwrap();
    bench.command_bytes("orders", &guest.revision(7), None).unwrap();
    let before = bench.revisions();
    bench.restart();
    bench.deploy(&folder(guest.revision(2))).unwrap();
    assert_eq!(bench.revisions(), before);
    assert_eq!(file(&bench), FolderFile::Differs);
    bench.restart();
    bench.deploy(&folder(guest.revision(3))).unwrap();
    assert_eq!(bench.revisions()["users"], "r3");
}

#[test]
fn a_file_that_is_gone_takes_a_dropped_service_away_and_no_other() {
    let (mut bench, guest) = (Bench::new(), revisions());
    bench.deploy(&folder(guest.revision(1))).unwrap();
    // A table still names it.
    bench.follow(&folder(guest.revision(1)).missing(), false).unwrap();
    assert_eq!((bench.answers().as_deref(), file(&bench)), (Some("1"), FolderFile::Missing));
    bench.restart();
    bench.deploy(&folder(guest.revision(1)).missing()).unwrap();
    assert_eq!(bench.revisions()["users"], "r1");
    // Nothing names it.
    let done = bench.follow(&Harness::new(), false).unwrap();
    assert_eq!(the_change(&done), (Change::Removed, "r1".to_owned()));
    let refused = bench.deploy(&Harness::new().service_of("new", guest.revision(1)).missing()).unwrap_err();
    assert!(matches!(refused, DeployError::Rejected(_)), "{refused}");
}

#[test]
fn one_bad_file_of_a_folder_leaves_the_others_their_change() {
    let (mut bench, guest) = (Bench::new(), revisions());
    let both = |users: Vec<u8>, orders: Vec<u8>| folder(users).service_of("orders", orders).route("/orders/*");
    bench.deploy(&both(guest.revision(1), guest.revision(1))).unwrap();
    let done = bench.follow(&both(b"cut off".to_vec(), guest.revision(2)), false).unwrap();
    assert_eq!(done.rejected.len(), 1);
    assert_eq!(bench.answers().as_deref(), Some("1"));
    assert_eq!(bench.get("/orders").header("x-revision"), Some("2"));
    // The same bad file is not tried, or told of, again.
    let done = bench.follow(&both(b"cut off".to_vec(), guest.revision(3)), false).unwrap();
    assert!(done.rejected.is_empty());
    assert_eq!(bench.get("/orders").header("x-revision"), Some("3"));
    bench.follow(&both(guest.revision(4), guest.revision(3)), false).unwrap();
    assert_eq!(bench.answers().as_deref(), Some("4"));
}
