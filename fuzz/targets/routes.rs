//! The table of routes against a plain reading of its rules: which route a request takes, and which are refused as alike.
//!
//! The input is text. A line `+METHODS HOST/PATH` is a route, with methods and host left out as one likes;
//! a line `?METHOD HOST PATH` is a request.
#![no_main]

use std::cmp::Reverse;
use std::collections::BTreeSet;

use hostel_model::route::{Conflict, Found, HostPattern, Methods, RoutePattern, RouteTable, Verdict};
use libfuzzer_sys::fuzz_target;

/// So few that all sets of their methods fit into the table's texts for `Allow`.
const ROUTES: usize = 9;
const REQUESTS: usize = 12;
/// The longest name of a host.
const HOST_BYTES: usize = 253;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let patterns = text.lines().filter_map(|line| pattern(line.strip_prefix('+')?)).take(ROUTES);
    let routes: Vec<(RoutePattern, Plain)> = patterns.map(|pattern| (pattern.clone(), Plain::of(&pattern))).collect();
    let table = |routes: &[(RoutePattern, Plain)]| RouteTable::build(routes.iter().cloned().collect::<Vec<_>>());
    let expected = alike(&routes);
    let refused = table(&routes).err().unwrap_or_default();
    assert_eq!(refused, expected, "{text}");
    let later: BTreeSet<usize> = expected.iter().map(|conflict| conflict.second).collect();
    let kept = routes.into_iter().enumerate().filter(|(place, _)| !later.contains(place));
    let kept: Vec<_> = kept.map(|(_, route)| route).collect();
    let table = table(&kept).expect("no two are alike");
    for line in text.lines().filter_map(|line| line.strip_prefix('?')).take(REQUESTS) {
        let mut words = line.splitn(3, ' ');
        let (method, host, path) =
            (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next().unwrap_or_default());
        compare(&table, &kept, (method, host, path), text);
    }
});

fn pattern(text: &str) -> Option<RoutePattern> {
    let (methods, rest) = text.split_once(' ').unwrap_or(("", text));
    let (host, path) = rest.split_at(rest.find('/')?);
    let mut pattern = RoutePattern::parse(path).ok()?;
    if !methods.is_empty() {
        // More would be more than the table prepares texts for.
        pattern.methods = Methods::of(methods.split(',').take(3)).ok()?;
    }
    if !host.is_empty() {
        pattern.host = Some(HostPattern::parse(host).ok()?);
    }
    Some(pattern)
}

/// A route read off its text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Plain {
    text: String,
    /// Every method if there are none.
    methods: BTreeSet<String>,
    /// Nothing for every host; `*.` before all below one.
    host: String,
    /// Nothing for a parameter.
    segments: Vec<Option<String>>,
    below: bool,
}

impl Plain {
    fn of(pattern: &RoutePattern) -> Self {
        let text = pattern.to_string();
        let (methods, rest) = text.split_once(' ').unwrap_or(("", &text));
        let (host, path) = rest.split_at(rest.find('/').expect("a route must have a path"));
        let below = path.ends_with("/*");
        let path = path.strip_suffix("/*").unwrap_or(path);
        let segment = |part: &str| (!part.starts_with('{')).then(|| part.to_owned());
        Self {
            methods: methods.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            host: host.to_owned(),
            segments: path.split('/').skip(1).map(segment).collect(),
            below,
            text: text.clone(),
        }
    }

    fn names(&self, method: &str) -> bool {
        self.methods.contains(method)
    }

    fn takes_host(&self, host: &str) -> bool {
        match self.host.strip_prefix('*') {
            _ if self.host.is_empty() => true,
            Some(end) => host.len() > end.len() && host.ends_with(end),
            None => self.host == host,
        }
    }

    fn takes_path(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        let long_enough =
            if self.below { parts.len() > self.segments.len() } else { parts.len() == self.segments.len() + 1 };
        let fits = |(wanted, part): (&Option<String>, &&str)| match wanted {
            Some(literal) => literal == part,
            None => !part.is_empty(),
        };
        path.starts_with('/') && long_enough && self.segments.iter().zip(&parts[1..]).all(fits)
    }

    /// The smaller, the more specific.
    fn order(&self) -> impl Ord + use<> {
        let host = match self.host.strip_prefix('*') {
            _ if self.host.is_empty() => (2, 0),
            Some(end) => (1, HOST_BYTES - end.len()),
            None => (0, 0),
        };
        let parameters: Vec<bool> = self.segments.iter().map(Option::is_none).collect();
        let count = parameters.iter().filter(|parameter| **parameter).count();
        let kind = if self.below { 2 } else { usize::from(count > 0) };
        (host, kind, Reverse(self.segments.len()), count, parameters, self.methods.is_empty())
    }
}

/// Every later route that a request could not tell from an earlier one.
fn alike(routes: &[(RoutePattern, Plain)]) -> Vec<Conflict> {
    let clash = |one: &Plain, two: &Plain| {
        let methods = match (one.methods.is_empty(), two.methods.is_empty()) {
            (true, true) => true,
            (false, false) => !one.methods.is_disjoint(&two.methods),
            _ => false,
        };
        methods && one.host == two.host && one.segments == two.segments && one.below == two.below
    };
    let first = |second: usize| (0..second).find(|first| clash(&routes[*first].1, &routes[second].1));
    (0..routes.len()).filter_map(|second| Some(Conflict { first: first(second)?, second })).collect()
}

fn compare(
    table: &RouteTable<Plain>,
    kept: &[(RoutePattern, Plain)],
    (method, host, path): (&str, &str, &str),
    text: &str,
) {
    let name = plain_host(host);
    let here: Vec<&Plain> =
        kept.iter().map(|(_, plain)| plain).filter(|plain| plain.takes_host(&name) && plain.takes_path(path)).collect();
    let asked = if method == "HEAD" && !here.iter().any(|plain| plain.names("HEAD")) { "GET" } else { method };
    let takes = here.iter().filter(|plain| plain.methods.is_empty() || plain.names(asked));
    let best = takes.min_by_key(|plain| plain.order());
    let shown = || format!("{method} {host} {path} in\n{text}");
    match (table.find(host, method, path), best) {
        (Found::Route(found), Some(best)) => assert_eq!(found.target.text, best.text, "{}", shown()),
        (Found::NoRoute, None) => assert!(here.is_empty(), "{}", shown()),
        (Found::MethodNotAllowed { allow }, None) => {
            assert!(!here.is_empty(), "{}", shown());
            let mut names: BTreeSet<&str> = here.iter().flat_map(|plain| &plain.methods).map(String::as_str).collect();
            if names.contains("GET") {
                names.insert("HEAD");
            }
            assert_eq!(allow, names.into_iter().collect::<Vec<_>>().join(", "), "{}", shown());
        }
        (found, best) => panic!("{found:?}, not {best:?}: {}", shown()),
    }
    let explained = table.explain(host, method, path);
    let wins = explained.iter().find(|considered| considered.verdict == Verdict::Wins);
    assert_eq!(
        wins.map(|considered| &considered.route.target.text),
        best.map(|best| &best.text),
        "explained: {}",
        shown()
    );
    assert_eq!(explained.len(), kept.len(), "{}", shown());
}

/// A request's host as routes mean it: lower case, without port and last dot; nothing if it is longer than any.
fn plain_host(host: &str) -> String {
    let name = match host.rfind(']') {
        Some(end) => &host[..=end],
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    if name.len() > HOST_BYTES { String::new() } else { name }
}
