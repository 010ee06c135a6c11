//! Tokens: JSON Web Tokens signed with Ed25519 (RFC 7519, RFC 8037).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use json_service::ports::Settings;
use json_service::problem::Problem;
use serde_json::json;

use crate::signing::SigningKey;

/// The variable that says how many minutes a token is good.
const LIFETIME: &str = "token_minutes";
/// Minutes without that variable.
const LIFETIME_DEFAULT: u64 = 60;
/// Most minutes, a year: whoever wants more has mistaken the unit.
const LIFETIME_MAX: u64 = 525_600;

/// Who issues the tokens.
const ISSUER: &str = "hostel-shop";

/// How many minutes a token is good.
///
/// # Errors
/// 503 if the operator set something else than a number of minutes.
pub fn lifetime(settings: &dyn Settings) -> Result<u64, Problem> {
    let Some(text) = settings.get(LIFETIME)? else {
        return Ok(LIFETIME_DEFAULT);
    };
    text.trim().parse().ok().filter(|minutes| (1..=LIFETIME_MAX).contains(minutes)).ok_or_else(|| {
        Problem::misconfigured(format!(
            "variable `{LIFETIME}` is not a number of minutes from 1 to {LIFETIME_MAX}; the operator must change it"
        ))
    })
}

/// A token that says that its bearer is that user; `now` is in milliseconds since 1970.
pub fn issue(key: &SigningKey, user_id: u64, now: u64, minutes: u64) -> String {
    let issued_at = now / 1000;
    let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": key.id });
    let claims = json!({
        "iss": ISSUER,
        "sub": user_id.to_string(),
        "iat": issued_at,
        "exp": issued_at.saturating_add(minutes * 60),
    });
    let signed =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}
