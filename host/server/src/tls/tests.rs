//! Handshakes with a real client over a pipe, and the files they depend on.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use hostel_model::plan::{CertificatePlan, FilePlan, TlsPlan};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tempfile::TempDir;
use tokio::io::DuplexStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{ListenerTls, Secured};

mod clients;
mod development;
mod files;
mod names;
mod reload;
mod rsa;
mod validity;
mod watch;

/// 2049-01-01 00:00:00 UTC: certificates of these tests end then, unless they say otherwise.
const NOT_AFTER: i64 = 2_493_072_000;

/// A certificate and its key, as PEM.
struct Made {
    cert: String,
    key: String,
}

/// A folder with PEM files.
struct Folder(TempDir);

type Client = io::Result<TlsStream<DuplexStream>>;
type Server = io::Result<Secured<DuplexStream>>;

impl Made {
    /// One that signs itself, for `names`.
    fn new(names: &[&str]) -> Self {
        Self::of(&params(names))
    }

    fn of(params: &CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        Self { cert: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    }

    /// One signed by `authority`.
    fn signed(names: &[&str], authority: &CertifiedIssuer<'_, KeyPair>) -> Self {
        let key = KeyPair::generate().unwrap();
        Self { cert: params(names).signed_by(&key, authority).unwrap().pem(), key: key.serialize_pem() }
    }

    fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.cert.as_bytes()).unwrap()
    }

    fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
}

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), text).unwrap();
    }

    /// Writes `made` as `<name>.pem` and `<name>.key`.
    fn put(&self, name: &str, made: &Made) {
        self.write(&format!("{name}.pem"), &made.cert);
        self.write(&format!("{name}.key"), &made.key);
    }

    fn load(&self, names: &[&str]) -> Arc<ListenerTls> {
        ListenerTls::load(&plan(names), self.path()).unwrap()
    }

    /// Why nothing can be loaded, with the place that it is told for.
    fn refusal(&self, plan: &TlsPlan) -> (String, Option<std::ops::Range<usize>>) {
        let error = ListenerTls::load(plan, self.path()).unwrap_err();
        (error.to_string().replace(&format!("{}/", self.path().display()), ""), error.span())
    }
}

/// A text that is still being written.
fn half(text: &str) -> String {
    text.chars().take(text.len() / 2).collect()
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_after = date_time_ymd(2049, 1, 1);
    params
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = params(&[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Files `<name>.pem` and `<name>.key`, said to stand at 1..2 and 3..4.
fn plan(names: &[&str]) -> TlsPlan {
    let file = |path: String, span| FilePlan { path, span: Some(span) };
    let pair = |name: &&str| CertificatePlan {
        cert: file(format!("{name}.pem"), 1..2),
        key: file(format!("{name}.key"), 3..4),
    };
    TlsPlan { certificates: names.iter().map(pair).collect(), client_ca: None, redirect_from: None }
}

/// The same with `ca.pem`, at 5..6, for clients.
fn plan_with_authority(names: &[&str]) -> TlsPlan {
    TlsPlan { client_ca: Some(FilePlan { path: "ca.pem".to_owned(), span: Some(5..6) }), ..plan(names) }
}

/// A client that takes whatever it is shown, and shows `own` if it is asked.
fn client(own: Option<&Made>) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting));
    match own {
        Some(own) => builder.with_client_auth_cert(vec![own.der()], own.key_der()).unwrap(),
        None => builder.with_no_client_auth(),
    }
}

/// Both ends of one handshake for `name`.
async fn handshake(tls: &ListenerTls, client: ClientConfig, name: &str) -> (Client, Server) {
    shared_handshake(tls, &Arc::new(client), name).await
}

/// The same for a client that remembers.
async fn shared_handshake(tls: &ListenerTls, client: &Arc<ClientConfig>, name: &str) -> (Client, Server) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let name = ServerName::try_from(name.to_owned()).unwrap();
    tokio::join!(TlsConnector::from(Arc::clone(client)).connect(name, near), tls.accept(far))
}

/// The certificate that a client asking for `name` is shown; none is asked for if there is none.
async fn shown(tls: &ListenerTls, name: Option<&str>) -> CertificateDer<'static> {
    let mut config = client(None);
    config.enable_sni = name.is_some();
    let (client, server) = handshake(tls, config, name.unwrap_or("nobody.test")).await;
    server.unwrap();
    peer(&client.unwrap())
}

fn peer(client: &TlsStream<DuplexStream>) -> CertificateDer<'static> {
    client.get_ref().1.peer_certificates().unwrap()[0].clone()
}

/// Checks signatures, so that a key is proven to be there, and nothing else.
#[derive(Debug)]
struct Trusting;

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &default_provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &default_provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
