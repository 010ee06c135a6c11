//! The table agrees with a plain comparison of all patterns, over many made-up tables and requests.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::{found, pattern};
use crate::numbers::Numbers;
use crate::route::{Conflict, RoutePattern, RouteTable};

const TABLES: u64 = 1_000;
const REQUESTS: usize = 60;

pub(super) fn random_pattern(numbers: &mut Numbers) -> String {
    let methods = numbers.pick(&["", "", "GET ", "HEAD ", "POST ", "GET,POST ", "PUT "]);
    let host = numbers.pick(&["", "", "", "x.y", "*.y", "*.x.y", "a.x.y"]);
    let mut path = String::new();
    for place in 0..numbers.below(4) {
        let segment = numbers.pick(&["a", "a", "b", "c", "{p}", "{q}"]);
        path += "/";
        // Names within one pattern must differ.
        path += &segment.replace('}', &format!("{place}}}"));
    }
    path += numbers.pick(&["", "", "/", "/*"]);
    if path.is_empty() {
        path.push('/');
    }
    format!("{methods}{host}{path}")
}

pub(super) fn random_request(numbers: &mut Numbers) -> (&'static str, &'static str, String) {
    let host = numbers.pick(&["x.y", "X.Y:80", "a.x.y", "b.x.y.", "y", "z", "b.a.x.y"]);
    let method = numbers.pick(&["GET", "HEAD", "POST", "PUT", "DELETE"]);
    let mut path = String::new();
    for _ in 0..numbers.below(5) {
        path += "/";
        path += numbers.pick(&["a", "a", "b", "c", "d", ""]);
    }
    path += numbers.pick(&["", "", "/"]);
    (host, method, if path.is_empty() { "/".to_owned() } else { path })
}

/// What makes a pattern specific, read off its text: host, then path, then method.
fn specificity(text: &str) -> (usize, usize, usize, Vec<bool>, bool) {
    let (methods, rest) = text.split_once(' ').unwrap_or(("", text));
    let (host, path) = rest.split_at(rest.find('/').expect("a path"));
    let host = match (host.is_empty(), host.starts_with('*')) {
        (true, _) => 0,
        (_, true) => host.len(),
        _ => 1_000,
    };
    let literal: Vec<bool> =
        path.trim_end_matches("/*").split('/').skip(1).map(|part| !part.starts_with('{')).collect();
    let literals = literal.iter().filter(|literal| **literal).count();
    let path = match (path.ends_with("/*"), literals < literal.len()) {
        (true, _) => literal.len(),
        (false, true) => 1_000,
        (false, false) => 2_000,
    };
    (host, path, literals, literal, !methods.is_empty())
}

/// The plain way: every pattern that matches, the most specific of them.
fn compared(patterns: &[RoutePattern], host: &str, method: &str, path: &str) -> String {
    let names =
        |pattern: &RoutePattern, method: &str| pattern.methods.named().is_some_and(|names| names.contains(method));
    let any_method = |pattern: &&RoutePattern| {
        RoutePattern { methods: super::Methods::any(), ..(*pattern).clone() }.matches(host, method, path)
    };
    let candidates: Vec<&RoutePattern> = patterns.iter().filter(any_method).collect();
    let head_as_get = method == "HEAD" && !candidates.iter().any(|pattern| names(pattern, "HEAD"));
    let takes = |pattern: &&&RoutePattern| {
        pattern.matches(host, method, path) || head_as_get && pattern.matches(host, "GET", path)
    };
    let compare = |one: &String, two: &String| -> Ordering { specificity(one).cmp(&specificity(two)) };
    if let Some(best) = candidates.iter().filter(takes).map(ToString::to_string).max_by(compare) {
        return best;
    }
    if candidates.is_empty() {
        return "404".to_owned();
    }
    let mut allow: BTreeSet<&str> =
        candidates.iter().filter_map(|pattern| pattern.methods.named()).flatten().map(String::as_str).collect();
    if allow.contains("GET") {
        allow.insert("HEAD");
    }
    format!("405 {}", allow.into_iter().collect::<Vec<_>>().join(", "))
}

/// Whether two patterns could not be told apart, read off their texts.
fn alike(one: &RoutePattern, two: &RoutePattern) -> bool {
    let shape = |pattern: &RoutePattern| {
        let path: Vec<String> = pattern
            .path
            .to_string()
            .split('/')
            .map(|part| if part.starts_with('{') { "{}".to_owned() } else { part.to_owned() })
            .collect();
        (pattern.host.as_ref().map(ToString::to_string), path)
    };
    let methods = match (one.methods.named(), two.methods.named()) {
        (None, None) => true,
        (Some(one), Some(two)) => one.intersection(two).next().is_some(),
        _ => false,
    };
    methods && shape(one) == shape(two)
}

#[test]
fn the_table_finds_what_a_comparison_of_all_patterns_finds() {
    let mut outcomes = [0_usize; 3];
    for seed in 1..=TABLES {
        let mut numbers = Numbers::of(seed);
        let count = 1 + numbers.below(12);
        let all: Vec<RoutePattern> = (0..count).map(|_| pattern(&random_pattern(&mut numbers))).collect();
        let later_alike = |second: &usize| all[..*second].iter().any(|first| alike(first, &all[*second]));
        let expected: Vec<usize> = (0..count).filter(later_alike).collect();
        let refused =
            RouteTable::build(all.iter().map(|pattern| (pattern.clone(), ())).collect()).err().unwrap_or_default();
        let refused: Vec<usize> = refused.iter().map(|Conflict { second, .. }| *second).collect();
        assert_eq!(refused, expected, "seed {seed}: {all:?}");

        let kept: Vec<RoutePattern> = all
            .iter()
            .enumerate()
            .filter(|(place, _)| !expected.contains(place))
            .map(|(_, pattern)| pattern.clone())
            .collect();
        let table =
            RouteTable::build(kept.iter().map(|pattern| (pattern.clone(), ())).collect()).expect("no two are alike");
        for _ in 0..REQUESTS {
            let (host, method, path) = random_request(&mut numbers);
            let plain = compared(&kept, host, method, &path);
            let texts: Vec<String> = kept.iter().map(ToString::to_string).collect();
            assert_eq!(
                found(&table, host, method, &path),
                plain,
                "seed {seed}: {method} {host} {path} among {texts:?}"
            );
            outcomes[match plain.get(..3) {
                Some("404") => 0,
                Some("405") => 1,
                _ => 2,
            }] += 1;
        }
    }
    assert!(outcomes.iter().all(|count| *count > 2_000), "each outcome must be tried often: {outcomes:?}");
}
