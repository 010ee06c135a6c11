//! What a service may touch outside itself; empty unless its table says otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::egress::Outbound;
use crate::name::{BucketName, ServiceName};
use crate::standing::Asks;

#[cfg(test)]
mod tests;

/// The whole list of what a service may use beside its own request and response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Buckets of its own key space that it may open.
    pub keyvalue: BTreeSet<BucketName>,
    /// Services it may call.
    pub calls: BTreeSet<ServiceName>,
    /// Plain values it reads by `wasi:config`.
    pub variables: BTreeMap<String, String>,
    /// Values it reads the same way and nobody else ever sees.
    pub secrets: BTreeMap<String, Secret>,
    /// Hosts outside it may reach.
    pub outbound: BTreeSet<Outbound>,
}

impl Grants {
    /// What is granted, a line each: `keyvalue default`, `calls orders`, `variable
    /// token_minutes`, `secret signing_key`, `outbound https://api.example.com`.
    /// Values are not in it: what a variable says may change without anybody's leave.
    #[must_use]
    pub fn asks(&self) -> Asks {
        let keyvalue = self.keyvalue.iter().map(keyvalue_line);
        let calls = self.calls.iter().map(calls_line);
        let variables = self.variables.keys().map(variable_line);
        let secrets = self.secrets.keys().map(secret_line);
        let outbound = self.outbound.iter().map(outbound_line);
        Asks(keyvalue.chain(calls).chain(variables).chain(secrets).chain(outbound).collect())
    }

    /// What of it is `approved`; the rest is as if it had never been granted.
    #[must_use]
    pub fn only(&self, approved: &Asks) -> Self {
        let mut grants = self.clone();
        grants.keyvalue.retain(|bucket| approved.0.contains(&keyvalue_line(bucket)));
        grants.calls.retain(|service| approved.0.contains(&calls_line(service)));
        grants.variables.retain(|name, _| approved.0.contains(&variable_line(name)));
        grants.secrets.retain(|name, _| approved.0.contains(&secret_line(name)));
        grants.outbound.retain(|host| approved.0.contains(&outbound_line(host)));
        grants
    }
}

// The first word tells the kinds apart, whatever a name has in it.

fn keyvalue_line(bucket: &BucketName) -> String {
    format!("keyvalue {bucket}")
}

fn calls_line(service: &ServiceName) -> String {
    format!("calls {service}")
}

fn variable_line(name: &String) -> String {
    format!("variable {name}")
}

fn secret_line(name: &String) -> String {
    format!("secret {name}")
}

fn outbound_line(host: &Outbound) -> String {
    format!("outbound {host}")
}

/// A value that must not be printed: it has no `Display`, and its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
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
