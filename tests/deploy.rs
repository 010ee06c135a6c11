//! Deploying by command on a host that runs: what changes, what is said of it, and what is left as it was.

mod approval;
mod back;
mod command;
mod refused;
mod share;
mod state;
mod status;

use std::fs;
use std::path::Path;

use hostel_model::digest::Digest;
use tempfile::TempDir;

use crate::harness::{Process, guest};

/// What precedes the digits of a revision in the guest that tells its own.
const MARK: &[u8] = b"HOSTEL-BEND-REVISION:";
/// What precedes the percentage of requests that it fails.
const FAILS: &[u8] = b"HOSTEL-BEND-FAILS:";

/// How a command ended and what it said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `hostel` with these arguments to its end.
#[track_caller]
pub(crate) fn hostel(arguments: &[&str]) -> Said {
    let mut process = Process::run(arguments);
    let code = process.wait().code();
    Said { code, stdout: process.stdout.text(), stderr: process.stderr.text() }
}

/// The same for a command that is to succeed without a word on standard error; what it printed.
#[track_caller]
fn said(arguments: &[&str]) -> String {
    let Said { code, stdout, stderr } = hostel(arguments);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}: {stdout}");
    stdout
}

/// A folder that is served, and components to deploy on it.
pub(crate) struct Ground {
    folder: TempDir,
    elsewhere: TempDir,
    process: Process,
}

impl Ground {
    /// `users` with revision 1, as far as the digits in its code go.
    fn new() -> Self {
        Self::with("")
    }

    /// The same with more in its `hostel.toml`.
    fn with(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("users.wasm"), code(1)).unwrap();
        Self::on(folder, more)
    }

    fn on(folder: TempDir, more: &str) -> Self {
        let listener = "[[listener]]\naddress = \"127.0.0.1:0\"\n";
        crate::process::write(folder.path(), &format!("version = 1\n{more}\n{listener}"));
        let process = Process::up(folder.path());
        Self { folder, elsewhere: tempfile::tempdir().unwrap(), process }
    }

    /// The folder, as an argument.
    fn at(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    /// The path of a file with this text outside the folder that is watched.
    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.elsewhere.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    /// A component that tells that it is `revision`.
    fn component(&self, revision: u32) -> String {
        self.file(&format!("{revision}.wasm"), code(revision))
    }

    /// Which revision answers at `/NAME`, or the status of what does.
    #[track_caller]
    fn serving(&self, name: &str) -> String {
        let answer = self.process.get(&format!("/{name}"));
        answer.header("x-revision").map_or_else(|| answer.status.to_string(), |revision| format!("r{revision}"))
    }

    /// Starts the host anew on the same folder.
    fn restart(&mut self) {
        assert_eq!(self.process.stop().code(), Some(0), "{}", self.process.stderr.text());
        self.process = Process::up(self.folder.path());
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The value at `path` of the service's own answer.
    fn shown(&self, service: &str) -> serde_json::Value {
        let status = hostel(&["status", "--json", self.at()]);
        let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
        let services = status["services"].as_array().unwrap();
        services.iter().find(|one| one["name"] == service).cloned().unwrap_or_default()
    }
}

/// The component that tells that it is `revision`.
fn code(revision: u32) -> Vec<u8> {
    patched(fs::read(guest::REVISION_P2).unwrap(), MARK, &format!("{revision:05}"))
}

/// The same, failing so many percent of its requests.
fn failing(revision: u32, percent: u32) -> Vec<u8> {
    patched(code(revision), FAILS, &format!("{percent:02}"))
}

fn patched(mut code: Vec<u8>, mark: &[u8], digits: &str) -> Vec<u8> {
    let place = code.windows(mark.len()).position(|window| window == mark).expect("the guest must have its mark");
    let start = place + mark.len();
    code[start..start + digits.len()].copy_from_slice(digits.as_bytes());
    code
}

/// The digest of `code`, as people see it.
fn short(code: &[u8]) -> String {
    Digest::of(code).short()
}

/// `r<number> (<digest>)` of the component that tells that it is `revision`.
fn named(number: u32, revision: u32) -> String {
    format!("r{number} ({})", short(&code(revision)))
}
