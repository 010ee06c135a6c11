//! The probes: is the process alive, and may it be sent requests? The status code is the answer, the text is for people.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode, Uri};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::admin::AdminState;
use crate::admin::api::{every, one};
use crate::admin::problem::Problem;
use crate::admin::readiness::{BEAT_MAX, Check};
use crate::admin::view;

/// Where `/readyz/{name}` begins.
const READYZ: &str = "/readyz/";

/// The names of the checks, for the document.
pub(super) struct CheckName;

impl PartialSchema for CheckName {
    fn schema() -> RefOr<Schema> {
        words(Check::ALL.map(Check::name))
    }
}

impl ToSchema for CheckName {}

/// What `verbose` may be, for the document.
pub(super) struct Verbose;

impl PartialSchema for Verbose {
    fn schema() -> RefOr<Schema> {
        words(["true", "false", ""])
    }
}

impl ToSchema for Verbose {}

/// One of these, and nothing else.
fn words<const COUNT: usize>(words: [&'static str; COUNT]) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
}

/// Whether the process is alive.
///
/// Depends on no guest, database or disk. 503 means that the data plane has not
/// moved for 15 seconds, and that a restart would help.
#[utoipa::path(
    get,
    path = "/livez",
    tag = "health",
    security(()),
    responses(
        (status = 200, description = "Alive.", body = String, content_type = "text/plain"),
        (status = 503, description = "The data plane does not move any more.", body = String, content_type = "text/plain"),
    )
)]
pub(super) async fn livez(State(state): State<Arc<AdminState>>) -> Response {
    match state.readiness.stalled() {
        None => text(StatusCode::OK, "ok\n".to_owned()),
        Some(_) => {
            let words = format!("the data plane has not moved for more than {} seconds\n", BEAT_MAX.as_secs());
            text(StatusCode::SERVICE_UNAVAILABLE, words)
        }
    }
}

/// Whether requests may be sent to the host.
///
/// 200 if every check that is not excluded holds, else 503. Without `verbose` it
/// needs no token.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    security((), ("token" = [])),
    params(
        ("verbose" = inline(Option<Verbose>), Query, description = "List every check, as `[+]storage ok` or `[-]services not yet`."),
        ("exclude" = inline(Option<Vec<CheckName>>), Query, description = "Leave this check out; may be there more than once."),
    ),
    responses(
        (status = 200, description = "Ready.", body = String, content_type = "text/plain"),
        (status = 503, description = "Not ready, and the names of the checks that do not hold.", body = String, content_type = "text/plain"),
    )
)]
pub(super) async fn readyz(State(state): State<Arc<AdminState>>, uri: Uri) -> Result<Response, Problem> {
    let verbose = match one(&uri, "verbose")?.as_deref() {
        None | Some("false") => false,
        Some("" | "true") => true,
        Some(_) => return Err(Problem::bad_request("`verbose` is `true`, `false`, or stands alone.")),
    };
    let excluded = every(&uri, "exclude").map(|name| Check::named(&name)).collect::<Option<Vec<_>>>();
    let excluded = excluded.ok_or_else(|| Problem::bad_request(format!("`exclude` is one of {}.", names())))?;
    let mut checks = state.readiness.checks();
    checks.retain(|(check, _)| !excluded.contains(check));
    Ok(report(&checks, verbose))
}

/// Whether one check holds.
#[utoipa::path(
    get,
    path = "/readyz/{name}",
    tag = "health",
    params(("name" = inline(CheckName), Path, description = "The check.")),
    responses(
        (status = 200, description = "It holds.", body = String, content_type = "text/plain"),
        (status = 503, description = "It does not, and why.", body = String, content_type = "text/plain"),
        (status = 404, description = "There is no such check.", body = view::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn readyz_one(State(state): State<Arc<AdminState>>, uri: Uri) -> Result<Response, Problem> {
    // The names need no escapes, so one that has some is none of them.
    let name = uri.path().strip_prefix(READYZ).unwrap_or_default();
    let mut checks = state.readiness.checks();
    checks.retain(|(check, _)| check.name() == name);
    if checks.is_empty() {
        return Err(Problem::not_found(format!("There is no such check; there are {}.", names())));
    }
    Ok(report(&checks, true))
}

fn names() -> String {
    Check::ALL.map(|check| format!("`{}`", check.name())).join(", ")
}

fn report(checks: &[(Check, Option<String>)], verbose: bool) -> Response {
    let failing: Vec<&str> =
        checks.iter().filter(|(_, reason)| reason.is_some()).map(|(check, _)| check.name()).collect();
    let mut words = String::new();
    if verbose {
        for (check, reason) in checks {
            // Writing to a string does not fail.
            let _ = match reason {
                None => writeln!(words, "[+]{} ok", check.name()),
                Some(reason) => writeln!(words, "[-]{} {reason}", check.name()),
            };
        }
    }
    if failing.is_empty() {
        words.push_str("ready\n");
        return text(StatusCode::OK, words);
    }
    words.push_str(&format!("not ready: {}\n", failing.join(", ")));
    text(StatusCode::SERVICE_UNAVAILABLE, words)
}

fn text(status: StatusCode, words: String) -> Response {
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    (status, [(CONTENT_TYPE, content_type)], words).into_response()
}
