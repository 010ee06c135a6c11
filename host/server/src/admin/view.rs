//! What the admin plane's answers look like in JSON: the one definition, for those who write and those who read them.
//!
//! Names are lower case with `_`. A member that does not apply is left out, and
//! whoever reads must expect members that are not here yet.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) use change::moment;
pub use change::{
    Artifact, Change, Changed, Component, Deployment, History, HistoryEntry, Revision, Rollback, ServiceChange,
};
pub use keyvalue::{Bucket, Buckets, ExportedValue, Imported, Keys, Purged};
pub use limits::{Limit, Limits, LimitsOf, Origin, OriginKind, Unit};
pub use platform::{Hardening, Platform};
pub use service::{Breaker, Candidate, Folder, Generation, Pending, Service, Services, Watch};
pub use token::{MadeToken, NewToken, Token, Tokens};

mod change;
mod keyvalue;
mod limits;
mod platform;
mod service;
mod token;

/// How the host stands, in one answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The version of the host.
    pub version: String,
    /// For how long it has run.
    pub uptime_seconds: u64,
    /// Whether every check holds.
    pub ready: bool,
    /// The checks of `/readyz`.
    pub checks: Vec<Check>,
    /// Where it listens, in the order of the configuration; empty until it does.
    pub listeners: Vec<Listener>,
    /// Connections to the listeners that are open now; left out for a tenant, whose they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub connections: Option<u64>,
    /// What it stands on, and what it is held by.
    pub platform: Platform,
    /// How every service stands, ordered by name.
    pub services: Vec<Service>,
}

/// One check of `/readyz`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// Whether it holds.
    pub ok: bool,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
}

/// Where the host listens.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Listener {
    /// The address it is bound to.
    #[schema(example = "127.0.0.1:8080")]
    pub address: String,
    /// `https` where it speaks TLS.
    pub scheme: Scheme,
    /// Whether it speaks HTTP/2 without TLS.
    pub h2c: bool,
    /// A second address that sends its requests on to this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub redirect_from: Option<String>,
}

/// How a listener is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

/// All routes of all listeners.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Routes {
    /// Listener by listener; within one, what wins over others stands before them.
    pub routes: Vec<Route>,
}

/// A route as one listener has it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Route {
    /// The address of the listener.
    #[schema(example = "127.0.0.1:8080")]
    pub listener: String,
    /// How the listener is spoken to.
    pub scheme: Scheme,
    /// The whole pattern.
    #[schema(example = "GET shop.example/user/{id}")]
    pub pattern: String,
    /// The hosts it takes; left out if it takes every host.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "*.shop.example")]
    pub host: Option<String>,
    /// The paths it takes.
    #[schema(example = "/user/{id}")]
    pub path: String,
    /// The methods it takes; left out if it takes every method.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub methods: Option<Vec<String>>,
    /// Where it leads.
    pub service: String,
    /// The number of the revision that serves; left out if none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "r3")]
    pub revision: Option<String>,
}

/// What would happen to a request, and why.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// The method that was asked about.
    pub method: String,
    /// The URL that was asked about.
    pub url: String,
    /// The listener that would take it; left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub listener: Option<String>,
    /// The host in its canonical form, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub host: Option<String>,
    /// The path in its canonical form, if it has one: what routes are compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub path: Option<String>,
    /// What would happen.
    pub outcome: Outcome,
    /// Why, in a few words.
    pub reason: String,
    /// The route that wins, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub route: Option<Route>,
    /// Every route of the listener with what it is to the request, the most specific
    /// first; none if it did not come to that.
    pub considered: Vec<Considered>,
}

/// What would happen to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A route takes it to its service.
    Route,
    /// No route takes this host and path.
    NoRoute,
    /// Routes take this host and path, none this method.
    MethodNotAllowed,
    /// The client is told to ask for the canonical path.
    Redirect,
    /// The request breaks a rule before any route is looked at.
    Refused,
    /// The host listens nowhere that this request could come to.
    NoListener,
}

/// A route beside a request.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Considered {
    /// The whole pattern.
    pub pattern: String,
    /// Where it leads.
    pub service: String,
    /// Whether it takes the request.
    pub wins: bool,
    /// What it is to the request: the end of a sentence that begins with the route.
    pub reason: String,
}

/// Why a request was refused (RFC 9457).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Which kind of problem, as a URN.
    #[schema(example = "urn:hostel:problem:forbidden")]
    pub r#type: String,
    /// The kind in words.
    pub title: String,
    /// The status once more.
    pub status: u16,
    /// What is wrong with this request, and what to do about it.
    pub detail: String,
    /// Each thing that is wrong, where there can be many; left out if `detail` says all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(nullable = false)]
    pub problems: Vec<Rejection>,
}

/// Why one service cannot be deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rejection {
    /// The service.
    pub service: String,
    /// What is wrong with its component, and what to do about it.
    pub reason: String,
}
