//! A refusal or failure as `application/problem+json` (RFC 9457).

use serde::Serialize;

use crate::answer::{Answer, encode};
use crate::place::Refusal;
use crate::store::StoreError;

/// What begins the `type` of every problem the shop's services make themselves; the host's begin with `urn:hostel:problem:`.
const TYPE_PREFIX: &str = "urn:hostel-shop:problem:";

/// Why a request was not done. Boxed, so that a `Result` that carries it stays small.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    status: u16,
    slug: &'static str,
    title: &'static str,
    detail: String,
    retryable: bool,
    refusals: Vec<Refusal>,
    headers: Vec<(&'static str, String)>,
    cause: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    retryable: bool,
    #[serde(skip_serializing_if = "<[Refusal]>::is_empty")]
    errors: &'a [Refusal],
}

impl Problem {
    /// A problem of the type `slug`; `detail` is read by the client.
    pub fn new(status: u16, slug: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            status,
            slug,
            title,
            detail: detail.into(),
            retryable: false,
            refusals: Vec::new(),
            headers: Vec::new(),
            cause: None,
        }))
    }

    /// 404: nothing has this path or id.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(404, "not-found", "Not found", detail)
    }

    /// 422: the body is JSON, but not the JSON that is wanted.
    #[must_use]
    pub fn invalid(refusals: Vec<Refusal>) -> Self {
        let detail = match refusals.first() {
            Some(first) => format!("`{}` {}", first.field, first.detail),
            None => "the request has an invalid field".to_owned(),
        };
        let mut problem = Self::new(422, "invalid-field", "A field of the request is invalid", detail);
        problem.0.refusals = refusals;
        problem
    }

    /// 503 that is worth another try in a second.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(503, "unavailable", "Cannot be served now", detail).retry_after_seconds(1)
    }

    /// 503 until the operator changes the configuration; `detail` must name what to change, not its value.
    pub fn misconfigured(detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self::new(503, "misconfigured", "The service is not set up", detail.clone()).because(detail)
    }

    /// Names one more field that is wrong.
    #[must_use]
    pub fn refusing(mut self, refusal: Refusal) -> Self {
        self.0.refusals.push(refusal);
        self
    }

    /// Adds a header; `name` is in lower case.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.headers.push((name, value.into()));
        self
    }

    /// Says that the same request may succeed after that many seconds.
    #[must_use]
    pub fn retry_after_seconds(mut self, seconds: u64) -> Self {
        self.0.retryable = true;
        self.header("retry-after", seconds.to_string())
    }

    /// What the operator should read in the log; the client never sees it.
    #[must_use]
    pub fn because(mut self, cause: impl std::fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// The answer that tells the client.
    #[must_use]
    pub fn into_answer(self) -> Answer {
        let parts = *self.0;
        let body = Body {
            r#type: format!("{TYPE_PREFIX}{}", parts.slug),
            title: parts.title,
            status: parts.status,
            detail: &parts.detail,
            retryable: parts.retryable,
            errors: &parts.refusals,
        };
        let mut headers = vec![("content-type", "application/problem+json".to_owned())];
        headers.extend(parts.headers);
        // Strings and numbers only: this cannot fail, and an empty body is still the right status.
        Answer { status: parts.status, headers, body: encode(&body).unwrap_or_default(), cause: parts.cause }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let problem = match &error {
            StoreError::NotGranted { .. } => {
                Self::misconfigured("the service may not open its bucket; the operator must list it under `keyvalue`")
            }
            StoreError::Failed { .. } | StoreError::Contended { .. } => {
                Self::unavailable("the state could not be read or written; nothing was half done")
            }
            StoreError::Damaged { .. } => Self::new(
                503,
                "damaged-state",
                "Cannot be served",
                "what is stored here cannot be read; the operator must look into it",
            ),
        };
        problem.because(error)
    }
}
