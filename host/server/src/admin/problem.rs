//! What the admin plane answers when it refuses: problem+json (RFC 9457), as the data plane does.
//!
//! Whatever the data plane can refuse for, too, is a row of the one table of
//! failures. Only what comes of changing something has kinds of its own.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hostel_model::failure::Failure;
use hostel_storage::StorageError;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::admin::view;

#[cfg(test)]
mod tests;

/// Seconds after which a change that was turned away may be asked for again: most
/// are made within that time.
const RETRY_AFTER_SECONDS: &str = "1";

/// Why a request to the admin plane was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    kind: Kind,
    detail: String,
    /// Each thing that is wrong, where there can be many.
    problems: Vec<view::Rejection>,
    header: Option<(HeaderName, &'static str)>,
}

/// What kind of problem it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One that requests to services can have, too.
    Row(Failure),
    /// The change contradicts how things stand.
    Conflict,
    /// Things no longer stand as the client believes.
    PreconditionFailed,
    /// What is to be deployed cannot be.
    Unprocessable,
    /// Too many changes wait to be made.
    Busy,
}

impl Kind {
    fn slug(self) -> &'static str {
        match self {
            Self::Row(failure) => failure.slug(),
            Self::Conflict => "conflict",
            Self::PreconditionFailed => "precondition-failed",
            Self::Unprocessable => "unprocessable",
            Self::Busy => "busy",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Row(failure) => failure.title(),
            Self::Conflict => "the change contradicts how the service stands",
            Self::PreconditionFailed => "things no longer stand as the request says",
            Self::Unprocessable => "what was sent cannot be deployed",
            Self::Busy => "too many changes wait to be made",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            // A failure that has no status never makes an answer, so it would be a bug here.
            Self::Row(failure) => failure.status().and_then(|status| StatusCode::from_u16(status).ok()),
            Self::Conflict => Some(StatusCode::CONFLICT),
            Self::PreconditionFailed => Some(StatusCode::PRECONDITION_FAILED),
            Self::Unprocessable => Some(StatusCode::UNPROCESSABLE_ENTITY),
            Self::Busy => Some(StatusCode::SERVICE_UNAVAILABLE),
        }
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Whether it pays to come back soon.
    fn retry_after(self) -> bool {
        match self {
            Self::Row(failure) => failure.retry_after(),
            Self::Busy => true,
            Self::Conflict | Self::PreconditionFailed | Self::Unprocessable => false,
        }
    }
}

impl Problem {
    fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let header = kind.retry_after().then_some((RETRY_AFTER, RETRY_AFTER_SECONDS));
        Self { kind, detail: detail.into(), problems: Vec::new(), header }
    }

    /// What is wrong, in words.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// The same, with what was done before it came to that.
    pub(super) fn after(mut self, done: &str) -> Self {
        self.detail = format!("{} {done}", self.detail);
        self
    }

    /// A row of the table of failures, with what it means here.
    pub(super) fn of(failure: Failure, detail: impl Into<String>) -> Self {
        Self::new(Kind::Row(failure), detail)
    }

    /// The request breaks a rule, which `detail` names.
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::of(Failure::BadRequest, detail)
    }

    /// No token, or not the right one.
    pub(super) fn unauthenticated() -> Self {
        let detail = "Send `Authorization: Bearer` and the token, which is in `admin.token` in the state folder.";
        let problem = Self::of(Failure::Unauthenticated, detail);
        Self { header: Some((WWW_AUTHENTICATE, "Bearer")), ..problem }
    }

    /// The request may not come from where it comes from.
    pub(super) fn forbidden(detail: impl Into<String>) -> Self {
        Self::of(Failure::Forbidden, detail)
    }

    /// There is nothing at this path.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::of(Failure::NoRoute, detail)
    }

    /// The path exists, not for this method.
    pub(super) fn method_not_allowed() -> Self {
        Self::of(Failure::MethodNotAllowed, "The path exists, but not for this method; see the header Allow.")
    }

    /// Nothing here reads a body of that size.
    pub(super) fn too_large(detail: impl Into<String>) -> Self {
        Self::of(Failure::ContentTooLarge, detail)
    }

    /// A panic, which the log tells more about.
    pub(super) fn internal() -> Self {
        Self::of(Failure::Internal, "The host failed to answer; this is a bug worth reporting with the log.")
    }

    /// The change cannot be made as things stand (409).
    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, detail)
    }

    /// `If-Match` names a version that is no longer the current one (412).
    pub(super) fn precondition_failed(detail: impl Into<String>) -> Self {
        Self::new(Kind::PreconditionFailed, detail)
    }

    /// What was sent cannot be deployed (422), for each of the reasons in `problems`.
    pub(super) fn unprocessable(detail: impl Into<String>, problems: Vec<view::Rejection>) -> Self {
        Self { problems, ..Self::new(Kind::Unprocessable, detail) }
    }

    /// Too many changes wait already (503); nothing was done.
    pub(super) fn busy(detail: impl Into<String>) -> Self {
        Self::new(Kind::Busy, detail)
    }

    /// The state folder is full (507) or failed (503). What the system said goes to
    /// the log; whoever may ask here may see the paths, but cannot use the rest.
    pub(super) fn storage(error: &StorageError) -> Self {
        let source = std::error::Error::source(error).map(ToString::to_string);
        tracing::error!(%error, source, "the storage failed a request to the admin plane");
        let failure = if error.is_full() { Failure::StorageFull } else { Failure::StorageFailed };
        Self::of(failure, sentence(&error.to_string()))
    }
}

/// The words of an error as a problem has them.
pub(super) fn sentence(error: &str) -> String {
    let mut letters = error.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.kind.status();
        let view = view::Problem {
            r#type: format!("urn:hostel:problem:{}", self.kind.slug()),
            title: self.kind.title().to_owned(),
            status: status.as_u16(),
            detail: self.detail,
            problems: self.problems,
        };
        let mut response = Response::new(Body::from(serde_json::to_vec(&view).unwrap_or_default()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, value)) = self.header {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
