//! The methods a route takes: every one, or a set of names.

use std::collections::BTreeSet;
use std::fmt;

use super::RouteError;

/// The most bytes of a method: twice the longest that is registered.
const METHOD_BYTES: usize = 40;

/// The methods a route takes. Names are compared exactly, as HTTP does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Methods(Option<BTreeSet<String>>);

impl Methods {
    /// Every method.
    #[must_use]
    pub fn any() -> Self {
        Self(None)
    }

    /// The methods named, each an upper-case token.
    ///
    /// # Errors
    /// When there is none, or one is not an upper-case token.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, RouteError> {
        let names = names.into_iter().map(token).collect::<Result<BTreeSet<_>, _>>()?;
        if names.is_empty() {
            return Err(RouteError::NoMethods);
        }
        Ok(Self(Some(names)))
    }

    /// Whether `method` is taken. `GET` does not stand for `HEAD` here.
    #[must_use]
    pub fn accepts(&self, method: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.contains(method))
    }

    /// The names in alphabetical order; `None` when every method is taken.
    #[must_use]
    pub fn named(&self) -> Option<&BTreeSet<String>> {
        self.0.as_ref()
    }

    /// Whether some method is taken by both, named by both or by neither.
    pub(super) fn clash(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(one), Some(two)) => !one.is_disjoint(two),
            _ => false,
        }
    }
}

impl fmt::Display for Methods {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(names) = &self.0 else {
            return out.write_str("*");
        };
        for (place, name) in names.iter().enumerate() {
            if place > 0 {
                out.write_str(",")?;
            }
            out.write_str(name)?;
        }
        Ok(())
    }
}

/// RFC 9110, 5.6.2, without lower-case letters: a method in lower case is
/// another method, which is hardly ever meant.
fn token(name: &str) -> Result<String, RouteError> {
    let upper = name.to_ascii_uppercase();
    let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let remedy = if name == "*" {
        "leave the method out to take every method".to_owned()
    } else if name.is_empty() || name.len() > METHOD_BYTES || !name.chars().all(fits) {
        "write a word such as `GET`".to_owned()
    } else if upper != name {
        format!("write `{upper}`")
    } else {
        return Ok(upper);
    };
    Err(RouteError::Method { method: name.to_owned(), remedy })
}
