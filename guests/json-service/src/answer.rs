//! What a service answers: a status, headers and a body of JSON.

use serde::Serialize;

use crate::problem::Problem;

/// One complete answer; `Content-Length` is added when it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status, 200 to 599.
    pub status: u16,
    /// The headers, in the order they are sent; names are in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body as it is sent to a `GET`.
    pub body: Vec<u8>,
    /// What the operator should read in the log and the client should not see.
    pub cause: Option<String>,
}

impl Answer {
    /// An answer whose body is `value`, which must be an object.
    ///
    /// A value that cannot be written as JSON becomes a problem with status 500, never half a body.
    pub fn json<T: Serialize>(status: u16, value: &T) -> Self {
        match encode(value) {
            Ok(body) => {
                Self { status, headers: vec![("content-type", "application/json".to_owned())], body, cause: None }
            }
            Err(cause) => Problem::new(500, "internal", "The answer could not be written", "try again later")
                .because(cause)
                .into_answer(),
        }
    }

    /// Adds a header; `name` is in lower case.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The value of the first header called `name` (lower case).
    #[must_use]
    pub fn header_value(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// Writes `value` as one line of JSON, so that a terminal's prompt starts on a line of its own.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut body = serde_json::to_vec(value)?;
    body.push(b'\n');
    Ok(body)
}
