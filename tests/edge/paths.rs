//! Paths end to end: a route is reached by the spellings of its own path alone, and everybody sees the canonical one.

use hostel_model::target::{DotSegments, EncodedSlash, PathRules, Slashes};

use super::{assert_nothing_smuggled, assert_refused, served};
use crate::harness::{Harness, Running, guest};

fn host(paths: PathRules) -> Running {
    Harness::new()
        .service("admin", guest::ECHO_P2)
        .route("/admin")
        .route("/admin/*")
        .service("public", guest::ECHO_P3)
        .route("/public/*")
        .service("rest", guest::ECHO_P2)
        .route("/*")
        .listener_plan(|plan| plan.paths = paths)
        .start()
}

/// Targets with the service they lead to and what it is shown.
const TAKEN: &[(&str, &str, &str)] = &[
    // Spellings of one path: the same route, and nobody sees which it was.
    ("/admin", "admin", "/admin"),
    ("/%61dmin", "admin", "/admin"),
    ("/%61%64%6D%69%6e", "admin", "/admin"),
    ("//admin", "admin", "/admin"),
    ("///admin", "admin", "/admin"),
    ("http://other/admin", "admin", "/admin"),
    ("http://localhost//%61dmin", "admin", "/admin"),
    ("/admin?x=/../y", "admin", "/admin?x=/../y"),
    ("/admin/", "admin", "/admin/"),
    ("/admin//x", "admin", "/admin/x"),
    ("/admin/%78", "admin", "/admin/x"),
    ("/admin/%2561", "admin", "/admin/%2561"),
    // Other paths that look like it.
    ("/ADMIN", "rest", "/ADMIN"),
    ("/Admin", "rest", "/Admin"),
    ("/admin.", "rest", "/admin."),
    ("/admin.html", "rest", "/admin.html"),
    ("/adminx", "rest", "/adminx"),
    ("/admin;x=1", "rest", "/admin;x=1"),
    ("/admin%3Bx=1", "rest", "/admin%3Bx=1"),
    ("/admin%20", "rest", "/admin%20"),
    ("/%20admin", "rest", "/%20admin"),
    ("/admin%3f", "rest", "/admin%3F"),
    ("/admin%23x", "rest", "/admin%23x"),
    ("/admin%25", "rest", "/admin%25"),
    ("/%2561dmin", "rest", "/%2561dmin"),
    ("/%25%36%31dmin", "rest", "/%2561dmin"),
    ("/admi%C3%B1", "rest", "/admi%C3%B1"),
    ("/%ef%bd%81dmin", "rest", "/%EF%BD%81dmin"),
    ("/x/admin", "rest", "/x/admin"),
    ("/?/admin", "rest", "/?/admin"),
    // What only ever reaches its own.
    ("/public", "public", "/public"),
    ("/public/", "public", "/public/"),
    ("/public/%252e%252e/admin", "public", "/public/%252e%252e/admin"),
    ("/public/%252fadmin", "public", "/public/%252fadmin"),
    ("/public/...", "public", "/public/..."),
    ("/public/..admin", "public", "/public/..admin"),
    ("/public/.admin", "public", "/public/.admin"),
    ("/public//admin", "public", "/public/admin"),
    ("/public?/../admin", "public", "/public?/../admin"),
    ("/public;/../admin?", "-", ""),
    ("/", "rest", "/"),
    ("//", "rest", "/"),
    ("http://localhost", "rest", "/"),
    ("http://localhost?q", "rest", "/?q"),
    ("/%7euser/%41%2d%5f", "rest", "/~user/A-_"),
    ("/%e2%82%ac", "rest", "/%E2%82%AC"),
    ("/!$&'()*+,;=:@-._~", "rest", "/!$&'()*+,;=:@-._~"),
    ("/a?q=%41%zz", "-", ""),
    ("/a?q=%41&q=%2f%2F[]", "rest", "/a?q=%41&q=%2f%2F[]"),
    ("/a?", "rest", "/a?"),
    ("/a??b", "rest", "/a??b"),
];

/// Targets that may mean several things.
const REFUSED: &[&str] = &[
    "/public/../admin",
    "/public/./../admin",
    "/./admin",
    "/../admin",
    "/..",
    "/.",
    "/public/..",
    "/public/%2e%2e/admin",
    "/public/%2E%2e/admin",
    "/public/.%2e/admin",
    "/public/%2e./admin",
    "/%2e/admin",
    "/public/..;/admin",
    "/public/..;x=1/admin",
    "/public/%2e%2e;/admin",
    "/public/..%3b/admin",
    "/public/.;/admin",
    "/public/..%2fadmin",
    "/public/..%2Fadmin",
    "/public%2f..%2fadmin",
    "/public%2fadmin",
    "/public/%2f",
    "/public/..%5cadmin",
    "/public%5c..%5Cadmin",
    "/public/..\\admin",
    "\\admin",
    "/\\admin",
    "/admin%00",
    "/admin%00.html",
    "/%00/admin",
    "/admin%0a",
    "/admin%0D%0aX:%20y",
    "/admin%09",
    "/admin%7f",
    "/admin%",
    "/admin%6",
    "/admin%6g",
    "/%u0061dmin",
    "/public/%u002e%u002e/admin",
    "/%c0%ae%c0%ae/admin",
    "/public/%c0%af/admin",
    "/public/%e0%80%af/admin",
    "/%ff",
    "/%c3",
    "/admin\"",
    "/<admin>",
    "/{admin}",
    "/admin|",
    "/admin^",
    "/`admin`",
    "/[admin]",
    "/admin#x",
    "/admin?x#y",
    "/admin?\"",
    "/admin?<>",
    "/admin?a%",
    "/admin?%u002e",
    "/a?{}",
    "/public/../../admin",
    "/public//../admin",
    "http://localhost/public/../admin",
    "http://localhost/%2e%2e/admin",
];

#[test]
fn a_route_is_reached_by_no_spelling_but_those_of_its_own_path() {
    let host = host(PathRules::default());
    for (target, service, shown) in TAKEN.iter().filter(|(_, service, _)| *service != "-") {
        let answer = host.request("GET", target).send();
        assert_eq!((answer.status, answer.header("x-echo-path")), (200, Some(*shown)), "{target}");
        let line = host.log_line_for(answer.id());
        assert_eq!(line["service"], *service, "{target}");
        // The log has the path as the guest has it, and no query.
        assert_eq!(line["path"], *shown.split('?').next().unwrap(), "{target}");
    }
    for (target, ..) in TAKEN.iter().filter(|(_, service, _)| *service == "-") {
        assert_refused(&host, request(target).as_bytes(), "bad-request");
    }
}

#[test]
fn a_path_that_may_mean_several_things_is_refused() {
    let host = host(PathRules::default());
    for target in REFUSED {
        let line = assert_refused(&host, request(target).as_bytes(), "bad-request");
        assert!(line["route"].is_null(), "{target}: {line}");
    }
    assert_nothing_smuggled(&host);
    for service in ["admin", "public", "rest"] {
        assert_eq!(served(&host, service), 0.0, "{service}");
    }
}

fn request(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

#[test]
fn dot_segments_that_are_resolved_send_the_client_to_the_path_that_results() {
    let host = host(PathRules { dot_segments: DotSegments::Resolve, ..PathRules::default() });
    for (target, location) in [
        ("/public/../admin", "/admin"),
        ("/public/%2e%2e/admin?x=..", "/admin?x=.."),
        ("/./admin", "/admin"),
        ("/public/x/..", "/public/"),
        ("http://localhost/public/../admin", "/admin"),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = host.request(method, target).send();
            assert_eq!((answer.status, answer.header("location")), (308, Some(location)), "{method} {target}");
            assert_eq!(host.log_line_for(answer.id())["service"], serde_json::Value::Null, "{target}");
        }
        // Nobody repeats a request with a body: it goes where it leads, by the canonical path.
        let answer = host.request("POST", target).body("x").send();
        assert_eq!((answer.status, answer.header("x-echo-path")), (200, Some(location)), "{target}");
        let path = location.split('?').next().unwrap();
        assert_eq!(host.log_line_for(answer.id())["path"], path, "{target}");
    }
    for target in ["/../admin", "/public/../../admin", "/public/..%2fadmin"] {
        assert_refused(&host, request(target).as_bytes(), "bad-request");
    }
}

#[test]
fn escaped_slashes_that_are_kept_are_never_slashes() {
    let host = host(PathRules { encoded_slash: EncodedSlash::Opaque, ..PathRules::default() });
    for (target, service, shown) in [
        ("/public%2fadmin", "rest", "/public%2Fadmin"),
        ("/%2fadmin", "rest", "/%2Fadmin"),
        ("/admin%2fx", "rest", "/admin%2Fx"),
        ("/admin%5cx", "rest", "/admin%5Cx"),
        ("/public/%2F/admin", "public", "/public/%2F/admin"),
    ] {
        let answer = host.request("GET", target).send();
        assert_eq!((answer.status, answer.header("x-echo-path")), (200, Some(shown)), "{target}");
        assert_eq!(host.log_line_for(answer.id())["service"], service, "{target}");
    }
    for target in ["/public/..%2fadmin", "/public%2f..%2fadmin", "/public/%5c..%5cadmin", "/public/..\\admin"] {
        assert_refused(&host, request(target).as_bytes(), "bad-request");
    }
}

#[test]
fn empty_segments_are_treated_as_the_listener_says() {
    let keeping = host(PathRules { slashes: Slashes::Keep, ..PathRules::default() });
    for (target, service) in
        [("//admin", "rest"), ("/admin//x", "admin"), ("/public//admin", "public"), ("/admin//", "admin")]
    {
        let answer = keeping.request("GET", target).send();
        assert_eq!((answer.status, answer.header("x-echo-path")), (200, Some(target)), "{target}");
        assert_eq!(keeping.log_line_for(answer.id())["service"], service, "{target}");
    }
    let refusing = host(PathRules { slashes: Slashes::Reject, ..PathRules::default() });
    for target in ["//admin", "/admin//x", "/public//"] {
        assert_refused(&refusing, request(target).as_bytes(), "bad-request");
    }
    assert_eq!(refusing.get("/admin/").status, 200);
}
