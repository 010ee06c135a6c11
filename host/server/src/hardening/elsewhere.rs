//! Systems that are not Linux: nothing is in force, and that is said. What is left is the sandbox itself, the modes
//! of files, and whatever the system puts around the process (a jail, a sandbox profile, a user of its own).

use super::{Level, Territory};

/// Why there is nothing.
const WHY: &str = "this system is not Linux";

/// What the kernel could hold a process by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Its release.
    pub release: String,
    /// The version of Landlock's interface, or why there is none.
    pub landlock_abi: Result<u32, String>,
    /// Whether it filters system calls.
    pub has_seccomp: bool,
}

impl Kernel {
    /// Nothing.
    #[must_use]
    pub fn ask() -> Self {
        Self { release: std::env::consts::OS.to_owned(), landlock_abi: Err(WHY.to_owned()), has_seccomp: false }
    }
}

pub(super) fn landlock(_: &Territory) -> Result<String, String> {
    Err(WHY.to_owned())
}

pub(super) fn seccomp() -> Result<String, String> {
    Err(WHY.to_owned())
}

pub(super) fn no_new_privileges() -> Result<String, String> {
    Err(WHY.to_owned())
}

/// Makes every later scan of the process's page map fail.
///
/// # Errors
/// Always: nothing here can do that.
pub fn refuse_pagemap_scans() -> Result<(), String> {
    Err(WHY.to_owned())
}

/// Holds a process that compiles to its pipes, its memory and its threads.
///
/// # Errors
/// When `level` is `require`: nothing here can do that. Otherwise the limits hold that it has given itself.
pub fn confine_compiler(level: Level) -> Result<(), String> {
    if level == Level::Require { Err(WHY.to_owned()) } else { Ok(()) }
}
