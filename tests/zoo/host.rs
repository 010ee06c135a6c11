//! The host as a process, with all that it writes kept: started on a folder, looked at from outside, stopped or killed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::admin::Admin;
use super::pause::{wait_for, wait_within};

/// A process of the host. It is killed when this is dropped.
pub struct Host {
    child: Child,
    admin: Admin,
    /// Its standard output: the access log.
    pub access: PathBuf,
    /// Its standard error: everything else.
    pub said: PathBuf,
}

/// What a process holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Resident memory.
    pub bytes: u64,
    /// What its file descriptors are of, in order.
    pub descriptors: Vec<String>,
    /// Mappings of memory.
    pub maps: u64,
}

/// What the host itself says of what is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    pub instances: u64,
    pub pool_instances: u64,
    pub pool_memories: u64,
    pub memory: u64,
    pub connections: u64,
    pub panics: u64,
}

impl Host {
    /// `hostel up` on `folder`; returns once it is ready.
    pub fn up(hostel: &Path, folder: &Path) -> Self {
        let [access, said] = ["access", "said"].map(|end| folder.with_extension(end));
        let create = |path: &Path| File::create(path).expect("what the host writes must be kept");
        let (out, err) = (create(&access), create(&said));
        let child = Command::new(hostel)
            .arg("up")
            .arg(folder)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", hostel.display()));
        let mut host = Self { child, admin: Admin::at(&folder.join(".hostel/admin.sock")), access, said };
        wait_for("the host is ready", || {
            assert!(host.is_alive(), "the host ended:\n{}", host.said_text());
            host.admin.get("/readyz").ok().filter(|reply| reply.status == 200)
        });
        host
    }

    /// Whether the process that was started is still there.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a child must have a state").is_none()
    }

    /// Its admin plane.
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// All of its standard error.
    pub fn said_text(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.said).unwrap_or_default()).into_owned()
    }

    /// What it holds now.
    pub fn held(&self) -> Held {
        held(self.child.id())
    }

    /// What its metrics say now; nothing if it does not answer.
    pub fn gauges(&self) -> Option<Gauges> {
        let text = self.admin.get("/metrics").ok()?.text();
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
            line.parse::<f64>().ok().map(|value| value as u64)
        };
        Some(Gauges {
            instances: value("hostel_instances")?,
            pool_instances: value("hostel_pool_instances")?,
            pool_memories: value("hostel_pool_memories")?,
            memory: value("hostel_memory_budget_used_bytes")?,
            connections: value("hostel_open_connections")?,
            panics: value("hostel_host_panics_total")?,
        })
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        // Fails only if it has ended already, which is seen at once.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
    }

    /// Its end, if that comes within `patience`.
    pub fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        wait_within(patience, || self.child.try_wait().expect("a child must have a state"))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Held {
    /// The descriptors that `other` does not have.
    pub fn more_than(&self, other: &Self) -> Vec<&str> {
        let mut theirs = other.descriptors.clone();
        let known = |own: &&String| match theirs.iter().position(|one| one == *own) {
            Some(place) => {
                theirs.swap_remove(place);
                false
            }
            None => true,
        };
        self.descriptors.iter().filter(known).map(String::as_str).collect()
    }
}

/// What the process with this number holds; nothing if it is gone.
pub fn held(process: u32) -> Held {
    let place = PathBuf::from(format!("/proc/{process}"));
    let read = |name: &str| fs::read_to_string(place.join(name)).unwrap_or_default();
    let status = read("status");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    let kilobytes: u64 = resident.and_then(|number| number.trim().parse().ok()).unwrap_or_default();
    let descriptors = fs::read_dir(place.join("fd")).into_iter().flatten().filter_map(Result::ok);
    let mut descriptors: Vec<String> = descriptors
        .map(|entry| fs::read_link(entry.path()).map_or_else(|_| "closed".to_owned(), |of| of.display().to_string()))
        .collect();
    descriptors.sort();
    Held { bytes: kilobytes * 1024, descriptors, maps: read("maps").lines().count() as u64 }
}
