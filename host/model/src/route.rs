//! Which service a request goes to: patterns of host, method and path, in one total order.
//!
//! Every pattern that matches is compared and the most specific wins, whatever
//! the order in the file: first the host (exact, then the longest wildcard, then
//! none), then the path (exact, then template, then prefix), then whether a
//! method is named. Two patterns that cannot be told apart are refused when the
//! table is built, so no request ever depends on chance.

pub use explain::{Considered, Precedence, Verdict};
pub use host::HostPattern;
pub use method::Methods;
pub use path::PathPattern;
pub use table::{Conflict, Found, Route, RouteTable};

use std::fmt;

mod explain;
mod host;
mod method;
mod path;
mod table;
#[cfg(test)]
mod tests;
mod trie;

/// Why a text is not a route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Nothing there.
    #[error("the route is empty; write a path, as in `GET /users`")]
    Empty,
    /// More than a method and a path.
    #[error("route `{text}` has more than a method and a path; write `GET /users`, or a table with `methods`")]
    Words {
        /// The text as given.
        text: String,
    },
    /// A path that does not begin with `/`.
    #[error("path `{path}` does not begin with `/`; write `/{path}`, and a host under `host`")]
    Slash {
        /// The path as given.
        path: String,
    },
    /// A path that no request can have, or that would never be found.
    #[error("path `{path}` {fault}; {remedy}")]
    Path {
        /// The path as given.
        path: String,
        /// What is wrong, as the end of a sentence.
        fault: String,
        /// What to do about it.
        remedy: String,
    },
    /// A method that is not an upper-case token.
    #[error("method `{method}` is not one; {remedy}")]
    Method {
        /// The method as given.
        method: String,
        /// What to do about it.
        remedy: String,
    },
    /// An empty list of methods: such a route would never be found.
    #[error("the list of methods is empty; leave it out to take every method")]
    NoMethods,
    /// A host that no request can have.
    #[error("host `{host}` {fault}; {remedy}")]
    Host {
        /// The host as given.
        host: String,
        /// What is wrong, as the end of a sentence.
        fault: &'static str,
        /// What to do about it.
        remedy: String,
    },
}

/// What a request must look like to take a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutePattern {
    /// The methods it takes.
    pub methods: Methods,
    /// The hosts it takes; `None` is every host.
    pub host: Option<HostPattern>,
    /// The paths it takes.
    pub path: PathPattern,
}

impl RoutePattern {
    /// Reads `GET /user/{id}` or, for every method, `/user/{id}`.
    ///
    /// # Errors
    /// When the path or the method is not a valid one.
    pub fn parse(text: &str) -> Result<Self, RouteError> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let (methods, path) = match words.as_slice() {
            [] => return Err(RouteError::Empty),
            [path] if RoutePattern::looks_like_method(path) => {
                return Err(RouteError::Path {
                    path: (*path).to_owned(),
                    fault: "is a method only".to_owned(),
                    remedy: format!("write a path after it, as in `{path} /users`"),
                });
            }
            [path] => (Methods::any(), path),
            [method, path] if !method.starts_with('/') => (Methods::of([*method])?, path),
            _ => return Err(RouteError::Words { text: text.to_owned() }),
        };
        Ok(Self { methods, host: None, path: PathPattern::parse(path)? })
    }

    fn looks_like_method(word: &str) -> bool {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase())
    }

    /// Whether a request with this host, method and path may take this route,
    /// if nothing more specific matches. `HEAD` is not taken for `GET` here.
    ///
    /// This is the plain definition; [`RouteTable::find`] is the fast way.
    #[must_use]
    pub fn matches(&self, host: &str, method: &str, path: &str) -> bool {
        self.methods.accepts(method)
            && self.host.as_ref().is_none_or(|pattern| pattern.matches(host))
            && self.path.matches(path)
    }
}

impl fmt::Display for RoutePattern {
    /// The canonical text: `GET /user/{id}`, `GET,POST shop.example/cart/*`, `/users/*`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.methods != Methods::any() {
            write!(out, "{} ", self.methods)?;
        }
        if let Some(host) = &self.host {
            write!(out, "{host}")?;
        }
        write!(out, "{}", self.path)
    }
}
