//! Hosts and ports as clients write them.

use std::borrow::Cow;

use super::super::canonical_authority;

const LONGEST: &str = concat!(
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
);

const TAKEN: &[(&str, &str, Option<u16>)] = &[
    ("shop.example", "shop.example", None),
    ("shop.example:80", "shop.example", Some(80)),
    ("shop.example:443", "shop.example", Some(443)),
    ("shop.example:8443", "shop.example", Some(8443)),
    ("shop.example:0", "shop.example", Some(0)),
    ("shop.example:65535", "shop.example", Some(65_535)),
    ("shop.example:00080", "shop.example", Some(80)),
    ("SHOP.Example", "shop.example", None),
    ("SHOP.Example:80", "shop.example", Some(80)),
    ("shop.example.", "shop.example", None),
    ("shop.example.:80", "shop.example", Some(80)),
    ("Shop.Example.:80", "shop.example", Some(80)),
    ("localhost", "localhost", None),
    ("localhost:8080", "localhost", Some(8080)),
    ("a", "a", None),
    ("a-b.c", "a-b.c", None),
    ("a_b.example", "a_b.example", None),
    ("1.example", "1.example", None),
    ("xn--p1ai", "xn--p1ai", None),
    ("XN--P1AI", "xn--p1ai", None),
    ("127.0.0.1", "127.0.0.1", None),
    ("127.0.0.1:80", "127.0.0.1", Some(80)),
    ("127.0.0.1.", "127.0.0.1", None),
    ("[::1]", "[::1]", None),
    ("[::1]:8080", "[::1]", Some(8080)),
    ("[2001:DB8::1]", "[2001:db8::1]", None),
    ("[2001:db8:0:0:0:0:0:1]:1", "[2001:db8::1]", Some(1)),
    ("[0:0:0:0:0:0:0:1]", "[::1]", None),
    ("[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]", None),
    ("[::]", "[::]", None),
    (LONGEST, LONGEST, None),
];

const REFUSED: &[(&str, &[&str])] = &[
    ("the host is empty", &["", ":80", ".", ".:80"]),
    ("user information", &["user@shop.example", "user:pass@shop.example", "@shop.example", "shop.example@other:80"]),
    (
        "a path after it",
        &["shop.example/", "shop.example/a", "http://shop.example", "a\\b", "a?b", "a#b", "/", "a:80/"],
    ),
    ("a comma", &["a.example,b.example", "a.example, b.example", ",", "a:80,b:80"]),
    ("not ASCII", &["shöp.example", "用户.example", "ﬀ.example", "a\u{feff}"]),
    ("a `%` in it", &["%61.example", "a%2Fb", "a%00", "[fe80::1%25eth0]", "%"]),
    (
        "a character that may not stand",
        &[
            "a b",
            " a",
            "a ",
            "a\tb",
            "a\u{0}",
            "a\r\nb",
            "a\u{7f}",
            "a;b",
            "a=b",
            "a'b",
            "a\"b",
            "<a>",
            "a|b",
            "a*b",
            "*",
            "*.example",
            "a!",
            "$a",
            "a&b",
            "(a)",
            "a+b",
            "~a",
            "{a}",
            "a^b",
            "a`b",
            "a b:80",
        ],
    ),
    ("an empty label", &["a..b", ".a", "..", "a..", ".a:80", "a..:80"]),
    (
        "brackets that do not hold",
        &[
            "[",
            "]",
            "[]",
            "[::1",
            "::1]",
            "[::1]x",
            "[::1]80",
            "[a]",
            "[127.0.0.1]",
            "[v1.a]",
            "a[::1]",
            "[[::1]]",
            "[::1]]",
            "[::1].",
            "[ ::1]",
            "[::1] ",
            "[1:2:3]",
            "[::12345]",
        ],
    ),
    ("several `:`", &["::1", "2001:db8::1", "a:80:80", "a::80", "::"]),
    (
        "not a number from 0 to 65535",
        &[
            ":",
            "a:",
            "a.:",
            "a:65536",
            "a:99999",
            "a:000080",
            "a:-1",
            "a:+80",
            "a: 80",
            "a:80 ",
            "a:8o",
            "a:0x50",
            "[::1]:",
            "[::1]:x",
            "[::1]:65536",
        ],
    ),
];

#[test]
fn every_authority_has_one_spelling_or_is_refused() {
    let mut rows = TAKEN.len();
    for (written, host, port) in TAKEN {
        let authority = canonical_authority(written).expect(written);
        assert_eq!((authority.host.as_ref(), authority.port), (*host, *port), "{written}");
        let again = canonical_authority(&authority.host).expect(written);
        assert_eq!((again.host.as_ref(), again.port), (*host, None), "{written}");
        assert!(matches!(again.host, Cow::Borrowed(_)), "{written}");
        assert_eq!(matches!(authority.host, Cow::Borrowed(_)), written.contains(host), "{written}");
    }
    for (reason, texts) in REFUSED {
        for written in *texts {
            let fault = canonical_authority(written).expect_err(written);
            assert!(fault.0.contains(reason), "{written:?}: {fault}");
            assert!(!fault.0.ends_with('.') && fault.0.contains("; "), "{fault}");
            rows += 1;
        }
    }
    assert!(rows >= 60, "there are only {rows} rows");
}

#[test]
fn a_name_may_be_as_long_as_dns_allows() {
    let longer = format!("{LONGEST}a");
    assert!(canonical_authority(&format!("{LONGEST}.:80")).is_ok());
    assert!(canonical_authority(&longer).expect_err("one more").0.contains("longer than any name"));
}
