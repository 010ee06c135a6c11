//! The certificates of one generation, and which of them a client is shown.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use webpki::EndEntityCert;

use super::error::TlsError;
use super::files::Pair;
use super::validity::end_of_validity;
use super::without_dot;

/// A certificate that fits its key.
#[derive(Debug)]
pub(super) struct Certificate {
    /// The listener's own, without those that signed it.
    pub(super) own: CertificateDer<'static>,
    /// Where it was read from.
    pub(super) path: PathBuf,
    /// The earliest end in its chain, in seconds since the epoch.
    pub(super) not_after: i64,
    /// What a handshake needs: the chain and the key.
    shown: Arc<CertifiedKey>,
}

/// All certificates of a listener by the names they are for.
#[derive(Debug)]
pub(super) struct Certificates {
    first: Arc<Certificate>,
    others: Vec<Arc<Certificate>>,
    exact: HashMap<String, Arc<Certificate>>,
    /// By what follows `*.`.
    wildcard: HashMap<String, Arc<Certificate>>,
}

impl Certificates {
    /// Takes `pairs` to pieces and proves that each belongs together.
    ///
    /// # Errors
    /// When a file does not hold what it should, or a key does not belong to its certificate.
    pub(super) fn new(pairs: Vec<Pair>, provider: &CryptoProvider) -> Result<Self, TlsError> {
        let mut pairs = pairs.iter();
        let first = pairs.next().expect("a plan for TLS must have a certificate");
        let first = Arc::new(Certificate::new(first, provider)?);
        let others: Vec<_> =
            pairs.map(|pair| Certificate::new(pair, provider).map(Arc::new)).collect::<Result<_, _>>()?;
        let (mut exact, mut wildcard) = (HashMap::new(), HashMap::new());
        // Of two for the same name the earlier one is shown, as the file reads.
        for certificate in std::iter::once(&first).chain(&others) {
            for name in certificate.names() {
                match name.strip_prefix("*.") {
                    Some(rest) => wildcard.entry(rest.to_owned()).or_insert_with(|| Arc::clone(certificate)),
                    None => exact.entry(name).or_insert_with(|| Arc::clone(certificate)),
                };
            }
        }
        Ok(Self { first, others, exact, wildcard })
    }

    /// What a client is shown that asked for `server_name`, in lower case: the certificate with that name, one with
    /// `*` for its first label, or the first of all.
    pub(super) fn chosen(&self, server_name: Option<&str>) -> &Arc<Certificate> {
        let Some(name) = server_name.map(without_dot) else { return &self.first };
        let by_wildcard = || self.wildcard.get(name.split_once('.')?.1);
        self.exact.get(name).or_else(by_wildcard).unwrap_or(&self.first)
    }

    /// The earliest end of any, in seconds since the epoch.
    pub(super) fn not_after(&self) -> i64 {
        self.all().map(|certificate| certificate.not_after).min().unwrap_or(self.first.not_after)
    }

    /// Every one, in the order of the plan.
    pub(super) fn all(&self) -> impl Iterator<Item = &Certificate> {
        std::iter::once(&self.first).chain(&self.others).map(Arc::as_ref)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.chosen(hello.server_name()).shown))
    }
}

impl Certificate {
    fn new(pair: &Pair, provider: &CryptoProvider) -> Result<Self, TlsError> {
        let chain = pair.cert.chain()?;
        let bad = |number, source| TlsError::BadCertificate { file: pair.cert.file.clone(), number, source };
        let mut not_after = i64::MAX;
        for (number, certificate) in (1..).zip(&chain) {
            let end = end_of_validity(certificate).ok_or_else(|| bad(number, None))?;
            not_after = not_after.min(end);
        }
        let own = chain.first().expect("a chain must have a certificate").clone();
        EndEntityCert::try_from(&own).map_err(|source| bad(1, Some(source)))?;
        let bad_key = |source| TlsError::BadKey { file: pair.key.file.clone(), source };
        let key = provider.key_provider.load_private_key(pair.key.key()?).map_err(bad_key)?;
        let shown = CertifiedKey::new(chain, key);
        match shown.keys_match() {
            Ok(()) => Ok(Self { own, path: pair.cert.file.path.clone(), not_after, shown: Arc::new(shown) }),
            Err(rustls::Error::InconsistentKeys(_)) => {
                Err(TlsError::Mismatch { cert: pair.cert.file.clone(), key: pair.key.file.clone() })
            }
            Err(source) => Err(bad_key(source)),
        }
    }

    /// The host names it is for, in lower case.
    fn names(&self) -> Vec<String> {
        let certificate = EndEntityCert::try_from(&self.own).expect("a certificate that was read must stay readable");
        certificate.valid_dns_names().map(|name| without_dot(name).to_ascii_lowercase()).collect()
    }
}
