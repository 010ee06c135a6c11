//! The parts of a request that changes something: its version, its parameters, its body.
//!
//! Reads are lenient about what they do not know; a change is not. A parameter that
//! is misspelt must not turn a rehearsal into the real thing.

use std::pin::pin;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::future::{Either, select};
use hostel_model::platform::Clock;
use http::header::{CONTENT_LENGTH, ETAG, IF_MATCH};
use http::{HeaderMap, HeaderValue, Uri};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;

use crate::admin::api::one;
use crate::admin::problem::Problem;

/// Bytes of a body that is read into memory: a deployment of every service of a
/// large host is a tenth of it.
pub(super) const JSON_BYTES_MAX: u64 = 64 * 1024;
/// How long a client may be silent inside a body.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(30);

/// How long the rest of a body is listened to that was refused: a component takes a
/// small part of that on this machine.
const LINGER: Duration = Duration::from_secs(2);

/// Whether `name` is asked for, as `name=true`.
pub(super) fn flag(uri: &Uri, name: &'static str) -> Result<bool, Problem> {
    match one(uri, name)?.as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::bad_request(format!("`{name}` is `true` or `false`."))),
    }
}

/// Refuses parameters other than `known`.
pub(super) fn only(uri: &Uri, known: &[&'static str]) -> Result<(), Problem> {
    let mut names = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).map(|(name, _)| name);
    if names.all(|name| known.contains(&&*name)) {
        return Ok(());
    }
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(Problem::bad_request(format!("The query has a parameter that is not known here; known are: {known}.")))
}

/// What `If-Match` looks like: every number of so many digits is less than 2^64.
pub(super) const VERSION_TAG: &str = "^\"[0-9]{1,19}\"$";

/// The version that the client has seen, if it says so.
pub(super) fn seen_version(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let mut fields = headers.get_all(IF_MATCH).iter();
    let (Some(field), second) = (fields.next(), fields.next()) else {
        return Ok(None);
    };
    // A list, a weak tag or `*` would have to be compared in ways that nobody needs here.
    let digits = field.to_str().ok().and_then(|text| text.strip_prefix('"')?.strip_suffix('"'));
    let version = digits.filter(|digits| digits.len() <= 19 && digits.bytes().all(|byte| byte.is_ascii_digit()));
    match (version.and_then(|digits| digits.parse().ok()), second) {
        (Some(version), None) => Ok(Some(version)),
        _ => Err(Problem::bad_request("`If-Match` is one version as an `ETag` had it, as in `\"12\"`.")),
    }
}

/// Refuses a condition where there is no version that it could be about: whoever sends one believes
/// that it protects something.
pub(super) fn no_version(headers: &HeaderMap) -> Result<(), Problem> {
    if !headers.contains_key(IF_MATCH) {
        return Ok(());
    }
    let detail =
        "`If-Match` is of no use here, since what a service keeps has no version; send the request without it.";
    Err(Problem::bad_request(detail))
}

/// The header that tells a version.
pub(super) fn etag(version: u64) -> (http::HeaderName, HeaderValue) {
    let value = HeaderValue::from_str(&format!("\"{version}\""));
    (ETAG, value.expect("digits in quotes must be a header's value"))
}

/// The next piece of a body; none at its end.
pub(super) async fn piece(body: &mut Body, clock: &dyn Clock) -> Result<Option<Bytes>, Problem> {
    loop {
        let frame = pin!(body.frame());
        match select(frame, clock.sleep_until(clock.now().after(SILENCE_MAX))).await {
            Either::Left((None, _)) => return Ok(None),
            Either::Left((Some(Ok(frame)), _)) => match frame.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Ok(Some(data)),
                // Trailers say nothing here.
                Err(_) => {}
            },
            Either::Left((Some(Err(_broken)), _)) => {
                return Err(Problem::bad_request("The body broke off; send it again."));
            }
            Either::Right(_) => {
                let seconds = SILENCE_MAX.as_secs();
                return Err(Problem::bad_request(format!("Nothing came of the body for {seconds} seconds.")));
            }
        }
    }
}

/// A body of JSON; `nothing` where there is none.
pub(super) async fn json_body<T: DeserializeOwned>(
    mut body: Body,
    clock: &dyn Clock,
    nothing: Option<T>,
) -> Result<T, Problem> {
    let mut text = Vec::new();
    while let Some(piece) = piece(&mut body, clock).await? {
        text.extend_from_slice(&piece);
        if text.len() as u64 > JSON_BYTES_MAX {
            return Err(Problem::too_large(format!("A body of JSON has at most {JSON_BYTES_MAX} bytes here.")));
        }
    }
    if text.is_empty()
        && let Some(nothing) = nothing
    {
        return Ok(nothing);
    }
    serde_json::from_slice(&text)
        .map_err(|error| Problem::bad_request(format!("The body is not what `/openapi.json` asks for: {error}.")))
}

/// Reads on for a while after a refusal: a client that is still sending sees the
/// answer only once it has sent all, or not at all if the connection breaks before.
pub(super) async fn linger(body: &mut Body, clock: &dyn Clock) {
    let rest = pin!(async { while let Ok(Some(_)) = piece(body, clock).await {} });
    select(rest, clock.sleep_until(clock.now().after(LINGER))).await;
}

/// The length that a body is said to have.
pub(super) fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
