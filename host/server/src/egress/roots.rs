//! Whom the host believes outside: the authorities of the system, and those that the configuration adds.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::ring::default_provider;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// HTTP/2 as ALPN names it.
pub(super) const HTTP2: &[u8] = b"h2";
/// The protocols asked for, the preferred first.
const PROTOCOLS: [&[u8]; 2] = [HTTP2, b"http/1.1"];
/// Sessions that one service may take up again.
const SESSIONS: usize = 32;

/// What every handshake begins with.
pub(super) struct Roots(Arc<ClientConfig>);

impl Roots {
    /// The system's and `more`. Read once: a sandbox around the process may hide them later.
    pub(super) fn new(more: RootCertStore) -> Self {
        let mut roots = more;
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::debug!(%error, "an authority of the system cannot be read");
        }
        let (known, strange) = roots.add_parsable_certificates(found.certs);
        tracing::debug!(known, strange, "authorities of the system are believed");
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .expect("the provider must know the versions it was built with")
            .with_root_certificates(roots);
        let mut config = config.with_no_client_auth();
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Self(Arc::new(config))
    }

    /// For one service alone: a session that one has begun says to the other side who it is.
    pub(super) fn connector(&self) -> TlsConnector {
        let mut config = ClientConfig::clone(&self.0);
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        TlsConnector::from(Arc::new(config))
    }
}
