//! The table of all routes: built once, refusing what cannot be told apart, then asked for every request.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::RoutePattern;
use super::host::{HOST_BYTES, HostPattern, canonical};
use super::path::Segment;
use super::trie::{Leaf, Paths};

/// The most texts for `Allow` that are prepared. One is needed for each set of
/// methods that can meet at one path; real tables have a handful.
const ALLOW_TEXTS: usize = 1_024;

/// Methods that have a number of their own, and so appear in `Allow`: one bit each.
const METHODS_NUMBERED: usize = 64;

/// One entry of a [`RouteTable`].
#[derive(Debug, Clone)]
pub struct Route<T> {
    /// What a request must look like.
    pub pattern: RoutePattern,
    /// The pattern's canonical text, for logs and metrics.
    pub text: Arc<str>,
    /// Where it leads.
    pub target: T,
}

/// What [`RouteTable::find`] found.
#[derive(Debug)]
pub enum Found<'a, T> {
    /// The most specific route that takes the request.
    Route(&'a Route<T>),
    /// Routes take this host and path, none this method.
    MethodNotAllowed {
        /// The methods they take, for the header `Allow`: `GET, HEAD, POST`.
        allow: &'a str,
    },
    /// No route takes this host and path.
    NoRoute,
}

/// Two routes, by their places in the input, that cannot be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// The earlier one.
    pub first: usize,
    /// The later one.
    pub second: usize,
}

/// All routes, the most specific found first.
#[derive(Debug)]
pub struct RouteTable<T> {
    routes: Vec<Route<T>>,
    exact_hosts: HashMap<Box<str>, Paths>,
    /// By `.shop.example`.
    hosts_below: HashMap<Box<str>, Paths>,
    any_host: Paths,
    allow: BTreeMap<u64, Box<str>>,
}

impl<T> RouteTable<T> {
    /// Builds the table.
    ///
    /// # Errors
    /// Every pair of routes with the same host, the same path (whatever its
    /// parameters are called) and a method in common.
    pub fn build(entries: Vec<(RoutePattern, T)>) -> Result<Self, Vec<Conflict>> {
        let conflicts = conflicts(entries.iter().map(|(pattern, _)| pattern));
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
        let numbers = number_methods(&entries);
        let mut table = Self {
            routes: Vec::with_capacity(entries.len()),
            exact_hosts: HashMap::new(),
            hosts_below: HashMap::new(),
            any_host: Paths::default(),
            allow: BTreeMap::new(),
        };
        let mut sets = BTreeSet::new();
        for (pattern, target) in entries {
            let place = table.routes.len();
            let leaf = table.paths_mut(pattern.host.as_ref()).leaf(&pattern.path);
            // A route that names its methods comes before one that takes all.
            match pattern.methods.named() {
                Some(_) => leaf.routes.insert(0, place),
                None => leaf.routes.push(place),
            }
            leaf.methods |= bits(&pattern, &numbers);
            sets.insert(leaf.methods);
            table.routes.push(Route { text: pattern.to_string().into(), pattern, target });
        }
        table.allow = allow_texts(sets, &numbers);
        Ok(table)
    }

    /// The most specific route for a request, without allocating.
    ///
    /// `host` may have a port and any case; `path` is without query. `HEAD`
    /// takes what `GET` takes, unless a route for this path names `HEAD`.
    #[must_use]
    pub fn find<'a>(&'a self, host: &str, method: &str, path: &str) -> Found<'a, T> {
        let mut buffer = [0; HOST_BYTES];
        let host = canonical(host, &mut buffer).unwrap_or("");
        let method = if method == "HEAD" && !self.names_head(host, path) { "GET" } else { method };
        for paths in self.hosts(host) {
            if let Some(route) = self.best(paths, method, path) {
                return Found::Route(route);
            }
        }
        self.refusal(host, path)
    }

    /// All routes, in the order they were given.
    pub fn routes(&self) -> impl Iterator<Item = &Route<T>> {
        self.routes.iter()
    }

    fn paths_mut(&mut self, host: Option<&HostPattern>) -> &mut Paths {
        match host {
            Some(HostPattern::Exact(name)) => self.exact_hosts.entry(name.as_str().into()).or_default(),
            Some(HostPattern::Below(end)) => self.hosts_below.entry(end.as_str().into()).or_default(),
            None => &mut self.any_host,
        }
    }

    /// The paths of every host pattern that means `host`, the most specific first.
    fn hosts<'a>(&'a self, host: &str) -> impl Iterator<Item = &'a Paths> {
        let dots = if self.hosts_below.is_empty() { "" } else { host };
        let below = dots
            .match_indices('.')
            .filter(|(place, _)| *place > 0)
            .filter_map(|(place, _)| self.hosts_below.get(dots.get(place..)?));
        self.exact_hosts.get(host).into_iter().chain(below).chain(std::iter::once(&self.any_host))
    }

    fn best(&self, paths: &Paths, method: &str, path: &str) -> Option<&Route<T>> {
        if let Some(route) = paths.exact(path).and_then(|leaf| self.taker(leaf, method)) {
            return Some(route);
        }
        let mut best = None;
        paths.visit(path, &mut |leaf| {
            if best.is_none_or(|(rank, _)| leaf.rank > rank)
                && let Some(route) = self.taker(leaf, method)
            {
                best = Some((leaf.rank, route));
            }
        });
        best.map(|(_, route)| route)
    }

    fn taker(&self, leaf: &Leaf, method: &str) -> Option<&Route<T>> {
        leaf.routes
            .iter()
            .filter_map(|place| self.routes.get(*place))
            .find(|route| route.pattern.methods.accepts(method))
    }

    fn names_head(&self, host: &str, path: &str) -> bool {
        let mut named = false;
        for paths in self.hosts(host) {
            paths.visit(path, &mut |leaf| {
                let routes = leaf.routes.iter().filter_map(|place| self.routes.get(*place));
                named |= routes.filter_map(|route| route.pattern.methods.named()).any(|names| names.contains("HEAD"));
            });
        }
        named
    }

    /// Why nothing was found: the methods of all that match, if any does.
    fn refusal(&self, host: &str, path: &str) -> Found<'_, T> {
        let mut seen: Option<(u64, u64)> = None;
        for paths in self.hosts(host) {
            paths.visit(path, &mut |leaf| {
                let (first, all) = seen.unwrap_or((leaf.methods, 0));
                seen = Some((first, all | leaf.methods));
            });
        }
        let Some((first, all)) = seen else {
            return Found::NoRoute;
        };
        let allow = self.allow.get(&all).or_else(|| self.allow.get(&first));
        Found::MethodNotAllowed { allow: allow.map_or("", AsRef::as_ref) }
    }
}

/// Each pair that cannot be told apart; a route is only compared with the first like it.
fn conflicts<'a>(patterns: impl Iterator<Item = &'a RoutePattern>) -> Vec<Conflict> {
    let mut alike: HashMap<_, Vec<(usize, &RoutePattern)>> = HashMap::new();
    let mut conflicts = Vec::new();
    for (second, pattern) in patterns.enumerate() {
        let earlier = alike.entry((&pattern.host, shape(pattern))).or_default();
        if let Some((first, _)) = earlier.iter().find(|(_, other)| other.methods.clash(&pattern.methods)) {
            conflicts.push(Conflict { first: *first, second });
        }
        earlier.push((second, pattern));
    }
    conflicts
}

/// The path with its parameters' names left out.
fn shape(pattern: &RoutePattern) -> (Vec<Option<&str>>, bool) {
    let segments = pattern.path.segments().iter().map(|segment| match segment {
        Segment::Literal(literal) => Some(literal.as_str()),
        Segment::Parameter(_) => None,
    });
    (segments.collect(), pattern.path.is_below())
}

/// All methods that the table names, in alphabetical order, `HEAD` with `GET`.
fn number_methods<T>(entries: &[(RoutePattern, T)]) -> Vec<String> {
    let named = entries.iter().filter_map(|(pattern, _)| pattern.methods.named()).flatten();
    let mut all: BTreeSet<&str> = named.map(String::as_str).collect();
    if all.contains("GET") {
        all.insert("HEAD");
    }
    all.into_iter().take(METHODS_NUMBERED).map(str::to_owned).collect()
}

fn bits(pattern: &RoutePattern, numbers: &[String]) -> u64 {
    let Some(names) = pattern.methods.named() else {
        return 0;
    };
    let taken = |method: &str| names.contains(method) || method == "HEAD" && names.contains("GET");
    let places = numbers.iter().enumerate().filter(|(_, method)| taken(method));
    places.fold(0, |bits, (place, _)| bits | 1 << place)
}

/// The text of every set of methods that can come together at one path.
fn allow_texts(mut sets: BTreeSet<u64>, numbers: &[String]) -> BTreeMap<u64, Box<str>> {
    let single: Vec<u64> = sets.iter().copied().collect();
    let mut fresh = single.clone();
    while let Some(set) = fresh.pop() {
        for other in &single {
            if sets.len() < ALLOW_TEXTS && sets.insert(set | other) {
                fresh.push(set | other);
            }
        }
    }
    let text = |set: u64| -> Box<str> {
        let names = numbers.iter().enumerate().filter(|(place, _)| set & (1 << place) != 0);
        names.map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(", ").into()
    };
    sets.into_iter().map(|set| (set, text(set))).collect()
}
