//! What a service may touch outside itself; empty unless its table says otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::name::{BucketName, ServiceName};

/// The whole list of what a service may use beside its own request and response.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    /// Buckets of its own key space that it may open.
    pub keyvalue: BTreeSet<BucketName>,
    /// Services it may call.
    pub calls: BTreeSet<ServiceName>,
    /// Plain values it reads by `wasi:config`.
    pub variables: BTreeMap<String, String>,
    /// Values it reads the same way and nobody else ever sees.
    pub secrets: BTreeMap<String, Secret>,
    /// Hosts outside it may reach; nothing reads them yet.
    pub outbound: Vec<String>,
}

/// A value that must not be printed: it has no `Display`, and its `Debug` hides it.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes charge of `value`.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The value, for the guest it belongs to and for nobody else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::{Grants, Secret};

    #[test]
    fn a_secret_is_never_printed() {
        let mut grants = Grants::default();
        grants.secrets.insert("key".to_owned(), Secret::new("hunter2".to_owned()));
        let shown = format!("{grants:?} {grants:#?}");
        assert!(shown.contains("***") && !shown.contains("hunter2"), "{shown}");
        assert_eq!(grants.secrets.get("key").map(Secret::expose), Some("hunter2"));
    }
}
