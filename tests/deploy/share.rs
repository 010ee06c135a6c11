//! A share of the requests, what comes of it, and waiting for that.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Ground, failing, hostel, named, said, short};
use crate::harness::Process;

/// Which revisions answer a hundred requests.
fn answering(ground: &Ground) -> std::collections::BTreeSet<String> {
    (0..100).map(|_| ground.serving("users")).collect()
}

#[test]
fn a_share_is_given_and_taken_and_promoted() {
    let ground = Ground::new();
    let give =
        |revision: u32| said(&["deploy", "users", &ground.component(revision), "--weight", "50", "-C", ground.at()]);
    let expected = format!("users: {} gets 50 % of the requests, {} the rest\n", named(2, 2), named(1, 1));
    assert_eq!(give(2), expected);
    assert_eq!(answering(&ground), ["r1".to_owned(), "r2".to_owned()].into());
    let shown = ground.shown("users");
    assert_eq!((&shown["revision"], &shown["candidate"]["revision"]), (&"r1".into(), &"r2".into()));
    let output = said(&["rollback", "users", "-C", ground.at()]);
    assert_eq!(output, format!("users: {} is live, {} is given up\n", named(1, 1), named(2, 2)));
    assert_eq!(answering(&ground), ["r1".to_owned()].into());
    give(3);
    let output = said(&["promote", "users", "-C", ground.at()]);
    assert_eq!(output, format!("users: {} is live, alone, instead of {}\n", named(3, 3), named(1, 1)));
    assert_eq!(answering(&ground), ["r3".to_owned()].into());
}

const WATCHED: &str =
    "[service.users]\ncomponent = \"users.wasm\"\nroutes = [\"/users\"]\nrollout = { watch = \"4s\" }\n";

/// Asks for `/users` until told to stop.
fn load(ground: &Ground, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        ground.process.get("/users");
    }
}

/// What `arguments` say while requests come in.
fn said_under_load(ground: &Ground, arguments: &[&str]) -> super::Said {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| load(ground, &stop));
        let mut process = Process::run(arguments);
        let code = process.wait().code();
        stop.store(true, Ordering::Relaxed);
        super::Said { code, stdout: process.stdout.text(), stderr: process.stderr.text() }
    })
}

#[test]
fn whoever_waits_is_told_that_a_revision_was_taken_back() {
    let ground = Ground::with(WATCHED);
    let file = ground.file("bad.wasm", failing(2, 60));
    let said = said_under_load(&ground, &["deploy", "users", &file, "--weight", "50", "--wait", "-C", ground.at()]);
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    let revision = format!("r2 ({})", short(&failing(2, 60)));
    let words = format!("users: {revision} is in force no more: the host took it back: ");
    assert!(said.stderr.starts_with(&words), "{}", said.stderr);
    assert_eq!(answering(&ground), ["r1".to_owned()].into());
    let history = hostel(&["history", "users", "-n", "1", "-C", ground.at()]).stdout;
    assert!(history.contains("taken-back") && history.contains("watch"), "{history}");
}

#[test]
fn whoever_waits_is_told_that_a_revision_has_held() {
    let ground = Ground::with(WATCHED);
    let component = ground.component(2);
    let said = said_under_load(&ground, &["deploy", "users", &component, "--wait", "-C", ground.at()]);
    assert_eq!((said.code, said.stderr), (Some(0), format!("users: {} has held\n", named(2, 2))));
    assert!(ground.shown("users").get("watch").is_none());
    assert_eq!(ground.serving("users"), "r2");
}
