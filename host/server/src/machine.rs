//! What the machine, or the control group around the process, gives.

use std::fs;

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
    use super::{from_limit, from_meminfo};

    #[test]
    fn the_files_of_the_kernel_are_understood() {
        assert_eq!(from_meminfo("MemFree: 1 kB\nMemTotal:       24690064 kB\n"), Some(25_282_625_536));
        assert_eq!(from_meminfo("MemTotal: much"), None);
        assert_eq!((from_limit("536870912\n"), from_limit("max\n")), (Some(536_870_912), None));
    }
}
