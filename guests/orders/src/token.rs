//! Who asks: the token of a user, checked against the keys that users publishes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};
use json_service::ports::{Calls, Clock, Settings};
use json_service::problem::Problem;
use json_service::request::Request;
use json_service::text;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::customers;

/// The variable that turns the checks on.
const REQUIRED: &str = "require_token";

/// Who may do what in this request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Tokens are not required: anybody may do anything.
    Anybody,
    /// The user whose token came with the request.
    User(u64),
}

impl Caller {
    /// Refuses unless the caller may act for that user.
    ///
    /// # Errors
    /// 403.
    pub fn must_be(self, user_id: u64) -> Result<(), Problem> {
        match self {
            Self::User(caller) if caller != user_id => {
                Err(Problem::new(403, "forbidden", "Not allowed", "this belongs to another user than the token"))
            }
            Self::Anybody | Self::User(_) => Ok(()),
        }
    }
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Key>,
}

/// A key of the set; what is needed of it may be missing in keys of other kinds.
#[derive(Deserialize)]
struct Key {
    kty: Option<String>,
    crv: Option<String>,
    kid: Option<String>,
    x: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    nbf: Option<f64>,
}

/// Finds out who asks, if the operator wants that known.
///
/// # Errors
/// 401 without a good token; 503 if the keys cannot be had.
pub fn caller(
    request: &Request,
    settings: &dyn Settings,
    clock: &dyn Clock,
    calls: &dyn Calls,
) -> Result<Caller, Problem> {
    match settings.get(REQUIRED)?.as_deref().map(str::trim) {
        None | Some("false" | "") => return Ok(Caller::Anybody),
        Some("true") => {}
        Some(_) => {
            return Err(Problem::misconfigured(format!(
                "variable `{REQUIRED}` is neither `true` nor `false`; the operator must change it"
            )));
        }
    }
    let header = request.header("authorization").ok_or_else(|| {
        // Without an error code, as RFC 6750 has it: the client did not try.
        Problem::new(
            401,
            "unauthenticated",
            "A token is needed",
            "send `Authorization: Bearer` with the token of a login",
        )
        .header("www-authenticate", "Bearer realm=\"orders\"")
    })?;
    let token = bearer(&header).ok_or_else(|| refused("the header `Authorization` does not hold one bearer token"))?;
    let keys = customers::key_set(calls)?;
    verify(token, &keys, clock.now()).map(Caller::User).map_err(refused)
}

fn refused(reason: &str) -> Problem {
    Problem::new(401, "invalid-token", "The token is not good", reason).header(
        "www-authenticate",
        format!("Bearer realm=\"orders\", error=\"invalid_token\", error_description=\"{reason}\""),
    )
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains([' ', ','])).then_some(token)
}

/// The user of a token that is signed with one of `keys` and holds at `now`, in milliseconds since 1970.
fn verify(token: &str, keys: &[u8], now: u64) -> Result<u64, &'static str> {
    let (signed, signature) = token.rsplit_once('.').ok_or("it is not a JWT")?;
    let (header, claims) = signed.split_once('.').ok_or("it is not a JWT")?;
    let header: Header = part(header).ok_or("its header cannot be read")?;
    if header.alg != "EdDSA" || header.crit.is_some() {
        return Err("it must be signed with EdDSA");
    }
    let keys: KeySet = serde_json::from_slice(keys).map_err(|_| "the published keys cannot be read")?;
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .ok()
        .and_then(|bytes| Signature::from_slice(&bytes).ok())
        .ok_or("its signature cannot be read")?;
    let signed_by_us = keys
        .keys
        .iter()
        .filter(|key| header.kid.is_none() || key.kid == header.kid)
        .filter_map(public)
        .any(|key| key.verify_strict(signed.as_bytes(), &signature).is_ok());
    if !signed_by_us {
        return Err("its signature is not by a published key");
    }
    let claims: Claims = part(claims).ok_or("its claims cannot be read or lack sub or exp")?;
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are exact in a float")]
    let now = (now / 1000) as f64;
    if now >= claims.exp {
        return Err("it has expired");
    }
    if claims.nbf.is_some_and(|from| now < from) {
        return Err("it does not hold yet");
    }
    text::id(&claims.sub).ok_or("its subject is not a user")
}

fn part<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn public(key: &Key) -> Option<VerifyingKey> {
    if key.kty.as_deref() != Some("OKP") || key.crv.as_deref() != Some("Ed25519") {
        return None;
    }
    let bytes: [u8; 32] = URL_SAFE_NO_PAD.decode(key.x.as_deref()?).ok()?.try_into().ok()?;
    VerifyingKey::from_bytes(&bytes).ok()
}

#[cfg(test)]
pub mod tests;
