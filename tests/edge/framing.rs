//! Heads: what is said in two ways, or in one that others read differently, is refused.

use super::{assert_nothing_smuggled, assert_refused, echoes, passed, refused, served};
use crate::harness::eventually;

/// Request lines.
const LINES: &[&[u8]] = &[
    b"GET  /p2 HTTP/1.1\r\n",
    b"GET /p2  HTTP/1.1\r\n",
    b"GET /p2 HTTP/1.1 \r\n",
    b" GET /p2 HTTP/1.1\r\n",
    b"GET\t/p2\tHTTP/1.1\r\n",
    b"GET /p2\x0bHTTP/1.1\r\n",
    b"GET /p2 /p2 HTTP/1.1\r\n",
    b"GET /p2\r\n",
    b"GET /p2 \r\n",
    b"GET\r\n",
    b"/p2 HTTP/1.1\r\n",
    b"GET /p2 HTTP/1.2\r\n",
    b"GET /p2 HTTP/0.9\r\n",
    b"GET /p2 HTTP/2.0\r\n",
    b"GET /p2 HTTP/3.0\r\n",
    b"GET /p2 HTTP/1\r\n",
    b"GET /p2 HTTP/1.\r\n",
    b"GET /p2 HTTP/1.1.1\r\n",
    b"GET /p2 HTTP/01.1\r\n",
    b"GET /p2 http/1.1\r\n",
    b"GET /p2 Http/1.1\r\n",
    b"GET /p2 HTTPS/1.1\r\n",
    b"GET /p2 ICY/1.1\r\n",
    b"GET /p2 HTTP/1.1\0\r\n",
    b"G\0ET /p2 HTTP/1.1\r\n",
    b"GE(T /p2 HTTP/1.1\r\n",
    b"G\xc3\x89T /p2 HTTP/1.1\r\n",
    b"\"GET\" /p2 HTTP/1.1\r\n",
    b"GET /p2\0 HTTP/1.1\r\n",
    b"GET /p2\x7f HTTP/1.1\r\n",
    b"GET /p2\xff HTTP/1.1\r\n",
    b"GET /p2#fragment HTTP/1.1\r\n",
    b"GET p2 HTTP/1.1\r\n",
    b"GET ?p2 HTTP/1.1\r\n",
    b"GET localhost:80 HTTP/1.1\r\n",
    b"GET * HTTP/1.1\r\n",
    b"GET /p2 HTTP/1.1\n",
    b"GET /p2 HTTP/1.1\r",
    b"GET /p2 HTTP/1.1\r\r\n",
    b"GET /p2\rX: y HTTP/1.1\r\n",
    b"\nGET /p2 HTTP/1.1\r\n",
    b"\0GET /p2 HTTP/1.1\r\n",
];

/// Fields of a request with a body of six bytes, which are `0\r\n\r\nX`.
const FIELDS: &[&[u8]] = &[
    // Lengths.
    b"Content-Length: +6\r\n",
    b"Content-Length: -6\r\n",
    b"Content-Length: 6,6\r\n",
    b"Content-Length: 6, 6\r\n",
    b"Content-Length: 6,\r\n",
    b"Content-Length: 0x6\r\n",
    b"Content-Length: 6h\r\n",
    b"Content-Length: 6.0\r\n",
    b"Content-Length: 6 6\r\n",
    b"Content-Length: 6;\r\n",
    b"Content-Length: '6'\r\n",
    b"Content-Length: 1_0\r\n",
    b"Content-Length:\r\n",
    b"Content-Length: \xb2\r\n",
    b"Content-Length: 18446744073709551622, 6\r\n",
    b"Content-Length: 6\r\nContent-Length: 6\r\n",
    b"Content-Length: 6\r\nContent-Length: 0\r\n",
    b"Content-Length: 0\r\nContent-Length: 6\r\n",
    b"Content-Length: 6\r\ncontent-length: 6\r\nCONTENT-LENGTH: 6\r\n",
    b"Content-Length : 6\r\n",
    b"Content-Length\t: 6\r\n",
    b" Content-Length: 6\r\n",
    b"Content-Length: \x0c6\r\n",
    b"Content-Length: 6\x0b\r\n",
    b"Content-Length: 6\0\r\n",
    // Transfer codings.
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: chunked, gzip\r\n",
    b"Transfer-Encoding: chunked, chunked\r\n",
    b"Transfer-Encoding: chunked, identity\r\n",
    b"Transfer-Encoding: identity, chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Transfer-Encoding: gzip\r\n",
    b"Transfer-Encoding: cow\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding: chunkedx\r\n",
    b"Transfer-Encoding: \"chunked\"\r\n",
    b"Transfer-Encoding: 'chunked'\r\n",
    b"Transfer-Encoding: chunked;q=1\r\n",
    b"Transfer-Encoding: chunked;\r\n",
    b"Transfer-Encoding: ,chunked\r\n",
    b"Transfer-Encoding: chunked,\r\n",
    b"Transfer-Encoding:\r\n",
    b"Transfer-Encoding: \x0bchunked\r\n",
    b"Transfer-Encoding: \x0cchunked\r\n",
    b"Transfer-Encoding: chunked\x0c\r\n",
    b"Transfer-Encoding: chunked\0\r\n",
    b"Transfer-Encoding: ch\xc5\xbfunked\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Transfer-Encoding\t: chunked\r\n",
    b" Transfer-Encoding: chunked\r\n",
    b"X: y\r\n Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding:\r\n chunked\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
    // Both.
    b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: x\r\n",
    b"Content-Length: 6\r\nTransfer-Encoding: identity\r\n",
    b"CONTENT-LENGTH: 6\r\nTRANSFER-ENCODING: CHUNKED\r\n",
    b"Transfer_Encoding: chunked\r\nContent-Length: 6\r\n",
    // Line ends and what a line may hold.
    b"Content-Length: 6\n",
    b"Content-Length: 6\r",
    b"X: y\nContent-Length: 6\r\n",
    b"X: y\rContent-Length: 6\r\n",
    b"X: y\r\r\nContent-Length: 6\r\n",
    b"X: a\0b\r\n",
    b"X: a\x01b\r\n",
    b"X: a\x1bb\r\n",
    b"X: a\x7fb\r\n",
    b"X: \x0cb\r\n",
    b"X: y\r\n folded\r\n",
    b"X: y\r\n\tfolded\r\n",
    b"X: y\r\n \r\n",
    b"X:\r\n folded: z\r\n",
    b": y\r\n",
    b"X\r\n",
    b"X y\r\n",
    b"X y: z\r\n",
    b"X : y\r\n",
    b"X\0: y\r\n",
    b"X\xc3\xa9: y\r\n",
    b"X(): y\r\n",
    b"X@: y\r\n",
    b"X/: y\r\n",
    b"[X]: y\r\n",
    b"X=y\r\n",
];

#[test]
fn a_request_line_that_can_be_read_in_two_ways_is_refused() {
    let host = echoes().start();
    for line in LINES {
        let head = [line, b"Host: localhost\r\n\r\n".as_slice()].concat();
        assert_refused(&host, &head, "bad-request");
    }
    assert_nothing_smuggled(&host);
    assert_eq!(host.failures("", "bad-request"), LINES.len() as u64);
    assert_eq!(served(&host, "p2"), 0.0);
}

#[test]
fn fields_that_can_be_read_in_two_ways_are_refused() {
    let host = echoes().start();
    for fields in FIELDS {
        let head = [b"POST /p2 HTTP/1.1\r\nHost: localhost\r\n", *fields, b"\r\n0\r\n\r\nX"].concat();
        assert_refused(&host, &head, "bad-request");
        // The same where it is the first field, so that there is nothing to fold onto.
        let head = [b"POST /p2 HTTP/1.1\r\n", *fields, b"Host: localhost\r\n\r\n0\r\n\r\nX"].concat();
        assert_refused(&host, &head, "bad-request");
    }
    assert_nothing_smuggled(&host);
    assert_eq!(host.failures("", "bad-request"), 2 * FIELDS.len() as u64);
    assert_eq!(served(&host, "p2"), 0.0);
}

#[test]
fn http_1_0_has_no_transfer_codings() {
    let host = echoes().start();
    for fields in ["Transfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n"] {
        let head = format!("POST /p2 HTTP/1.0\r\nHost: localhost\r\n{fields}\r\n0\r\n\r\n");
        assert_refused(&host, head.as_bytes(), "bad-request");
    }
    assert_nothing_smuggled(&host);
}

#[test]
fn a_head_refused_for_its_method_head_has_no_body() {
    let host = echoes().start();
    for head in
        ["HEAD /p2 HTTP/1.1\r\n\r\n", "HEAD /p2 HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", "HEAD /p2 HTTP/3\r\n\r\n"]
    {
        assert_refused(&host, head.as_bytes(), "bad-request");
    }
    assert_nothing_smuggled(&host);
}

#[test]
fn what_is_unusual_but_means_one_thing_passes() {
    let host = echoes().start();
    for (head, body) in [
        ("\r\nPOST /{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", "hello"),
        ("\r\n\r\nPOST /{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", "hello"),
        ("POST /{} HTTP/1.1\r\nHost:localhost\r\nContent-Length:5\r\n\r\nhello", "hello"),
        ("POST /{} HTTP/1.1\r\nhOST: \t localhost \t\r\ncONTENT-lENGTH:   5  \r\n\r\nhello", "hello"),
        ("POST /{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 00005\r\n\r\nhello", "hello"),
        ("POST /{} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("POST /{} HTTP/1.1\r\nHost: localhost\r\ntransfer-encoding:chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("POST /{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", ""),
        ("POST /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", ""),
        ("GET /{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", "hello"),
        ("DELETE /{} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "hi"),
        ("B!#$%&'*+-.^_`|~W /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", ""),
        ("GET /{} HTTP/1.1\r\nHost: localhost\r\nX:\r\nY: \u{e9}\tz\r\n\r\n", ""),
        ("GET http://localhost/{} HTTP/1.1\r\nHost: localhost\r\n\r\n", ""),
    ] {
        for service in ["p2", "p3"] {
            let head = head.replace("{}", service);
            assert_eq!(passed(&host, &head).text(), body, "{head}");
        }
    }
}

#[test]
fn http_1_0_ends_with_its_answer() {
    let host = echoes().start();
    let mut connection = host.connect();
    connection.send("POST /p2/x HTTP/1.0\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello");
    connection.send(super::SMUGGLED);
    let answer = connection.read_answer("POST");
    assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
    assert!(connection.is_closed_by_host());
    assert_nothing_smuggled(&host);
}

#[test]
fn a_length_too_large_to_count_is_refused_as_too_large() {
    let host = echoes().start();
    for length in [
        "10485761",
        "9223372036854775808",
        "18446744073709551613",
        "18446744073709551615",
        "18446744073709551616",
        // The low bits of this are 6.
        "18446744073709551622",
        "99999999999999999999999999999999999999999999",
    ] {
        let head = format!("POST /p2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n0\r\n\r\nX");
        let (answer, _) = refused(&host, head.as_bytes(), "content-too-large");
        assert!(answer.interim.is_empty());
    }
    assert_nothing_smuggled(&host);
    assert_eq!(host.levels().instances_started, 0);
}

#[test]
fn an_address_that_only_the_parser_finds_wrong_is_refused_by_it() {
    let host = echoes().start();
    for target in ["http:///p2", "http://[::1/p2", "http://a:b:c/p2", "http://%/p2"] {
        let mut connection = host.connect();
        connection.send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n{}", super::SMUGGLED));
        let answer = connection.read_answer("GET");
        assert_eq!((answer.status, answer.header("connection")), (400, Some("close")), "{target}");
        assert!(connection.is_closed_by_host(), "{target}");
    }
    // The parser has no words of its own, but the log has.
    eventually("four lines", || host.log().json_lines().len() == 4);
    for line in host.log().json_lines() {
        assert_eq!((&line["status"], &line["outcome"]), (&400.into(), &"bad-request".into()), "{line}");
    }
    assert_nothing_smuggled(&host);
}

#[test]
fn the_line_of_a_refused_head_says_what_was_asked() {
    let host = echoes().start();
    for (head, method, path) in [
        ("GET /p2/a?secret HTTP/1.1\r\nHost: localhost\r\nX : y\r\n\r\n", "GET", "/p2/a"),
        ("BREW /p2/a HTTP/3\r\n\r\n", "BREW", "/p2/a"),
        ("GET /p2/a HTTP/1.1\r\nHost: u@localhost\r\n\r\n", "GET", "/p2/a"),
        ("POST /p2/a HTTP/1.1\r\nHost: localhost\r\nConnection: host\r\n\r\n", "POST", "/p2/a"),
        ("\x16\x03\x01\x02\r\n\r\n", "", ""),
        ("GE(T /p2/a HTTP/1.1\r\n\r\n", "", ""),
    ] {
        let line = assert_refused(&host, head.as_bytes(), "bad-request");
        assert_eq!((&line["method"], &line["path"]), (&method.into(), &path.into()), "{line}");
        assert_eq!((&line["protocol"], &line["kind"]), (&"HTTP/1.1".into(), &"request".into()), "{line}");
        assert!(line["received"]["total"].as_u64().unwrap() >= 10, "{line}");
        assert!(!line.to_string().contains("secret"), "{line}");
    }
}
