//! Tenants: who owns which services and hosts, and what the services of one owner may use together.
//!
//! A service belongs to exactly one tenant, by its name, or to the operator. What
//! nobody has deployed yet belongs to somebody as well: a name cannot be taken
//! before its owner comes.

use std::fmt;
use std::num::{NonZeroU8, NonZeroU32};

use crate::limits::Origins;
use crate::name::{NameError, ServiceName};
use crate::route::{HostPattern, Methods, PathPattern, RoutePattern};
use crate::units::ByteSize;

#[cfg(test)]
mod tests;

/// The name of a tenant, spelt like that of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantName(ServiceName);

impl TenantName {
    /// Takes `text` as a name, unchanged.
    ///
    /// # Errors
    /// As [`ServiceName::parse`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        ServiceName::parse(text).map(Self)
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for TenantName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// Why a text does not say which services are meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It would be all of them.
    #[error("`*` is every service, the operator's too; write a prefix before it, as in `acme-*`")]
    Everything,
    /// A `*` that is not at the end.
    #[error("`{text}` has a `*` that is not at its end; write a name, or a prefix as in `acme-*`")]
    Star {
        /// The text as given.
        text: String,
    },
    /// No name can begin so.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// The services of a tenant: one, or all whose names begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServicePattern {
    /// `acme`.
    Exact(ServiceName),
    /// `acme-*`, kept as `acme-`.
    Prefix(String),
}

impl ServicePattern {
    /// Reads `acme` or `acme-*`.
    ///
    /// # Errors
    /// When no service could be meant, or all of them.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let Some(prefix) = text.strip_suffix('*') else {
            if text.contains('*') {
                return Err(PatternError::Star { text: text.to_owned() });
            }
            return Ok(Self::Exact(ServiceName::parse(text)?));
        };
        if prefix.is_empty() {
            return Err(PatternError::Everything);
        }
        if prefix.contains('*') {
            return Err(PatternError::Star { text: text.to_owned() });
        }
        // What may stand before the last letter of a name: a hyphen alone cannot end one.
        ServiceName::parse(prefix.strip_suffix('-').unwrap_or(prefix))?;
        Ok(Self::Prefix(prefix.to_owned()))
    }

    /// Whether `service` is one of them.
    #[must_use]
    pub fn matches(&self, service: &str) -> bool {
        match self {
            Self::Exact(name) => name.as_str() == service,
            Self::Prefix(prefix) => service.starts_with(prefix.as_str()),
        }
    }

    /// Whether some name is one of both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(name), other) | (other, Self::Exact(name)) => other.matches(name.as_str()),
            (Self::Prefix(one), Self::Prefix(other)) => one.starts_with(other.as_str()) || other.starts_with(one),
        }
    }

    /// What every one of them begins with.
    #[must_use]
    pub fn beginning(&self) -> &str {
        match self {
            Self::Exact(name) => name.as_str(),
            Self::Prefix(prefix) => prefix,
        }
    }
}

impl fmt::Display for ServicePattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => name.fmt(out),
            Self::Prefix(prefix) => write!(out, "{prefix}*"),
        }
    }
}

/// What the services of a tenant may use together. What is not there has no bound
/// but those of each service and of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantLimits {
    /// Linear memory of all its instances.
    pub memory: Option<ByteSize>,
    /// Requests and calls at once; a quarter is kept for calls, as everywhere.
    pub requests: Option<NonZeroU32>,
    /// Percent of the processor time of all threads that run guests, over 100 ms.
    pub cpu_share: Option<NonZeroU8>,
    /// Bytes of keys and values.
    pub storage: Option<ByteSize>,
    /// Components that are compiled or tried at once, and deployments that wait for that.
    pub compile_slots: Option<NonZeroU32>,
    /// Where each of them is written.
    pub origins: Origins,
}

/// One tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its name.
    pub name: TenantName,
    /// Its services, deployed or not.
    pub services: ServicePattern,
    /// The hosts that belong to it.
    pub hosts: Vec<HostPattern>,
    /// What they may use together.
    pub limits: TenantLimits,
}

impl Tenant {
    /// Whether requests for every host that `host` means are for this tenant.
    #[must_use]
    pub fn owns_host(&self, host: &HostPattern) -> bool {
        self.hosts.iter().any(|own| own.covers(host))
    }

    /// What leads to one of its services that says nothing about it: every path below
    /// its name, at each host of the tenant.
    #[must_use]
    pub fn routes_by_name(&self, service: &ServiceName) -> Vec<RoutePattern> {
        let route = |host: &HostPattern| RoutePattern {
            methods: Methods::any(),
            host: Some(host.clone()),
            path: PathPattern::below_name(service),
        };
        self.hosts.iter().map(route).collect()
    }
}

/// Why a route may not lead to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteOwner<'t> {
    /// The service is this tenant's, and the route is for every host.
    NoHost(&'t Tenant),
    /// The service is this tenant's, and the host is not.
    NotOwned(&'t Tenant),
    /// The host is this tenant's, and the service is not.
    TakenBy(&'t Tenant),
}

/// All tenants. No two of them own the same service or host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenants(Vec<Tenant>);

impl Tenants {
    /// These, which do not overlap.
    #[must_use]
    pub fn of(tenants: Vec<Tenant>) -> Self {
        Self(tenants)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Tenant> {
        self.0.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose `service` is; nobody's is the operator's.
    #[must_use]
    pub fn owner(&self, service: &ServiceName) -> Option<&Tenant> {
        self.0.iter().find(|tenant| tenant.services.matches(service.as_str()))
    }

    /// Why `route` may not lead to `service`, if it may not.
    #[must_use]
    pub fn refuse(&self, service: &ServiceName, route: &RoutePattern) -> Option<RouteOwner<'_>> {
        match (self.owner(service), &route.host) {
            (None, None) => None,
            (Some(tenant), None) => Some(RouteOwner::NoHost(tenant)),
            (Some(tenant), Some(host)) if tenant.owns_host(host) => None,
            (own, Some(host)) => {
                let overlaps = |other: &&Tenant| other.hosts.iter().any(|theirs| theirs.overlaps(host));
                let taken = self.0.iter().filter(|other| own.is_none_or(|own| own.name != other.name)).find(overlaps);
                taken.map(RouteOwner::TakenBy).or(own.map(RouteOwner::NotOwned))
            }
        }
    }
}
