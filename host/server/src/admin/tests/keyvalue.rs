//! What services keep: listed, read and taken away.

use hostel_model::limits::KeyValueLimits;
use hostel_model::name::BucketName;
use serde_json::json;

use super::scene::{Scene, name};

/// Writes `entries` into a bucket of a service.
pub(super) fn fill(scene: &Scene, service: &str, bucket: &str, entries: &[(&str, &[u8])]) {
    let bucket = BucketName::from_identifier(bucket).unwrap();
    let limits = KeyValueLimits { writes: u32::MAX, ..KeyValueLimits::default() };
    let bucket = scene.store.keyvalue.bucket(&name(service), &bucket, &limits);
    let entries = entries.iter().map(|(key, value)| ((*key).to_owned(), value.to_vec())).collect();
    scene.plane.ground.runtime.block_on(bucket.set_many(entries)).unwrap();
}

fn get(scene: &Scene, path: &str) -> super::scene::Reply {
    scene.send(&format!("GET /v1/services/{path}"), &[], b"")
}

#[test]
fn buckets_and_keys_are_listed() {
    let scene = Scene::new();
    fill(
        &scene,
        "users",
        "default",
        &[("a", b"1"), ("user/1", b"one"), ("user/10", b"ten"), ("user", b"all"), ("z", b"")],
    );
    fill(&scene, "users", "export", &[("k", b"v")]);
    fill(&scene, "orders", "default", &[("secret", b"of another")]);
    let expected = json!({ "service": "users", "buckets": [
        { "name": "default", "keys": 5, "bytes": 29 }, { "name": "export", "keys": 1, "bytes": 2 },
    ]});
    assert_eq!(get(&scene, "users/keyvalue").json(), expected);
    assert_eq!(get(&scene, "nobody/keyvalue").json(), json!({ "service": "nobody", "buckets": [] }));
    let keys = |query: &str| get(&scene, &format!("users/keyvalue/default{query}")).json()["keys"].clone();
    assert_eq!(keys(""), json!(["a", "user", "user/1", "user/10", "z"]));
    assert_eq!(keys("?prefix=user"), json!(["user", "user/1", "user/10"]));
    assert_eq!(keys("?prefix=user/1"), json!(["user/1", "user/10"]));
    assert_eq!(keys("?prefix=b"), json!([]));
    assert_eq!(keys("?cursor=user/1"), json!(["user/10", "z"]));
    assert_eq!(keys("?prefix=user&cursor=user"), json!(["user/1", "user/10"]));
    assert_eq!(get(&scene, "users/keyvalue/export").json()["keys"], json!(["k"]), "no bucket is out of reach");
    assert_eq!(get(&scene, "users/keyvalue/Default").problem().0, 404);
}

#[test]
fn keys_come_in_pages_that_miss_none() {
    let scene = Scene::new();
    let all: Vec<String> = (0..2_500).map(|number| format!("k{number:05}")).collect();
    let entries: Vec<(&str, &[u8])> = all.iter().map(|key| (key.as_str(), b"v".as_slice())).collect();
    fill(&scene, "users", "default", &entries);
    let mut found = Vec::new();
    let mut query = "?prefix=k0".to_owned();
    let mut pages = 0;
    loop {
        let page = get(&scene, &format!("users/keyvalue/default{query}")).json();
        found.extend(page["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()));
        pages += 1;
        match page.get("cursor") {
            Some(cursor) => query = format!("?prefix=k0&cursor={}", cursor.as_str().unwrap()),
            None => break,
        }
    }
    assert_eq!((pages, found), (3, all));
}

#[test]
fn values_come_as_they_are() {
    let scene = Scene::new();
    let bytes: Vec<u8> = (0..=255).collect();
    fill(&scene, "users", "default", &[("a/b c", &bytes), ("", b"of the empty key"), ("ü", b"umlaut")]);
    let value = get(&scene, "users/keyvalue/default/a%2Fb%20c");
    assert_eq!((value.status, value.body), (200, bytes));
    assert!(value.head.contains("content-type: application/octet-stream"), "{}", value.head);
    assert_eq!(get(&scene, "users/keyvalue/default/").text(), "of the empty key");
    assert_eq!(get(&scene, "users/keyvalue/default/%C3%BC").text(), "umlaut");
    for path in ["users/keyvalue/default/none", "users/keyvalue/other/a", "users/keyvalue/default/%FF"] {
        assert_eq!(get(&scene, path).problem().0, 404, "{path}");
    }
}

#[test]
fn a_purge_takes_away_what_it_names_and_nothing_else() {
    let scene = Scene::new();
    fill(&scene, "users", "default", &[("a", b"1"), ("b", b"22")]);
    fill(&scene, "users", "other", &[("c", b"333")]);
    fill(&scene, "orders", "default", &[("d", b"4444")]);
    for (query, status, kind) in [
        ("", 400, "bad-request"),
        ("?confirm", 409, "conflict"),
        ("?confirm=orders", 409, "conflict"),
        ("?confirm=users&x=1", 400, "bad-request"),
        ("?confirm=users&confirm=users", 400, "bad-request"),
    ] {
        for path in ["users/keyvalue", "users/keyvalue/default"] {
            let line = format!("DELETE /v1/services/{path}{query}");
            let (found, slug, _) = scene.send(&line, &[], b"").problem();
            assert_eq!((found, slug.as_str()), (status, kind), "{line}");
        }
    }
    let purge = |path: &str| scene.send(&format!("DELETE /v1/services/{path}"), &[], b"").json();
    assert_eq!(purge("users/keyvalue/default?confirm=users"), json!({ "keys": 2, "bytes": 5 }));
    assert_eq!(get(&scene, "users/keyvalue").json()["buckets"], json!([{ "name": "other", "keys": 1, "bytes": 4 }]));
    fill(&scene, "users", "default", &[("a", b"1")]);
    assert_eq!(purge("users/keyvalue?confirm=users"), json!({ "keys": 2, "bytes": 6 }));
    assert_eq!(get(&scene, "users/keyvalue").json()["buckets"], json!([]));
    assert_eq!(get(&scene, "orders/keyvalue/default/d").text(), "4444");
    assert_eq!(purge("users/keyvalue?confirm=users"), json!({ "keys": 0, "bytes": 0 }));
}

#[test]
fn a_condition_that_would_protect_nothing_is_refused() {
    let scene = Scene::new();
    fill(&scene, "users", "default", &[("a", b"1")]);
    let line = r#"{"bucket":"default","key":"YQ==","value":"Mg=="}"#;
    for (request, body) in [
        ("DELETE /v1/services/users/keyvalue?confirm=users", ""),
        ("DELETE /v1/services/users/keyvalue/default?confirm=users", ""),
        ("POST /v1/services/users/import", line),
    ] {
        for version in ["\"1\"", "*", "nonsense"] {
            let (status, kind, detail) = scene.send(request, &[("If-Match", version)], body.as_bytes()).problem();
            assert_eq!((status, kind.as_str()), (400, "bad-request"), "{request} {version}");
            assert!(detail.contains("has no version"), "{detail}");
        }
    }
    assert_eq!(get(&scene, "users/keyvalue/default/a").text(), "1", "nothing was done");
}
