//! How slots are cleaned between two instances, and the rule that decides it: no scan where pages can be swapped out.
//!
//! A pagemap scan tells which pages of a slot were written, and skips those that
//! were swapped out: their bytes would come back in the next tenant's memory. So
//! it is used only while nothing can be swapped. Whether that has changed under a
//! running host is watched by whoever runs it; what it takes to go on safely is
//! told here: a scan that fails makes wasmtime clean the slot the other way, and
//! a closed [`MemoryBudget`](crate::MemoryBudget) makes no more use of any slot.

use std::fs;
use std::path::Path;

use wasmtime::PoolingAllocationConfig;

use crate::engine::ResetMode;

/// Where the kernel lists what it swaps to.
pub const SWAPS: &str = "/proc/swaps";

/// How slots are cleaned, and why so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleaning {
    /// How.
    pub mode: ResetMode,
    /// Why, as the rest of a sentence.
    pub reason: &'static str,
}

impl Cleaning {
    /// What this machine allows now.
    #[must_use]
    pub fn of_machine() -> Self {
        Self::with(PoolingAllocationConfig::is_pagemap_scan_available(), swap_is_active(Path::new(SWAPS)))
    }

    fn with(can_scan: bool, swaps: bool) -> Self {
        let (mode, reason) = match (can_scan, swaps) {
            (true, false) => (ResetMode::PagemapScan, "nothing can be swapped out"),
            (true, true) => (ResetMode::KeepResident, "swap is active, and a scan would skip what is swapped out"),
            (false, _) => (ResetMode::KeepResident, "the kernel does not scan pagemaps, or not for this process"),
        };
        Self { mode, reason }
    }
}

impl ResetMode {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PagemapScan => "pagemap-scan",
            Self::KeepResident => "keep-resident",
        }
    }
}

/// Whether the kernel swaps, by the list at `swaps`. Not being able to tell counts as yes.
#[must_use]
pub fn swap_is_active(swaps: &Path) -> bool {
    fs::read_to_string(swaps).map_or(true, |text| lists_swap(&text))
}

/// Whether such a list has an entry. Its first line is a heading.
#[must_use]
pub fn lists_swap(list: &str) -> bool {
    list.lines().nth(1).is_some()
}

#[cfg(test)]
mod tests;
