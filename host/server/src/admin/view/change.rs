//! What changes are asked for and told of: uploads, deployments, the history of a service.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Ref, Schema};

/// The last millisecond that RFC 3339 has room for: of the year 9999.
const LAST_UNIX_MS: u64 = 253_402_300_799_999;

/// The moment so long after the beginning of 1970, or the last one that can be written: a journal and a
/// backup may say anything.
pub(crate) fn moment(at_unix_ms: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_millis(at_unix_ms.min(LAST_UNIX_MS))).unwrap_or(UNIX_EPOCH)
}

/// A component that was taken.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Artifact {
    /// The SHA-256 of its bytes, in hex: what a deployment names it by.
    pub digest: String,
    /// How many bytes it has.
    pub bytes: u64,
}

/// Components that are to be deployed, all in one swap.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// Which, by the services they are for; at least one.
    #[schema(schema_with = components_by_service)]
    pub services: BTreeMap<String, Component>,
    /// The share of the requests that each gets, in percent; all of them if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "percent")]
    #[schema(nullable = false, minimum = 1, maximum = 99)]
    pub weight: Option<u8>,
}

/// A whole number however it is written: to JSON Schema, `33.0` is an integer.
fn percent<'de, D: Deserializer<'de>>(number: D) -> Result<Option<u8>, D::Error> {
    let number = f64::deserialize(number)?;
    let percent = (0..=u8::MAX).find(|percent| f64::from(*percent) == number);
    percent.map(Some).ok_or_else(|| D::Error::custom(format!("`weight` is a whole number from 1 to 99, not {number}")))
}

fn components_by_service() -> Schema {
    let name = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"));
    let components = ObjectBuilder::new()
        .property_names(Some(name))
        .min_properties(Some(1))
        .additional_properties(Some(Ref::from_schema_name("Component")));
    components.description(Some("Which, by the services they are for; at least one.")).into()
}

/// The component of one service.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Its SHA-256 in hex, as `POST /v1/artifacts` has answered it.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub digest: String,
}

/// Where a rollback leads.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// To this revision. Without one: from the candidate to what is live, else to what served before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "r3")]
    pub revision: Option<String>,
}

/// What came of a change.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    /// The version of the journal since.
    pub version: u64,
    /// Whether it was only found out what would happen.
    pub dry_run: bool,
    /// What changed, or would; services that stay as they are have none.
    pub changes: Vec<ServiceChange>,
}

/// What changed for one service.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ServiceChange {
    /// The service.
    pub service: String,
    /// What happened.
    pub change: Change,
    /// The revision that it happened to.
    #[schema(example = "r4")]
    pub revision: String,
    /// The SHA-256 of that revision's component, in hex.
    pub digest: String,
    /// What served before, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub from: Option<Revision>,
    /// What serves since, if anything does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub live: Option<Revision>,
    /// The share of the requests it gets, in percent; left out if that is no share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub weight: Option<u8>,
    /// What it asks for that the revision before did not.
    #[schema(example = json!(["calls orders"]))]
    pub gained: Vec<String>,
    /// What the revision before asked for and this one does not.
    pub lost: Vec<String>,
}

/// A revision of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Revision {
    /// Its number.
    #[schema(example = "r3")]
    pub revision: String,
    /// The SHA-256 of its component, in hex.
    pub digest: String,
}

/// What happened to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The revision serves.
    Deployed,
    /// The service was taken away.
    Removed,
    /// The revision gets a share of the requests.
    Candidate,
    /// The revision had a share and serves alone now.
    Promoted,
    /// The revision was given up, because somebody asked for it.
    RolledBack,
    /// The revision was given up by the host itself.
    TakenBack,
    /// The service answers `not-ready`.
    Disabled,
    /// The service answers again.
    Enabled,
    /// The revision waits for approval.
    Waiting,
    /// The revision was approved.
    Approved,
}

/// What happened to a service, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// The service.
    pub service: String,
    /// What happened.
    pub entries: Vec<HistoryEntry>,
}

/// One entry of the journal.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HistoryEntry {
    /// Its place in the order: the version of the service since.
    pub version: u64,
    /// When it was, in RFC 3339.
    #[schema(example = "2026-03-01T12:00:00.123Z")]
    pub time: String,
    /// What happened.
    pub change: Change,
    /// The revision that it happened to.
    #[schema(example = "r4")]
    pub revision: String,
    /// The SHA-256 of that revision's component, in hex.
    pub digest: String,
    /// The share of the requests that it got, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub weight: Option<u8>,
    /// What served since, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub live: Option<Revision>,
    /// Who asked for it: `folder`, `user` and a number, `token` or `watch`; left out if that was not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub by: Option<String>,
    /// The reason that was given, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub why: Option<String>,
    /// Whether the revision is kept, so that there is a way back to it.
    pub kept: bool,
}
