//! What the machine, or the control group around the process, gives.

use std::fs;

use rustix::process::{Resource, getrlimit, setrlimit};

/// Bytes to assume where nothing tells.
const FALLBACK: u64 = 1 << 30;

/// Bytes of memory the process may use: the least of the machine's and of what
/// control groups of version 2 or 1 allow.
#[must_use]
pub fn memory_bytes() -> u64 {
    let read = |path: &str| fs::read_to_string(path).ok();
    let limits = [
        read("/proc/meminfo").and_then(|text| from_meminfo(&text)),
        read("/sys/fs/cgroup/memory.max").and_then(|text| from_limit(&text)),
        read("/sys/fs/cgroup/memory/memory.limit_in_bytes").and_then(|text| from_limit(&text)),
    ];
    limits.into_iter().flatten().min().unwrap_or(FALLBACK)
}

/// File handles that are kept for everything but connections: components, databases, logs.
const HANDLES_KEPT: u64 = 256;

/// How many connections there are file handles for: as many as the process may
/// have, without a quarter of them or 256, whichever is less. Asks for all that
/// the hard limit gives first.
#[must_use]
pub fn connections_max() -> u32 {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum || limit.maximum.is_none() {
        let raised = rustix::process::Rlimit { current: limit.maximum, ..limit };
        // Where that is refused, the soft limit holds.
        if setrlimit(Resource::Nofile, raised).is_ok() {
            limit = raised;
        }
    }
    without_kept(limit.current)
}

fn without_kept(handles: Option<u64>) -> u32 {
    let Some(handles) = handles else {
        return u32::MAX >> 4;
    };
    u32::try_from(handles - HANDLES_KEPT.min(handles / 4)).unwrap_or(u32::MAX).min(u32::MAX >> 4)
}

/// `MemTotal:   24690064 kB`.
fn from_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// A number, or `max` for none.
fn from_limit(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{from_limit, from_meminfo, without_kept};

    #[test]
    fn a_quarter_of_few_file_handles_is_kept_and_256_of_many() {
        for (handles, connections) in [(256, 192), (1_024, 768), (10_000, 9_744), (4, 3), (0, 0)] {
            assert_eq!(without_kept(Some(handles)), connections, "{handles}");
        }
        assert!(without_kept(None) > 1_000_000);
    }

    #[test]
    fn the_files_of_the_kernel_are_understood() {
        assert_eq!(from_meminfo("MemFree: 1 kB\nMemTotal:       24690064 kB\n"), Some(25_282_625_536));
        assert_eq!(from_meminfo("MemTotal: much"), None);
        assert_eq!((from_limit("536870912\n"), from_limit("max\n")), (Some(536_870_912), None));
    }
}
