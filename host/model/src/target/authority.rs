//! The canonical authority: a name or an address in lower case, and a port.
//!
//! Narrower than RFC 3986: a name has letters, digits, `-`, `_` and `.` only. No
//! other host can have a route of its own, and what is passed on in a header or a
//! log line should hold nothing that has a meaning there.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use super::{CanonicalAuthority, TargetFault};

const EMPTY: TargetFault = TargetFault("the host is empty; name the host the request is for");
const USER: TargetFault = TargetFault("the host has user information before an `@`; send the host alone");
const PATH: TargetFault = TargetFault("the host has a path after it; send the host alone, and a port after `:`");
const LIST: TargetFault = TargetFault("the host has a comma in it; send one host");
const ASCII: TargetFault =
    TargetFault("the host is not ASCII; send the form for DNS, in which such labels begin with `xn--`");
const ESCAPE: TargetFault = TargetFault("the host has a `%` in it; send it without escapes and without a zone");
const CHARACTER: TargetFault =
    TargetFault("the host has a character that may not stand in it; send letters, digits, `-`, `_` and `.`");
const DOTS: TargetFault = TargetFault("the host has an empty label; send one `.` between two labels");
const LONG: TargetFault = TargetFault("the host is longer than any name; send at most 253 characters");
const BRACKETS: TargetFault =
    TargetFault("the host has brackets that do not hold an IPv6 address; send it as in `[::1]`");
const COLONS: TargetFault = TargetFault("the host has several `:`; send an IPv6 address in brackets, as in `[::1]`");
const PORT: TargetFault =
    TargetFault("the port is not a number from 0 to 65535; send one, or leave the `:` out as well");

/// The most bytes of a host name (RFC 1035, 2.3.4).
const NAME_BYTES: usize = 253;

/// The most digits of a port.
const PORT_DIGITS: usize = 5;

/// Makes an authority canonical: the value of `Host` or `:authority`, or that of an
/// absolute target.
///
/// # Errors
/// When it is not `host` or `host:port` (RFC 3986, section 3.2, without user information).
pub fn canonical_authority(text: &str) -> Result<CanonicalAuthority<'_>, TargetFault> {
    for byte in text.bytes() {
        match byte {
            b'@' => return Err(USER),
            b'/' | b'\\' | b'?' | b'#' => return Err(PATH),
            b',' => return Err(LIST),
            b'%' => return Err(ESCAPE),
            0x80.. => return Err(ASCII),
            _ => {}
        }
    }
    if text.contains(['[', ']']) {
        return bracketed(text);
    }
    let (host, port) = match text.split_once(':') {
        Some((_, rest)) if rest.contains(':') => return Err(COLONS),
        Some((host, digits)) => (host, Some(port(digits)?)),
        None => (text, None),
    };
    Ok(CanonicalAuthority { host: name(host)?, port })
}

fn name(host: &str) -> Result<Cow<'_, str>, TargetFault> {
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.is_empty() {
        return Err(EMPTY);
    }
    if host.len() > NAME_BYTES {
        return Err(LONG);
    }
    if !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return Err(CHARACTER);
    }
    if host.split('.').any(str::is_empty) {
        return Err(DOTS);
    }
    Ok(match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(host.to_ascii_lowercase()),
        false => Cow::Borrowed(host),
    })
}

/// An IPv6 address, written as RFC 5952 wants it, which is how routes keep it.
fn bracketed(text: &str) -> Result<CanonicalAuthority<'_>, TargetFault> {
    let end = text.find(']').ok_or(BRACKETS)?;
    let (written, rest) = text.split_at_checked(end + 1).ok_or(BRACKETS)?;
    let address = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).ok_or(BRACKETS)?;
    let address: Ipv6Addr = address.parse().map_err(|_| BRACKETS)?;
    let port = match rest.strip_prefix(':') {
        Some(digits) => Some(port(digits)?),
        None if rest.is_empty() => None,
        None => return Err(BRACKETS),
    };
    let canonical = format!("[{address}]");
    let host = if canonical == written { Cow::Borrowed(written) } else { Cow::Owned(canonical) };
    Ok(CanonicalAuthority { host, port })
}

fn port(digits: &str) -> Result<u16, TargetFault> {
    // `parse` alone would take `+80`.
    if digits.len() > PORT_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PORT);
    }
    digits.parse().map_err(|_| PORT)
}
