//! Exports, imports and backups: whole, or seen not to be.

use std::io::Read;

use serde_json::json;

use super::keyvalue::fill;
use super::scene::{Reply, Scene};
use crate::admin::context::TRANSFERS_MAX;

fn import(scene: &Scene, lines: &str) -> Reply {
    scene.send("POST /v1/services/users/import", &[], lines.as_bytes())
}

#[test]
fn what_is_exported_can_be_imported_elsewhere() {
    let from = Scene::new();
    let large: Vec<u8> = (0..500_000_u32).map(|number| number as u8).collect();
    fill(&from, "users", "default", &[("a", b"1"), ("large", &large), ("", b""), ("ü/1", &[0, 255])]);
    fill(&from, "users", "other", &[("a", b"2")]);
    fill(&from, "orders", "default", &[("a", b"3")]);
    let exported = from.send("GET /v1/services/users/export", &[], b"");
    assert!(exported.whole && exported.head.contains("content-type: application/jsonl"), "{}", exported.head);
    let text = exported.text();
    assert_eq!(text.lines().count(), 5);
    assert!(text.lines().any(|line| line == r#"{"bucket":"other","key":"YQ==","value":"Mg=="}"#), "{text}");
    let to = Scene::new();
    fill(&to, "users", "default", &[("a", b"old"), ("stays", b"here")]);
    assert_eq!(import(&to, &text).json(), json!({ "keys": 5 }));
    let mut both: Vec<String> = text.lines().map(str::to_owned).collect();
    both.push(r#"{"bucket":"default","key":"c3RheXM=","value":"aGVyZQ=="}"#.to_owned());
    let again = to.send("GET /v1/services/users/export", &[], b"").text();
    let mut found: Vec<String> = again.lines().map(str::to_owned).collect();
    both.sort();
    found.sort();
    assert!(both == found, "{} and {} lines", both.len(), found.len());
    assert_eq!(from.send("GET /v1/services/nobody/export", &[], b"").text(), "");
}

#[test]
fn thousands_of_keys_are_moved_without_a_limit_of_rate() {
    let scene = Scene::new();
    // More than the rate of a service would let through in two seconds.
    let lines: String = (0..15_000)
        .map(|number| {
            use base64::Engine as _;
            let key = base64::engine::general_purpose::STANDARD.encode(format!("key {number}"));
            format!("{{\"bucket\":\"b{}\",\"key\":\"{key}\",\"value\":\"\"}}\n\n", number % 2)
        })
        .collect();
    assert_eq!(import(&scene, &lines).json(), json!({ "keys": 15_000 }));
    assert_eq!(scene.send("GET /v1/services/users/export", &[], b"").text().lines().count(), 15_000);
}

#[test]
fn a_line_that_is_wrong_is_named_with_what_was_written_before() {
    let scene = Scene::new();
    let good = r#"{"bucket":"","key":"YQ==","value":"MQ=="}"#;
    for (line, words) in [
        ("nonsense", "Line 2 is wrong: expected"),
        (r#"{"bucket":"default","key":"YQ=="}"#, "missing field `value`"),
        (r#"{"bucket":"Default","key":"YQ==","value":""}"#, "use only lower-case letters"),
        (r#"{"bucket":"default","key":"YQ","value":""}"#, "`key` is not UTF-8 in Base64"),
        (r#"{"bucket":"default","key":"/w==","value":""}"#, "`key` is not UTF-8 in Base64"),
        (r#"{"bucket":"default","key":"YQ==","value":"!"}"#, "`value` is not Base64"),
        (r#"{"bucket":"default","key":"YQ==","value":"","version":1}"#, "unknown field `version`"),
    ] {
        let (status, _, detail) = import(&scene, &format!("{good}\n{line}\n")).problem();
        assert_eq!(status, 400, "{line}");
        assert!(detail.contains("Line 2 is wrong") && detail.contains(words), "{line}: {detail}");
        assert!(detail.ends_with("Keys written before that: 0."), "{detail}");
    }
    // The quota of the service holds: a value may have a megabyte.
    let value = "AAAA".repeat(400_000);
    let lines =
        format!("{}{{\"bucket\":\"\",\"key\":\"Yg==\",\"value\":\"{value}\"}}\n", format!("{good}\n").repeat(300));
    let (status, kind, detail) = import(&scene, &lines).problem();
    assert_eq!((status, kind.as_str()), (409, "conflict"), "{detail}");
    assert!(detail.contains("limit is `1MiB`") && detail.ends_with("before that: 256."), "{detail}");
    let endless = "x".repeat(9 * 1024 * 1024);
    let (status, kind, _) = import(&scene, &endless).problem();
    assert_eq!((status, kind.as_str()), (413, "content-too-large"));
}

#[test]
fn a_backup_is_whole_and_can_be_restored() {
    let scene = Scene::new();
    fill(&scene, "users", "default", &[("a", b"1")]);
    let reply = scene.send("POST /v1/backup", &[], b"");
    assert!(reply.whole && reply.head.contains("content-type: application/x-tar"), "{}", reply.head);
    let elsewhere = tempfile::tempdir().unwrap();
    let state = elsewhere.path().join("state");
    hostel_storage::backup::restore(reply.body.as_slice(), &state).unwrap();
    let folder = hostel_storage::StateFolder::open(&state).unwrap();
    let keyvalue = hostel_storage::KeyValue::open(&folder.guests(), &scene.plane.ground.platform).unwrap();
    assert_eq!(keyvalue.buckets(&super::scene::name("users")).unwrap().len(), 1);
    assert!(!scene.plane.ground.folder.path().join("scratch").exists(), "nothing is left behind");
}

#[test]
fn a_backup_that_cannot_be_made_is_refused() {
    let scene = Scene::new();
    // There is no room for what it needs meanwhile.
    std::fs::write(scene.plane.ground.folder.path().join("scratch"), "in the way").unwrap();
    let (status, kind, detail) = scene.send("POST /v1/backup", &[], b"").problem();
    assert_eq!((status, kind.as_str()), (503, "storage-failed"));
    assert!(detail.contains("scratch`"), "{detail}");
}

#[test]
fn a_client_that_takes_nothing_does_not_keep_the_others_out() {
    let scene = Scene::new();
    let large = vec![7; 1024 * 1024];
    let keys: Vec<String> = (0..16).map(|number| format!("k{number}")).collect();
    for key in &keys {
        fill(&scene, "users", "default", &[(key, &large)]);
    }
    let mut stalled: Vec<_> = (0..TRANSFERS_MAX).map(|_| scene.begin("GET /v1/services/users/export", &[])).collect();
    for stream in &mut stalled {
        assert!(stream.read(&mut [0; 64]).unwrap() > 0);
    }
    let (status, kind, _) = scene.send("GET /v1/services/users/export", &[], b"").problem();
    assert_eq!((status, kind.as_str()), (503, "busy"));
    assert_eq!(scene.send("GET /livez", &[], b"").status, 200);
    drop(stalled);
    let clock = &scene.plane.ground.platform.clock;
    for _ in 0..500 {
        if scene.send("GET /v1/services/users/export", &[], b"").status == 200 {
            return;
        }
        clock.pause_thread(std::time::Duration::from_millis(10));
    }
    panic!("the places were not given back");
}
