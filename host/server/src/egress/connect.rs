//! From a name to a connection: every address judged, one of them connected to, TLS around it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use hostel_model::egress::{Granted, Policy, Scheme};
use hostel_model::platform::{Monotonic, Platform};
use hostel_sandbox::{Forbidden, OutgoingError};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::failure;
use super::roots::HTTP2;

/// Addresses of one name that are tried before giving up.
const TRIED: u32 = 4;
/// Bytes that may wait here to be sent: whoever writes is to see how fast they are taken.
const UNSENT_BYTES: usize = 64 * 1_024;

/// Whom to reach, and who says that it may be.
pub(super) struct Destination<'a> {
    pub(super) scheme: Scheme,
    pub(super) granted: &'a Granted,
    pub(super) port: u16,
    pub(super) policy: &'a Policy,
}

/// A connection, and what is spoken on it.
pub(super) enum Reached {
    /// HTTP/1.1 in the clear.
    Plain(TcpStream),
    /// HTTP/1.1 or HTTP/2 by TLS.
    Secured { stream: Box<TlsStream<TcpStream>>, http2: bool },
}

impl Reached {
    pub(super) fn plain(stream: TcpStream) -> Self {
        Self::Plain(stream)
    }
}

impl Destination<'_> {
    /// The addresses, if each of them may be reached. One that may not refuses the
    /// request: a name that stands for such a one is not to be trusted with the rest.
    pub(super) fn judged(&self, addresses: Arc<[IpAddr]>) -> Result<Arc<[IpAddr]>, OutgoingError> {
        for address in addresses.iter() {
            self.policy.address(self.scheme, *address, self.port).map_err(|denied| {
                let name = match self.granted {
                    Granted::Name(name) => name.as_str(),
                    Granted::Address(_) => "the host",
                };
                let detail = format!("`{name}` stands for an address that is not anybody's: {denied}");
                OutgoingError::Denied { what: Forbidden::Address, detail }
            })?;
        }
        Ok(addresses)
    }

    /// The name that its certificate must have.
    fn server_name(&self) -> Option<ServerName<'static>> {
        match self.granted {
            Granted::Name(name) => ServerName::try_from(name.clone()).ok(),
            Granted::Address(address) => Some(ServerName::from(*address)),
        }
    }
}

/// A connection to the first of `addresses` that takes one. Each gets its share of the time.
pub(super) async fn tcp(
    addresses: &[IpAddr],
    port: u16,
    by: Monotonic,
    platform: &Platform,
) -> Result<TcpStream, OutgoingError> {
    let mut failed = OutgoingError::Unavailable;
    let tried = addresses.iter().take(TRIED as usize);
    let mut left = u32::try_from(tried.len()).unwrap_or(TRIED);
    for address in tried {
        let now = platform.clock.now();
        let share: Duration = by.since(now).checked_div(left).unwrap_or_default();
        let connecting = TcpStream::connect(SocketAddr::new(*address, port));
        failed = match until(platform, now.after(share), connecting).await {
            Some(Ok(stream)) => {
                // Requests are written whole: nothing is won by waiting for more.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Some(Err(error)) => failure::of_connect(&error),
            None => OutgoingError::ConnectTimeout,
        };
        left = left.saturating_sub(1);
    }
    Err(failed)
}

/// TLS on `stream`, with a certificate that is good for the destination.
pub(super) async fn tls(
    connector: &TlsConnector,
    destination: &Destination<'_>,
    stream: TcpStream,
) -> Result<Reached, OutgoingError> {
    let name = destination.server_name().ok_or(OutgoingError::Tls)?;
    let connected = connector.connect(name, stream).await;
    let mut stream = connected.map_err(|error: io::Error| failure::of_tls(&error))?;
    stream.get_mut().1.set_buffer_limit(Some(UNSENT_BYTES));
    let http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
    Ok(Reached::Secured { stream: Box::new(stream), http2 })
}

/// What `work` comes to, if it does so in time.
pub(super) async fn until<T>(platform: &Platform, by: Monotonic, work: impl Future<Output = T>) -> Option<T> {
    match select(std::pin::pin!(work), platform.clock.sleep_until(by)).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}
