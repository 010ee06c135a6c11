//! What an instance asks of a host outside, and why it did not get it.
//!
//! The sandbox has no sockets. A request that is for no service of this host goes
//! through the same port as a call ([`ServiceCalls`](crate::ServiceCalls)), and
//! whoever implements that decides what may be reached and connects.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use wasmtime_wasi_http::{Error, RequestOptions};

use crate::call::{CallContext, IncomingBody};

/// A request of an instance to a host outside.
pub struct Outgoing {
    /// What to send: its address is complete, and its host, method and header
    /// fields are as the guest wrote them, but for those that only this host writes.
    pub request: http::Request<IncomingBody>,
    /// How long the guest wants to wait. The host may have less patience.
    pub patience: Patience,
    /// Who asks, and what it has left.
    pub caller: CallContext,
}

/// For how long a guest says that it waits; nothing where it does not say.
/// Any time there is may be among them, even none and for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Patience {
    /// For a connection.
    pub connect: Option<Duration>,
    /// From a connection to the head of the response.
    pub first_byte: Option<Duration>,
    /// From one piece of the response's body to the next.
    pub between_bytes: Option<Duration>,
}

impl From<Option<RequestOptions>> for Patience {
    fn from(options: Option<RequestOptions>) -> Self {
        let RequestOptions { connect_timeout, first_byte_timeout, between_bytes_timeout } = options.unwrap_or_default();
        Self { connect: connect_timeout, first_byte: first_byte_timeout, between_bytes: between_bytes_timeout }
    }
}

/// What comes back from outside, or why nothing did.
pub type OutgoingFuture = Pin<Box<dyn Future<Output = Result<http::Response<IncomingBody>, OutgoingError>> + Send>>;

/// Why a request to outside has no response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutgoingError {
    /// The service may not do that.
    Denied {
        /// What of it.
        what: Forbidden,
        /// For the service's author, in the log: what was asked for, and the remedy.
        detail: String,
    },
    /// More calls and requests below one root request than it may cause.
    FanOut,
    /// No time is left.
    NoTime,
    /// The service has as many connections as it may have, and all are in use.
    Limit,
    /// The resolver did not answer in time.
    DnsTimeout,
    /// The resolver knows no address, or failed.
    Dns {
        /// The resolver's own word, such as `NXDOMAIN`.
        code: Option<String>,
    },
    /// Nobody listens there.
    Refused,
    /// There is no way to the address.
    Unroutable,
    /// A connection could not be made for another reason.
    Unavailable,
    /// A connection was not made in time.
    ConnectTimeout,
    /// The certificate is not good for the name.
    Certificate,
    /// The other side ended the TLS handshake.
    TlsAlert {
        /// What it said (RFC 8446, section 6).
        code: u8,
    },
    /// TLS failed otherwise.
    Tls,
    /// The response's head did not come in time.
    ResponseTimeout,
    /// The response's head is larger than the host takes.
    HeadTooLarge,
    /// The response is not HTTP as the host speaks it.
    Protocol,
    /// The connection ended before the response's head was complete.
    Broken,
}

/// What of a request is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// The host, at that port by that scheme.
    Host,
    /// The address that its name stands for.
    Address,
    /// How its address is written.
    Uri,
    /// The method.
    Method,
}

impl From<OutgoingError> for Error {
    fn from(error: OutgoingError) -> Self {
        match error {
            OutgoingError::Denied { what: Forbidden::Host, .. } | OutgoingError::FanOut => Self::HttpRequestDenied,
            OutgoingError::Denied { what: Forbidden::Address, .. } => Self::DestinationIpProhibited,
            OutgoingError::Denied { what: Forbidden::Uri, .. } => Self::HttpRequestUriInvalid,
            OutgoingError::Denied { what: Forbidden::Method, .. } => Self::HttpRequestMethodInvalid,
            OutgoingError::NoTime | OutgoingError::ConnectTimeout => Self::ConnectionTimeout,
            OutgoingError::Limit => Self::ConnectionLimitReached,
            OutgoingError::DnsTimeout => Self::DnsTimeout,
            OutgoingError::Dns { code } => Self::DnsError { rcode: code, info_code: None },
            OutgoingError::Refused => Self::ConnectionRefused,
            OutgoingError::Unroutable => Self::DestinationIpUnroutable,
            OutgoingError::Unavailable => Self::DestinationUnavailable,
            OutgoingError::Certificate => Self::TlsCertificateError,
            OutgoingError::TlsAlert { code } => Self::TlsAlertReceived { alert_id: Some(code), alert_message: None },
            OutgoingError::Tls => Self::TlsProtocolError,
            OutgoingError::ResponseTimeout => Self::HttpResponseTimeout,
            OutgoingError::HeadTooLarge => Self::HttpResponseHeaderSectionSize(None),
            OutgoingError::Protocol => Self::HttpProtocolError,
            OutgoingError::Broken => Self::ConnectionTerminated,
        }
    }
}
