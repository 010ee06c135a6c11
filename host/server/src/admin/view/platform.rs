//! What the host stands on, and what it is held by: for `hostel check`, `/v1/status` and whoever reads them.

use std::path::Path;

use hostel_sandbox::ResetMode;
use hostel_sandbox::swap::{Cleaning, SWAPS, swap_is_active};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::hardening::{Kernel, Report, Wall};

/// The machine as far as it decides how guests are kept apart.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Platform {
    /// The kernel's release.
    #[schema(example = "6.12.9")]
    pub kernel: String,
    /// Whether anything can be swapped out.
    pub swap: bool,
    /// How memory is cleaned between two instances: `pagemap-scan` or `keep-resident`.
    #[schema(example = "pagemap-scan")]
    pub cleaning: String,
    /// Why so.
    pub cleaning_reason: String,
    /// The version of Landlock that the kernel has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub landlock_abi: Option<u32>,
    /// Why it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub landlock_missing: Option<String>,
    /// Whether the kernel filters system calls.
    pub seccomp: bool,
    /// What this process is held by; left out by a command that serves nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hardening: Option<Hardening>,
}

/// What a process is held by.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Hardening {
    /// What was asked for: `off`, `on` or `require`.
    #[schema(example = "on")]
    pub level: String,
    /// Whether programs can give it no rights.
    pub no_new_privileges: bool,
    /// Whether files, ports and signals are held by Landlock.
    pub landlock: bool,
    /// Whether system calls are refused.
    pub seccomp: bool,
    /// What is not in force, each with the reason.
    pub missing: Vec<String>,
}

impl Platform {
    /// Of this machine, and of this process as far as `report` says.
    #[must_use]
    pub fn of(kernel: &Kernel, cleaning: Cleaning, report: Option<&Report>) -> Self {
        Self {
            kernel: kernel.release.clone(),
            // Slots are not scanned where there is swap, which is watched; the list itself may be out of reach by now.
            swap: cleaning.mode != ResetMode::PagemapScan && swap_is_active(Path::new(SWAPS)),
            cleaning: cleaning.mode.name().to_owned(),
            cleaning_reason: cleaning.reason.to_owned(),
            landlock_abi: kernel.landlock_abi.as_ref().ok().copied(),
            landlock_missing: kernel.landlock_abi.as_ref().err().cloned(),
            seccomp: kernel.has_seccomp,
            hardening: report.map(Hardening::of),
        }
    }

    /// A line for each thing, in columns.
    #[must_use]
    pub fn lines(&self) -> Vec<[String; 2]> {
        let landlock = match (self.landlock_abi, &self.landlock_missing) {
            (Some(abi), _) => format!("ABI {abi}"),
            (None, missing) => format!("none: {}", missing.as_deref().unwrap_or("unknown")),
        };
        let seccomp = if self.seccomp { "yes" } else { "no" };
        let swap = if self.swap { "active" } else { "none" };
        let mut lines = vec![
            ("kernel", self.kernel.clone()),
            ("landlock", landlock),
            ("seccomp", seccomp.to_owned()),
            ("swap", swap.to_owned()),
            ("cleaning", format!("{}: {}", self.cleaning, self.cleaning_reason)),
        ];
        lines.extend(self.hardening.as_ref().map(|hardening| ("hardening", hardening.line())));
        lines.into_iter().map(|(name, value)| [name.to_owned(), value]).collect()
    }
}

impl Hardening {
    fn of(report: &Report) -> Self {
        let stands = |wall: &Wall| matches!(wall, Wall::InForce(_));
        Self {
            level: report.level.name().to_owned(),
            no_new_privileges: stands(&report.no_new_privileges),
            landlock: stands(&report.landlock),
            seccomp: stands(&report.seccomp),
            missing: report.missing(),
        }
    }

    fn line(&self) -> String {
        match (self.level.as_str(), self.missing.as_slice()) {
            ("off", _) | (_, []) => self.level.clone(),
            (level, missing) => format!("{level}, without {}", missing.join(", ")),
        }
    }
}
