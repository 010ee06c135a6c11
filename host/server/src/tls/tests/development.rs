//! The certificate of `hostel dev --tls`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};

use super::{Folder, handshake};
use crate::tls::ListenerTls;
use crate::tls::development::development_tls;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// 2030-01-01 00:00:00 UTC.
const WALL: u64 = 1_893_456_000;

fn wall() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(WALL)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[derive(Debug)]
struct AtWall;

impl TimeProvider for AtWall {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(WALL)))
    }
}

#[test]
fn it_is_kept_and_only_its_owner_reads_the_key() {
    let state = Folder::new();
    let plan = development_tls(state.path(), wall()).unwrap();
    let (cert, key) = (&plan.certificates[0].cert.path, &plan.certificates[0].key.path);
    let folder = state.path().canonicalize().unwrap().join("dev-tls");
    assert_eq!((Path::new(cert), Path::new(key)), (&*folder.join("cert.pem"), &*folder.join("key.pem")));
    assert_eq!((mode(&folder), mode(key.as_ref())), (0o700, 0o600));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);

    let before = (fs::read(cert).unwrap(), fs::read(key).unwrap());
    fs::set_permissions(key, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(development_tls(state.path(), wall()).unwrap(), plan);
    assert_eq!((fs::read(cert).unwrap(), fs::read(key).unwrap()), before);
    assert_eq!(mode(key.as_ref()), 0o600);
}

#[test]
fn it_is_made_again_thirty_days_before_its_end() {
    let state = Folder::new();
    let key = || fs::read(state.path().join("dev-tls/key.pem")).unwrap();
    let plan = development_tls(state.path(), wall()).unwrap();
    let first = key();
    let end = ListenerTls::load(&plan, state.path()).unwrap().not_after();
    assert_eq!(end, i64::try_from(WALL + 365 * DAY.as_secs()).unwrap());

    let edge = wall() + DAY * 335;
    development_tls(state.path(), edge - Duration::from_secs(1)).unwrap();
    assert_eq!(key(), first);
    development_tls(state.path(), edge).unwrap();
    assert_ne!(key(), first);
    assert_eq!(mode(&state.path().join("dev-tls/key.pem")), 0o600);
}

#[test]
fn it_is_made_again_if_it_is_damaged() {
    let state = Folder::new();
    let folder = state.path().join("dev-tls");
    let plan = development_tls(state.path(), wall()).unwrap();
    // A run that was killed may leave something behind.
    for (file, text) in [("cert.pem", ""), ("key.pem", "hello"), (".key.pem.0.unfinished", ""), ("cert.pem", "")] {
        fs::write(folder.join(file), text).unwrap();
        development_tls(state.path(), wall()).unwrap();
        ListenerTls::load(&plan, state.path()).unwrap();
    }
    fs::remove_file(folder.join("cert.pem")).unwrap();
    development_tls(state.path(), wall()).unwrap();
    ListenerTls::load(&plan, state.path()).unwrap();
}

#[test]
fn a_state_folder_that_cannot_be_written_is_said_so() {
    let state = Folder::new();
    state.write("dev-tls", "a file");
    let error = development_tls(state.path(), wall()).unwrap_err();
    assert!(error.to_string().contains("dev-tls` cannot be written"), "{error}");
    assert_eq!(error.span(), None);
}

#[tokio::test]
async fn a_client_that_trusts_it_connects_by_each_of_its_names() {
    let state = Folder::new();
    let plan = development_tls(state.path(), wall()).unwrap();
    // Its paths are absolute: what they are relative to does not matter.
    let tls = ListenerTls::load(&plan, Path::new("/nowhere")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&plan.certificates[0].cert.path).unwrap()).unwrap();
    let client = ClientConfig::builder_with_details(Arc::new(default_provider()), Arc::new(AtWall))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    for (name, trusted) in [("localhost", true), ("127.0.0.1", true), ("::1", true), ("example.test", false)] {
        let (client, _) = handshake(&tls, client.clone(), name).await;
        assert_eq!(client.is_ok(), trusted, "{name}: {client:?}");
    }
}
