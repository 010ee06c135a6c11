//! A request as a service sees it: method, path, headers, and the body if it was not too large.

use crate::document::{self, Object, Shape};
use crate::problem::Problem;

/// Why there is no body to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// It has more bytes than the service reads.
    TooLarge {
        /// What the service reads at most, in bytes.
        limit: usize,
    },
    /// The client went away or the transfer failed before its end.
    Interrupted,
}

/// One request from outside or call from another service.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method in capitals, such as `GET`.
    pub method: String,
    /// The path without its query, as it was sent.
    pub path: String,
    /// Names in lower case with their values, in the order they came.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole body. Looked at only by an endpoint that wants one, so that an unknown path is a 404 whatever was sent to it.
    pub body: Result<Vec<u8>, BodyError>,
}

impl Request {
    /// All values of a header (name in lower case) joined by commas as RFC 9110 has it; none if it is absent or not UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self
            .headers
            .iter()
            .filter(|(known, _)| known == name)
            .filter_map(|(_, value)| std::str::from_utf8(value).ok())
            .map(str::trim)
            .collect();
        if values.is_empty() { None } else { Some(values.join(", ")) }
    }

    /// Whether only the head of the answer is wanted.
    #[must_use]
    pub fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// The bytes of the body.
    ///
    /// # Errors
    /// 413 if it is too large, 400 if it did not come to its end.
    pub fn bytes(&self) -> Result<&[u8], Problem> {
        match &self.body {
            Ok(bytes) => Ok(bytes),
            Err(BodyError::TooLarge { limit }) => Err(Problem::new(
                413,
                "content-too-large",
                "The body is too large",
                format!("the body has more than {limit} bytes; send less in one request"),
            )),
            Err(BodyError::Interrupted) => Err(Problem::new(
                400,
                "body-interrupted",
                "The body is incomplete",
                "the body ended before its end; send it again",
            )),
        }
    }

    /// The body as an object of that shape.
    ///
    /// # Errors
    /// As [`Request::bytes`] and [`document::parse`].
    pub fn object(&self, shape: &'static Shape) -> Result<Object, Problem> {
        document::parse(self.bytes()?, shape)
    }
}
