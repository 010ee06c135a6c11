//! A second wall around the process, for the day on which a guest gets out of its sandbox: the kernel refuses what
//! a host never does.
//!
//! Three things, each of which the kernel keeps up whatever the process does
//! later: no new privileges (a program with the set-user-id bit gives none),
//! Landlock (which files, ports and processes there are at all) and seccomp
//! (which system calls there are). They bind the thread that asks for them and
//! those that it starts later, so they are asked for on the main thread before it
//! has started any other. seccomp can take in threads that run already, Landlock
//! only since ABI 8 (Linux 7.0): what was not reached is told as missing.
//!
//! Sockets are bound afterwards: the rules name the ports, and nothing else can
//! be bound from then on. Files are opened afterwards, too: which ones, the
//! [`Territory`] says. It cannot grow, so a file outside of it that a changed
//! configuration names needs a restart, and `follow` says so.

use std::fmt;
use std::sync::OnceLock;

use clap::ValueEnum;
use thiserror::Error;

pub use outside::is_kept_out;
pub use swap::{Slots, SwapWatch, Unclean};
pub use system::{Kernel, confine_compiler, refuse_pagemap_scans};
pub use territory::Territory;

#[cfg(target_os = "linux")]
pub mod needed;
mod outside;
#[cfg(target_os = "linux")]
pub mod refused;
mod swap;
mod territory;

#[cfg(not(target_os = "linux"))]
#[path = "hardening/elsewhere.rs"]
mod system;
#[cfg(target_os = "linux")]
mod system;

/// How much is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Nothing.
    Off,
    /// What the kernel has; a warning where it lacks something.
    On,
    /// All of it, or the host does not start.
    Require,
}

impl Level {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Require => "require",
        }
    }
}

/// One of the three.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wall {
    /// It stands. In words, how.
    InForce(String),
    /// It does not, and why.
    Missing(String),
}

impl From<Result<String, String>> for Wall {
    fn from(tried: Result<String, String>) -> Self {
        tried.map_or_else(Self::Missing, Self::InForce)
    }
}

/// What came of asking for all three.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How much was asked for.
    pub level: Level,
    /// That no program can give this process more rights.
    pub no_new_privileges: Wall,
    /// That it reaches nothing outside its territory.
    pub landlock: Wall,
    /// That it makes no system calls that a host does not need.
    pub seccomp: Wall,
}

impl Report {
    fn off() -> Self {
        let down = || Wall::Missing("not asked for".to_owned());
        Self { level: Level::Off, no_new_privileges: down(), landlock: down(), seccomp: down() }
    }

    fn walls(&self) -> [(&'static str, &Wall); 3] {
        [("no-new-privileges", &self.no_new_privileges), ("Landlock", &self.landlock), ("seccomp", &self.seccomp)]
    }

    /// What is not in force, each with the reason.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let told = |(name, wall): (&str, &Wall)| match wall {
            Wall::InForce(_) => None,
            Wall::Missing(why) => Some(format!("{name} ({why})")),
        };
        self.walls().into_iter().filter_map(told).collect()
    }

    /// Says in one line of the log what is in force, and in another what is missing.
    pub fn log(&self) {
        if self.level == Level::Off {
            tracing::info!("the process is not hardened: only the sandbox holds guests");
            return;
        }
        tracing::info!(in_force = %self, "the process is hardened");
        let missing = self.missing().join(", ");
        if !missing.is_empty() {
            tracing::warn!(
                missing,
                "the process is hardened only in part; `--hardening=require` would refuse to start"
            );
        }
    }
}

/// What is in force, in one line.
impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |(name, wall): (&str, &Wall)| match wall {
            Wall::InForce(how) if how.is_empty() => Some(name.to_owned()),
            Wall::InForce(how) => Some(format!("{name} ({how})")),
            Wall::Missing(_) => None,
        };
        let in_force: Vec<String> = self.walls().into_iter().filter_map(told).collect();
        out.write_str(if in_force.is_empty() { "nothing" } else { "" })?;
        out.write_str(&in_force.join(", "))
    }
}

/// Why a host does not start.
#[derive(Debug, Error)]
pub enum HardeningError {
    /// `require` wants all three.
    #[error(
        "`--hardening=require` cannot be met: {} missing; use a kernel that has them, or `--hardening=on`",
        missing.join(", ")
    )]
    Missing {
        /// What is missing, each with the reason.
        missing: Vec<String>,
    },
}

/// What the process is held by. It is the process that is: there is one of it.
static IN_FORCE: OnceLock<Report> = OnceLock::new();

/// What the process is held by, once that was settled.
#[must_use]
pub fn in_force() -> Option<&'static Report> {
    IN_FORCE.get()
}

/// What the kernel has. Asked once: afterwards not everything can be read any more.
#[must_use]
pub fn kernel() -> &'static Kernel {
    static KERNEL: OnceLock<Kernel> = OnceLock::new();
    KERNEL.get_or_init(Kernel::ask)
}

/// Holds the process to `territory` from now on, for ever. To be called once, on the main
/// thread, before there are others.
///
/// # Errors
/// When `level` is `require` and something is missing. What is there is in force then all the same.
pub fn apply(level: Level, territory: &Territory) -> Result<Report, HardeningError> {
    // While everything can be read.
    let _asked = kernel();
    let report = match level {
        Level::Off => Report::off(),
        Level::On | Level::Require => {
            // In this order: Landlock's own calls are none that seccomp refuses, but reading what
            // the territory needs is over by then.
            let landlock = system::landlock(territory).into();
            let seccomp = system::seccomp().into();
            let no_new_privileges = system::no_new_privileges().into();
            Report { level, no_new_privileges, landlock, seccomp }
        }
    };
    let report = IN_FORCE.get_or_init(|| report).clone();
    let missing = report.missing();
    if level == Level::Require && !missing.is_empty() {
        return Err(HardeningError::Missing { missing });
    }
    Ok(report)
}

#[cfg(test)]
mod tests;
