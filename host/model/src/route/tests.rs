//! Which routes there are, which one a request takes, and that the fast way agrees with the plain one.

mod agreement;
mod explain;
mod pattern;
mod precedence;

use super::{Conflict, Found, HostPattern, Methods, RoutePattern, RouteTable};

/// Reads `GET,POST shop.example/a/{b}`, the canonical text of a pattern.
fn pattern(text: &str) -> RoutePattern {
    let (methods, rest) = text.split_once(' ').unwrap_or(("", text));
    let (host, path) = rest.split_at(rest.find('/').expect("a pattern has a path"));
    let mut pattern = RoutePattern::parse(path).expect(text);
    if !methods.is_empty() {
        pattern.methods = Methods::of(methods.split(',')).expect(text);
    }
    if !host.is_empty() {
        pattern.host = Some(HostPattern::parse(host).expect(text));
    }
    pattern
}

fn table(patterns: &[&str]) -> RouteTable<()> {
    RouteTable::build(patterns.iter().map(|text| (pattern(text), ())).collect()).expect("the patterns differ")
}

/// The text of the route found, `405` and the methods, or `404`.
fn found(table: &RouteTable<()>, host: &str, method: &str, path: &str) -> String {
    match table.find(host, method, path) {
        Found::Route(route) => route.text.to_string(),
        Found::MethodNotAllowed { allow } => format!("405 {allow}"),
        Found::NoRoute => "404".to_owned(),
    }
}

#[test]
fn the_most_specific_path_wins_whatever_the_order() {
    let mut patterns =
        ["/*", "/a/*", "/a/b/*", "/a/{x}/*", "/a/{x}", "/{x}/b", "/a/b", "/{x}/{y}", "/a/", "/{x}/{y}/c", "/a/{x}/{y}"];
    let requests = [
        ("/a/b", "/a/b"),
        ("/a/c", "/a/{x}"),
        ("/c/b", "/{x}/b"),
        ("/c/d", "/{x}/{y}"),
        ("/a", "/a/*"),
        ("/a/", "/a/"),
        ("/a/b/", "/a/b/*"),
        ("/a/b/d", "/a/{x}/{y}"),
        ("/a/b/c", "/a/{x}/{y}"),
        ("/d/b/c", "/{x}/{y}/c"),
        ("/a/b/c/d", "/a/b/*"),
        ("/a/c/c/d", "/a/{x}/*"),
        ("/", "/*"),
        ("/d", "/*"),
        ("/A/b", "/{x}/b"),
        ("/A/B", "/{x}/{y}"),
    ];
    for _ in 0..patterns.len() {
        patterns.rotate_left(1);
        let table = table(&patterns);
        for (path, expected) in requests {
            assert_eq!(found(&table, "h", "GET", path), expected, "{path} among {patterns:?}");
        }
    }
}

#[test]
fn a_prefix_takes_itself_and_whole_segments_below_it() {
    let table = table(&["/users/*"]);
    for path in ["/users", "/users/", "/users/x", "/users/x/y", "/users//"] {
        assert_eq!(found(&table, "h", "GET", path), "/users/*", "{path}");
    }
    for path in ["/", "/user", "/usersx", "/Users", "/x/users", "users", "", "*"] {
        assert_eq!(found(&table, "h", "GET", path), "404", "{path}");
    }
}

#[test]
fn a_parameter_stands_for_one_segment_that_is_not_empty() {
    let table = table(&["/user/{id}"]);
    for (path, expected) in
        [("/user/1", "/user/{id}"), ("/user/", "404"), ("/user", "404"), ("/user/1/", "404"), ("/user/1/2", "404")]
    {
        assert_eq!(found(&table, "h", "GET", path), expected, "{path}");
    }
}

#[test]
fn a_trailing_slash_makes_another_path() {
    let table = table(&["/a", "/b/"]);
    for (path, expected) in [("/a", "/a"), ("/a/", "404"), ("/b/", "/b/"), ("/b", "404")] {
        assert_eq!(found(&table, "h", "GET", path), expected, "{path}");
    }
}

#[test]
fn the_host_comes_before_the_path() {
    let table = table(&["/a", "*.x.org/*", "*.b.x.org/*", "a.b.x.org/*", "x.org/{p}", "[::1]/*"]);
    let requests = [
        ("a.b.x.org", "a.b.x.org/*"),
        ("A.B.X.ORG.", "a.b.x.org/*"),
        ("a.b.x.org:8080", "a.b.x.org/*"),
        ("a.b.x.org.:8080", "a.b.x.org/*"),
        ("c.b.x.org", "*.b.x.org/*"),
        ("d.c.b.x.org", "*.b.x.org/*"),
        ("b.x.org", "*.x.org/*"),
        ("x.org", "x.org/{p}"),
        ("y.org", "/a"),
        ("xx.org", "/a"),
        (".x.org", "/a"),
        ("[::1]:80", "[::1]/*"),
        ("", "/a"),
    ];
    for (host, expected) in requests {
        assert_eq!(found(&table, host, "GET", "/a"), expected, "{host}");
    }
    let long = format!("{}.x.org", "a".repeat(300));
    assert_eq!(found(&table, &long, "GET", "/a"), "/a");
    assert_eq!(found(&table, "x.org", "GET", "/b/c"), "404");
}

#[test]
fn a_less_specific_route_serves_what_the_more_specific_lacks() {
    let table = table(&["GET /a", "POST /{x}", "x.org/b", "DELETE /*", "PUT x.org/a"]);
    let requests = [
        ("h", "GET", "/a", "GET /a"),
        ("h", "POST", "/a", "POST /{x}"),
        ("h", "DELETE", "/a", "DELETE /*"),
        ("x.org", "GET", "/a", "GET /a"),
        ("x.org", "PUT", "/a", "PUT x.org/a"),
        ("x.org", "DELETE", "/b", "x.org/b"),
        ("x.org", "DELETE", "/c", "DELETE /*"),
        ("x.org", "PATCH", "/a", "405 DELETE, GET, HEAD, POST, PUT"),
        ("h", "PATCH", "/a", "405 DELETE, GET, HEAD, POST"),
        ("h", "PATCH", "/c", "405 DELETE, POST"),
        ("h", "PATCH", "/c/d", "405 DELETE"),
        ("h", "get", "/a", "405 DELETE, GET, HEAD, POST"),
    ];
    for (host, method, path, expected) in requests {
        assert_eq!(found(&table, host, method, path), expected, "{method} {host}{path}");
    }
}

#[test]
fn a_named_method_comes_before_every_method() {
    let table = table(&["/a", "GET /a", "POST,PUT /a"]);
    for (method, expected) in
        [("GET", "GET /a"), ("POST", "POST,PUT /a"), ("PUT", "POST,PUT /a"), ("BREW", "/a"), ("HEAD", "GET /a")]
    {
        assert_eq!(found(&table, "h", method, "/a"), expected, "{method}");
    }
}

#[test]
fn head_takes_what_get_takes_unless_a_route_names_it() {
    let cases = [
        (vec!["GET /a"], "GET /a"),
        (vec!["GET /a", "HEAD /a"], "HEAD /a"),
        (vec!["GET /a", "HEAD /*"], "HEAD /*"),
        (vec!["GET /a", "/*"], "GET /a"),
        (vec!["GET /*", "/a"], "/a"),
        (vec!["GET /a", "HEAD /b"], "GET /a"),
        (vec!["POST /a"], "405 POST"),
        (vec!["HEAD /a"], "HEAD /a"),
    ];
    for (patterns, expected) in cases {
        assert_eq!(found(&table(&patterns), "h", "HEAD", "/a"), expected, "{patterns:?}");
    }
}

#[test]
fn routes_that_cannot_be_told_apart_are_refused_all_at_once() {
    let patterns = [
        "GET /a/{x}",       // 0
        "/a/{x}",           // 1
        "POST,GET /a/{y}",  // 2: with 0
        "GET x.org/a/{x}",  // 3
        "/a/{z}",           // 4: with 1
        "POST /a/{x}",      // 5: with 2
        "GET X.ORG/a/{id}", // 6: with 3
        "GET /a/{x}/*",     // 7
        "GET /a/x",         // 8
        "GET *.x.org/a/x",  // 9
    ];
    let conflicts =
        RouteTable::build(patterns.iter().map(|text| (pattern(text), ())).collect()).expect_err("some are alike");
    let pairs: Vec<_> = conflicts.iter().map(|Conflict { first, second }| (*first, *second)).collect();
    assert_eq!(pairs, [(0, 2), (1, 4), (2, 5), (3, 6)]);
}

#[test]
fn all_routes_are_listed_in_the_order_given() {
    let table = table(&["/b", "GET /a", "/"]);
    let texts: Vec<_> = table.routes().map(|route| route.text.to_string()).collect();
    assert_eq!(texts, ["/b", "GET /a", "/"]);
    assert_eq!(found(&RouteTable::build(Vec::new()).expect("none differ"), "h", "GET", "/"), "404");
}

#[test]
fn more_methods_than_can_be_listed_are_still_refused_properly() {
    let texts: Vec<String> = (0..80).map(|number| format!("M{number:02} /{number}")).collect();
    let table = table(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(found(&table, "h", "GET", "/10"), "405 M10");
    assert_eq!(found(&table, "h", "GET", "/79"), "405 ");
    assert_eq!(found(&table, "h", "M79", "/79"), "M79 /79");
    assert_eq!(found(&table, "h", "GET", "/80"), "404");
}
