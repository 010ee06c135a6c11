//! The request, and a body read chunk by chunk.

use crate::query::Query;
use wasip3::http::types::{self, ErrorCode, Method, Response, Scheme, Trailers};
use wasip3::wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamResult};
use wasip3::wit_future;

/// Bytes asked for at once: what the host gives at most.
const CHUNK: usize = 64 * 1024;

pub struct Request {
    pub inner: types::Request,
    pub query: Query,
}

impl Request {
    pub fn new(inner: types::Request) -> Self {
        let query = Query::of(&inner.get_path_with_query().unwrap_or_default());
        Self { inner, query }
    }

    pub fn method(&self) -> String {
        method_name(&self.inner.get_method()).to_owned()
    }

    pub fn path(&self) -> String {
        self.inner.get_path_with_query().unwrap_or_default()
    }

    pub fn body(self) -> Body {
        let (done, result) = wit_future::new(|| Ok(()));
        let (stream, trailers) = types::Request::consume_body(self.inner, result);
        Body { stream, trailers, _done: done }
    }
}

/// The body of a request or of a response to a call.
pub struct Body {
    stream: StreamReader<u8>,
    trailers: FutureReader<Result<Option<Trailers>, ErrorCode>>,
    /// Tells the sender that all is well once this is dropped.
    _done: FutureWriter<Result<(), ErrorCode>>,
}

impl Body {
    pub fn of(response: Response) -> Self {
        let (done, result) = wit_future::new(|| Ok(()));
        let (stream, trailers) = Response::consume_body(response, result);
        Self { stream, trailers, _done: done }
    }

    /// The next bytes, none at the end. Whether the end is a good one tells `end`.
    pub async fn chunk(&mut self) -> Option<Vec<u8>> {
        loop {
            match self.stream.read(Vec::with_capacity(CHUNK)).await {
                (StreamResult::Complete(0), _) => {}
                (StreamResult::Complete(_), bytes) => return Some(bytes),
                (StreamResult::Dropped | StreamResult::Cancelled, _) => return None,
            }
        }
    }

    /// Whether the sender came to its end, asked when there are no more bytes.
    pub async fn end(self) -> Result<(), ErrorCode> {
        drop(self.stream);
        self.trailers.await.map(|_trailers| ())
    }

    pub async fn read_all(mut self) -> Result<Vec<u8>, ErrorCode> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk().await {
            bytes.extend(chunk);
        }
        self.end().await.map(|()| bytes)
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
