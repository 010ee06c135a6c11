//! Files that a changed configuration names: what a hardened host reads, and what it says of what it cannot.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::landlock_abi;
use crate::harness::{Process, eventually, guest};
use crate::process::{folder, write};

/// A service that tells its secret, which is in the file at `secret`.
fn table(secret: &Path) -> String {
    format!(
        "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n\
         [service.users]\ncomponent = \"users.wasm\"\nroutes = [\"/users\"]\nsecrets = {{ key = {{ file = {:?} }} }}\n",
        secret.display().to_string()
    )
}

fn secret_in(folder: &TempDir, value: &str) -> std::path::PathBuf {
    let path = folder.path().join("key");
    fs::write(&path, value).unwrap();
    path
}

fn told(process: &Process) -> String {
    process.get("/users?key=key").json()["get"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_file_elsewhere_that_was_named_at_the_start_may_be_replaced() {
    let (folder, elsewhere) = (folder(&[("users.wasm", guest::CONFIGURATION_P2)], ""), tempfile::tempdir().unwrap());
    let secret = secret_in(&elsewhere, "first");
    write(folder.path(), &table(&secret));
    let process = Process::up(folder.path());
    assert_eq!(told(&process), "first");
    fs::write(elsewhere.path().join("next"), "second").unwrap();
    fs::rename(elsewhere.path().join("next"), &secret).unwrap();
    eventually("the new secret", || told(&process) == "second");
}

#[test]
fn a_file_elsewhere_that_is_named_later_needs_a_restart_and_the_log_says_so() {
    let folder = folder(&[("users.wasm", guest::CONFIGURATION_P2)], "");
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(folder.path(), &table(&secret_in(&first, "first")));
    let mut process = Process::up(folder.path());
    assert_eq!(told(&process), "first");
    let secret = secret_in(&second, "second");
    write(folder.path(), &table(&secret));
    if landlock_abi().is_some() {
        let line = process.stderr.line_with(&["outside of what the host was hardened for", "restart it"]);
        assert!(line.contains(&secret.display().to_string()), "{line}");
        assert_eq!(told(&process), "first", "what was there holds on");
        assert_eq!(process.stop().code(), Some(0));
        process = Process::up(folder.path());
    }
    eventually("the second secret", || told(&process) == "second");
}

#[test]
fn a_file_in_the_folder_that_is_named_later_needs_no_restart() {
    let (folder, elsewhere) = (folder(&[("users.wasm", guest::CONFIGURATION_P2)], ""), tempfile::tempdir().unwrap());
    write(folder.path(), &table(&secret_in(&elsewhere, "first")));
    let process = Process::up(folder.path());
    assert_eq!(told(&process), "first");
    write(folder.path(), &table(&secret_in(&folder, "second")));
    eventually("the second secret", || told(&process) == "second");
    assert!(!process.stderr.text().contains("outside of what the host was hardened for"));
}
