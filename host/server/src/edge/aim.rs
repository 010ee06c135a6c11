//! What a request is aimed at: one canonical path and authority for routes, logs, limits and the guest.

use std::borrow::Cow;

use bytes::Bytes;
use hostel_model::failure::Failure;
use hostel_model::target::{TargetFault, canonical_authority, canonical_path, check_query};
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Method, Request, Uri, Version};

use super::{Fault, METHODS, Peer};

#[cfg(test)]
mod tests;

/// What is to become of a request.
#[derive(Clone, Debug)]
pub enum Aim {
    /// A route decides.
    Service(Target),
    /// `OPTIONS *`: the host is asked, no service.
    Host,
    /// The client is to ask at this address instead.
    Elsewhere(HeaderValue),
}

/// An address in its only spelling.
#[derive(Clone, Debug)]
pub struct Target {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Lower case, without the scheme's own port.
    pub authority: Authority,
    /// The canonical path; the query as the client wrote it.
    pub path_and_query: PathAndQuery,
}

impl From<TargetFault> for Fault {
    fn from(fault: TargetFault) -> Self {
        Self::bad(fault.0)
    }
}

/// Finds out what `request` is aimed at.
///
/// # Errors
/// When its method, target or authority breaks a rule.
pub fn aim<B>(request: &Request<B>, peer: &Peer) -> Result<Aim, Fault> {
    let uri = request.uri();
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        let why = "neither tunnels nor traces are offered";
        return Err(Fault { allow: Some(METHODS), ..Fault::new(Failure::MethodNotAllowed, why) });
    }
    if uri.path_and_query().is_some_and(|target| target.as_str().len() as u64 > peer.listener.limits.request_line.0) {
        return Err(Fault::new(Failure::UriTooLong, "the target is longer than `limits.request_line`"));
    }
    check_scheme(uri, peer)?;
    let authority = authority(request, &peer.listener.scheme)?;
    if peer.tls.as_ref().is_some_and(|tls| !tls.covers(authority.host())) {
        return Err(Fault::new(Failure::Misdirected, "the certificate of this connection is not for that host"));
    }
    if uri.path() == "*" {
        let asks_host = *request.method() == Method::OPTIONS;
        return if asks_host { Ok(Aim::Host) } else { Err(Fault::bad("only `OPTIONS` may have the target `*`")) };
    }
    let (path_and_query, resolved) = path_and_query(uri, peer)?;
    if let Some(port) = peer.listener.redirect_to {
        return elsewhere(&secure(&authority, port, &path_and_query));
    }
    if resolved && matches!(*request.method(), Method::GET | Method::HEAD) {
        return elsewhere(path_and_query.as_str());
    }
    Ok(Aim::Service(Target { scheme: peer.listener.scheme.clone(), authority, path_and_query }))
}

/// A scheme in the target must be the listener's, but a proxy that is believed
/// may have taken off the TLS itself.
fn check_scheme(uri: &Uri, peer: &Peer) -> Result<(), Fault> {
    match uri.scheme() {
        None => Ok(()),
        Some(scheme) if *scheme == peer.listener.scheme => Ok(()),
        Some(scheme) if peer.trusted && (*scheme == Scheme::HTTP || *scheme == Scheme::HTTPS) => Ok(()),
        Some(_) => Err(Fault::bad("the scheme of the target is not that of the connection")),
    }
}

/// Whom the client meant to reach (RFC 9112, section 3.2; RFC 9113, section 8.3.1).
fn authority<B>(request: &Request<B>, scheme: &Scheme) -> Result<Authority, Fault> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next().map(|host| host.to_str().map_err(|_not_text| Fault::bad("`Host` is not ASCII")));
    let host = host.transpose()?;
    if hosts.next().is_some() {
        return Err(Fault::bad("more than one `Host`"));
    }
    let http2 = request.version() == Version::HTTP_2;
    let given = match (request.uri().authority(), host) {
        (Some(authority), Some(host)) if http2 => {
            if canonical_authority(authority.as_str())? != canonical_authority(host)? {
                return Err(Fault::bad("`Host` is not `:authority`"));
            }
            authority.as_str()
        }
        (Some(authority), host) => {
            if host.is_none() && request.version() == Version::HTTP_11 {
                return Err(Fault::bad("no `Host`"));
            }
            // What is replaced must be valid all the same.
            host.map(canonical_authority).transpose()?;
            authority.as_str()
        }
        (None, Some(host)) => host,
        (None, None) => return Err(Fault::bad("no `Host`")),
    };
    let canonical = canonical_authority(given)?;
    let own_port = if *scheme == Scheme::HTTPS { 443 } else { 80 };
    let text = match (canonical.host, canonical.port.filter(|port| *port != own_port)) {
        (Cow::Borrowed(host), None) if host.len() == given.len() => Bytes::copy_from_slice(host.as_bytes()),
        (host, None) => Bytes::from(host.into_owned()),
        (host, Some(port)) => Bytes::from(format!("{host}:{port}")),
    };
    Authority::from_maybe_shared(text).map_err(|_invalid| Fault::bad("the authority is not one"))
}

/// The canonical path with the query, and whether dot segments were resolved.
fn path_and_query(uri: &Uri, peer: &Peer) -> Result<(PathAndQuery, bool), Fault> {
    let canonical = canonical_path(uri.path(), peer.listener.paths)?;
    if let Some(query) = uri.query() {
        check_query(query)?;
    }
    match (canonical.text, uri.path_and_query()) {
        // The usual case: nothing is copied. (A target without a path has one all the same.)
        (Cow::Borrowed(text), Some(given)) if given.as_str().starts_with('/') && text.len() == given.path().len() => {
            Ok((given.clone(), canonical.resolved))
        }
        (text, _) => {
            let text = match uri.query() {
                Some(query) => format!("{text}?{query}"),
                None => text.into_owned(),
            };
            let target = PathAndQuery::from_maybe_shared(Bytes::from(text));
            Ok((target.map_err(|_invalid| Fault::bad("the target is not a path"))?, canonical.resolved))
        }
    }
}

/// The same address by TLS at `port`.
fn secure(authority: &Authority, port: u16, path_and_query: &PathAndQuery) -> String {
    let port = if port == 443 { String::new() } else { format!(":{port}") };
    format!("https://{}{port}{path_and_query}", authority.host())
}

fn elsewhere(location: &str) -> Result<Aim, Fault> {
    let location = HeaderValue::from_str(location);
    Ok(Aim::Elsewhere(location.map_err(|_invalid| Fault::bad("the target is not an address"))?))
}
