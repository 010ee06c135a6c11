//! What a component that could not be compiled for a reason of the moment does to others, and to itself later: nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hostel_sandbox::CompileWith;
use tempfile::TempDir;

use super::*;
use crate::harness::compile_with;

/// Kills compilers while a file is there, as a system does that has no memory left.
struct Killer {
    folder: TempDir,
}

impl Killer {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn flag(&self) -> PathBuf {
        self.folder.path().join("flag")
    }

    fn kills(&self, whether: bool) {
        if whether { fs::write(self.flag(), "") } else { fs::remove_file(self.flag()) }.unwrap();
    }

    fn compile_with(&self) -> CompileWith {
        let CompileWith { program, arguments, .. } = compile_with();
        let arguments: Vec<&str> = arguments.iter().map(|argument| argument.to_str().unwrap()).collect();
        let script = format!(
            "test -e {} && kill -KILL $$; exec {} {}",
            self.flag().display(),
            program.display(),
            arguments.join(" ")
        );
        CompileWith::program("/bin/sh", &["-c", &script])
    }
}

fn hello() -> Vec<u8> {
    fs::read(Path::new(guest::HELLO_P2)).unwrap()
}

fn both(guest: &Guest) -> Harness {
    folder(guest.revision(1)).service_of("hello", hello()).route("/hello")
}

fn runs(bench: &Bench, service: &str) -> bool {
    bench.live.load().services.get(&name(service)).is_some_and(|service| service.live.is_some())
}

/// The services that stay as they are for a reason of the moment.
fn of_the_moment(done: &Done) -> Vec<String> {
    let all = done.rejected.iter().filter(|(_, reason)| reason.is_of_the_moment());
    all.map(|(service, _)| service.to_string()).collect()
}

#[test]
fn a_service_that_cannot_be_compiled_just_now_keeps_no_other_down_and_comes_back() {
    let (killer, guest) = (Killer::new(), revisions());
    let mut bench = Bench::compiling(killer.compile_with());
    bench.deploy(&both(&guest)).unwrap();
    bench.restart_without_code(killer.compile_with());
    // Of the two only one is compiled when it begins to fail.
    bench.sandbox.code(&hello(), hostel_model::digest::Digest::of(&hello())).unwrap();
    killer.kills(true);
    let done = bench.deploy(&both(&guest)).expect("a start must not fail for a reason of the moment");
    assert_eq!(of_the_moment(&done), ["users"]);
    assert!(runs(&bench, "hello") && !runs(&bench, "users"));
    let standing = bench.live.load().services[&name("users")].standing.clone();
    assert!(standing.live.is_some(), "it is there, and known to be not ready");
    // Nobody else's change fails for it, and each round of the folder tries it.
    bench.ask(What::Disable(name("hello"))).unwrap();
    bench.ask(What::Enable(name("hello"))).unwrap();
    assert_eq!(of_the_moment(&bench.follow(&both(&guest), false).unwrap()), ["users"]);
    assert!(runs(&bench, "hello") && !runs(&bench, "users"));
    killer.kills(false);
    assert!(bench.follow(&both(&guest), false).unwrap().rejected.is_empty());
    assert!(runs(&bench, "users"));
    assert_eq!(bench.live.load().services[&name("users")].standing, standing);
}

#[test]
fn a_new_file_that_cannot_be_compiled_just_now_is_not_remembered_as_a_bad_one() {
    let (killer, guest) = (Killer::new(), revisions());
    let mut bench = Bench::compiling(killer.compile_with());
    killer.kills(true);
    let done = bench.deploy(&folder(guest.revision(1))).expect("a start must not fail for a reason of the moment");
    assert_eq!(of_the_moment(&done), ["users"]);
    for _ in 0..2 {
        let done = bench.follow(&folder(guest.revision(1)), false).unwrap();
        assert_eq!(of_the_moment(&done), ["users"], "it is tried each time");
    }
    let asked = bench.users(&guest.revision(1), None).unwrap_err();
    assert!(matches!(&asked, DeployError::Rejected(all) if all[0].1.is_of_the_moment()), "{asked}");
    killer.kills(false);
    assert!(bench.follow(&folder(guest.revision(1)), false).unwrap().rejected.is_empty());
    assert!(runs(&bench, "users"));
    // The next revision, while the first serves.
    killer.kills(true);
    let done = bench.follow(&folder(guest.revision(2)), false).unwrap();
    assert_eq!((of_the_moment(&done), bench.answers().as_deref()), (vec!["users".to_owned()], Some("1")));
    killer.kills(false);
    assert!(bench.follow(&folder(guest.revision(2)), false).unwrap().rejected.is_empty());
    assert_eq!(bench.answers().as_deref(), Some("2"));
}

/// A component that waits for a minute before it is ready, and says that it answers requests.
fn slow() -> Vec<u8> {
    wat::parse_str(
        r#"(component
            (import "wasi:io/poll@0.2.0" (instance $poll
                (export "pollable" (type $pollable (sub resource)))
                (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
            (alias export $poll "pollable" (type $pollable))
            (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
                (alias outer 1 $pollable (type $theirs))
                (export "pollable" (type $pollable (eq $theirs)))
                (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))
            (import "wasi:http/types@0.2.0" (instance $types
                (export "incoming-request" (type (sub resource)))
                (export "response-outparam" (type (sub resource)))))
            (alias export $types "incoming-request" (type $request))
            (alias export $types "response-outparam" (type $response))
            (core func $later (canon lower (func $clock "subscribe-duration")))
            (core func $wait (canon lower (func $poll "[method]pollable.block")))
            (core module $core
                (import "host" "later" (func $later (param i64) (result i32)))
                (import "host" "wait" (func $wait (param i32)))
                (func (export "handle") (param i32 i32))
                (func $start (call $wait (call $later (i64.const 60000000000))))
                (start $start))
            (core instance $started (instantiate $core (with "host" (instance
                (export "later" (func $later)) (export "wait" (func $wait))))))
            (func $handle (param "request" (own $request)) (param "response-out" (own $response))
                (canon lift (core func $started "handle")))
            (instance $handler (export "handle" (func $handle)))
            (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#,
    )
    .unwrap()
}

#[test]
fn a_revision_that_is_slow_to_start_holds_up_the_next_change_for_seconds_at_most() {
    let (mut bench, guest) = (Bench::new(), revisions());
    let patient = |bytes: Vec<u8>| folder(bytes).limits(|limits| limits.deadline = Duration::from_secs(120));
    bench.deploy(&patient(guest.revision(1))).unwrap();
    let began = Instant::now();
    let done = bench.follow(&patient(slow()), false).unwrap();
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert_eq!((of_the_moment(&done), bench.answers().as_deref()), (vec!["users".to_owned()], Some("1")));
}
