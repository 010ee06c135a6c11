//! Changes: what is understood, what is refused and as what, and the conditions under which they are made.

use hostel_model::rollout::Weight;
use hostel_model::standing::Standing;
use hostel_storage::Change;

use super::scene::{EMPTY_COMPONENT, Scene, record, revision};
use super::{Ground, Plane};

/// `users` with r1 live and r2 as its candidate, by two entries; then `orders` with r1, by a third.
fn scene() -> Scene {
    Scene::after(|store| {
        let (first, second) = (revision(1, b"one"), revision(2, b"two"));
        let live = Standing::default().deployed(first, None).unwrap();
        let shared = live.deployed(second, Weight::of(10)).unwrap();
        record(store, "users", &[(Change::Deployed, first, live.clone()), (Change::Candidate, second, shared)]);
        record(store, "orders", &[(Change::Deployed, first, live)]);
    })
}

fn refused(scene: &Scene, line: &str, headers: &[(&str, &str)], body: &str) -> (u16, String, String) {
    scene.send(line, headers, body.as_bytes()).problem()
}

#[test]
fn before_anything_is_deployed_there_is_nobody_to_ask() {
    let plane = Plane::new();
    for line in ["POST /v1/services/users/promote", "DELETE /v1/services/users", "POST /v1/backup"] {
        let answer = plane.ask(line, &[]);
        assert_eq!((answer.status, answer.problem().as_str()), (503, "busy"), "{line}");
        assert_eq!(answer.header("retry-after"), Some("1"), "{line}");
    }
    assert_eq!(plane.get("/v1/services").json(), serde_json::json!({ "services": [] }));
}

#[test]
fn changes_need_the_token_by_tcp_and_take_no_page_of_another_origin() {
    let plane = Plane::new();
    let lines = [
        "POST /v1/deployments",
        "POST /v1/artifacts",
        "POST /v1/services/users/rollback",
        "DELETE /v1/services/users",
        "DELETE /v1/services/users/keyvalue?confirm=users",
        "POST /v1/services/users/import",
        "GET /v1/services/users/export",
        "POST /v1/backup",
    ];
    for line in lines {
        let answer = plane.ask_tcp(line, &[("Host", "127.0.0.1")]);
        assert_eq!((answer.status, answer.problem().as_str()), (401, "unauthenticated"), "{line}");
        let authorization = plane.authorization();
        let rebound = [("Host", "rebound.example"), ("Authorization", authorization.as_str())];
        assert_eq!(plane.ask_tcp(line, &rebound).status, 403, "{line}");
        let foreign = [("Origin", "http://evil.example")];
        assert_eq!(plane.ask(line, &foreign).status, 403, "{line}");
    }
}

#[test]
fn a_deployment_that_is_not_understood_is_told_why() {
    let scene = scene();
    let digest = "0".repeat(64);
    for (body, words) in [
        (String::new(), "not what `/openapi.json` asks for"),
        ("{}".to_owned(), "missing field `services`"),
        (r#"{"services":{}}"#.to_owned(), "names none"),
        (r#"{"services":{"users":{}}}"#.to_owned(), "missing field `digest`"),
        (r#"{"services":{"users":{"digest":"abc"}}}"#.to_owned(), "`abc` is not a digest"),
        (format!(r#"{{"services":{{"Users":{{"digest":"{digest}"}}}}}}"#), "`Users` has `U` in it"),
        (format!(r#"{{"services":{{"users":{{"digest":"{digest}"}}}},"weight":0}}"#), "from 1 to 99"),
        (format!(r#"{{"services":{{"users":{{"digest":"{digest}"}}}},"weight":100}}"#), "from 1 to 99"),
        (format!(r#"{{"services":{{"users":{{"digest":"{digest}"}}}},"wieght":10}}"#), "unknown field `wieght`"),
        ("[".repeat(2_000), "not what `/openapi.json` asks for"),
    ] {
        let (status, kind, detail) = refused(&scene, "POST /v1/deployments", &[], &body);
        assert_eq!((status, kind.as_str()), (400, "bad-request"), "{body}: {detail}");
        assert!(detail.contains(words), "{words}: {detail}");
    }
    let large = " ".repeat(64 * 1024 + 1);
    let (status, kind, _) = refused(&scene, "POST /v1/deployments", &[], &large);
    assert_eq!((status, kind.as_str()), (413, "content-too-large"));
}

#[test]
fn every_reason_against_a_deployment_is_told_with_its_service() {
    let scene = scene();
    let kept = scene.send("POST /v1/artifacts", &[], &EMPTY_COMPONENT).json()["digest"].as_str().unwrap().to_owned();
    let missing = "0".repeat(64);
    let body = serde_json::json!({ "services": { "users": { "digest": kept }, "orders": { "digest": missing } } });
    let reply = scene.send("POST /v1/deployments", &[], body.to_string().as_bytes());
    let (status, kind, detail) = reply.problem();
    assert_eq!((status, kind.as_str()), (422, "unprocessable"));
    assert!(detail.contains("`orders`") && detail.contains("`users`"), "{detail}");
    let problems = reply.json()["problems"].clone();
    assert_eq!(problems[0]["service"], "orders");
    assert!(problems[0]["reason"].as_str().unwrap().contains("upload it first"), "{problems}");
    assert_eq!(problems[1]["service"], "users");
    assert!(problems[1]["reason"].as_str().unwrap().contains("wasi:http/incoming-handler"), "{problems}");
    assert_eq!(scene.store.journal.version().unwrap(), 3, "nothing has changed");
}

#[test]
fn what_contradicts_how_a_service_stands_is_a_conflict() {
    let scene = scene();
    for (line, status, words) in [
        ("POST /v1/services/orders/promote", 409, "no revision shares its requests"),
        ("POST /v1/services/orders/rollback", 409, "nothing served before"),
        ("POST /v1/services/users/approve", 409, "nothing waits for approval"),
        ("POST /v1/services/nobody/promote", 404, "no service `nobody`"),
        ("DELETE /v1/services/nobody", 404, "no service `nobody`"),
        ("POST /v1/services/No%20Body/disable", 404, "no such service"),
    ] {
        let (found, _, detail) = refused(&scene, line, &[], "");
        assert_eq!(found, status, "{line}: {detail}");
        assert!(detail.contains(words), "{line}: {detail}");
    }
    for (body, status, words) in [
        (r#"{"revision":"r9"}"#, 404, "no revision r9"),
        (r#"{"revision":"9"}"#, 400, "`9` is not a revision"),
        (r#"{"to":"r1"}"#, 400, "unknown field `to`"),
    ] {
        let (found, _, detail) = refused(&scene, "POST /v1/services/users/rollback", &[], body);
        assert_eq!(found, status, "{body}: {detail}");
        assert!(detail.contains(words), "{body}: {detail}");
    }
    assert_eq!(scene.store.journal.version().unwrap(), 3);
}

#[test]
fn a_change_depends_on_the_version_that_was_seen() {
    let scene = scene();
    for version in ["\"1\"", "\"3\"", "\"0\"", "\"99\""] {
        let (status, kind, detail) = refused(&scene, "POST /v1/services/users/approve", &[("If-Match", version)], "");
        assert_eq!((status, kind.as_str()), (412, "precondition-failed"), "{version}: {detail}");
    }
    // The version of the service itself lets it through, to the next reason.
    let (status, _, _) = refused(&scene, "POST /v1/services/users/approve", &[("If-Match", "\"2\"")], "");
    assert_eq!(status, 409);
    for wrong in ["2", "*", "W/\"2\"", "\"2\", \"3\"", "\"x\"", "\"\"", "\"-1\"", "\"99999999999999999999\""] {
        let (status, kind, _) = refused(&scene, "POST /v1/services/users/approve", &[("If-Match", wrong)], "");
        assert_eq!((status, kind.as_str()), (400, "bad-request"), "{wrong}");
    }
    let twice = [("If-Match", "\"2\""), ("If-Match", "\"2\"")];
    assert_eq!(refused(&scene, "POST /v1/services/users/approve", &twice, "").0, 400);
}

#[test]
fn a_rehearsal_that_is_misspelt_is_no_change() {
    let scene = scene();
    for query in ["dryrun=true", "dry_run=yes", "dry_run=1", "dry_run=true&dry_run=true", "dry-run", "dry_run=true&x"] {
        let line = format!("POST /v1/services/users/rollback?{query}");
        assert_eq!(refused(&scene, &line, &[], "").0, 400, "{query}");
    }
    assert_eq!(scene.store.journal.version().unwrap(), 3);
}

#[test]
fn methods_are_told_where_there_are_others() {
    let plane = Plane::with(Ground::new(), Ground::new().state());
    for (path, allowed) in [
        ("/v1/services/users", "GET,HEAD,DELETE"),
        ("/v1/services/users/promote", "POST"),
        ("/v1/artifacts", "POST"),
        ("/v1/deployments", "POST"),
        ("/v1/backup", "POST"),
        ("/v1/services/users/keyvalue", "GET,HEAD,DELETE"),
        ("/v1/services/users/export", "GET,HEAD"),
    ] {
        let answer = plane.ask(&format!("PUT {path}"), &[]);
        assert_eq!((answer.status, answer.problem().as_str()), (405, "method-not-allowed"), "{path}");
        assert_eq!(answer.header("allow"), Some(allowed), "{path}");
    }
}
