//! The order of precedence, case by case as it is published: host, kind of path, literals, length, method.

use super::{found, table};

/// Routes in any order, a request, and the route it takes, `404`, or `405` with `Allow`.
type Case = (&'static [&'static str], &'static str, &'static str, &'static str);

fn expect(cases: &[Case]) {
    for (patterns, host, request, expected) in cases {
        let (method, path) = request.split_once(' ').expect("a method and a path");
        let mut patterns = patterns.to_vec();
        for _ in 0..patterns.len() {
            patterns.rotate_left(1);
            assert_eq!(found(&table(&patterns), host, method, path), *expected, "{request} {host} in {patterns:?}");
            let reversed: Vec<&str> = patterns.iter().rev().copied().collect();
            assert_eq!(found(&table(&reversed), host, method, path), *expected, "{request} {host} in {reversed:?}");
        }
    }
}

#[test]
fn an_exact_host_comes_before_a_wildcard_before_none() {
    expect(&[
        (&["a.x.org/", "*.x.org/", "/"], "a.x.org", "GET /", "a.x.org/"),
        (&["a.x.org/", "*.x.org/", "/"], "b.x.org", "GET /", "*.x.org/"),
        (&["a.x.org/", "*.x.org/", "/"], "x.org", "GET /", "/"),
        (&["a.x.org/*", "/a/b"], "a.x.org", "GET /a/b", "a.x.org/*"),
        (&["*.x.org/*", "/a/b"], "a.x.org", "GET /a/b", "*.x.org/*"),
        (&["a.x.org/*", "*.x.org/a/b"], "a.x.org", "GET /a/b", "a.x.org/*"),
        (&["a.x.org/*", "GET *.x.org/a/b"], "a.x.org", "GET /a/b", "a.x.org/*"),
    ]);
}

#[test]
fn a_longer_wildcard_comes_before_a_shorter_one() {
    expect(&[
        (&["*.org/", "*.x.org/", "*.b.x.org/"], "a.b.x.org", "GET /", "*.b.x.org/"),
        (&["*.org/", "*.x.org/", "*.b.x.org/"], "c.d.b.x.org", "GET /", "*.b.x.org/"),
        (&["*.org/", "*.x.org/", "*.b.x.org/"], "b.x.org", "GET /", "*.x.org/"),
        (&["*.org/", "*.x.org/", "*.b.x.org/"], "x.org", "GET /", "*.org/"),
        (&["*.org/", "*.x.org/", "*.b.x.org/"], "org", "GET /", "404"),
        (&["*.org/a", "*.x.org/*"], "b.x.org", "GET /a", "*.x.org/*"),
    ]);
}

#[test]
fn a_wildcard_takes_all_below_a_name_and_not_the_name() {
    expect(&[
        (&["*.example.com/"], "a.example.com", "GET /", "*.example.com/"),
        (&["*.example.com/"], "x.a.example.com", "GET /", "*.example.com/"),
        (&["*.example.com/"], "example.com", "GET /", "404"),
        (&["*.example.com/"], "badexample.com", "GET /", "404"),
        (&["*.example.com/"], ".example.com", "GET /", "404"),
        (&["*.example.com/"], "example.com.evil.org", "GET /", "404"),
    ]);
}

#[test]
fn case_port_and_last_dot_of_a_host_do_not_matter() {
    for host in ["shop.example", "SHOP.example", "shop.example:8080", "shop.example.", "Shop.Example.:443"] {
        expect(&[(&["shop.example/", "/"], host, "GET /", "shop.example/")]);
    }
    expect(&[(&["Shop.EXAMPLE./", "/"], "shop.example", "GET /", "shop.example/")]);
    expect(&[(&["*.Shop.EXAMPLE/", "/"], "A.shop.example:1", "GET /", "*.shop.example/")]);
    expect(&[(&["[::1]/", "/"], "[::1]:80", "GET /", "[::1]/"), (&["[0:0::1]/", "/"], "[::1]", "GET /", "[::1]/")]);
}

#[test]
fn a_host_that_lacks_a_path_leaves_it_to_the_others() {
    expect(&[
        (&["x.org/a", "/*"], "x.org", "GET /b", "/*"),
        (&["x.org/a", "*.org/b", "/*"], "x.org", "GET /b", "*.org/b"),
        (&["POST x.org/a", "GET /a"], "x.org", "GET /a", "GET /a"),
    ]);
}

#[test]
fn one_path_comes_before_a_template_before_a_prefix() {
    expect(&[
        (&["/u/me", "/u/{id}", "/u/*"], "h", "GET /u/me", "/u/me"),
        (&["/u/me", "/u/{id}", "/u/*"], "h", "GET /u/you", "/u/{id}"),
        (&["/u/me", "/u/{id}", "/u/*"], "h", "GET /u/me/x", "/u/*"),
        (&["/{a}/{b}", "/u/me/*"], "h", "GET /u/me", "/{a}/{b}"),
        (&["/u", "/u/*"], "h", "GET /u", "/u"),
        (&["/*", "/{x}"], "h", "GET /u", "/{x}"),
        (&["/*", "/"], "h", "GET /", "/"),
        (&["/u/{id}", "GET /u/*"], "h", "GET /u/1", "/u/{id}"),
    ]);
}

#[test]
fn of_templates_that_with_more_literals_wins_then_that_with_a_literal_further_left() {
    expect(&[
        (&["/{a}/{b}/c", "/a/{b}/c", "/{a}/{b}/{c}"], "h", "GET /a/b/c", "/a/{b}/c"),
        (&["/{a}/b/c", "/a/{b}/{c}"], "h", "GET /a/b/c", "/{a}/b/c"),
        (&["/a/{b}", "/{a}/b"], "h", "GET /a/b", "/a/{b}"),
        (&["/a/{b}/{c}", "/{a}/b/{c}", "/{a}/{b}/c"], "h", "GET /a/b/c", "/a/{b}/{c}"),
        (&["/a/{b}/{c}", "/{a}/b/{c}", "/{a}/{b}/c"], "h", "GET /x/b/c", "/{a}/b/{c}"),
        (&["/a/{b}/c", "/a/b/{c}"], "h", "GET /a/b/c", "/a/b/{c}"),
        (&["/a/{b}/c/{d}", "/a/{b}/{c}/d"], "h", "GET /a/b/c/d", "/a/{b}/c/{d}"),
    ]);
}

#[test]
fn of_prefixes_the_longest_wins() {
    expect(&[
        (&["/*", "/v2/*", "/v2/users/*"], "h", "GET /v2/users/1", "/v2/users/*"),
        (&["/*", "/v2/*", "/v2/users/*"], "h", "GET /v2/users", "/v2/users/*"),
        (&["/*", "/v2/*", "/v2/users/*"], "h", "GET /v2/x", "/v2/*"),
        (&["/*", "/v2/*", "/v2/users/*"], "h", "GET /", "/*"),
        (&["/v2/*", "/{x}/{y}/*"], "h", "GET /v2/users", "/{x}/{y}/*"),
        (&["/v2/*", "/{x}/*"], "h", "GET /v2/users", "/v2/*"),
        (&["/a/{x}/*", "/{x}/b/*"], "h", "GET /a/b/c", "/a/{x}/*"),
    ]);
}

#[test]
fn a_prefix_ends_where_a_segment_ends() {
    expect(&[
        (&["/v2/*"], "h", "GET /v2", "/v2/*"),
        (&["/v2/*"], "h", "GET /v2/", "/v2/*"),
        (&["/v2/*"], "h", "GET /v2/x", "/v2/*"),
        (&["/v2/*"], "h", "GET /v2//", "/v2/*"),
        (&["/v2/*"], "h", "GET /v2example", "404"),
        (&["/v2/*"], "h", "GET /v", "404"),
        (&["/v2/*"], "h", "GET /v2;x/y", "404"),
        (&["/v2/*"], "h", "GET /v2%20/y", "404"),
    ]);
}

#[test]
fn a_trailing_slash_and_the_case_of_a_path_matter() {
    expect(&[
        (&["/abc", "/abc/"], "h", "GET /abc", "/abc"),
        (&["/abc", "/abc/"], "h", "GET /abc/", "/abc/"),
        (&["/abc"], "h", "GET /abc/", "404"),
        (&["/abc/"], "h", "GET /abc", "404"),
        (&["/abc"], "h", "GET /ABC", "404"),
        (&["/u/{id}"], "h", "GET /U/1", "404"),
        (&["/u/{id}"], "h", "GET /u/1/", "404"),
        (&["/u/{id}"], "h", "GET /u/", "404"),
        (&["/abc/*"], "h", "GET /Abc/x", "404"),
        (&["/%C3%84"], "h", "GET /%C3%84", "/%C3%84"),
    ]);
}

#[test]
fn a_named_method_comes_before_every_method_on_the_same_path_only() {
    expect(&[
        (&["GET /a", "/a"], "h", "GET /a", "GET /a"),
        (&["GET /a", "/a"], "h", "POST /a", "/a"),
        (&["GET /a/*", "/a/b"], "h", "GET /a/b", "/a/b"),
        (&["GET /{x}", "/a"], "h", "GET /a", "/a"),
        (&["GET /a/{x}", "/a/{y}"], "h", "GET /a/b", "GET /a/{x}"),
        (&["GET,PUT /a", "POST /a", "/a"], "h", "POST /a", "POST /a"),
    ]);
}

#[test]
fn a_method_nobody_takes_is_refused_with_those_that_are_taken() {
    expect(&[
        (&["GET /a", "POST /a"], "h", "PUT /a", "405 GET, HEAD, POST"),
        (&["GET /a", "POST /*", "DELETE x.org/a"], "h", "PUT /a", "405 GET, HEAD, POST"),
        (&["GET /a", "POST /*", "DELETE x.org/a"], "x.org", "PUT /a", "405 DELETE, GET, HEAD, POST"),
        (&["GET /a"], "h", "PUT /b", "404"),
        (&["GET x.org/a"], "h", "PUT /a", "404"),
        (&["GET /a", "/*"], "h", "PUT /a", "/*"),
        (&["GET /a"], "h", "get /a", "405 GET, HEAD"),
        (&["GET /u/{id}"], "h", "DELETE /u/1", "405 GET, HEAD"),
        (&["GET /u/*"], "h", "DELETE /u", "405 GET, HEAD"),
    ]);
}

#[test]
fn head_is_taken_by_get_and_options_by_nobody_who_does_not_name_it() {
    expect(&[
        (&["GET /a"], "h", "HEAD /a", "GET /a"),
        (&["GET /a", "POST /a"], "h", "HEAD /a", "GET /a"),
        (&["GET /a", "HEAD /a"], "h", "HEAD /a", "HEAD /a"),
        (&["GET /a", "HEAD /*"], "h", "HEAD /a", "HEAD /*"),
        (&["POST /a"], "h", "HEAD /a", "405 POST"),
        (&["/a"], "h", "HEAD /a", "/a"),
        (&["GET /a"], "h", "OPTIONS /a", "405 GET, HEAD"),
        (&["OPTIONS /a", "GET /a"], "h", "OPTIONS /a", "OPTIONS /a"),
        (&["/a", "GET /a"], "h", "OPTIONS /a", "/a"),
        (&["GET /*"], "h", "OPTIONS *", "404"),
        (&["/*"], "h", "OPTIONS *", "404"),
    ]);
}
