//! The PEM files of a listener: read with a bound, told apart by their content, taken to pieces.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use hostel_model::digest::Digest;
use hostel_model::plan::{FilePlan, TlsPlan};
use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject as _, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use webpki::anchor_from_trusted_cert;

use super::error::{NamedFile, TlsError};

/// A hundred times a usual chain, and a bundle of all public authorities fits.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 20;

/// What the files of a plan held at one moment.
pub(super) struct Files {
    pub(super) certificates: Vec<Pair>,
    pub(super) client_ca: Option<Content>,
    /// Of all of them, so that a file changed to the same text is no change.
    pub(super) digest: Digest,
}

/// A certificate's file and its key's.
pub(super) struct Pair {
    pub(super) cert: Content,
    pub(super) key: Content,
}

/// A file with what it held.
pub(super) struct Content {
    pub(super) file: NamedFile,
    bytes: Vec<u8>,
}

impl Files {
    /// Reads all that `plan` names, relative to `root`.
    pub(super) fn read(plan: &TlsPlan, root: &Path) -> Result<Self, TlsError> {
        let mut certificates = Vec::with_capacity(plan.certificates.len());
        for pair in &plan.certificates {
            certificates.push(Pair { cert: Content::read(&pair.cert, root)?, key: Content::read(&pair.key, root)? });
        }
        let client_ca = plan.client_ca.as_ref().map(|file| Content::read(file, root)).transpose()?;
        let contents = certificates.iter().flat_map(|pair| [&pair.cert, &pair.key]).chain(&client_ca);
        // A digest of digests: text that moves from one file to the next is a change.
        let digests: Vec<u8> = contents.flat_map(|content| *Digest::of(&content.bytes).as_bytes()).collect();
        Ok(Self { certificates, client_ca, digest: Digest::of(&digests) })
    }
}

impl Content {
    /// Reads `plan`'s file, relative to `root`.
    pub(super) fn read(plan: &FilePlan, root: &Path) -> Result<Self, TlsError> {
        let file = NamedFile { path: root.join(&plan.path), span: plan.span.clone() };
        match bytes(&file.path) {
            // Asked before opening: a pipe would wait for somebody to write into it.
            Ok(None) => Err(TlsError::NotAFile { file }),
            Ok(Some(bytes)) if bytes.len() as u64 > FILE_BYTES_MAX => Err(TlsError::TooLarge { file }),
            Ok(Some(bytes)) => Ok(Self { file, bytes }),
            Err(source) => Err(TlsError::Unreadable { file, source }),
        }
    }

    /// The certificates in it, at least one, in their order.
    pub(super) fn chain(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let sections = self.sections()?;
        let chain: Vec<_> =
            sections.iter().filter_map(|(kind, der)| CertificateDer::from_pem(*kind, der.clone())).collect();
        if !chain.is_empty() {
            return Ok(chain);
        }
        let swapped = "it holds a private key, so perhaps `cert` and `key` are exchanged";
        let instead = if sections.iter().any(is_key) { swapped } else { self.instead() };
        Err(TlsError::NoCertificate { file: self.file.clone(), instead })
    }

    /// The first private key in it. Certificates beside it do no harm: some tools write both to one file.
    pub(super) fn key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let no_key = |instead| Err(TlsError::NoKey { file: self.file.clone(), instead });
        // Before its form is looked at: the older way to encrypt does not decode.
        if contains(&self.bytes, b"ENCRYPTED") {
            return no_key("it is encrypted, and the host is never told a password");
        }
        let sections = self.sections()?;
        match sections.iter().find_map(|(kind, der)| PrivateKeyDer::from_pem(*kind, der.clone())) {
            Some(key) => Ok(key),
            None if sections.is_empty() => no_key(self.instead()),
            None => no_key("it holds other things, so perhaps `cert` and `key` are exchanged"),
        }
    }

    fn sections(&self) -> Result<Vec<(SectionKind, Vec<u8>)>, TlsError> {
        let sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(&self.bytes).collect::<Result<_, _>>();
        sections.map_err(|error| TlsError::Damaged { file: self.file.clone(), fault: fault(&error) })
    }

    /// What a file without any section is.
    fn instead(&self) -> &'static str {
        match self.bytes.as_slice() {
            [] => "it is empty",
            // A sequence with a length of two bytes, which every certificate and most keys are.
            [0x30, 0x82, ..] => "it seems to be DER, which `openssl` can turn into PEM",
            _ => "it has no such part",
        }
    }
}

/// The authorities in `content`, as those whose certificates clients must show.
pub(super) fn authorities(content: &Content) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for (number, certificate) in (1..).zip(content.chain()?) {
        let anchor = anchor_from_trusted_cert(&certificate).map_err(|source| TlsError::BadCertificate {
            file: content.file.clone(),
            number,
            source: Some(source),
        })?;
        roots.roots.push(anchor.to_owned());
    }
    Ok(roots)
}

/// The start of a file, one byte more than it may have; nothing if it is not a file.
fn bytes(path: &Path) -> io::Result<Option<Vec<u8>>> {
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn is_key((kind, _): &(SectionKind, Vec<u8>)) -> bool {
    matches!(kind, SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey)
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// The library's own words repeat lines of the file, which may be a key's.
fn fault(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "it breaks off before the `END` of a part",
        pem::Error::IllegalSectionStart { .. } => "a line with `BEGIN` is not as it should be",
        pem::Error::Base64Decode(_) => "a part of it is not Base64",
        pem::Error::Io(_) | pem::Error::NoItemsFound | pem::Error::SectionTooLarge => "it cannot be decoded",
        // The library may find more faults.
        _ => "it is not PEM",
    }
}
