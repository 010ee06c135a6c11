//! What the deployer is asked for, whoever asks, and what it answers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hostel_model::digest::{Digest, RevisionId, RevisionNumber};
use hostel_model::name::ServiceName;
use hostel_model::rollout::Weight;
use hostel_model::standing::{Difference, Unchangeable};
use hostel_sandbox::CompileError;
use hostel_storage::{Change, StorageError};
use thiserror::Error;

use super::DeployRequest;

/// One request to the deployer.
#[derive(Debug)]
pub struct Order {
    /// What is to change.
    pub what: What,
    /// Who asks, for the journal and the log.
    pub by: Author,
    /// Find out what would happen, and change nothing.
    pub dry_run: bool,
    /// Only if the journal has not moved on since: the version that the one who asks has seen,
    /// of the services named or, if there are several, of all.
    pub if_version: Option<u64>,
}

/// Who asks for a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// The folder and its `hostel.toml`.
    Folder,
    /// Somebody at the admin plane, by its socket.
    Socket {
        /// The user's number.
        user: u32,
    },
    /// Somebody at the admin plane, by its token.
    Token,
    /// A tenant at the admin plane, by a token that was issued for it.
    Issued(TokenId),
    /// The host itself, which watches new revisions.
    Watch,
}

/// What a token is called where it must not be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenId(pub u64);

impl fmt::Display for TokenId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}", self.0)
    }
}

impl fmt::Display for Author {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder => out.write_str("folder"),
            Self::Socket { user } => write!(out, "user {user}"),
            Self::Token => out.write_str("token"),
            Self::Issued(id) => write!(out, "token {id}"),
            Self::Watch => out.write_str("watch"),
        }
    }
}

/// What is to change.
#[derive(Debug)]
pub enum What {
    /// Everything the folder says, whole. A service that cannot be deployed stays as it is,
    /// unless `strict`: then nothing changes at all.
    Folder {
        /// The services, each with its component if its file could be read.
        request: DeployRequest,
        /// Whether one bad service keeps the others from changing.
        strict: bool,
    },
    /// These components, which are among the artifacts, all in one swap.
    Deploy {
        /// By the services they are for.
        services: BTreeMap<ServiceName, Digest>,
        /// The share of the requests they get; all of them if none.
        weight: Option<Weight>,
    },
    /// The way back.
    Rollback {
        /// Of this service.
        service: ServiceName,
        /// To this revision; to the one before if none.
        to: Option<RevisionNumber>,
    },
    /// The candidate serves alone.
    Promote(ServiceName),
    /// The service is taken away.
    Undeploy(ServiceName),
    /// It answers `not-ready`.
    Disable(ServiceName),
    /// It answers again.
    Enable(ServiceName),
    /// What waits is in force.
    Approve(ServiceName),
    /// The way back, because the host has seen why.
    TakeBack {
        /// Of this service.
        service: ServiceName,
        /// From this revision, if it is still in force.
        revision: RevisionId,
        /// What was seen.
        why: String,
    },
}

/// What came of an order.
#[derive(Debug, Default)]
pub struct Done {
    /// What changed, or would; services that stay as they are have no line.
    pub changes: Vec<ServiceChange>,
    /// Services of the folder that stay as they are because of what is wrong with them.
    pub rejected: Vec<(ServiceName, RejectReason)>,
    /// Where the journal stands.
    pub version: u64,
    /// Whether nothing was changed because nothing was meant to.
    pub dry_run: bool,
}

/// What changed for one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceChange {
    /// The service.
    pub service: ServiceName,
    /// What happened.
    pub change: Change,
    /// To which revision.
    pub revision: RevisionId,
    /// What served before.
    pub from: Option<RevisionId>,
    /// What serves since.
    pub live: Option<RevisionId>,
    /// The share it gets; all if none.
    pub weight: Option<Weight>,
    /// What it asks for that the one before did not, and the other way round.
    pub difference: Difference,
}

/// Why a component cannot become a revision.
#[derive(Debug, Error)]
pub enum RejectReason {
    /// It is no component this host can run.
    #[error(transparent)]
    Component(#[from] CompileError),
    /// It cannot even be instantiated.
    #[error("it fails before its first request: {0}; run it elsewhere to see why")]
    Start(String),
    /// Whether it starts is not known yet.
    #[error("it was not ready for its first request within {} s; try again when the host has less to do", .0.as_secs())]
    Slow(Duration),
    /// Its file is missing or cannot be read, and nothing was deployed before.
    #[error("its component cannot be read; put it where `hostel.toml` says, or deploy one with `hostel deploy`")]
    NoFile,
    /// Its artifact is not there.
    #[error("its component `{0}` is not among the artifacts; upload it first")]
    NoArtifact(Digest),
}

impl RejectReason {
    /// Whether it says nothing about the component, which may well become a revision another time.
    #[must_use]
    pub fn is_of_the_moment(&self) -> bool {
        match self {
            Self::Component(error) => error.is_of_the_moment(),
            Self::Slow(_) => true,
            Self::Start(_) | Self::NoFile | Self::NoArtifact(_) => false,
        }
    }
}

/// Why nothing was deployed.
#[derive(Debug, Error)]
pub enum DeployError {
    /// Components that cannot become services, each with its reason.
    #[error("{} cannot be deployed", names(.0))]
    Rejected(Vec<(ServiceName, RejectReason)>),
    /// Two routes are the same.
    #[error("the routes `{first}` and `{second}` are the same; give one of them another path or method")]
    RouteConflict {
        /// The one that came first.
        first: String,
        /// The other.
        second: String,
    },
    /// The service cannot change as asked.
    #[error("`{service}` cannot change so: {reason}")]
    Unchangeable {
        /// The service.
        service: ServiceName,
        /// Why not.
        reason: Unchangeable,
    },
    /// No such service.
    #[error("there is no service `{0}`; `hostel status` shows which there are")]
    NoService(ServiceName),
    /// No such revision, or it is kept no more.
    #[error("`{service}` has no revision {revision} to go back to; `hostel history {service}` shows which are kept")]
    NoRevision {
        /// The service.
        service: ServiceName,
        /// The number asked for.
        revision: RevisionNumber,
    },
    /// Somebody else was faster.
    #[error("it has changed since: version {actual} and not {expected}; look again, then decide")]
    Outdated {
        /// What the one who asked had seen.
        expected: u64,
        /// What it is.
        actual: u64,
    },
    /// The disk failed.
    #[error("the deployment could not be recorded")]
    Storage(#[from] StorageError),
    /// Too many ask at once, or the host ends.
    #[error("the host takes no changes now; try again")]
    Busy,
    /// The deployer panicked.
    #[error("the host panicked while it deployed; this is a bug worth reporting with the log")]
    Bug,
}

fn names<T>(rejected: &[(ServiceName, T)]) -> String {
    rejected.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A line for people about each service that stays as it is because of what is wrong with its file.
pub fn tell_rejected(rejected: &[(ServiceName, RejectReason)]) {
    for (service, reason) in rejected {
        // That a file is missing is among the problems of the configuration.
        if !matches!(reason, RejectReason::NoFile) {
            tracing::warn!(%service, reason = with_causes(reason), "component rejected; what was live stays");
        }
    }
}

/// An error with what is behind it, in one line.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}
