//! How limits look: each with its value, its default, and where the value comes from.

use std::fmt;

use hostel_model::limits;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

/// Every limit in force.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    /// Of the whole process.
    pub host: Vec<Limit>,
    /// What nobody may change: what one guest can cost the host in one step.
    #[serde(default)]
    pub fixed: Vec<Limit>,
    /// Sums of each tenant, ordered by name.
    #[serde(default)]
    pub tenants: Vec<LimitsOf>,
    /// Of each listener, in the order of the configuration.
    pub listeners: Vec<LimitsOf>,
    /// Of each service, ordered by name.
    pub services: Vec<LimitsOf>,
}

/// The limits of one listener or service.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LimitsOf {
    /// The listener's address, or the name of the service or the tenant.
    pub name: String,
    /// Its limits.
    pub limits: Vec<Limit>,
}

/// One limit, who decided it, and what it would be if nobody said anything.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Limit {
    /// The key in `hostel.toml`; a name of its own where there is none.
    #[schema(example = "keyvalue.bytes")]
    pub name: String,
    /// What it counts.
    pub unit: Unit,
    /// Its value in words, as `hostel.toml` would have it.
    #[schema(example = "64MiB")]
    pub text: String,
    /// Its value as a number of its unit; left out where there is no bound, or
    /// the host chooses it by the machine.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "whole_if_possible")]
    #[schema(nullable = false, minimum = 0)]
    pub value: Option<f64>,
    /// The default in words.
    #[schema(example = "64MiB")]
    pub default_text: String,
    /// The default as a number of the unit.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "whole_if_possible")]
    #[schema(nullable = false, minimum = 0)]
    pub default_value: Option<f64>,
    /// Where the value comes from.
    #[serde(default)]
    pub origin: Origin,
}

/// Where the value of a limit comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Origin {
    /// Who decided it.
    pub from: OriginKind,
    /// The file that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "hostel.toml")]
    pub file: Option<String>,
    /// The line of the file, counted from 1, as it was when it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub line: Option<usize>,
    /// The flag or the variable that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "--drain")]
    pub name: Option<String>,
}

/// Who decides the value of a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OriginKind {
    /// Nobody said anything.
    #[default]
    Default,
    /// A file of the configuration.
    File,
    /// A flag of the command line.
    Flag,
    /// A variable of the environment.
    Environment,
    /// Nobody may change it.
    Fixed,
}

impl From<&limits::Origin> for Origin {
    fn from(origin: &limits::Origin) -> Self {
        let bare = |from| Self { from, file: None, line: None, name: None };
        let named = |from, name: &str| Self { name: Some(name.to_owned()), ..bare(from) };
        match origin {
            limits::Origin::Default => bare(OriginKind::Default),
            limits::Origin::Fixed => bare(OriginKind::Fixed),
            limits::Origin::Flag(name) => named(OriginKind::Flag, name),
            limits::Origin::Environment(name) => named(OriginKind::Environment, name),
            limits::Origin::File { file, line } => {
                Self { file: Some(file.to_string()), line: Some(*line), ..bare(OriginKind::File) }
            }
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from, &self.file, &self.name) {
            (OriginKind::File, Some(file), _) => write!(out, "{file}:{}", self.line.unwrap_or_default()),
            (OriginKind::Flag | OriginKind::Environment, _, Some(name)) => out.write_str(name),
            (OriginKind::Fixed, ..) => out.write_str("fixed"),
            (OriginKind::Default | OriginKind::File | OriginKind::Flag | OriginKind::Environment, ..) => {
                out.write_str("default")
            }
        }
    }
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Bytes in a second.
    BytesPerSecond,
    /// Seconds, and fractions of them.
    Seconds,
    /// Things.
    Count,
    /// Things in a second.
    CountPerSecond,
    /// Hundredths of what there is.
    Percent,
}

/// A number that is whole is written without a point: bytes are not fractions.
fn whole_if_possible<S: Serializer>(value: &Option<f64>, out: S) -> Result<S::Ok, S::Error> {
    /// Up to here every whole number has an exact `f64`.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Some(value) if value.fract() == 0.0 && (0.0..EXACT).contains(value) => out.serialize_u64(*value as u64),
        Some(value) => out.serialize_f64(*value),
        None => out.serialize_none(),
    }
}
