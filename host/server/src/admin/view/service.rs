//! How a service stands.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Limit, Revision};

/// All services.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Services {
    /// Ordered by name.
    pub services: Vec<Service>,
}

/// A service.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The place of its newest entry in the journal: what its `ETag` says.
    pub version: u64,
    /// The number of the revision that serves; left out if none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "r3")]
    pub revision: Option<String>,
    /// The SHA-256 of that revision's component, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub digest: Option<String>,
    /// Which WASI that revision answers in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub generation: Option<Generation>,
    /// A newer revision that gets a share of the requests, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub candidate: Option<Candidate>,
    /// What served before: where a rollback leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub previous: Option<Revision>,
    /// What waits for approval, if something does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub pending: Option<Pending>,
    /// Whether it answers `not-ready` because somebody said so.
    pub disabled: bool,
    /// Whether a command has decided what serves: then the folder has no say until its file changes.
    pub pinned: bool,
    /// What the folder holds, compared with what serves.
    pub folder: Folder,
    /// Whether the revision that serves is left alone because it only fails.
    pub breaker: Breaker,
    /// The comparison of a new revision with the one before it, while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub watch: Option<Watch>,
    /// The patterns of its routes, each once, however many listeners have it.
    pub routes: Vec<String>,
    /// The limits that are hit first; `/v1/limits` has all of them.
    pub limits: Vec<Limit>,
    /// Requests from outside since the host started.
    pub requests: u64,
    /// Calls from other services since the host started.
    pub calls: u64,
    /// How many of both ended in a failure.
    pub failures: u64,
}

/// A revision that gets a share of the requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Candidate {
    /// Its number.
    #[schema(example = "r4")]
    pub revision: String,
    /// The SHA-256 of its component, in hex.
    pub digest: String,
    /// Its share of the requests, in percent.
    pub weight: u8,
    /// Whether it is left alone because it only fails.
    pub breaker: Breaker,
}

/// A revision that waits for approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pending {
    /// Its number.
    #[schema(example = "r4")]
    pub revision: String,
    /// The SHA-256 of its component, in hex.
    pub digest: String,
    /// The share of the requests that it will get, in percent; all of them if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub weight: Option<u8>,
}

/// The comparison of a new revision with the one before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Watch {
    /// The new revision.
    #[schema(example = "r4")]
    pub revision: String,
    /// How long it still lasts.
    pub seconds_left: u64,
    /// Requests that the new revision has had since.
    pub requests: u64,
    /// How many of them failed by its own fault.
    pub failures: u64,
}

/// What the folder holds, compared with what serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Folder {
    /// It does not name the service.
    None,
    /// It names the service, and the file is gone or cannot be read.
    Missing,
    /// Its file is another one.
    Differs,
    /// Its file is what serves.
    Same,
}

/// Whether a revision is left alone because it only fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Breaker {
    /// It is not.
    Closed,
    /// It is; one request at a time may try.
    Open,
}

/// Which WASI a component answers in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Generation {
    /// WASI 0.2.
    P2,
    /// WASI 0.3.
    P3,
}
