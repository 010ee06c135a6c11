//! Certificates for a listener and for its clients, and a client of HTTP/1.1 over TLS.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use hostel_model::plan::{CertificatePlan, FilePlan, TlsPlan};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
};

/// Somebody who signs certificates, and the folder they are in.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    /// Certificates for a listener, one for each list of names.
    pub fn plan(&self, certificates: &[&[&str]]) -> TlsPlan {
        let plan = |names: &&[&str]| {
            let (cert, key) = self.sign(names);
            let (cert_file, key_file) = (format!("{}.pem", names[0]), format!("{}.key", names[0]));
            fs::write(self.folder.path().join(&cert_file), cert).unwrap();
            fs::write(self.folder.path().join(&key_file), key).unwrap();
            CertificatePlan { cert: self.file(&cert_file), key: self.file(&key_file) }
        };
        TlsPlan { certificates: certificates.iter().map(plan).collect(), client_ca: None, redirect_from: None }
    }

    /// The file that makes a listener ask for certificates of this authority.
    pub fn file_of_authority(&self) -> FilePlan {
        self.file("ca.pem")
    }

    /// The certificate of the listener whose first name is `name`.
    pub fn certificate(&self, name: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.folder.path().join(format!("{name}.pem"))).unwrap()
    }

    /// A client that takes whatever it is shown and offers `protocols`.
    pub fn client(protocols: &[&str]) -> ClientConfig {
        let mut config = trusting().with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        config
    }

    /// One that shows a certificate of this authority.
    pub fn client_with_certificate(&self) -> ClientConfig {
        let (cert, key) = self.signed(&["client.example"]);
        trusting().with_client_auth_cert(vec![cert], key).unwrap()
    }

    /// A certificate for these names, and its key.
    pub fn signed(&self, names: &[&str]) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let (cert, key) = self.sign(names);
        let cert = CertificateDer::from_pem_slice(cert.as_bytes()).unwrap();
        (cert, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
    }

    fn sign(&self, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let cert = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        (cert.pem(), key.serialize_pem())
    }

    fn file(&self, name: &str) -> FilePlan {
        FilePlan { path: self.folder.path().join(name).display().to_string(), span: None }
    }
}

fn trusting() -> tokio_rustls::rustls::ConfigBuilder<ClientConfig, tokio_rustls::rustls::client::WantsClientCert> {
    ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting))
}

/// What the host answers to `bytes`, which must end the connection, asked over TLS for `name`.
/// A connection that ends without TLS's own goodbye may have been cut off, and is an error.
pub fn secured(address: SocketAddr, config: ClientConfig, name: Option<&str>, bytes: &[u8]) -> io::Result<String> {
    let mut stream = connect(address, config, name)?;
    stream.write_all(bytes)?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The certificate that the host shows to who asks for `name`.
pub fn shown(address: SocketAddr, name: Option<&str>) -> CertificateDer<'static> {
    let mut stream = connect(address, Authority::client(&["http/1.1"]), name).unwrap();
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).unwrap();
    }
    stream.conn.peer_certificates().unwrap()[0].clone()
}

fn connect(
    address: SocketAddr,
    mut config: ClientConfig,
    name: Option<&str>,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    config.enable_sni = name.is_some();
    let name = ServerName::try_from(name.unwrap_or("nobody.example").to_owned()).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    Ok(StreamOwned::new(connection, stream))
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
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &default_provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &default_provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
