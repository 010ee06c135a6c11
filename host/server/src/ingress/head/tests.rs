//! What a head must be, row by row: every rule met and broken, and cut at every byte.

use super::*;

/// What passes: a head, bytes of its first line, bytes of the rest, and what follows.
type Passed = (&'static str, u64, u64, BodyKind);
/// What is refused: a head, and words of the reason.
type Refused = (&'static [u8], &'static str);

const NO_BODY: BodyKind = BodyKind::Length(0);

const PASSED: &[Passed] = &[
    ("GET / HTTP/1.1\r\n\r\n", 16, 2, NO_BODY),
    ("GET / HTTP/1.0\r\n\r\n", 16, 2, NO_BODY),
    ("\r\nGET / HTTP/1.1\r\n\r\n", 18, 2, NO_BODY),
    ("\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n", 22, 2, NO_BODY),
    ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", 16, 11, NO_BODY),
    ("M!#$%&'*+-.^_`|~9 / HTTP/1.1\r\n\r\n", 30, 2, NO_BODY),
    ("OPTIONS * HTTP/1.1\r\n\r\n", 20, 2, NO_BODY),
    ("GET http://a/b?c HTTP/1.1\r\n\r\n", 27, 2, NO_BODY),
    // What is wrong with a target itself, `edge::aim` says.
    ("GET /!$&'()*+,;=:@[]%zz?/ HTTP/1.1\r\n\r\n", 36, 2, NO_BODY),
    ("GET / HTTP/1.1\r\nx:\r\n\r\n", 16, 6, NO_BODY),
    ("GET / HTTP/1.1\r\nx: \t \r\n\r\n", 16, 9, NO_BODY),
    ("GET / HTTP/1.1\r\nx:v\r\n\r\n", 16, 7, NO_BODY),
    ("GET / HTTP/1.1\r\nx:\t v \t\r\n\r\n", 16, 11, NO_BODY),
    ("GET / HTTP/1.1\r\nx: a\tb c:d\r\n\r\n", 16, 14, NO_BODY),
    ("GET / HTTP/1.1\r\n!#$%&'*+-.^_`|~9Z: v\r\n\r\n", 16, 24, NO_BODY),
    ("GET / HTTP/1.1\r\nx: \u{e9}\u{7fff}\r\n\r\n", 16, 12, NO_BODY),
    ("POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n", 17, 21, NO_BODY),
    ("POST / HTTP/1.1\r\nCONTENT-LENGTH:7\r\n\r\n", 17, 20, BodyKind::Length(7)),
    ("POST / HTTP/1.1\r\ncontent-length: \t7 \t\r\n\r\n", 17, 24, BodyKind::Length(7)),
    ("POST / HTTP/1.1\r\ncontent-length: 007\r\n\r\n", 17, 23, BodyKind::Length(7)),
    ("POST / HTTP/1.0\r\ncontent-length: 7\r\n\r\n", 17, 21, BodyKind::Length(7)),
    ("GET / HTTP/1.1\r\ncontent-length: 7\r\n\r\n", 16, 21, BodyKind::Length(7)),
    ("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", 17, 30, BodyKind::Chunked),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: \tCHUNKED \r\n\r\n", 17, 32, BodyKind::Chunked),
    // Names that only begin or end like those that frame.
    ("POST / HTTP/1.1\r\nx-content-length: a\r\ncontent-lengths: b\r\n\r\n", 17, 43, NO_BODY),
    ("POST / HTTP/1.1\r\nx-transfer-encoding: a\r\ntransfer_encoding: b\r\n\r\n", 17, 48, NO_BODY),
];

const REFUSED: &[Refused] = &[
    // Line ends.
    (b"GET / HTTP/1.1\n\r\n", "without a carriage return"),
    (b"GET / HTTP/1.1\r\n\n", "without a carriage return"),
    (b"GET / HTTP/1.1\r\nx: y\n\r\n", "without a carriage return"),
    (b"\nGET / HTTP/1.1\r\n\r\n", "without a carriage return"),
    (b"GET / HTTP/1.1\r\n\r\r\n", "inside a line"),
    (b"GET / HTTP/1.1\r\r\n\r\n", "inside a line"),
    (b"GET / HTTP/1.1\rx: y\r\n\r\n", "inside a line"),
    (b"GET / HTTP/1.1\r\nx: a\rb\r\n\r\n", "inside a line"),
    (b"GET / HTTP/1.1\r\nx: a\r\r\n\r\n", "inside a line"),
    (b"\r\r\nGET / HTTP/1.1\r\n\r\n", "inside a line"),
    // The request line.
    (b"GET\r\n\r\n", "one space between"),
    (b"GET /\r\n\r\n", "one space between"),
    (b"GET  / HTTP/1.1\r\n\r\n", "one space between"),
    (b"GET /  HTTP/1.1\r\n\r\n", "one space between"),
    (b"GET / HTTP/1.1 \r\n\r\n", "one space between"),
    (b"GET / a HTTP/1.1\r\n\r\n", "one space between"),
    (b" GET / HTTP/1.1\r\n\r\n", "one space between"),
    (b"GET\t/\tHTTP/1.1\r\n\r\n", "one space between"),
    (b" / HTTP/1.1\r\n\r\n", "not a token"),
    (b"G(T / HTTP/1.1\r\n\r\n", "not a token"),
    (b"G\tT / HTTP/1.1\r\n\r\n", "not a token"),
    (b"GET: / HTTP/1.1\r\n\r\n", "not a token"),
    (b"G\xc3\x89T / HTTP/1.1\r\n\r\n", "not a token"),
    (b"\0GET / HTTP/1.1\r\n\r\n", "not a token"),
    (b"GET  HTTP/1.1\r\n\r\n", "neither a path nor an address"),
    (b"GET /\t HTTP/1.1\r\n\r\n", "must be escaped"),
    (b"GET /\0 HTTP/1.1\r\n\r\n", "must be escaped"),
    (b"GET /\x01 HTTP/1.1\r\n\r\n", "must be escaped"),
    (b"GET /\x7f HTTP/1.1\r\n\r\n", "must be escaped"),
    (b"GET /\x80 HTTP/1.1\r\n\r\n", "must be escaped"),
    (b"GET /\xc3\xa9 HTTP/1.1\r\n\r\n", "must be escaped"),
    (b"GET \\p HTTP/1.1\r\n\r\n", "must be escaped"),
    (b"GET /<p> HTTP/1.1\r\n\r\n", "must be escaped"),
    (b"GET p HTTP/1.1\r\n\r\n", "neither a path nor an address"),
    (b"GET ?p HTTP/1.1\r\n\r\n", "neither a path nor an address"),
    (b"GET file:///p HTTP/1.1\r\n\r\n", "neither a path nor an address"),
    (b"GET localhost:80 HTTP/1.1\r\n\r\n", "neither a path nor an address"),
    (b"GET http:///p HTTP/1.1\r\n\r\n", "neither a path nor an address"),
    (b"GET https://?p HTTP/1.1\r\n\r\n", "neither a path nor an address"),
    (b"GET / HTTP/1.1\r\nUpgrade: h2c\r\ncontent-length: 1\r\n\r\n", "with a body"),
    (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nupgrade: a\r\n\r\n", "with a body"),
    (b"GET /# HTTP/1.1\r\n\r\n", "or a `#`"),
    (b"GET /?a#b HTTP/1.1\r\n\r\n", "or a `#`"),
    (b"GET / HTTP/1.2\r\n\r\n", "the version"),
    (b"GET / HTTP/0.9\r\n\r\n", "the version"),
    (b"GET / HTTP/2.0\r\n\r\n", "the version"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "the version"),
    (b"GET / HTTP/11\r\n\r\n", "the version"),
    (b"GET / HTTP/1.10\r\n\r\n", "the version"),
    (b"GET / HTTP/01.1\r\n\r\n", "the version"),
    (b"GET / http/1.1\r\n\r\n", "the version"),
    (b"GET / HTTP/1,1\r\n\r\n", "the version"),
    (b"GET / HTTP/1.1\0\r\n\r\n", "the version"),
    (b"GET / HTTP/1.1\t\r\n\r\n", "the version"),
    (b"GET / HTTPS/1.1\r\n\r\n", "the version"),
    (b"GET / \r\n\r\n", "the version"),
    // Fields.
    (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", "no colon"),
    (b"GET / HTTP/1.1\r\nx\r\n\r\n", "no colon"),
    (b"GET / HTTP/1.1\r\nx: y\r\nfolded\r\n\r\n", "no colon"),
    (b"GET / HTTP/1.1\r\nx: y\r\n folded\r\n\r\n", "no colon"),
    (b"GET / HTTP/1.1\r\nx: y\r\n fol:ded\r\n\r\n", "name holds a blank"),
    (b"GET / HTTP/1.1\r\nx: y\r\n\tfol:ded\r\n\r\n", "name holds a blank"),
    (b"GET / HTTP/1.1\r\n first: y\r\n\r\n", "name holds a blank"),
    (b"GET / HTTP/1.1\r\n: y\r\n\r\n", "name holds a blank"),
    (b"GET / HTTP/1.1\r\n :y\r\n\r\n", "name holds a blank"),
    (b"GET / HTTP/1.1\r\nx : y\r\n\r\n", "name holds a blank"),
    (b"GET / HTTP/1.1\r\nx\t: y\r\n\r\n", "name holds a blank"),
    (b"GET / HTTP/1.1\r\nx y: z\r\n\r\n", "name holds a blank"),
    (b"GET / HTTP/1.1\r\n(x): y\r\n\r\n", "name holds a blank"),
    (b"GET / HTTP/1.1\r\nx\0: y\r\n\r\n", "name holds a blank"),
    (b"GET / HTTP/1.1\r\nx\xe9: y\r\n\r\n", "name holds a blank"),
    (b"GET / HTTP/1.1\r\nx\x0b: y\r\n\r\n", "name holds a blank"),
    (b"GET / HTTP/1.1\r\n\"x\": y\r\n\r\n", "name holds a blank"),
    (b"GET / HTTP/1.1\r\ntransfer-encoding : chunked\r\n\r\n", "name holds a blank"),
    (b"GET / HTTP/1.1\r\nx: a\0b\r\n\r\n", "control character"),
    (b"GET / HTTP/1.1\r\nx: \x01\r\n\r\n", "control character"),
    (b"GET / HTTP/1.1\r\nx: a\x1fb\r\n\r\n", "control character"),
    (b"GET / HTTP/1.1\r\nx: a\x7f\r\n\r\n", "control character"),
    (b"GET / HTTP/1.1\r\nx: \x0b\r\n\r\n", "control character"),
    // A form feed is white space to Rust and none to HTTP.
    (b"GET / HTTP/1.1\r\nx: a\x0cb\r\n\r\n", "control character"),
    (b"GET / HTTP/1.1\r\nx: \x0cb\r\n\r\n", "control character"),
    (b"GET / HTTP/1.1\r\nx: a\x0c\r\n\r\n", "control character"),
    (b"GET / HTTP/1.1\r\ntransfer-encoding: \x0cchunked\r\n\r\n", "control character"),
    (b"GET / HTTP/1.1\r\ncontent-length: 5\x0c\r\n\r\n", "control character"),
    // Lengths.
    (b"GET / HTTP/1.1\r\ncontent-length:\r\n\r\n", "not one number"),
    (b"GET / HTTP/1.1\r\ncontent-length: \r\n\r\n", "not one number"),
    (b"GET / HTTP/1.1\r\ncontent-length: +5\r\n\r\n", "not one number"),
    (b"GET / HTTP/1.1\r\ncontent-length: -5\r\n\r\n", "not one number"),
    (b"GET / HTTP/1.1\r\ncontent-length: 5, 5\r\n\r\n", "not one number"),
    (b"GET / HTTP/1.1\r\ncontent-length: 5,\r\n\r\n", "not one number"),
    (b"GET / HTTP/1.1\r\ncontent-length: 5 5\r\n\r\n", "not one number"),
    (b"GET / HTTP/1.1\r\ncontent-length: 5;a\r\n\r\n", "not one number"),
    (b"GET / HTTP/1.1\r\ncontent-length: 0x5\r\n\r\n", "not one number"),
    (b"GET / HTTP/1.1\r\ncontent-length: 5.0\r\n\r\n", "not one number"),
    (b"GET / HTTP/1.1\r\ncontent-length: 5e1\r\n\r\n", "not one number"),
    (b"GET / HTTP/1.1\r\ncontent-length: 1_0\r\n\r\n", "not one number"),
    (b"GET / HTTP/1.1\r\ncontent-length: \"5\"\r\n\r\n", "not one number"),
    (b"GET / HTTP/1.1\r\ncontent-length: five\r\n\r\n", "not one number"),
    (b"GET / HTTP/1.1\r\ncontent-length: \xd9\xa5\r\n\r\n", "not one number"),
    (b"GET / HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\n", "more than one `Content-Length`"),
    (b"GET / HTTP/1.1\r\ncontent-length: 5\r\nContent-Length: 6\r\n\r\n", "more than one `Content-Length`"),
    (b"GET / HTTP/1.1\r\ncontent-length: 0\r\nContent-Length: 0\r\n\r\n", "more than one `Content-Length`"),
    // Transfer codings.
    (b"GET / HTTP/1.1\r\ntransfer-encoding:\r\n\r\n", "other than one `chunked`"),
    (b"GET / HTTP/1.1\r\ntransfer-encoding: identity\r\n\r\n", "other than one `chunked`"),
    (b"GET / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n", "other than one `chunked`"),
    (b"GET / HTTP/1.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n", "other than one `chunked`"),
    (b"GET / HTTP/1.1\r\ntransfer-encoding: chunked, chunked\r\n\r\n", "other than one `chunked`"),
    (b"GET / HTTP/1.1\r\ntransfer-encoding: chunked, identity\r\n\r\n", "other than one `chunked`"),
    (b"GET / HTTP/1.1\r\ntransfer-encoding: chunked,\r\n\r\n", "other than one `chunked`"),
    (b"GET / HTTP/1.1\r\ntransfer-encoding: ,chunked\r\n\r\n", "other than one `chunked`"),
    (b"GET / HTTP/1.1\r\ntransfer-encoding: chunked;q=1\r\n\r\n", "other than one `chunked`"),
    (b"GET / HTTP/1.1\r\ntransfer-encoding: \"chunked\"\r\n\r\n", "other than one `chunked`"),
    (b"GET / HTTP/1.1\r\ntransfer-encoding: xchunked\r\n\r\n", "other than one `chunked`"),
    (b"GET / HTTP/1.1\r\ntransfer-encoding: chunke\r\n\r\n", "other than one `chunked`"),
    (b"GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n", "other than one `chunked`"),
    (b"GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\ntransfer-encoding: gzip\r\n\r\n", "other than one `chunked`"),
    (b"GET / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n", "in HTTP/1.0"),
    (b"GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n", "both"),
    (b"GET / HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", "both"),
    (b"GET / HTTP/1.1\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n", "both"),
];

fn limits() -> HeadLimits {
    HeadLimits::from(&ListenerLimits::default())
}

fn scan(limits: HeadLimits, bytes: &[u8]) -> Scanned {
    HeadScan::new(limits).scan(bytes)
}

/// What comes of `bytes` when one byte more is there with every look.
fn scan_slowly(limits: HeadLimits, bytes: &[u8]) -> Scanned {
    let mut scan = HeadScan::new(limits);
    let looks = (1..=bytes.len()).map(|end| scan.scan(&bytes[..end]));
    looks.into_iter().find(|scanned| *scanned != Scanned::Partial).unwrap_or(Scanned::Partial)
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

#[test]
fn a_head_that_keeps_the_rules_passes_whatever_follows_it() {
    for (text, line, headers, body) in PASSED {
        let head = Scanned::Complete(Head { line: *line, headers: *headers, body: *body, upgrades: false });
        for rest in ["", "\r\n", "GET / HTTP/1.1\r\n\r\n", "\0\n garbage"] {
            let bytes = format!("{text}{rest}");
            assert_eq!(scan(limits(), bytes.as_bytes()), head, "{}", shown(bytes.as_bytes()));
        }
        assert_eq!((line + headers) as usize, text.len(), "{text}");
    }
}

#[test]
fn a_head_that_breaks_a_rule_is_refused_with_the_reason() {
    for (bytes, reason) in REFUSED {
        match scan(limits(), bytes) {
            Scanned::Refused(fault) => {
                assert_eq!(fault.failure, Failure::BadRequest, "{}", shown(bytes));
                assert!(fault.why.contains(reason), "{}: {}", shown(bytes), fault.why);
            }
            other => panic!("{}: {other:?}", shown(bytes)),
        }
    }
}

#[test]
fn it_makes_no_difference_where_a_head_is_cut() {
    let heads = PASSED.iter().map(|(text, ..)| text.as_bytes()).chain(REFUSED.iter().map(|(bytes, _)| *bytes));
    for bytes in heads {
        let whole = scan(limits(), bytes);
        assert_eq!(scan_slowly(limits(), bytes), whole, "byte by byte: {}", shown(bytes));
        for cut in 0..bytes.len() {
            let mut scan = HeadScan::new(limits());
            match scan.scan(&bytes[..cut]) {
                Scanned::Partial => assert_eq!(scan.scan(bytes), whole, "cut at {cut}: {}", shown(bytes)),
                // What is wrong already does not become right.
                early => assert_eq!(early, whole, "cut at {cut}: {}", shown(bytes)),
            }
        }
    }
}

#[test]
fn a_head_is_complete_with_its_last_byte_and_not_before() {
    for (text, ..) in PASSED {
        for cut in 0..text.len() {
            assert_eq!(scan(limits(), &text.as_bytes()[..cut]), Scanned::Partial, "{text} cut at {cut}");
        }
    }
}

#[test]
fn a_length_that_nobody_sends_is_too_large() {
    let head = |length: &str| format!("GET / HTTP/1.1\r\ncontent-length: {length}\r\n\r\n");
    let largest = (u64::MAX / 2).to_string();
    let Scanned::Complete(found) = scan(limits(), head(&largest).as_bytes()) else { panic!("{largest} must pass") };
    assert_eq!(found.body, BodyKind::Length(u64::MAX / 2));
    for length in ["9223372036854775808", "18446744073709551615", "18446744073709551616", "99999999999999999999999"] {
        assert_failure(limits(), head(length).as_bytes(), Failure::ContentTooLarge);
    }
}

#[track_caller]
fn assert_failure(limits: HeadLimits, bytes: &[u8], failure: Failure) {
    for scanned in [scan(limits, bytes), scan_slowly(limits, bytes)] {
        assert!(matches!(scanned, Scanned::Refused(fault) if fault.failure == failure), "{scanned:?}");
    }
}

#[test]
fn a_request_line_may_be_as_long_as_its_limit() {
    let line = |bytes: usize| format!("GET /{} HTTP/1.1\r\n", "x".repeat(bytes - 16));
    for (line, most) in [(line(8_192), 8_192), (line(17), 17)] {
        let limits = HeadLimits { line: most, ..limits() };
        let head = format!("{line}\r\n");
        assert!(matches!(scan(limits, head.as_bytes()), Scanned::Complete(_)));
        let less = HeadLimits { line: most - 1, ..limits };
        assert_failure(less, head.as_bytes(), Failure::UriTooLong);
        // One that never ends is refused when it is too long, not when it ends.
        assert_eq!(scan(limits, &vec![b'x'; most as usize]), Scanned::Partial);
        assert_failure(limits, &vec![b'x'; most as usize + 1], Failure::UriTooLong);
        // Empty lines before it are no part of it.
        assert!(matches!(scan(limits, format!("\r\n{head}").as_bytes()), Scanned::Complete(_)));
    }
}

#[test]
fn a_head_may_be_as_large_as_its_limit() {
    let head = |bytes: usize| format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "v".repeat(bytes - 23));
    let limits = HeadLimits { block: 32_768, ..limits() };
    assert!(matches!(scan(limits, head(32_768).as_bytes()), Scanned::Complete(_)));
    assert_failure(limits, head(32_769).as_bytes(), Failure::HeadersTooLarge);
    let endless = format!("GET / HTTP/1.1\r\nx: {}", "v".repeat(40_000));
    assert_eq!(scan(limits, &endless.as_bytes()[..32_768]), Scanned::Partial);
    assert_failure(limits, &endless.as_bytes()[..32_769], Failure::HeadersTooLarge);
    // What follows a complete head is not held against it.
    let followed = format!("{}{}", head(100), "b".repeat(100_000));
    assert!(matches!(scan(limits, followed.as_bytes()), Scanned::Complete(_)));
    // Nor do empty lines go on for ever.
    assert_failure(limits, "\r\n".repeat(20_000).as_bytes(), Failure::HeadersTooLarge);
}

#[test]
fn a_head_may_have_as_many_fields_as_its_limit() {
    let head = |fields: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(fields));
    for most in [0, 1, 100] {
        let limits = HeadLimits { fields: most, ..limits() };
        assert!(matches!(scan(limits, head(most as usize).as_bytes()), Scanned::Complete(_)));
        assert_failure(limits, head(most as usize + 1).as_bytes(), Failure::HeadersTooLarge);
    }
}

#[test]
fn a_refused_head_is_described_as_far_as_it_can_be_told() {
    let long = format!("GET /{} HTTP/1.1", "x".repeat(500));
    let rows: [(&[u8], &str, &str); 14] = [
        (b"GET /a?secret HTTP/1.1\r\nx: y", "GET", "/a"),
        (b"\r\n\r\nPOST /a HTTP/1.1\r\n", "POST", "/a"),
        (b"GET /a", "GET", "/a"),
        (b"GET", "GET", ""),
        (b"", "", ""),
        (b"\r\n", "", ""),
        (b"GET /a\nx: y", "GET", "/a"),
        (b"GET /a\rx: y", "GET", "/a"),
        (b"GET  /a HTTP/1.1", "GET", ""),
        (b"GET /\xff HTTP/1.1", "GET", "/\u{fffd}"),
        (b"GET ?a HTTP/1.1", "GET", ""),
        // What is no method tells nothing, for it may be anything: TLS, say.
        (b"\x16\x03\x01\x02\x00", "", ""),
        (b"G(T /a HTTP/1.1", "", ""),
        (long.as_bytes(), "GET", &format!("/{}", "x".repeat(127))),
    ];
    for (head, method, path) in rows {
        assert_eq!(described(head), (method.to_owned(), path.to_owned()), "{}", shown(head));
    }
}

#[test]
fn every_upgrade_is_found_where_it_stands() {
    let head = b"GET / HTTP/1.1\r\nUpgrade: a\r\nx: upgrade\r\nupgrade:b\r\ncontent-length: 0\r\n\r\n";
    let mut scan = HeadScan::new(limits());
    assert!(matches!(scan.scan(head), Scanned::Complete(Head { upgrades: true, .. })));
    let names: Vec<_> = scan.upgrades().iter().map(|at| &head[*at..*at + 7]).collect();
    assert_eq!(names, [b"Upgrade", b"upgrade"]);
}

#[test]
fn tunnels_are_no_method() {
    assert_failure(limits(), b"CONNECT a:443 HTTP/1.1\r\n", Failure::MethodNotAllowed);
}
