//! How services stand and what happened to them, by a journal that was written by hand.

use hostel_model::rollout::Weight;
use hostel_model::standing::Standing;
use hostel_storage::{Batch, Change, NewEntry};
use serde_json::json;

use super::scene::{Scene, name, record, revision};

#[test]
fn a_service_is_shown_as_its_newest_entry_says() {
    let scene = Scene::after(|store| {
        let (first, second) = (revision(1, b"one"), revision(2, b"two"));
        let live = Standing::default().deployed(first, None).unwrap();
        let shared = live.deployed(second, Weight::of(10)).unwrap().pinned(None);
        record(store, "users", &[(Change::Deployed, first, live.clone()), (Change::Candidate, second, shared)]);
        let (gone, _) = live.removed().unwrap();
        record(store, "gone", &[(Change::Deployed, first, live), (Change::Removed, first, gone)]);
        record(store, "waits", &[(Change::Waiting, first, Standing::default().waiting(first, Weight::of(5)))]);
    });
    let reply = scene.send("GET /v1/services/users", &[], b"");
    assert_eq!(reply.etag(), Some("\"2\""));
    let digest = |bytes: &[u8]| hostel_model::digest::Digest::of(bytes).to_string();
    let expected = json!({
        "name": "users", "version": 2, "revision": "r1", "digest": digest(b"one"),
        "candidate": { "revision": "r2", "digest": digest(b"two"), "weight": 10, "breaker": "closed" },
        "disabled": false, "pinned": true, "folder": "none", "breaker": "closed",
        "routes": [], "limits": [], "requests": 0, "calls": 0, "failures": 0,
    });
    assert_eq!(reply.json(), expected);
    let gone = scene.send("GET /v1/services/gone", &[], b"");
    assert_eq!((gone.etag(), &gone.json()["previous"]["revision"]), (Some("\"4\""), &json!("r1")));
    assert!(gone.json().get("revision").is_none());
    let all = scene.send("GET /v1/services", &[], b"");
    assert_eq!(all.etag(), Some("\"5\""));
    let names: Vec<_> = all.json()["services"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["users", "waits"], "what is gone is no service");
    assert_eq!(
        all.json()["services"][1]["pending"],
        json!({ "revision": "r1", "digest": digest(b"one"), "weight": 5 })
    );
    let status = scene.send("GET /v1/status", &[], b"");
    assert_eq!(status.etag(), Some("\"5\""));
    assert_eq!(status.json()["services"], all.json()["services"]);
    for path in ["nobody", "No", "%FF", "a%2Fb"] {
        let (status, kind, _) = scene.send(&format!("GET /v1/services/{path}"), &[], b"").problem();
        assert_eq!((status, kind.as_str()), (404, "no-route"), "{path}");
    }
}

#[test]
fn a_history_is_newest_first_and_says_what_is_kept() {
    let scene = Scene::after(|store| {
        let (first, second) = (revision(1, b"one"), revision(2, b"two"));
        let live = Standing::default().deployed(first, None).unwrap();
        let shared = live.deployed(second, Weight::of(10)).unwrap();
        let (back, _) = shared.rolled_back(None).unwrap();
        record(
            store,
            "users",
            &[(Change::Deployed, first, live), (Change::Candidate, second, shared), (Change::TakenBack, second, back)],
        );
        let collected = vec![(name("users"), second.number)];
        store.journal.record(Batch { collected, ..Batch::default() }).unwrap();
    });
    let history = scene.send("GET /v1/services/users/history", &[], b"").json();
    let digest = |bytes: &[u8]| hostel_model::digest::Digest::of(bytes).to_string();
    let live = json!({ "revision": "r1", "digest": digest(b"one") });
    let (time, by) = ("2026-01-01T00:00:00.123Z", "user 1000");
    let expected = json!({ "service": "users", "entries": [
        { "version": 3, "time": time, "change": "taken-back", "revision": "r2", "digest": digest(b"two"),
          "live": live, "by": by, "kept": false },
        { "version": 2, "time": time, "change": "candidate", "revision": "r2", "digest": digest(b"two"),
          "weight": 10, "live": live, "by": by, "kept": false },
        { "version": 1, "time": time, "change": "deployed", "revision": "r1", "digest": digest(b"one"),
          "live": live, "by": by, "kept": true },
    ]});
    assert_eq!(history, expected);
    let two = scene.send("GET /v1/services/users/history?limit=2", &[], b"").json();
    assert_eq!(two["entries"].as_array().unwrap().len(), 2);
    for query in ["limit=0", "limit=1001", "limit=x", "limit=", "limit=1&limit=2"] {
        let line = format!("GET /v1/services/users/history?{query}");
        assert_eq!(scene.send(&line, &[], b"").problem().0, 400, "{query}");
    }
    assert_eq!(scene.send("GET /v1/services/nobody/history", &[], b"").problem().0, 404);
}

#[test]
fn an_entry_may_claim_to_be_of_any_time() {
    let scene = Scene::after(|store| {
        let first = revision(1, b"one");
        let standing = Standing::default().deployed(first, None).unwrap();
        for at_unix_ms in [0, 253_402_300_799_999, 253_402_300_800_000, u64::MAX] {
            let entry = NewEntry {
                at_unix_ms,
                service: name("users"),
                revision: first.number,
                digest: first.digest,
                change: Change::Deployed,
                by: String::new(),
                why: String::new(),
                standing: standing.clone(),
            };
            store.journal.record(Batch { entries: vec![entry], ..Batch::default() }).unwrap();
        }
    });
    let history = scene.send("GET /v1/services/users/history", &[], b"").json();
    let times: Vec<_> = history["entries"].as_array().unwrap().iter().map(|entry| entry["time"].clone()).collect();
    let last = "9999-12-31T23:59:59.999Z";
    assert_eq!(times, [last, last, last, "1970-01-01T00:00:00.000Z"]);
}
