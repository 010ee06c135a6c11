//! The request, and a body read chunk by chunk.

use crate::query::Query;
use wasip2::http::types::{IncomingBody, IncomingRequest, Method, Scheme};
use wasip2::io::streams::{InputStream, StreamError};

/// Bytes asked for at once: what the host gives at most.
const CHUNK: u64 = 64 * 1024;

pub struct Request {
    pub inner: IncomingRequest,
    pub query: Query,
}

impl Request {
    pub fn new(inner: IncomingRequest) -> Self {
        let query = Query::of(&inner.path_with_query().unwrap_or_default());
        Self { inner, query }
    }

    pub fn method(&self) -> String {
        method_name(&self.inner.method()).to_owned()
    }

    pub fn path(&self) -> String {
        self.inner.path_with_query().unwrap_or_default()
    }

    pub fn body(&self) -> Body {
        Body::new(self.inner.consume().expect("a body must be there the first time"))
    }
}

/// The body of a request or of a response to a call.
pub struct Body {
    // Before `whole`: the host wants the child dropped first.
    stream: InputStream,
    _whole: IncomingBody,
}

impl Body {
    pub fn new(whole: IncomingBody) -> Self {
        let stream = whole.stream().expect("a stream must be there the first time");
        Self { stream, _whole: whole }
    }

    /// The next bytes, none at the end, an error if the sender failed.
    pub fn chunk(&self) -> Result<Option<Vec<u8>>, StreamError> {
        loop {
            match self.stream.blocking_read(CHUNK) {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Ok(Some(bytes)),
                Err(StreamError::Closed) => return Ok(None),
                Err(failed) => return Err(failed),
            }
        }
    }

    pub fn read_all(self) -> Result<Vec<u8>, StreamError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk()? {
            bytes.extend(chunk);
        }
        Ok(bytes)
    }
}

pub fn method_name(method: &Method) -> &str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => name,
    }
}

pub fn method_named(name: &str) -> Method {
    match name {
        "" | "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

pub fn scheme_name(scheme: &Scheme) -> &str {
    match scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
        Scheme::Other(name) => name,
    }
}

/// `http`, `https`, `other:<name>`; anything else is no scheme at all.
pub fn scheme_named(name: &str) -> Option<Scheme> {
    match name {
        "http" => Some(Scheme::Http),
        "https" => Some(Scheme::Https),
        other => other.strip_prefix("other:").map(|name| Scheme::Other(name.to_owned())),
    }
}
