//! Which header fields of a client reach a guest: nothing about one hop, nothing that claims what only the host may say.
//!
//! RFC 9110 section 7.6.1 (fields of one connection), and what else clients have
//! been seen to smuggle in: names that other software reads differently (`_`), names
//! that override method or address, names that pretend to be a proxy's.

use hostel_model::failure::Failure;
use hostel_model::target::Underscores;
use hostel_sandbox::is_host_header;
use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, TE};
use http::{HeaderMap, HeaderName, HeaderValue, Version};

use super::{Fault, Peer};

#[cfg(test)]
mod tests;

/// What is done with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Keep,
    /// It is left out.
    Drop,
    /// It needs a look of its own first.
    Connection,
    Expect,
    Te,
}

/// Leaves in `headers` only what a guest may get, and refuses what cannot be meant well.
///
/// # Errors
/// When a field breaks a rule of HTTP, or one of the listener's.
pub fn clean(headers: &mut HeaderMap, version: Version, peer: &Peer) -> Result<(), Fault> {
    if headers.len() > peer.listener.limits.header_fields as usize {
        return Err(Fault::new(Failure::HeadersTooLarge, "more header fields than `limits.header_fields`"));
    }
    if version == Version::HTTP_2 && list_bytes(headers) > peer.listener.limits.header_list.0 {
        return Err(Fault::new(Failure::HeadersTooLarge, "the header list is larger than `limits.header_list`"));
    }
    if version == Version::HTTP_2 && !is_one_length(headers) {
        return Err(Fault::bad("`Content-Length` is not one number"));
    }
    let mut dropped: Vec<HeaderName> = Vec::new();
    for name in headers.keys() {
        match rule_of(name) {
            Rule::Keep => {
                if name.as_str().contains('_') && !underscore(name, peer.listener.underscores)? {
                    dropped.push(name.clone());
                }
                continue;
            }
            Rule::Drop => {}
            Rule::Connection => nominated(headers, &mut dropped)?,
            Rule::Expect => expect(headers)?,
            Rule::Te if version == Version::HTTP_2 && headers.get_all(TE).iter().all(|te| te == "trailers") => continue,
            Rule::Te => {}
        }
        dropped.push(name.clone());
    }
    for name in dropped {
        headers.remove(name);
    }
    join_cookies(headers);
    Ok(())
}

/// Leaves in trailers only what may stand there (RFC 9110, section 6.5.1).
pub fn clean_trailers(trailers: &mut HeaderMap) {
    let dropped: Vec<HeaderName> = trailers
        .keys()
        .filter(|name| rule_of(name) != Rule::Keep || only_in_heads(name) || name.as_str().contains('_'))
        .cloned()
        .collect();
    for name in dropped {
        trailers.remove(name);
    }
}

fn rule_of(name: &HeaderName) -> Rule {
    match name.as_str() {
        "connection" => Rule::Connection,
        "expect" => Rule::Expect,
        "te" => Rule::Te,
        // Of one connection. `transfer-encoding` is the framing that is gone already.
        "keep-alive"
        | "proxy-connection"
        | "proxy-authenticate"
        | "proxy-authorization"
        | "transfer-encoding"
        | "trailer"
        | "upgrade"
        | "http2-settings" => Rule::Drop,
        // Taken by CGI for a setting, and by frameworks for another method or address.
        "proxy"
        | "x-original-url"
        | "x-rewrite-url"
        | "x-http-method-override"
        | "x-http-method"
        | "x-method-override" => Rule::Drop,
        // Only the host says who asks; `forwarded` adds its word.
        _ if is_host_header(name) => Rule::Drop,
        _ => Rule::Keep,
    }
}

/// Whether there is at most one length, of digits alone. In HTTP/1 that was seen
/// to before.
fn is_one_length(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter().map(HeaderValue::as_bytes);
    let is_number = |length: &[u8]| !length.is_empty() && length.iter().all(u8::is_ascii_digit);
    lengths.next().is_none_or(is_number) && lengths.next().is_none()
}

/// As RFC 9113 section 6.5.2 counts them.
fn list_bytes(headers: &HeaderMap) -> u64 {
    headers.iter().map(|(name, value)| (name.as_str().len() + value.len() + 32) as u64).sum()
}

/// Whether a name with `_` is passed on. Never one that readers who take `_` for
/// `-` would take for the host's own.
fn underscore(name: &HeaderName, rule: Underscores) -> Result<bool, Fault> {
    let read_otherwise = || HeaderName::from_bytes(name.as_str().replace('_', "-").as_bytes());
    match rule {
        Underscores::Reject => Err(Fault::bad("a header field has `_` in its name")),
        Underscores::Drop => Ok(false),
        Underscores::Keep => Ok(read_otherwise().is_ok_and(|name| rule_of(&name) == Rule::Keep)),
    }
}

/// Fields that `Connection` names belong to the connection. Naming one that the
/// host or a guest relies on is an attempt to have it taken away.
fn nominated(headers: &HeaderMap, dropped: &mut Vec<HeaderName>) -> Result<(), Fault> {
    for value in headers.get_all(CONNECTION) {
        let value = value.to_str().map_err(|_not_text| Fault::bad("`Connection` is not ASCII"))?;
        for token in value.split(',').map(str::trim).filter(|token| !token.is_empty()) {
            let name = HeaderName::from_bytes(token.as_bytes())
                .map_err(|_invalid| Fault::bad("`Connection` names what cannot be a header field"))?;
            if relied_on(&name) {
                return Err(Fault::bad("`Connection` names a header field that others rely on"));
            }
            dropped.push(name);
        }
    }
    Ok(())
}

fn relied_on(name: &HeaderName) -> bool {
    let text = name.as_str();
    matches!(text, "host" | "content-length" | "authorization" | "cookie" | "traceparent" | "tracestate")
        || is_host_header(name)
}

/// Only `100-continue` is known (RFC 9110, section 10.1.1).
fn expect(headers: &HeaderMap) -> Result<(), Fault> {
    let known = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    if headers.get_all(http::header::EXPECT).iter().all(known) {
        return Ok(());
    }
    Err(Fault::new(Failure::ExpectationFailed, "only `Expect: 100-continue` is known"))
}

/// HTTP/2 may split cookies over several fields, which others do not expect
/// (RFC 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut cookies = headers.get_all(COOKIE).iter();
    let (Some(first), Some(second)) = (cookies.next(), cookies.next()) else {
        return;
    };
    let mut joined = first.as_bytes().to_vec();
    for cookie in std::iter::once(second).chain(cookies) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(cookie.as_bytes());
    }
    if let Ok(joined) = HeaderValue::from_bytes(&joined) {
        headers.insert(COOKIE, joined);
    }
}

/// What says how a message is framed, routed, authenticated or understood.
fn only_in_heads(name: &HeaderName) -> bool {
    let text = name.as_str();
    matches!(
        text,
        "host"
            | "authorization"
            | "cookie"
            | "set-cookie"
            | "cache-control"
            | "range"
            | "if-match"
            | "if-none-match"
            | "if-modified-since"
            | "if-unmodified-since"
            | "if-range"
            | "max-forwards"
            | "age"
            | "date"
            | "expires"
            | "location"
            | "retry-after"
            | "vary"
            | "www-authenticate"
            | "traceparent"
            | "tracestate"
    ) || text.starts_with("content-")
}
