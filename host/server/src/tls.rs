//! TLS on a listener: certificates chosen by the name a client asks for, read anew when their files change.
//!
//! All that is read from files is one generation behind one pointer. A
//! handshake takes one and keeps it, so it never sees a certificate of one
//! and a key of another, and a generation that cannot be put together never
//! becomes the one in force.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use hostel_model::digest::Digest;
use hostel_model::plan::{FilePlan, TlsPlan};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::pki_types::ServerName;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use webpki::EndEntityCert;

use certificates::{Certificate, Certificates};
use files::Files;

pub use error::{NamedFile, TlsError};
pub use watch::watch;

mod certificates;
pub mod development;
mod error;
mod files;
#[cfg(test)]
mod tests;
mod validity;
mod watch;

/// The protocols offered, the preferred first.
const PROTOCOLS: [&[u8]; 2] = [HTTP2, b"http/1.1"];
/// Bytes that may wait here to be sent: few, so that whoever writes sees how fast a
/// client takes them.
const UNSENT_BYTES: usize = 16 * 1_024;
/// HTTP/2 as ALPN names it.
const HTTP2: &[u8] = b"h2";

/// What a TLS listener needs: the files it was told of, and what they held when they last made sense.
#[derive(Debug)]
pub struct ListenerTls {
    plan: TlsPlan,
    root: PathBuf,
    loaded: ArcSwap<Loaded>,
}

/// A finished handshake.
pub struct Secured<S> {
    /// The connection, decrypted.
    pub stream: TlsStream<S>,
    /// What was settled.
    pub facts: Arc<TlsFacts>,
}

/// What a handshake settled.
#[derive(Debug)]
pub struct TlsFacts {
    /// The name the client asked for: lower case, without a dot at its end.
    pub server_name: Option<Arc<str>>,
    /// Whether HTTP/2 was agreed on; otherwise it is HTTP/1.1.
    pub http2: bool,
    /// The certificate that was shown.
    certificate: Arc<Certificate>,
}

/// One generation of files, put together.
#[derive(Debug)]
struct Loaded {
    config: Arc<ServerConfig>,
    certificates: Arc<Certificates>,
    digest: Digest,
}

impl ListenerTls {
    /// Reads everything that `plan` names, relative to `root`.
    ///
    /// # Errors
    /// When a file cannot be read, does not hold what it should, or a key does not belong to its certificate.
    pub fn load(plan: &TlsPlan, root: &Path) -> Result<Arc<Self>, TlsError> {
        let loaded = Loaded::new(Files::read(plan, root)?)?;
        let loaded = ArcSwap::from_pointee(loaded);
        Ok(Arc::new(Self { plan: plan.clone(), root: root.to_path_buf(), loaded }))
    }

    /// Reads the files again; whether they say something new, which then is in force.
    ///
    /// # Errors
    /// As [`ListenerTls::load`]; what was in force stays so.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let files = self.read()?;
        if self.is_in_force(&files) {
            return Ok(false);
        }
        self.install(files)?;
        Ok(true)
    }

    /// The earliest end of validity of any certificate in force, in seconds since the epoch.
    ///
    /// Those that a certificate is signed by count too: a client gives up on them just the same.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        self.loaded.load().certificates.not_after()
    }

    /// Finishes a handshake on `stream`. Nothing here ends one that stalls: that is the caller's to bound.
    ///
    /// # Errors
    /// When client and listener agree on nothing, the client shows no certificate where it must, or it leaves.
    pub async fn accept<S>(&self, stream: S) -> io::Result<Secured<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        // One generation from the first byte to the facts, even if the files change meanwhile.
        let loaded = self.loaded.load_full();
        let mut stream = TlsAcceptor::from(Arc::clone(&loaded.config)).accept(stream).await?;
        stream.get_mut().1.set_buffer_limit(Some(UNSENT_BYTES));
        let connection = stream.get_ref().1;
        let http2 = connection.alpn_protocol() == Some(HTTP2);
        let facts = Arc::new(loaded.facts(connection.server_name(), http2));
        Ok(Secured { stream, facts })
    }

    fn read(&self) -> Result<Files, TlsError> {
        Files::read(&self.plan, &self.root)
    }

    fn is_in_force(&self, files: &Files) -> bool {
        self.loaded.load().digest == files.digest
    }

    fn install(&self, files: Files) -> Result<(), TlsError> {
        self.loaded.store(Arc::new(Loaded::new(files)?));
        Ok(())
    }

    /// The certificates in force.
    fn certificates(&self) -> Arc<Certificates> {
        Arc::clone(&self.loaded.load().certificates)
    }
}

impl Loaded {
    fn new(files: Files) -> Result<Self, TlsError> {
        let provider = Arc::new(default_provider());
        let digest = files.digest;
        let roots = files.client_ca.as_ref().map(files::authorities).transpose()?;
        let certificates = Arc::new(Certificates::new(files.certificates, &provider)?);
        let config = config(Arc::clone(&certificates), roots, provider).map_err(|source| TlsError::Setup { source })?;
        Ok(Self { config: Arc::new(config), certificates, digest })
    }

    fn facts(&self, server_name: Option<&str>, http2: bool) -> TlsFacts {
        let server_name = server_name.map(without_dot);
        TlsFacts {
            server_name: server_name.map(Arc::from),
            http2,
            // The same choice as in the handshake: both know nothing but the name.
            certificate: Arc::clone(self.certificates.chosen(server_name)),
        }
    }
}

impl TlsFacts {
    /// Whether a request for `host` (canonical: lower case, no port, no dot at its end) may come over this
    /// connection: no name was asked for, it is the name asked for, or the certificate shown is good for it.
    ///
    /// Otherwise the client takes this listener for another: 421 (RFC 9110, 15.5.20).
    #[must_use]
    pub fn covers(&self, host: &str) -> bool {
        let Some(server_name) = &self.server_name else { return true };
        if **server_name == *host {
            return true;
        }
        // An IPv6 address has brackets in a host and none in a certificate.
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let Ok(name) = ServerName::try_from(bare) else { return false };
        // Asked of the code that clients ask, and only for requests that come for another name.
        EndEntityCert::try_from(&self.certificate.own)
            .is_ok_and(|certificate| certificate.verify_is_valid_for_subject_name(&name).is_ok())
    }
}

/// The authorities in a PEM file, which is relative to `root`.
///
/// # Errors
/// When it cannot be read, or does not hold any.
pub fn authorities(file: &FilePlan, root: &Path) -> Result<RootCertStore, TlsError> {
    files::authorities(&files::Content::read(file, root)?)
}

/// What every connection of one generation is served by.
fn config(
    certificates: Arc<Certificates>,
    roots: Option<RootCertStore>,
    provider: Arc<CryptoProvider>,
) -> Result<ServerConfig, rustls::Error> {
    let requires_client = roots.is_some();
    let verifier = match roots {
        Some(roots) => WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    // The client's order of cipher suites decides, which is the default: each one here is sound, and a client
    // without instructions for AES knows why it puts ChaCha20 first. No early data either: it can be replayed.
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(certificates);
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    // Sessions are resumed by tickets, whose keys live and die with this generation: nothing is kept per
    // client, and none outlives a reload. A client that needs a certificate must show it every time, since
    // a resumed session would not notice that it has ended.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    if requires_client {
        config.send_tls13_tickets = 0;
    } else {
        config.ticketer = Ticketer::new()?;
    }
    Ok(config)
}

/// A name without the dot of the root: it is the same name.
fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}
