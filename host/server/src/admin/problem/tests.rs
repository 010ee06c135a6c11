//! Each kind of problem as a client sees it.

use std::path::PathBuf;

use futures::FutureExt as _;
use http_body_util::BodyExt;

use super::*;

/// The status, the last word of the type, whether it says when to come back, and the body.
fn answer(problem: Problem) -> (u16, String, bool, serde_json::Value) {
    let response = problem.into_response();
    let (head, body) = response.into_parts();
    let body: serde_json::Value =
        serde_json::from_slice(&body.collect().now_or_never().unwrap().unwrap().to_bytes()).unwrap();
    assert_eq!(head.headers[CONTENT_TYPE], "application/problem+json");
    assert_eq!(body["status"], head.status.as_u16());
    let slug = body["type"].as_str().unwrap().strip_prefix("urn:hostel:problem:").unwrap().to_owned();
    (head.status.as_u16(), slug, head.headers.contains_key(RETRY_AFTER), body)
}

#[test]
fn each_kind_has_a_status_and_a_type_of_its_own() {
    for (problem, status, slug, again) in [
        (Problem::bad_request("."), 400, "bad-request", false),
        (Problem::unauthenticated(), 401, "unauthenticated", false),
        (Problem::forbidden("."), 403, "forbidden", false),
        (Problem::not_found("."), 404, "no-route", false),
        (Problem::method_not_allowed(), 405, "method-not-allowed", false),
        (Problem::conflict("."), 409, "conflict", false),
        (Problem::precondition_failed("."), 412, "precondition-failed", false),
        (Problem::too_large("."), 413, "content-too-large", false),
        (Problem::unprocessable(".", Vec::new()), 422, "unprocessable", false),
        (Problem::internal(), 500, "internal", false),
        (Problem::busy("."), 503, "busy", true),
        (Problem::of(Failure::Draining, "."), 503, "draining", true),
    ] {
        let (found, word, retry, body) = answer(problem);
        assert_eq!((found, word.as_str(), retry), (status, slug, again));
        assert!(body["title"].as_str().is_some_and(|title| !title.is_empty()), "{body}");
    }
}

#[test]
fn a_failure_that_has_no_status_is_a_bug_where_it_is_answered() {
    assert_eq!(answer(Problem::of(Failure::Truncated, ".")).0, 500);
}

#[test]
fn a_full_disk_is_told_apart_from_one_that_failed() {
    let error = |kind: std::io::ErrorKind| StorageError::Io {
        action: "write",
        path: PathBuf::from("/state/control.redb"),
        source: kind.into(),
    };
    let (status, slug, _, body) = answer(Problem::storage(&error(std::io::ErrorKind::StorageFull)));
    assert_eq!((status, slug.as_str()), (507, "storage-full"));
    assert!(body["detail"].as_str().unwrap().contains("`/state/control.redb`"), "{body}");
    let (status, slug, _, _) = answer(Problem::storage(&error(std::io::ErrorKind::Other)));
    assert_eq!((status, slug.as_str()), (503, "storage-failed"));
}

#[test]
fn everything_that_is_wrong_is_listed() {
    let problem =
        |service: &str, reason: &str| view::Rejection { service: service.to_owned(), reason: reason.to_owned() };
    let problems = vec![problem("a", "it imports `wasi:sockets/tcp`"), problem("b", "it is no component")];
    let (_, _, _, body) = answer(Problem::unprocessable("Nothing was deployed.", problems));
    let expected = serde_json::json!([
        { "service": "a", "reason": "it imports `wasi:sockets/tcp`" },
        { "service": "b", "reason": "it is no component" },
    ]);
    assert_eq!(body["problems"], expected);
    let (_, _, _, body) = answer(Problem::conflict("."));
    assert!(body.get("problems").is_none(), "{body}");
}
