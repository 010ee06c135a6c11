//! Tokens of tenants, as they are asked for, shown once, and listed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A token that is to be made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// The tenant whose services it sees and changes.
    #[schema(example = "acme")]
    pub tenant: String,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "ci", max_length = 64)]
    pub name: Option<String>,
}

/// A token, and what it is called: nobody is told the token again.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct MadeToken {
    /// What it is called where it must not be shown, as in the log.
    #[schema(example = "0123456789abcdef")]
    pub id: String,
    /// The tenant whose services it sees and changes.
    pub tenant: String,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// When it was made.
    pub created: String,
    /// The token itself, for the header `Authorization: Bearer`.
    pub token: String,
}

/// The tokens of all tenants.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Tokens {
    /// In the order in which they were made.
    pub tokens: Vec<Token>,
}

/// A token without the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// What it is called where it must not be shown, as in the log.
    #[schema(example = "0123456789abcdef")]
    pub id: String,
    /// The tenant whose services it sees and changes.
    pub tenant: String,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// When it was made.
    pub created: String,
}
