//! What is a pattern, how it is shown, and what is refused with which remedy.

use crate::route::{HostPattern, Methods, RoutePattern};

#[test]
fn a_pattern_is_shown_in_canonical_form() {
    let texts = [
        ("GET /user/{id}", "GET /user/{id}"),
        ("  GET   /user/{id} ", "GET /user/{id}"),
        ("/users/*", "/users/*"),
        ("/*", "/*"),
        ("/", "/"),
        ("/a/", "/a/"),
        ("/a/{x}/b/{y_2}/*", "/a/{x}/b/{y_2}/*"),
        ("PROPFIND /a%20b/c;d=1/@x:y", "PROPFIND /a%20b/c;d=1/@x:y"),
        ("/%E7%94%A8", "/%E7%94%A8"),
        ("/.well-known/jwks.json", "/.well-known/jwks.json"),
    ];
    for (text, canonical) in texts {
        let pattern = RoutePattern::parse(text).expect(text);
        assert_eq!(pattern.to_string(), canonical);
        assert_eq!(RoutePattern::parse(canonical), Ok(pattern));
    }
    let mut pattern = RoutePattern::parse("/cart/*").expect("a pattern");
    pattern.methods = Methods::of(["POST", "GET", "POST"]).expect("methods");
    pattern.host = Some(HostPattern::parse("*.Shop.Example.").expect("a host"));
    assert_eq!(pattern.to_string(), "GET,POST *.shop.example/cart/*");
}

#[test]
fn a_path_that_could_not_be_found_is_refused_with_its_remedy() {
    let long = "/x".repeat(65);
    let wrong = [
        ("", "the route is empty; write a path"),
        ("GET", "path `GET` is a method only; write a path after it, as in `GET /users`"),
        ("GET /a HTTP/1.1", "has more than a method and a path"),
        ("users", "does not begin with `/`; write `/users`"),
        ("GET users", "does not begin with `/`"),
        ("get /a", "method `get` is not one; write `GET`"),
        ("* /a", "leave the method out"),
        ("GE(T /a", "write a word such as `GET`"),
        ("http://x/a", "does not begin with `/`"),
        ("/a//b", "has `//` in it; write one `/`"),
        ("//", "has `//` in it"),
        ("/a//*", "has `//` in it"),
        ("/a/./b", "has the segment `.`"),
        ("/a/..", "has the segment `..`"),
        ("/a/.", "has the segment `.`"),
        ("/a%2fb", "has `%2f` in it"),
        ("/a%2Fb", "has `%2F` in it"),
        ("/%61", "has `%61` in it; write `a`"),
        ("/%2e%2e", "has `%2e` in it; write `.`"),
        ("/%c3%a4", "has `%c3` in it; write `%C3`"),
        ("/a%", "has a `%` without two hex digits; write `%25`"),
        ("/a%2", "without two hex digits"),
        ("/a%zz", "without two hex digits"),
        ("/a%é", "without two hex digits"),
        ("/a#b", "has `#` in it; leave the rest out"),
        ("/a?b=1", "has `?` in it; leave the rest out"),
        ("/用户", "has `用` in it; write `%E7%94%A8`"),
        ("/a\\b", "write `%5C`"),
        ("/a\u{7f}", "leave it out"),
        ("/a%00", "has `%00` in it; leave it out, requests with it are refused"),
        ("/a%7F", "has `%7F` in it; leave it out"),
        ("/%C3", "has `%C3` in it, which no request has; write text in UTF-8"),
        ("/%C0%AE", "has `%C0%AE` in it, which no request has"),
        ("/a/..;x/b", "has `..;x` in it, which no request has"),
        ("/.;", "has `.;` in it, which no request has"),
        ("/a|b", "write `%7C`"),
        ("/a*", "has `*` in it; write `*` only as a trailing `/*`"),
        ("/*/a", "has `*` in it"),
        ("/a/**", "has `*` in it"),
        ("/{id", "has `{id` in it; write a whole segment as `{name}`"),
        ("/id}", "has `id}` in it"),
        ("/a{id}", "has `a{id}` in it"),
        ("/{}", "has `{}` in it"),
        ("/{a b}", "has more than a method and a path"),
        ("/{1}", "has `{1}` in it"),
        ("/{a}{b}", "has `{a}{b}` in it"),
        ("/{id...}", "has `{id...}` in it"),
        ("/{a}/{b}/{a}", "names the parameter `{a}` twice"),
        (&long, "has 65 segments; write at most 64"),
    ];
    for (text, message) in wrong {
        let fault = RoutePattern::parse(text).expect_err(text).to_string();
        assert!(fault.contains(message), "{text}: {fault}");
    }
}

#[test]
fn a_host_that_no_request_has_is_refused_with_its_remedy() {
    for host in
        ["a", "shop.example", "SHOP.example.", "127.0.0.1", "[::1]", "*.shop.example", "a_b.example", "xn--p1ai"]
    {
        assert!(HostPattern::parse(host).is_ok(), "{host}");
    }
    let long = format!("{}a", "a.".repeat(127));
    let wrong = [
        ("*", "is every host; leave `host` out"),
        ("shop.example:80", "has a port; leave the port out"),
        ("::1", "has a port"),
        ("[::1]:80", "is not an IPv6 address"),
        ("[x]", "is not an IPv6 address"),
        ("用户.example", "is not ASCII"),
        ("", "is not a host name"),
        (".", "is not a host name"),
        ("a..b", "is not a host name"),
        ("-a.b", "is not a host name"),
        ("a.*.b", "is not a host name"),
        ("**.b", "is not a host name"),
        ("*.", "is not a host name"),
        ("a/b", "is not a host name"),
        (&long, "is not a host name"),
    ];
    for (host, message) in wrong {
        let fault = HostPattern::parse(host).expect_err(host).to_string();
        assert!(fault.contains(message), "{host}: {fault}");
    }
}

#[test]
fn a_list_of_methods_is_neither_empty_nor_in_lower_case() {
    assert!(Methods::of([]).is_err());
    assert!(Methods::of(["GET", "post"]).is_err());
    assert!(Methods::of(["M-SEARCH", "X_Y"]).is_ok());
    assert!(Methods::of([""]).is_err());
    assert!(Methods::of(["A".repeat(41).as_str()]).is_err());
}
