//! Notices that swap was switched on under a host that scans page maps, and makes slots clean again or ends their use.
//!
//! A scan skips pages that were swapped out, so from then on it would hand one
//! tenant's bytes to the next. Locking the slots in memory is not to be had: they
//! belong to wasmtime. What can be done, in this order:
//!
//! 1. Scans are made to fail, on all threads at once, by a filter of system calls.
//!    wasmtime then writes zeroes and gives pages back, which needs no scan.
//! 2. The kernel is asked whether anything of this process is swapped out now. If
//!    nothing is, no slot holds what a scan has skipped, and the host goes on,
//!    slower and safe: whatever is swapped out later is cleaned the other way.
//! 3. If something is, or one of the two cannot be done, nobody knows what the
//!    slots hold. No instance begins and none grows any more, and the host is to
//!    end, so that its service manager starts one that never scans.
//!
//! The kernel wakes whoever waits for a change of its list, so that the time in
//! between is that of a context switch; where it does not, the list is read every second.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use hostel_model::platform::Platform;
use hostel_sandbox::swap::{Cleaning, SWAPS, lists_swap};
use hostel_sandbox::{ResetMode, Sandbox};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::watch;

use super::refuse_pagemap_scans;

#[cfg(test)]
mod tests;

/// Between two looks at a list whose changes nobody tells.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Where the kernel adds up what it knows of a process's pages.
const ROLLUP: &str = "/proc/self/smaps_rollup";

/// How slots are cleaned now, for whoever tells of it.
#[derive(Debug)]
pub struct Slots {
    start: Cleaning,
    now: AtomicU8,
}

/// What has become of scanning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Now {
    AsAtStart,
    Refused,
    Unclean,
}

impl Slots {
    /// As they are cleaned at the start.
    #[must_use]
    pub fn new(start: Cleaning) -> Self {
        Self { start, now: AtomicU8::new(Now::AsAtStart as u8) }
    }

    /// How they are cleaned now.
    #[must_use]
    pub fn cleaning(&self) -> Cleaning {
        let now = self.now.load(Ordering::SeqCst);
        if now == Now::AsAtStart as u8 {
            return self.start;
        }
        let reason = if now == Now::Refused as u8 {
            "swap was switched on while the host ran"
        } else {
            "swap was switched on while the host ran, and no slot is used any more; restart the host"
        };
        Cleaning { mode: ResetMode::KeepResident, reason }
    }

    fn set(&self, now: Now) {
        self.now.store(now as u8, Ordering::SeqCst);
    }
}

/// Ready once the slots are not known to be clean any more, and the host is to end.
#[derive(Clone)]
pub struct Unclean(watch::Receiver<bool>);

impl Unclean {
    /// Waits until it is so; for ever if it never is.
    pub async fn wait(&mut self) {
        if self.0.wait_for(|unclean| *unclean).await.is_err() {
            // The watch is over: there is nothing to watch for, or it was settled well.
            std::future::pending::<()>().await;
        }
    }
}

/// A watch over swap; it ends soon after this is dropped.
pub struct SwapWatch {
    stop: Arc<AtomicBool>,
}

impl SwapWatch {
    /// Watches for `sandbox`, if its slots are scanned. `slots` is told what becomes of them.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(sandbox: &Arc<Sandbox>, slots: &Arc<Slots>, platform: &Platform) -> io::Result<(Self, Unclean)> {
        let stop = Arc::new(AtomicBool::new(false));
        let (unclean, told) = watch::channel(false);
        if sandbox.cleaning().mode == ResetMode::PagemapScan {
            // Opened now and kept: what lies in `/proc` is made anew whenever the kernel forgets it, and is
            // then another file than the one that a hardened process may open.
            let (mut list, mut rollup) = (File::open(SWAPS).ok(), File::open(ROLLUP).ok());
            // The pools are large: they go with the host and do not wait for the next look.
            let sandbox = Arc::downgrade(sandbox);
            let (slots, stopped) = (Arc::clone(slots), Arc::clone(&stop));
            let body = move || {
                if wait_for_swap(list.as_mut(), &stopped) {
                    let end_use = || {
                        if let Some(sandbox) = sandbox.upgrade() {
                            sandbox.memory_budget().close();
                        }
                    };
                    let now = respond(refuse_pagemap_scans, || swapped_out(rollup.as_mut()?), end_use);
                    slots.set(now);
                    unclean.send_replace(now == Now::Unclean);
                }
            };
            platform.spawn.thread("hostel-swap", Box::new(body))?;
        }
        Ok((Self { stop }, Unclean(told)))
    }
}

impl Drop for SwapWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Returns with `true` once `list` has an entry or cannot be read, with `false` if told to stop before.
fn wait_for_swap(list: Option<&mut File>, stop: &AtomicBool) -> bool {
    let Some(list) = list else { return true };
    while !stop.load(Ordering::Relaxed) {
        if content(list).is_none_or(|text| lists_swap(&text)) {
            return true;
        }
        let patience = Timespec { tv_sec: LOOK_EVERY.as_secs().cast_signed(), tv_nsec: 0 };
        // A signal or a list that nobody tells of: then the next look decides.
        let _ = poll(&mut [PollFd::new(&*list, PollFlags::PRI)], Some(&patience));
    }
    false
}

/// What a file says now, from its beginning.
fn content(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    Some(text)
}

/// Does what is left to be done, see the top of this file.
fn respond(
    refuse_scans: impl FnOnce() -> Result<(), String>,
    swapped_out: impl FnOnce() -> Option<u64>,
    end_use: impl FnOnce(),
) -> Now {
    let refused = refuse_scans();
    match (&refused, swapped_out()) {
        (Ok(()), Some(0)) => {
            tracing::warn!("swap was switched on: slots are cleaned without scans from now on, which takes longer");
            Now::Refused
        }
        (_, bytes) => {
            end_use();
            let scans = refused.err().unwrap_or_else(|| "refused".to_owned());
            let bytes = bytes.map_or_else(|| "unknown".to_owned(), |bytes| bytes.to_string());
            tracing::error!(
                swapped_out = bytes,
                scans,
                "swap was switched on, and slots may hold what other services left; no instance begins any more, \
                 and the host ends: start it again"
            );
            Now::Unclean
        }
    }
}

/// Bytes of this process that are swapped out, counted page by page. The sum in `status` is an
/// estimate on some kernels.
fn swapped_out(rollup: &mut File) -> Option<u64> {
    let text = content(rollup)?;
    let line = text.lines().find_map(|line| line.strip_prefix("Swap:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1_024)
}
