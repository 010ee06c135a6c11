//! Everything that a host does besides answering, done by one that is hardened: the default of `hostel up`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Authority, Process, eventually, guest, secured, shown};
use crate::process::{folder, write};
use crate::reload::revision::Guest;

/// A host that was told to require all of it, where the kernel has all of it.
fn up(folder: &Path) -> Process {
    let level = if matches!(super::landlock_abi(), Some(3..)) { "require" } else { "on" };
    let mut process = Process::run([Path::new("up"), Path::new(&format!("--hardening={level}")), folder]);
    process.serves();
    process
}

/// What a command that asks the host in `folder` said on standard output.
#[track_caller]
fn said(folder: &TempDir, command: &[&str]) -> String {
    let at = folder.path().display().to_string();
    let mut process = Process::run(command.iter().copied().chain(["-C", at.as_str()]));
    assert_eq!(process.wait().code(), Some(0), "{command:?}: {}", process.stderr.text());
    process.stdout.text()
}

fn revision(process: &Process, path: &str) -> Option<String> {
    process.get(path).header("x-revision").map(str::to_owned)
}

#[test]
fn components_are_deployed_taken_back_replaced_and_backed_up() {
    let folder = folder(&[], "");
    let guest = Guest::read(Path::new(guest::REVISION_P2));
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("users.wasm"), guest.revision(1)).unwrap();
    let process = up(folder.path());
    assert_eq!(revision(&process, "/users").as_deref(), Some("1"));
    // By the folder.
    fs::write(folder.path().join(".part"), guest.revision(2)).unwrap();
    fs::rename(folder.path().join(".part"), folder.path().join("users.wasm")).unwrap();
    eventually("the second revision", || revision(&process, "/users").as_deref() == Some("2"));
    // By command, which sends what the host itself could not read.
    let third = elsewhere.path().join("users.wasm");
    fs::write(&third, guest.revision(3)).unwrap();
    said(&folder, &["deploy", "users", &third.display().to_string()]);
    assert_eq!(revision(&process, "/users").as_deref(), Some("3"));
    said(&folder, &["rollback", "users"]);
    assert_eq!(revision(&process, "/users").as_deref(), Some("2"));
    let backup = elsewhere.path().join("backup.tar");
    said(&folder, &["backup", &backup.display().to_string()]);
    assert!(fs::metadata(&backup).unwrap().len() > 1_000);
    let history = said(&folder, &["history", "users", "--json"]);
    assert!(serde_json::from_str::<Value>(&history).is_ok(), "{history}");
}

#[test]
fn keys_and_values_are_kept_over_a_restart() {
    let folder = folder(&[("kv.wasm", guest::KEYVALUE_P2)], "");
    let listener = "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n";
    let service = "[service.kv]\ncomponent = \"kv.wasm\"\nroutes = [\"/kv\"]\nkeyvalue = [\"default\"]\n";
    write(folder.path(), &[listener, service].concat());
    let mut process = up(folder.path());
    assert_eq!(process.get("/kv?op=set&key=k&value=v").json()["result"], "ok");
    assert_eq!(process.stop().code(), Some(0));
    let process = up(folder.path());
    assert_eq!(process.get("/kv?op=get&key=k").json()["result"], "v");
}

/// Where a host listens for TLS, by its table.
fn secure_address(process: &Process) -> SocketAddr {
    let text = process.stderr.text();
    let word = text.split_whitespace().find_map(|word| word.strip_prefix("https://")?.parse().ok());
    word.unwrap_or_else(|| panic!("no https in:\n{text}"))
}

#[test]
fn certificates_in_another_folder_are_renewed() {
    let authority = Authority::new();
    let plan = authority.plan(&[&["one.example"], &["two.example"]]);
    let [one, two] = &plan.certificates[..] else { panic!("{plan:?}") };
    let folder = folder(&[("hello.wasm", guest::HELLO_P2)], "");
    let text = format!(
        "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n[[listener]]\naddress = \"127.0.0.1:0\"\n\
         tls = {{ certificates = [{{ cert = {:?}, key = {:?} }}] }}\n",
        one.cert.path, one.key.path
    );
    write(folder.path(), &text);
    let process = up(folder.path());
    let address = secure_address(&process);
    let first = authority.certificate("one.example");
    assert_eq!(shown(address, None), first);
    // As a client of ACME does it: new files take the place of the old ones.
    for (from, to) in [(&two.cert.path, &one.cert.path), (&two.key.path, &one.key.path)] {
        fs::rename(from, to).unwrap();
    }
    process.stderr.line_with(&["certificates reloaded"]);
    assert_ne!(shown(address, None), first);
    let request = b"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = secured(address, Authority::client(&["http/1.1"]), None, request).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn the_admin_socket_may_be_in_a_folder_of_its_own() {
    let run = tempfile::tempdir().unwrap();
    let socket = run.path().join("host.sock");
    let more = format!("[admin]\nsocket = {:?}\naddress = \"127.0.0.1:0\"\n", socket.display().to_string());
    let folder = folder(&[("hello.wasm", guest::HELLO_P2)], &more);
    // Left by a host that was killed.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let mut process = up(folder.path());
    let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(process.stop().code(), Some(0));
    assert!(!socket.exists(), "the host removes its socket");
}
