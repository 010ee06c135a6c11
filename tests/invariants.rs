//! The invariants of deployment in ARCHITECTURE.md, each a test with its name.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hostel::deploy::DeployError;
use hostel_model::digest::Digest;
use hostel_model::name::ServiceName;
use hostel_storage::Change;

use crate::harness::{Bench, Harness, eventually, guest};

fn name(text: &str) -> ServiceName {
    ServiceName::parse(text).unwrap()
}

fn hello() -> Harness {
    Harness::new().serves("hello", guest::HELLO_P2)
}

/// Scenarios that cannot be deployed, each with a good service beside what is wrong.
fn bad_scenarios() -> Vec<(&'static str, Harness)> {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    // The magic number with the version of a module, and with that of a component, empty both.
    let module = file("module.wasm", b"\0asm\x01\0\0\0");
    let empty = file("empty.wasm", b"\0asm\x0d\0\x01\0");
    let good = || Harness::new().serves("hello", guest::HELLO_P3);
    vec![
        ("a core module", good().serves("bad", &module)),
        ("another world", good().serves("bad", &empty)),
        ("not wasm", good().serves("bad", &file("text.wasm", b"hello"))),
        ("the same route twice", good().service("bad", guest::ECHO_P2).route("/hello/*")),
    ]
}

#[test]
fn a_failed_deploy_changes_nothing() {
    let mut bench = Bench::new();
    bench.deploy(&hello()).unwrap();
    let (live, disk) = (bench.live.load(), bench.on_disk());
    for (what, scenario) in bad_scenarios() {
        let refused = bench.deploy(&scenario).err();
        assert!(
            matches!(refused, Some(DeployError::Rejected(_) | DeployError::RouteConflict { .. })),
            "{what}: {refused:?}"
        );
        assert!(Arc::ptr_eq(&live, &bench.live.load()), "{what}");
        assert_eq!(disk, bench.on_disk(), "{what}");
        let answer = bench.get("/hello");
        assert_eq!((answer.status, answer.text().as_str()), (200, "Hello, World!\n"), "{what}");
        assert_eq!(bench.get("/bad").status, 404, "{what}");
    }
    let text = bench.deploy(&bad_scenarios().remove(0).1).err().unwrap().to_string();
    assert!(text.contains("`bad`") && !text.contains("`hello`"), "{text}");
}

#[test]
fn persisted_before_published() {
    let mut bench = Bench::new();
    bench.deploy(&hello()).unwrap();
    let (journal, live, done) = (Arc::clone(&bench.store), Arc::clone(&bench.live), Arc::new(AtomicBool::new(false)));
    let stop = Arc::clone(&done);
    let watcher = std::thread::spawn(move || {
        let mut seen = 0;
        while !stop.load(Ordering::Relaxed) {
            let snapshot = live.load();
            let revision = snapshot.services[&name("hello")].standing.live.unwrap();
            // Whatever is live by now is in the journal by now.
            let latest = journal.journal.latest(&name("hello")).unwrap().unwrap();
            assert!(latest.revision >= revision.number, "{revision} is live before it is recorded");
            assert!(journal.artifacts.get(&revision.digest).is_ok(), "{revision} is live before it is kept");
            seen += 1;
        }
        seen
    });
    for path in [guest::ECHO_P2, guest::HELLO_P3, guest::ECHO_P3, guest::SLEEPS_P2] {
        bench.deploy(&Harness::new().serves("hello", path)).unwrap();
    }
    done.store(true, Ordering::Relaxed);
    assert!(watcher.join().unwrap() > 4);
    assert_eq!(bench.revisions()["hello"], "r5");
}

#[test]
fn what_cannot_be_persisted_is_not_published() {
    let mut bench = Bench::new();
    bench.deploy(&hello()).unwrap();
    let live = bench.live.load();
    // A file where the folder of components was: nothing can be kept any more.
    let artifacts = bench.folder.artifacts();
    fs::rename(&artifacts, artifacts.with_extension("away")).unwrap();
    fs::write(&artifacts, "").unwrap();
    let refused = bench.deploy(&Harness::new().serves("hello", guest::HELLO_P3)).err();
    assert!(matches!(refused, Some(DeployError::Storage(_))), "{refused:?}");
    assert!(Arc::ptr_eq(&live, &bench.live.load()));
    assert_eq!(bench.get("/hello").status, 200);
    assert_eq!(bench.store.journal.entries().unwrap().len(), 1);
    // Once it can be kept again it is the revision it would have been.
    fs::remove_file(&artifacts).unwrap();
    fs::rename(artifacts.with_extension("away"), &artifacts).unwrap();
    bench.deploy(&Harness::new().serves("hello", guest::HELLO_P3)).unwrap();
    assert_eq!(bench.revisions()["hello"], "r2");
}

#[test]
fn no_request_sees_two_revisions() {
    for caller in [guest::CALLER_P2, guest::CALLER_P3] {
        let mut bench = Bench::new();
        let scenario = |callee: &str| Harness::new().serves("a", caller).calls(&["b"]).service("b", callee);
        bench.deploy(&scenario(guest::SLEEPS_P2)).unwrap();
        // Two calls one after the other; a new revision comes between them.
        let path = "/a?scheme=http&authority=b.internal&path=/%3Fms=1500&times=2";
        let mut request = bench.request(path).begin();
        eventually("the first call runs", || bench.sandbox.pool_use().component_instances == 2);
        bench.deploy(&scenario(guest::HELLO_P3)).unwrap();
        assert_eq!(bench.get(path).text(), "Hello, World!\n", "a request that begins now sees the new one");
        let answer = request.read_answer("GET");
        assert_eq!((answer.text().as_str(), answer.header("x-calls-ok")), ("slept", Some("2")), "{caller}");
        let line = |line: &serde_json::Value| line["id"] == answer.id() && line["service"] == "b";
        eventually("both calls are logged", || bench.log.json_lines().iter().filter(|one| line(one)).count() == 2);
        let lines = bench.log.json_lines();
        assert!(lines.iter().filter(|one| line(one)).all(|line| line["revision"] == "r1"), "{lines:?}");
    }
}

#[test]
fn an_old_revision_lives_as_long_as_its_last_request() {
    let mut bench = Bench::new();
    bench.deploy(&Harness::new().serves("slow", guest::SLEEPS_P2)).unwrap();
    let old = Arc::downgrade(bench.live.load().services[&name("slow")].live.as_ref().unwrap());
    let mut request = bench.request("/slow?ms=1500").begin();
    eventually("it works", || bench.sandbox.pool_use().component_instances == 1);
    bench.deploy(&hello()).unwrap();
    assert!(old.upgrade().is_some());
    assert_eq!(bench.get("/slow").status, 404);
    let answer = request.read_answer("GET");
    assert_eq!((answer.status, answer.text().as_str()), (200, "slept"));
    drop(request);
    eventually("its code is gone", || old.upgrade().is_none());
}

#[test]
fn the_same_bytes_are_the_same_revision() {
    let mut bench = Bench::new();
    for (path, revision) in [
        (guest::HELLO_P2, "r1"),
        (guest::HELLO_P2, "r1"),
        (guest::HELLO_P3, "r2"),
        (guest::HELLO_P3, "r2"),
        (guest::HELLO_P2, "r1"),
    ] {
        bench.deploy(&Harness::new().serves("hello", path)).unwrap();
        assert_eq!(bench.revisions()["hello"], revision, "{path}");
        let live = bench.live.load();
        let expected = Digest::of(&fs::read(path).unwrap());
        assert_eq!(live.services[&name("hello")].standing.live.unwrap().digest, expected, "{path}");
    }
    assert_eq!(bench.store.journal.entries().unwrap().len(), 3);
}

#[test]
fn undeploy_is_the_same_path_with_an_empty_plan() {
    let mut bench = Bench::new();
    bench.deploy(&hello()).unwrap();
    bench.deploy(&Harness::new()).unwrap();
    assert_eq!(bench.get("/hello").status, 404);
    let latest = bench.store.journal.latest(&name("hello")).unwrap().unwrap();
    assert_eq!(latest.change, Change::Removed);
    // The same code is the same revision, and its number is not given to anything else.
    bench.deploy(&Harness::new().serves("hello", guest::HELLO_P3)).unwrap();
    assert_eq!(bench.revisions()["hello"], "r2");
    bench.deploy(&hello()).unwrap();
    assert_eq!(bench.revisions()["hello"], "r1");
    assert_eq!(bench.get("/hello").status, 200);
}

#[test]
fn after_a_restart_the_same_is_live() {
    let state = tempfile::tempdir().unwrap();
    let scenario = || {
        let harness = Harness::new().state(state.path());
        harness.serves("hello", guest::HELLO_P2).serves("store", guest::KEYVALUE_P2).keyvalue("")
    };
    let revisions = |host: &crate::harness::Running| {
        let snapshot = host.host().snapshot();
        let services = snapshot.services.values();
        services.map(|service| format!("{} {}", service.name, service.standing.live.unwrap())).collect::<Vec<_>>()
    };
    let first = scenario().start();
    let before = revisions(&first);
    first.get("/store?op=set&key=a&value=kept");
    first.stop();
    let second = scenario().start();
    assert_eq!(revisions(&second), before);
    assert_eq!(second.get("/store?op=get&key=a").json()["result"], "kept");
    assert_eq!(second.get("/hello").text(), "Hello, World!\n");
}
