//! Where the value of a limit comes from, so that whoever wonders about a number finds the line to change.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Who decided a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    #[default]
    Default,
    /// A file.
    File {
        /// Its name, as problems show it.
        file: Arc<str>,
        /// The line, counted from 1.
        line: usize,
    },
    /// A flag of the command line, as in `--drain`.
    Flag(&'static str),
    /// A variable of the environment.
    Environment(&'static str),
    /// Nobody may change it.
    Fixed,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => out.write_str("default"),
            Self::File { file, line } => write!(out, "{file}:{line}"),
            Self::Flag(name) | Self::Environment(name) => out.write_str(name),
            Self::Fixed => out.write_str("fixed"),
        }
    }
}

/// Where each value of one set of limits comes from, by its key.
///
/// Two of them are always equal: limits are compared to find out whether anything has to be made
/// anew, and a value that is written on another line now is the same value. [`Origins::is_as`]
/// compares them.
#[derive(Clone, Debug, Default)]
pub struct Origins(BTreeMap<&'static str, Origin>);

impl Origins {
    /// Where the value of `key` comes from.
    #[must_use]
    pub fn of(&self, key: &str) -> Origin {
        self.0.get(key).cloned().unwrap_or_default()
    }

    /// The value of `key` comes from `origin`.
    pub fn set(&mut self, key: &'static str, origin: Origin) {
        self.0.insert(key, origin);
    }

    /// Whether every value comes from the same place as in `other`.
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl PartialEq for Origins {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Origins {}
