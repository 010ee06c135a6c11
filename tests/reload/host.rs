//! The host as a process: started on a folder, looked at from outside, stopped or killed.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::admin::Admin;
use super::pause::wait_for;

/// Starts a program as systemd would: the socket that is its standard input becomes descriptor 3,
/// and the variables say whom it is for. `exec` keeps the number of the process.
const ACTIVATE: &str = r#"exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@""#;

/// A process of the host. It is killed when this is dropped.
pub struct Host {
    child: Child,
    folder: PathBuf,
    log: PathBuf,
}

/// What a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Resident memory.
    pub bytes: u64,
    /// File descriptors.
    pub descriptors: u64,
    /// Mappings of memory.
    pub maps: u64,
}

impl Host {
    /// `hostel up` on `folder`; returns once it is ready.
    pub fn up(hostel: &Path, folder: &Path) -> Self {
        let mut host = Self::starting(hostel, folder);
        host.wait_until_ready();
        host
    }

    /// The same; does not wait for anything.
    pub fn starting(hostel: &Path, folder: &Path) -> Self {
        Self::spawn(Command::new(hostel).arg("up").arg(folder).stdin(Stdio::null()), folder)
    }

    /// The same with a socket that somebody else listens on; does not wait for anything.
    pub fn activated(hostel: &Path, folder: &Path, socket: &TcpListener) -> Self {
        let socket = OwnedFd::from(socket.try_clone().expect("a descriptor must be free"));
        let mut command = Command::new("sh");
        command.args(["-c", ACTIVATE, "sh"]).arg(hostel).arg("up").arg(folder).stdin(socket);
        Self::spawn(&mut command, folder)
    }

    fn spawn(command: &mut Command, folder: &Path) -> Self {
        let log = folder.with_extension("log");
        let file = File::options().create(true).append(true).open(&log).expect("the log must be writable");
        let child = command.stdout(Stdio::null()).stderr(file).env("NO_COLOR", "1").spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, folder: folder.to_path_buf(), log }
    }

    /// Returns once `/readyz` says so.
    pub fn wait_until_ready(&mut self) {
        let admin = self.admin();
        wait_for("the host is ready", || {
            if let Some(status) = self.child.try_wait().expect("a child must have a state") {
                panic!("the host ended with {status}:\n{}", self.log_text());
            }
            admin.get("/readyz").ok().filter(|reply| reply.status == 200)
        });
    }

    /// Its admin plane.
    pub fn admin(&self) -> Admin {
        Admin::at(&self.folder.join(".hostel/admin.sock"))
    }

    /// What it has written to standard error, and those before it on the same folder.
    pub fn log_text(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// What it holds now.
    pub fn held(&self) -> Held {
        let place = PathBuf::from(format!("/proc/{}", self.child.id()));
        let read = |name: &str| fs::read_to_string(place.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let status = read("status");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        let kilobytes: u64 = resident.and_then(|number| number.trim().parse().ok()).expect("there must be a VmRSS");
        Held {
            bytes: kilobytes * 1024,
            descriptors: fs::read_dir(place.join("fd")).expect("descriptors must be listed").count() as u64,
            maps: read("maps").lines().count() as u64,
        }
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends it with no chance to do anything more.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the host must be there");
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        wait_for("the host ends", || self.child.try_wait().expect("a child must have a state"))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address of loopback that nobody listens on.
pub fn free_address() -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port must be free");
    socket.local_addr().expect("a socket must have an address")
}

/// Writes the configuration of a host that listens there, with `more` at its end.
pub fn configure(folder: &Path, address: SocketAddr, more: &str) {
    let text = format!("version = 1\n\n[[listener]]\naddress = \"{address}\"\n{more}");
    fs::write(folder.join("hostel.toml"), text).expect("the configuration must be writable");
}
