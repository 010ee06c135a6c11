//! Where a request is to go, as its guest wrote it.

use hostel_model::egress::{Granted, Scheme};
use hostel_sandbox::{Forbidden, OutgoingError};
use http::uri::PathAndQuery;
use http::{Method, Request};

/// Longer than any method that was ever registered.
const METHOD_BYTES: usize = 32;

/// Scheme, host and port of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// A name or an address, which is in brackets if it is of IPv6. Not judged yet.
    pub host: String,
    /// The port, whether it was written or not.
    pub port: u16,
}

impl Target {
    /// What `request` is aimed at.
    ///
    /// # Errors
    /// When that cannot be said without a guess, or the method is not for guests.
    pub fn of<B>(request: &Request<B>) -> Result<Self, OutgoingError> {
        let denied = |what, detail: &str| Err(OutgoingError::Denied { what, detail: detail.to_owned() });
        let (method, uri) = (request.method(), request.uri());
        if *method == Method::CONNECT {
            return denied(Forbidden::Method, "a service makes no tunnels; use another method than `CONNECT`");
        }
        if method.as_str().len() > METHOD_BYTES {
            return denied(Forbidden::Method, "the method is longer than any; use one that is registered");
        }
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            Some(_) | None => return denied(Forbidden::Uri, "only `http` and `https` leave this host"),
        };
        let Some(authority) = uri.authority() else {
            return denied(Forbidden::Uri, "the request names no host");
        };
        if authority.as_str().contains('@') {
            return denied(Forbidden::Uri, "an address holds no user name; send credentials in a header field");
        }
        if !path_of(request).starts_with('/') {
            return denied(Forbidden::Uri, "a path begins with `/`");
        }
        let host = authority.host();
        // The library's own reading takes a port that is none for none at all.
        let port = match authority.as_str().get(host.len()..).unwrap_or_default() {
            "" => Some(scheme.default_port()),
            rest => rest.strip_prefix(':').and_then(number),
        };
        match port {
            Some(port) if !host.is_empty() => Ok(Self { scheme, host: host.to_owned(), port }),
            Some(_) => denied(Forbidden::Uri, "the request names no host"),
            None => denied(Forbidden::Uri, "a port is a number from 1 to 65535"),
        }
    }

    /// The host in its only spelling.
    pub(super) fn host_of(&self, granted: &Granted) -> String {
        match granted {
            Granted::Name(name) => name.clone(),
            Granted::Address(_) => self.host.clone(),
        }
    }
}

/// Path and query, which are never empty.
pub(super) fn path_of<B>(request: &Request<B>) -> &str {
    match request.uri().path_and_query().map_or("/", PathAndQuery::as_str) {
        "" => "/",
        path => path,
    }
}

fn number(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|port| *port != 0)
}
