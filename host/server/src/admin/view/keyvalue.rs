//! What services keep, as it is listed, exported and imported.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The buckets of a service.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Buckets {
    /// The service.
    pub service: String,
    /// Those that hold anything, ordered by name.
    pub buckets: Vec<Bucket>,
}

/// What is in one bucket.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// How many keys there are.
    pub keys: u64,
    /// Bytes of the keys and their values.
    pub bytes: u64,
}

/// A part of a bucket's keys.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Keys {
    /// In the order of their bytes.
    pub keys: Vec<String>,
    /// What to ask with for those that follow; left out after the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cursor: Option<String>,
}

/// One line of an export: a key with its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportedValue {
    /// The bucket it is in.
    pub bucket: String,
    /// The key in UTF-8, in Base64 (RFC 4648, section 4).
    #[schema(format = Byte)]
    pub key: String,
    /// The value, in Base64.
    #[schema(format = Byte)]
    pub value: String,
}

/// What an import has written.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Imported {
    /// How many keys.
    pub keys: u64,
}

/// What a purge has taken away.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Purged {
    /// How many keys.
    pub keys: u64,
    /// Bytes of the keys and their values.
    pub bytes: u64,
}
