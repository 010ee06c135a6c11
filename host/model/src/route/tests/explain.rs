//! That what is explained is what happens, and that it is said in words.

use super::agreement::{random_pattern, random_request};
use super::{pattern, table};
use crate::numbers::Numbers;
use crate::route::{Considered, Found, Precedence, RoutePattern, RouteTable, Verdict};

const TABLES: u64 = 500;
const REQUESTS: usize = 40;

/// Each route with its verdict in words.
fn told(patterns: &[&str], host: &str, method: &str, path: &str) -> Vec<String> {
    let table = table(patterns);
    let told = table.explain(host, method, path);
    told.iter().map(|Considered { route, verdict }| format!("{} {verdict}", route.text)).collect()
}

#[test]
fn all_routes_are_told_in_the_order_of_precedence() {
    let patterns = [
        "/*",
        "GET /a/b",
        "/a/b",
        "/a/*",
        "/{x}/b",
        "/a/{x}",
        "/{x}/{y}",
        "/c",
        "POST /a/b",
        "x.org/*",
        "*.org/a/*",
        "y.org/a/b",
        "/{x}/*",
    ];
    let expected = [
        "x.org/* takes the request",
        "y.org/a/b is for another host",
        "*.org/a/* would take the request, but the winner names the host more closely",
        "GET /a/b would take the request, but the winner names the host more closely",
        "POST /a/b is for other methods",
        "/a/b would take the request, but the winner names the host more closely",
        "/c is for other paths",
        "/a/{x} would take the request, but the winner names the host more closely",
        "/{x}/b would take the request, but the winner names the host more closely",
        "/{x}/{y} would take the request, but the winner names the host more closely",
        "/a/* would take the request, but the winner names the host more closely",
        "/{x}/* would take the request, but the winner names the host more closely",
        "/* would take the request, but the winner names the host more closely",
    ];
    assert_eq!(told(&patterns, "x.org:80", "GET", "/a/b"), expected);
}

#[test]
fn the_winner_is_said_to_win_by_what_it_wins_by() {
    let cases = [
        ("x.org/*", "*.org/a", "x.org", "/a", Precedence::Host),
        ("*.x.org/*", "*.org/a", "b.x.org", "/a", Precedence::Host),
        ("*.org/*", "/a", "b.x.org", "/a", Precedence::Host),
        ("/a", "/{x}", "h", "/a", Precedence::PathKind),
        ("/{x}", "/a/*", "h", "/a", Precedence::PathKind),
        ("/a/*", "/*", "h", "/a", Precedence::PrefixLength),
        ("/{x}/{y}/*", "/a/*", "h", "/a/b", Precedence::PrefixLength),
        ("/a/*", "/{x}/*", "h", "/a", Precedence::LiteralSegments),
        ("/a/{x}", "/{x}/{y}", "h", "/a/b", Precedence::LiteralSegments),
        ("/a/{x}", "/{x}/b", "h", "/a/b", Precedence::LeftmostLiteral),
        ("GET /a", "/a", "h", "/a", Precedence::MethodNamed),
    ];
    for (winner, loser, host, path, precedence) in cases {
        for patterns in [[winner, loser], [loser, winner]] {
            let table = table(&patterns);
            let told = table.explain(host, "GET", path);
            let told: Vec<_> = told.iter().map(|one| (one.route.text.as_ref(), one.verdict)).collect();
            assert_eq!(told, [(winner, Verdict::Wins), (loser, Verdict::Shadowed(precedence))]);
        }
    }
}

#[test]
fn head_is_told_as_it_is_found() {
    assert_eq!(
        told(&["GET /a", "POST /a"], "h", "HEAD", "/a"),
        ["GET /a takes the request", "POST /a is for other methods"]
    );
    assert_eq!(
        told(&["GET /a", "HEAD /*"], "h", "HEAD", "/a"),
        ["GET /a is for other methods", "HEAD /* takes the request"]
    );
}

#[test]
fn every_way_to_win_has_words_of_its_own() {
    let all = [
        Precedence::Host,
        Precedence::PathKind,
        Precedence::PrefixLength,
        Precedence::LiteralSegments,
        Precedence::LeftmostLiteral,
        Precedence::MethodNamed,
    ];
    let mut words: Vec<String> = all.iter().map(ToString::to_string).collect();
    words.sort();
    words.dedup();
    assert_eq!(words.len(), all.len());
}

#[test]
fn what_is_explained_is_what_is_found() {
    let mut outcomes = [0_usize; 4];
    for seed in 0..TABLES {
        let mut numbers = Numbers::of(seed);
        let mut kept: Vec<RoutePattern> = Vec::new();
        for _ in 0..=numbers.below(12) {
            let next = pattern(&random_pattern(&mut numbers));
            let with_it = kept.iter().chain([&next]).map(|pattern| (pattern.clone(), ())).collect();
            if RouteTable::build(with_it).is_ok() {
                kept.push(next);
            }
        }
        let table =
            RouteTable::build(kept.iter().map(|pattern| (pattern.clone(), ())).collect()).expect("none are alike");
        for _ in 0..REQUESTS {
            let (host, method, path) = random_request(&mut numbers);
            let context = format!("seed {seed}: {method} {host} {path}");
            let told = table.explain(host, method, &path);
            assert_eq!(told.len(), kept.len(), "{context}");
            let with = |verdict: Verdict| told.iter().filter(move |one| one.verdict == verdict);
            let winners: Vec<&str> = with(Verdict::Wins).map(|one| one.route.text.as_ref()).collect();
            let shadowed = told.iter().filter(|one| matches!(one.verdict, Verdict::Shadowed(_))).count();
            match table.find(host, method, &path) {
                Found::Route(route) => assert_eq!(winners, [route.text.as_ref()], "{context}"),
                Found::MethodNotAllowed { .. } => {
                    assert!(with(Verdict::OtherMethod).count() > 0, "{context}");
                    assert_eq!((winners.len(), shadowed), (0, 0), "{context}");
                    outcomes[1] += 1;
                }
                Found::NoRoute => {
                    assert_eq!(with(Verdict::OtherMethod).count(), 0, "{context}");
                    assert_eq!((winners.len(), shadowed), (0, 0), "{context}");
                    outcomes[2] += 1;
                }
            }
            outcomes[0] += winners.len();
            outcomes[3] += shadowed;
            expect_runners_up(&kept, &told, (host, method, &path), &context);
        }
    }
    assert!(outcomes.iter().all(|count| *count > 1_000), "each outcome must be tried often: {outcomes:?}");
}

/// The order is that of precedence: without the winner, the next that is shadowed would win.
fn expect_runners_up(
    kept: &[RoutePattern],
    told: &[Considered<'_, ()>],
    (host, method, path): (&str, &str, &str),
    context: &str,
) {
    let place = |verdict: fn(&Verdict) -> bool| told.iter().position(|one| verdict(&one.verdict));
    let Some(first) = place(|verdict| *verdict == Verdict::Wins) else {
        return;
    };
    let Some(second) = place(|verdict| matches!(verdict, Verdict::Shadowed(_))) else {
        return;
    };
    assert!(first < second, "{context}");
    // Without a route that names it, `HEAD` is asked of others.
    if method == "HEAD" {
        return;
    }
    let others = kept.iter().filter(|pattern| **pattern != told[first].route.pattern);
    let table = RouteTable::build(others.map(|pattern| (pattern.clone(), ())).collect()).expect("none are alike");
    let Found::Route(next) = table.find(host, method, path) else { panic!("{context}: one is shadowed") };
    assert_eq!(next.text, told[second].route.text, "{context}");
}
