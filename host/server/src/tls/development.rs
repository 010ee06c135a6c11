//! A certificate for `hostel dev --tls`: this machine's own, made once and good for nothing else.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hostel_model::plan::{CertificatePlan, FilePlan, TlsPlan};
use hostel_storage::write_file;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::crypto::ring::default_provider;

use super::certificates::Certificates;
use super::error::{NamedFile, TlsError};
use super::files::Files;
use super::validity::since_epoch;

/// Below the state folder.
const FOLDER: &str = "dev-tls";
const CERT: &str = "cert.pem";
const KEY: &str = "key.pem";
/// What a browser calls this machine.
const NAMES: [&str; 4] = ["localhost", "*.localhost", "127.0.0.1", "::1"];
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Browsers refuse what is valid for much longer than a year.
const VALID: Duration = DAY.saturating_mul(365);
/// So much before its end it is made again: whoever trusts it by hand has notice.
const RENEW: Duration = DAY.saturating_mul(30);

/// A certificate for this machine's own names in the folder `dev-tls` below `state`: the one that is there, or a
/// new one if it is missing, damaged or about to end at `wall`.
///
/// # Errors
/// When the folder cannot be written, or no key can be made.
pub fn development_tls(state: &Path, wall: SystemTime) -> Result<TlsPlan, TlsError> {
    let folder = folder(state).map_err(|source| unwritable(&state.join(FOLDER), source))?;
    let (cert, key) = (folder.join(CERT), folder.join(KEY));
    let plan = plan(&cert, &key)?;
    if !is_good(&plan, &folder, wall) {
        make(&folder, wall)?;
    }
    // Whatever was done to it since: it is for its owner alone.
    fs::set_permissions(&key, Permissions::from_mode(0o600)).map_err(|source| unwritable(&key, source))?;
    Ok(plan)
}

/// Makes the folder; its path from the root on, since a plan is read relative to another one.
fn folder(state: &Path) -> io::Result<PathBuf> {
    let folder = state.join(FOLDER);
    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
    folder.canonicalize()
}

fn plan(cert: &Path, key: &Path) -> Result<TlsPlan, TlsError> {
    let certificate = CertificatePlan { cert: file_plan(cert)?, key: file_plan(key)? };
    Ok(TlsPlan { certificates: vec![certificate], client_ca: None, redirect_from: None })
}

/// A plan holds text, as the configuration does.
fn file_plan(path: &Path) -> Result<FilePlan, TlsError> {
    let text = path.to_str().ok_or_else(|| unwritable(path, io::Error::other("the path is not Unicode")))?;
    Ok(FilePlan { path: text.to_owned(), span: None })
}

/// Whether what is there can be used for a while. What is wrong with it does not matter: it is made again.
fn is_good(plan: &TlsPlan, root: &Path, wall: SystemTime) -> bool {
    let Some(soon) = wall.checked_add(RENEW).and_then(since_epoch) else { return false };
    Files::read(plan, root)
        .and_then(|files| Certificates::new(files.certificates, &default_provider()))
        .is_ok_and(|certificates| certificates.not_after() > soon)
}

fn make(folder: &Path, wall: SystemTime) -> Result<(), TlsError> {
    let unmakeable = |source| TlsError::Unmakeable { source };
    let pair = KeyPair::generate().map_err(unmakeable)?;
    let params = params(wall).map_err(unmakeable)?;
    let certificate = params.self_signed(&pair).map_err(unmakeable)?;
    // If it stops between the two they do not belong together, which the next start notices.
    write(folder, KEY, &pair.serialize_pem())?;
    write(folder, CERT, &certificate.pem())
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), TlsError> {
    let written = write_file(folder, name, text.as_bytes());
    written.map_err(|error| unwritable(&folder.join(name), io::Error::other(error)))
}

fn params(wall: SystemTime) -> Result<CertificateParams, rcgen::Error> {
    let epoch = date_time_ymd(1970, 1, 1);
    let now = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut params = CertificateParams::new(NAMES.map(str::to_owned))?;
    // A client's clock may be a little behind.
    params.not_before = epoch + now.saturating_sub(DAY);
    params.not_after = epoch + now.saturating_add(VALID);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Hostel on this machine, for development");
    // Who trusts it trusts these names, not whatever its key could sign.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn unwritable(path: &Path, source: io::Error) -> TlsError {
    TlsError::Unwritable { file: NamedFile { path: path.to_path_buf(), span: None }, source }
}
