//! What a failure below HTTP means to a guest.

use std::error::Error;
use std::io;

use hostel_sandbox::{BodyError, Forbidden, OutgoingError};

/// No connection was made.
pub(super) fn of_connect(error: &io::Error) -> OutgoingError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => OutgoingError::Refused,
        io::ErrorKind::TimedOut => OutgoingError::ConnectTimeout,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => {
            OutgoingError::Unroutable
        }
        // The system has no more of something.
        _ => OutgoingError::Unavailable,
    }
}

/// The handshake failed.
pub(super) fn of_tls(error: &io::Error) -> OutgoingError {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            OutgoingError::Certificate
        }
        Some(rustls::Error::AlertReceived(alert)) => OutgoingError::TlsAlert { code: u8::from(*alert) },
        // Anything else that TLS, or the connection below it, can fail of.
        Some(_) | None => OutgoingError::Tls,
    }
}

/// There is a connection, and no response came of it.
pub(super) fn of_exchange(error: &hyper::Error) -> OutgoingError {
    if error.is_timeout() {
        OutgoingError::ResponseTimeout
    } else if error.is_parse_too_large() {
        OutgoingError::HeadTooLarge
    } else if error.is_parse() || is_of_http2(error) {
        OutgoingError::Protocol
    } else {
        OutgoingError::Broken
    }
}

/// The response's body broke off.
pub(super) fn of_body(error: &hyper::Error) -> BodyError {
    if error.is_parse() { BodyError::Malformed } else { BodyError::Gone }
}

/// Whether the other side broke the rules of HTTP/2, and not just off.
fn is_of_http2(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| cause.is_library() && !cause.is_io())
}

/// One word of a small set for what became of a request, for counters.
pub(super) fn outcome<T>(result: &Result<T, OutgoingError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(OutgoingError::Denied { .. } | OutgoingError::FanOut | OutgoingError::NoTime) => "refused",
        Err(OutgoingError::Limit) => "limit",
        Err(OutgoingError::Dns { .. } | OutgoingError::DnsTimeout) => "dns",
        Err(OutgoingError::Refused | OutgoingError::Unroutable | OutgoingError::Unavailable) => "connect",
        Err(OutgoingError::ConnectTimeout) => "connect-timeout",
        Err(OutgoingError::Certificate | OutgoingError::TlsAlert { .. } | OutgoingError::Tls) => "tls",
        Err(OutgoingError::ResponseTimeout) => "response-timeout",
        Err(OutgoingError::HeadTooLarge | OutgoingError::Protocol) => "protocol",
        Err(OutgoingError::Broken) => "broken",
    }
}

/// The same for why one was refused.
pub(crate) fn denied_reason(error: &OutgoingError) -> &'static str {
    match error {
        OutgoingError::Denied { what: Forbidden::Host, .. } => "name",
        OutgoingError::Denied { what: Forbidden::Address, .. } => "address",
        OutgoingError::Denied { what: Forbidden::Uri, .. } => "uri",
        OutgoingError::Denied { what: Forbidden::Method, .. } => "method",
        other => outcome::<()>(&Err(other.clone())),
    }
}
