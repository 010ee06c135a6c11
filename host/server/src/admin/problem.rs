//! What the admin plane answers when it refuses: problem+json (RFC 9457), as the data plane does.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::admin::view;

/// Why a request to the admin plane was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    slug: &'static str,
    title: &'static str,
    status: StatusCode,
    detail: String,
    header: Option<(HeaderName, &'static str)>,
}

impl Problem {
    fn new(status: StatusCode, slug: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { slug, title, status, detail: detail.into(), header: None }
    }

    /// The request breaks a rule, which `detail` names.
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "Bad request", detail)
    }

    /// No token, or not the right one.
    pub(super) fn unauthenticated() -> Self {
        let detail = "Send `Authorization: Bearer` and the token, which is in `admin.token` in the state folder.";
        let problem = Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Not authenticated", detail);
        Self { header: Some((WWW_AUTHENTICATE, "Bearer")), ..problem }
    }

    /// The request may not come from where it comes from.
    pub(super) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Forbidden", detail)
    }

    /// There is nothing at this path.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "no-route", "No such resource", detail)
    }

    /// The path exists, not for this method.
    pub(super) fn method_not_allowed() -> Self {
        let detail = "The path exists, but not for this method; see the header Allow.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed", detail)
    }

    /// Nothing here reads a body of that size.
    pub(super) fn content_too_large() -> Self {
        let detail = "The request's body is larger than anything here accepts.";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "content-too-large", "Content too large", detail)
    }

    /// A panic, which the log tells more about.
    pub(super) fn internal() -> Self {
        let detail = "The host failed to answer; this is a bug worth reporting with the log.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let view = view::Problem {
            r#type: format!("urn:hostel:problem:{}", self.slug),
            title: self.title.to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
        };
        let mut response = Response::new(Body::from(serde_json::to_vec(&view).unwrap_or_default()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, value)) = self.header {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
