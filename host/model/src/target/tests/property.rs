//! What holds for every path and every set of rules, over many made-up paths.

use std::borrow::Cow;

use super::super::{CanonicalPath, DotSegments, EncodedSlash, PathRules, Slashes, canonical_path};
use crate::numbers::Numbers;

/// Tried with each of the twelve sets of rules.
const PATHS: u64 = 20_000;

const FRAGMENTS: &[&str] = &[
    "/",
    "/",
    "/",
    "/",
    "/",
    "//",
    "///",
    ".",
    "..",
    "...",
    "/.",
    "/..",
    "/../",
    "/./",
    "%2e",
    "%2E",
    "%2e%2e",
    "%25",
    "%252e",
    "%25%32%65",
    "%C3%A4",
    "%e7%94%a8",
    "%F0%9F%98%80",
    "%3b",
    "%3B",
    ";",
    ";x",
    ";x=1",
    "a",
    "b",
    "A",
    "admin",
    "%61",
    "%41",
    "%7e",
    "~",
    "-",
    "_",
    ":",
    "@",
    "%40",
    "%20",
    "+",
    "*",
    "=",
    ",",
    "2e",
    "2F",
];

/// What most rules refuse: only some paths have any of these, so that the others try the rules.
const NASTY: &[&str] = &[
    "%2f", "%2F", "%5c", "%5C", "%2F", "%2%35", "%", "%%", "%4", "%00", "%1f", "%7F", "%c0%ae", "%c3", "%a4", "\\",
    "#", "?", " ", "é", "\u{0}",
];

fn made_up(numbers: &mut Numbers) -> String {
    let mut path = String::from(if numbers.below(50) == 0 { "" } else { "/" });
    let nasty = numbers.below(5) == 0;
    for _ in 0..numbers.below(10) {
        let fragments = if nasty && numbers.below(4) == 0 { NASTY } else { FRAGMENTS };
        path += numbers.pick(fragments);
    }
    path
}

fn every_rule() -> Vec<PathRules> {
    let mut all = Vec::new();
    for encoded_slash in [EncodedSlash::Reject, EncodedSlash::Opaque] {
        for dot_segments in [DotSegments::Reject, DotSegments::Resolve] {
            for slashes in [Slashes::Merge, Slashes::Keep, Slashes::Reject] {
                all.push(PathRules { encoded_slash, dot_segments, slashes });
            }
        }
    }
    all
}

/// What the escapes of a text stand for, each decoded once: written apart from the code under test.
fn decoded(path: &str) -> Vec<u8> {
    let mut bytes = path.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let escape = (byte == b'%').then(|| (digit(bytes.next()), digit(bytes.next())));
        out.push(match escape {
            Some((Some(high), Some(low))) => u8::try_from(high * 16 + low).expect("two digits"),
            Some(_) => panic!("{path} must not have been taken"),
            None => byte,
        });
    }
    out
}

fn expect_sound(written: &str, path: &CanonicalPath<'_>, rules: PathRules) {
    let (text, context) = (path.text.as_ref(), format!("{written:?} by {rules:?}"));
    let again = canonical_path(text, rules).unwrap_or_else(|fault| panic!("{context}: {text}: {fault}"));
    assert_eq!(again.text, text, "{context}");
    assert!(matches!(again.text, Cow::Borrowed(_)) && !again.resolved, "{context}");
    assert_eq!(matches!(path.text, Cow::Borrowed(_)), text == written, "{context}");
    assert!(text.starts_with('/') && text.is_ascii(), "{context}");
    assert!(!text.contains("//") || rules.slashes == Slashes::Keep, "{context}");

    let plain = decoded(text);
    let plain = std::str::from_utf8(&plain).expect(&context);
    assert!(!plain.chars().any(|c| c.is_ascii_control()), "{context}");
    // Whatever a service decodes, and whichever slash it goes by, there is nothing to climb by.
    let parts = plain.split(['/', '\\']).filter_map(|part| part.split(';').next());
    assert!(parts.clone().all(|part| part != "." && part != ".."), "{context}");
    assert!(rules.encoded_slash == EncodedSlash::Opaque || !text.contains("%2F") && !text.contains("%5C"), "{context}");
    if !path.resolved && rules.slashes != Slashes::Merge {
        assert_eq!(decoded(written), plain.as_bytes(), "{context}");
    }
}

#[test]
fn a_canonical_path_is_left_as_it_is_by_the_rules_that_made_it() {
    let (mut taken, mut refused, mut changed, mut resolved) = (0_u32, 0_u32, 0_u32, 0_u32);
    let mut numbers = Numbers::of(7);
    for _ in 0..PATHS {
        let written = made_up(&mut numbers);
        for rules in every_rule() {
            match canonical_path(&written, rules) {
                Ok(path) => {
                    expect_sound(&written, &path, rules);
                    taken += 1;
                    changed += u32::from(path.text != written.as_str());
                    resolved += u32::from(path.resolved);
                }
                Err(_) => refused += 1,
            }
        }
    }
    let counts = [taken, refused, changed, resolved];
    assert!(counts.iter().all(|count| *count > 10_000), "each outcome must be tried often: {counts:?}");
}

#[test]
fn stricter_rules_only_refuse_and_never_change_what_they_take() {
    let mut numbers = Numbers::of(11);
    let mut compared = 0_u32;
    for _ in 0..PATHS {
        let written = made_up(&mut numbers);
        for rules in every_rule() {
            let strict = PathRules { encoded_slash: EncodedSlash::Reject, dot_segments: DotSegments::Reject, ..rules };
            if let Ok(path) = canonical_path(&written, strict) {
                assert_eq!(canonical_path(&written, rules), Ok(path), "{written:?} by {rules:?}");
                compared += 1;
            }
        }
    }
    assert!(compared > 10_000, "{compared}");
}
