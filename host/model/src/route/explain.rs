//! Why a request takes the route it takes: all routes beside it, for people who wonder.
//!
//! Written as plainly as the order is described, not as fast as a request needs it;
//! that it says the same as [`RouteTable::find`] is tested.

use std::cmp::Reverse;
use std::fmt;

use super::host::HostPattern;
use super::path::Rank;
use super::{Route, RoutePattern, RouteTable};

/// A route beside a request.
#[derive(Debug)]
pub struct Considered<'a, T> {
    /// The route.
    pub route: &'a Route<T>,
    /// What became of it.
    pub verdict: Verdict,
}

/// What a route is to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It takes the request.
    Wins,
    /// It would, but another that would too is more specific.
    Shadowed(Precedence),
    /// It is for another host.
    OtherHost,
    /// It is for this host, but for other paths.
    OtherPath,
    /// It is for this host and path, but for other methods.
    OtherMethod,
}

/// By what one route is more specific than another, in the order of weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precedence {
    /// One host before all below one, the longer name first, before every host.
    Host,
    /// One path before a template before a prefix.
    PathKind,
    /// The longer prefix.
    PrefixLength,
    /// More segments that are not parameters.
    LiteralSegments,
    /// As many, but the first that differs is a parameter in the other.
    LeftmostLiteral,
    /// A method that is named before every method.
    MethodNamed,
}

impl<T> RouteTable<T> {
    /// Every route with what it is to a request, the most specific first.
    ///
    /// `host`, `method` and `path` are as for [`RouteTable::find`]. If none
    /// [`Verdict::Wins`] and one has [`Verdict::OtherMethod`], the method is not
    /// allowed; else there is no route.
    #[must_use]
    pub fn explain(&self, host: &str, method: &str, path: &str) -> Vec<Considered<'_, T>> {
        let mut routes: Vec<&Route<T>> = self.routes().collect();
        routes.sort_by_cached_key(|route| {
            let weight = Weight::of(&route.pattern);
            // Hosts that weigh alike never meet; those of one host stand together.
            let host = route.pattern.host.as_ref().map(ToString::to_string);
            (Reverse(weight.host), host, Reverse(weight.path), Reverse(weight.method_named))
        });
        let method = if method == "HEAD" && !self.names_head_for(host, path) { "GET" } else { method };
        let takes = |route: &&&Route<T>| route.pattern.matches(host, method, path);
        let winner = routes.iter().find(takes).map(|route| Weight::of(&route.pattern));
        let mut won = false;
        let considered = routes.into_iter().map(|route| {
            let verdict = match mismatch(&route.pattern, host, method, path) {
                Some(verdict) => verdict,
                None if !std::mem::replace(&mut won, true) => Verdict::Wins,
                None => Verdict::Shadowed(winner.map_or(Precedence::Host, |winner| winner.beats(&route.pattern))),
            };
            Considered { route, verdict }
        });
        considered.collect()
    }

    /// Whether some route for this host and path names `HEAD`, so that `GET` does not stand for it.
    fn names_head_for(&self, host: &str, path: &str) -> bool {
        self.routes().any(|route| {
            let RoutePattern { methods, host: hosts, path: paths } = &route.pattern;
            methods.named().is_some_and(|names| names.contains("HEAD"))
                && hosts.as_ref().is_none_or(|pattern| pattern.matches(host))
                && paths.matches(path)
        })
    }
}

/// The first thing that keeps a route from a request.
fn mismatch(pattern: &RoutePattern, host: &str, method: &str, path: &str) -> Option<Verdict> {
    if pattern.host.as_ref().is_some_and(|pattern| !pattern.matches(host)) {
        return Some(Verdict::OtherHost);
    }
    if !pattern.path.matches(path) {
        return Some(Verdict::OtherPath);
    }
    (!pattern.methods.accepts(method)).then_some(Verdict::OtherMethod)
}

/// What makes a route specific; the greater one wins. Fields are compared in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Weight {
    host: HostWeight,
    path: Rank,
    method_named: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum HostWeight {
    Every,
    /// The bytes of the name.
    Below(usize),
    Exact,
}

impl Weight {
    fn of(pattern: &RoutePattern) -> Self {
        let host = match &pattern.host {
            None => HostWeight::Every,
            Some(HostPattern::Below(end)) => HostWeight::Below(end.len()),
            Some(HostPattern::Exact(_)) => HostWeight::Exact,
        };
        Self { host, path: pattern.path.rank(), method_named: pattern.methods.named().is_some() }
    }

    /// The first thing in which it differs from `other`, which takes the same request.
    fn beats(&self, other: &RoutePattern) -> Precedence {
        let other = Self::of(other);
        if self.host != other.host {
            Precedence::Host
        } else if self.path.kind != other.path.kind {
            Precedence::PathKind
        } else if self.path.segments != other.path.segments {
            Precedence::PrefixLength
        } else if self.path.literals != other.path.literals {
            Precedence::LiteralSegments
        } else if self.path.places != other.path.places {
            Precedence::LeftmostLiteral
        } else {
            Precedence::MethodNamed
        }
    }
}

impl fmt::Display for Verdict {
    /// The end of a sentence that begins with the route.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wins => out.write_str("takes the request"),
            Self::Shadowed(precedence) => write!(out, "would take the request, but the winner {precedence}"),
            Self::OtherHost => out.write_str("is for another host"),
            Self::OtherPath => out.write_str("is for other paths"),
            Self::OtherMethod => out.write_str("is for other methods"),
        }
    }
}

impl fmt::Display for Precedence {
    /// The end of a sentence about the winner.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Host => "names the host more closely",
            Self::PathKind => "says more about the path: one path comes before a template, a template before a prefix",
            Self::PrefixLength => "has a longer prefix",
            Self::LiteralSegments => "has fewer parameters in its path",
            Self::LeftmostLiteral => "has its first parameter further right",
            Self::MethodNamed => "names the method",
        })
    }
}
