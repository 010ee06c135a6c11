//! What happens between the moment a process is held and the moment it serves.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::*;

/// The folder, and what its configuration says once somebody has written it.
static WRITTEN: OnceLock<(PathBuf, String)> = OnceLock::new();

/// An environment that is asked after the process should have been held: the configuration is whole then.
fn written_meanwhile(name: &str) -> Option<String> {
    if name == "HOSTEL_LOG" {
        let (file, text) = WRITTEN.get().unwrap();
        fs::write(file, text).unwrap();
        return Some("off".to_owned());
    }
    None
}

#[test]
fn a_configuration_that_becomes_right_while_the_host_begins_is_not_served_by_a_process_that_nothing_holds() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hostel.toml");
    // Taken, so that a host which goes on ends too, and in another way.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let text = format!("version = 1\n[[listener]]\naddress = \"{}\"\n", taken.local_addr().unwrap());
    WRITTEN.set((file.clone(), text)).unwrap();
    fs::write(&file, "version = ").unwrap();
    let beginning = Beginning {
        path: folder.path(),
        flags: hostel_model::config::HostFlags::default(),
        environment: written_meanwhile,
        inherited: Inherited::default(),
        tls: false,
        hardening: Level::Require,
    };
    assert_eq!(up(beginning), Exit::Again);
    assert!(!folder.path().join(".hostel").exists(), "nothing has begun");
    assert!(crate::hardening::in_force().is_none());
}
