//! What a client may write, what it becomes and where it leads; what it may not, and why.

mod authority;
mod dots;
mod property;
mod slashes;
mod spelling;

use std::borrow::Cow;

use super::{DotSegments, EncodedSlash, PathRules, Slashes, TargetFault, canonical_path, check_query};
use crate::route::{Found, RoutePattern, RouteTable};

const DEFAULT: PathRules =
    PathRules { encoded_slash: EncodedSlash::Reject, dot_segments: DotSegments::Reject, slashes: Slashes::Merge };
const OPAQUE: PathRules = PathRules { encoded_slash: EncodedSlash::Opaque, ..DEFAULT };
const RESOLVE: PathRules = PathRules { dot_segments: DotSegments::Resolve, ..DEFAULT };
const RESOLVE_OPAQUE: PathRules = PathRules { dot_segments: DotSegments::Resolve, ..OPAQUE };
const KEEP: PathRules = PathRules { slashes: Slashes::Keep, ..DEFAULT };
const RESOLVE_KEEP: PathRules = PathRules { slashes: Slashes::Keep, ..RESOLVE };
const SINGLE: PathRules = PathRules { slashes: Slashes::Reject, ..DEFAULT };
const RESOLVE_SINGLE: PathRules = PathRules { slashes: Slashes::Reject, ..RESOLVE };

/// A path as written, its canonical text, and the route of [`table`] it leads to, or `-`.
type Taken = (PathRules, &'static str, &'static str, &'static str);
/// Some words of the reason, and paths that are refused for it.
type Refused = (PathRules, &'static str, &'static [&'static str]);

fn table() -> RouteTable<()> {
    let patterns = ["/", "/admin", "/admin/*", "/public/*", "/files/{name}"];
    let entries = patterns.map(|text| (RoutePattern::parse(text).expect(text), ()));
    RouteTable::build(entries.into()).expect("the patterns differ")
}

fn taken() -> impl Iterator<Item = &'static Taken> {
    spelling::TAKEN.iter().chain(dots::TAKEN).chain(slashes::TAKEN)
}

fn refused() -> impl Iterator<Item = &'static Refused> {
    spelling::REFUSED.iter().chain(dots::REFUSED).chain(slashes::REFUSED)
}

#[test]
fn every_path_of_the_corpus_has_one_spelling_or_is_refused() {
    let mut rows = 0;
    for (rules, written, canonical, _) in taken() {
        let path = canonical_path(written, *rules);
        assert_eq!(path.as_ref().map(|path| path.text.as_ref()), Ok(*canonical), "{written} by {rules:?}");
        rows += 1;
    }
    for (rules, reason, paths) in refused() {
        for written in *paths {
            let fault = canonical_path(written, *rules).expect_err(written);
            assert!(fault.0.contains(reason), "{written:?} by {rules:?}: {fault}");
            rows += 1;
        }
    }
    assert!(rows >= 200, "the corpus has only {rows} rows");
}

#[test]
fn no_spelling_that_is_taken_reaches_another_route() {
    let table = table();
    for (rules, written, _, route) in taken() {
        let path = canonical_path(written, *rules).expect(written);
        let found = match table.find("h", "GET", &path.text) {
            Found::Route(found) => found.text.as_ref(),
            Found::MethodNotAllowed { .. } => panic!("every route takes every method"),
            Found::NoRoute => "-",
        };
        assert_eq!(found, *route, "{written} as {} by {rules:?}", path.text);
    }
}

#[test]
fn a_canonical_path_is_borrowed_and_only_dots_are_said_to_be_resolved() {
    for (rules, written, canonical, _) in taken() {
        let path = canonical_path(written, *rules).expect(written);
        assert_eq!(matches!(path.text, Cow::Borrowed(_)), written == canonical, "{written} by {rules:?}");
        let dots = dots::TAKEN.iter().any(|(_, dotted, ..)| dotted == written) && written != canonical;
        assert_eq!(path.resolved, dots && rules.dot_segments == DotSegments::Resolve, "{written} by {rules:?}");
    }
}

#[test]
fn every_reason_comes_with_its_remedy() {
    for (rules, _, paths) in refused() {
        for written in *paths {
            let TargetFault(text) = canonical_path(written, *rules).expect_err(written);
            assert!(text.starts_with("the path ") && !text.ends_with('.'), "{text}");
            assert!(text.contains("; send ") || text.contains("; leave "), "{text}");
        }
    }
}

#[test]
fn a_query_is_checked_and_not_changed() {
    let taken =
        ["", "a=b", "a=b&c=d;e", "a?b/c", "%2F..%2f%00", "a[]=1", "x=%E7%94%A8", "//../..", "q='(*)+,:@!$&='", "~-._"];
    for query in taken {
        assert_eq!(check_query(query), Ok(()), "{query}");
    }
    let refused = [
        "a b", "a#b", "x?y#z", "%", "%2", "%zz", "%u002e", "a\u{0}", "a\r\nb", "a\u{7f}", "用", "a\"b", "<a>", "a\\b",
        "{a}", "a|b", "a^b", "a`b", "\t", "100%", "%%20",
    ];
    for query in refused {
        let fault = check_query(query).expect_err(query);
        assert!(fault.0.starts_with("the query has a "), "{query:?}: {fault}");
    }
}
