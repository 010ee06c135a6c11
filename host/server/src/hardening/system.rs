//! What Linux offers, and how it is asked.

use std::fs;

pub use calls::refuse_pagemap_scans;
pub(super) use calls::seccomp;
pub use compiler::confine_compiler;
pub(super) use files::landlock;

mod calls;
mod compiler;
mod files;

/// What the kernel could hold a process by, without doing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Its release, as `uname -r` says it.
    pub release: String,
    /// The version of Landlock's interface, or why there is none.
    pub landlock_abi: Result<u32, String>,
    /// Whether it filters system calls.
    pub has_seccomp: bool,
}

impl Kernel {
    /// Asks the kernel.
    #[must_use]
    pub fn ask() -> Self {
        let actions = fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
        Self {
            release: rustix::system::uname().release().to_string_lossy().into_owned(),
            landlock_abi: files::abi(),
            has_seccomp: actions.split_whitespace().any(|action| action == "errno"),
        }
    }
}

/// Takes away for ever what a program could get by its own set-user-id bit.
pub(super) fn no_new_privileges() -> Result<String, String> {
    let is_set = rustix::thread::set_no_new_privs(true).and_then(|()| rustix::thread::no_new_privs());
    match is_set {
        Ok(true) => Ok(String::new()),
        Ok(false) => Err("the kernel did not take it".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// How many threads there are besides the one that asks.
fn other_threads() -> usize {
    fs::read_dir("/proc/self/task").map_or(0, |tasks| tasks.count().saturating_sub(1))
}
