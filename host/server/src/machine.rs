//! What the machine, or the control group around the process, gives.

use std::fs;
use std::path::Path;

use hostel_model::limits::HostLimits;
use hostel_model::units::ByteSize;
use rustix::process::{Resource, getrlimit, setrlimit};

/// Bytes to assume where nothing tells.
const FALLBACK: u64 = 1 << 30;

/// Bytes of all instances together: what `limits` say, else half of what there is.
#[must_use]
pub fn memory_budget(limits: &HostLimits) -> ByteSize {
    limits.memory_budget.unwrap_or_else(|| ByteSize(memory_bytes() / 2))
}

/// Bytes of memory the process may use: the least of the machine's and of what
/// its control groups of version 2 or 1 allow, with those around them.
#[must_use]
pub fn memory_bytes() -> u64 {
    memory_below(Path::new("/"))
}

/// The same for a machine whose files are below `root`.
fn memory_below(root: &Path) -> u64 {
    let read = |path: &str| fs::read_to_string(root.join(path)).ok();
    let machine = read("proc/meminfo").and_then(|text| from_meminfo(&text));
    let groups = read("proc/self/cgroup").unwrap_or_default();
    let files = groups.lines().flat_map(limit_files);
    // In a container the groups' own names may lead nowhere, and what holds for it is at the top.
    let tops = ["sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"].map(str::to_owned);
    let limits = files.chain(tops).filter_map(|path| from_limit(&read(&path)?));
    limits.chain(machine).min().unwrap_or(FALLBACK)
}

/// Where the limits of a group and of all around it are, by a line as in `0::/system.slice/hostel.service`
/// or, for version 1, `5:memory:/hostel`.
fn limit_files(line: &str) -> Vec<String> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, Some(path)) = (parts.next().unwrap_or_default(), parts.next()) else {
        return Vec::new();
    };
    let (folder, file) = match controllers {
        "" => ("sys/fs/cgroup", "memory.max"),
        of_version_1 if of_version_1.split(',').any(|one| one == "memory") => {
            ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return Vec::new(),
    };
    // A group outside of what this process sees begins with `/..`.
    let groups = Path::new(path).ancestors().filter_map(|group| group.strip_prefix("/").ok());
    let inside = groups.filter(|group| !group.starts_with(".."));
    inside.map(|group| format!("{folder}/{}/{file}", group.display())).collect()
}

/// The least memory with which compiling makes sense: most components take a third of it.
const COMPILE_LEAST: u64 = 768 << 20;

/// Bytes that a process which compiles may have: three quarters of what guests leave of the machine, the rest being
/// for the host itself, which loads what comes of it.
#[must_use]
pub fn compile_memory(machine: u64, budget: u64) -> u64 {
    (machine.saturating_sub(budget) / 4 * 3).max(COMPILE_LEAST)
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
    use std::fs;
    use std::path::Path;

    use super::{
        COMPILE_LEAST, FALLBACK, compile_memory, from_limit, from_meminfo, limit_files, memory_below, without_kept,
    };

    #[test]
    fn a_quarter_of_few_file_handles_is_kept_and_256_of_many() {
        for (handles, connections) in [(256, 192), (1_024, 768), (10_000, 9_744), (4, 3), (0, 0)] {
            assert_eq!(without_kept(Some(handles)), connections, "{handles}");
        }
        assert!(without_kept(None) > 1_000_000);
    }

    #[test]
    fn what_compiles_and_guests_fit_into_the_machine_together() {
        const GIB: u64 = 1 << 30;
        assert_eq!(compile_memory(8 * GIB, 4 * GIB), 3 * GIB);
        assert_eq!(compile_memory(4 * GIB, 2 * GIB), GIB * 3 / 2);
        for machine in 2..64 {
            let budget = machine * GIB / 2;
            assert!(budget + compile_memory(machine * GIB, budget) < machine * GIB, "{machine}");
        }
        // Where guests may have everything, somebody has to give way: what compiles, which ends first.
        assert_eq!(compile_memory(GIB, 4 * GIB), COMPILE_LEAST);
    }

    #[test]
    fn the_files_of_the_kernel_are_understood() {
        assert_eq!(from_meminfo("MemFree: 1 kB\nMemTotal:       24690064 kB\n"), Some(25_282_625_536));
        assert_eq!(from_meminfo("MemTotal: much"), None);
        assert_eq!((from_limit("536870912\n"), from_limit("max\n")), (Some(536_870_912), None));
    }

    /// A machine whose files are below a folder.
    fn machine(files: &[(&str, &str)]) -> u64 {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
            fs::write(path, text).unwrap();
        }
        memory_below(root.path())
    }

    #[test]
    fn the_memory_is_the_least_that_the_machine_and_all_groups_around_the_process_allow() {
        let meminfo = ("proc/meminfo", "MemTotal: 4096 kB\n");
        assert_eq!((machine(&[]), machine(&[meminfo])), (FALLBACK, 4 << 20));
        let own = ("proc/self/cgroup", "0::/system.slice/hostel.service\n");
        let (unit, slice) =
            ("sys/fs/cgroup/system.slice/hostel.service/memory.max", "sys/fs/cgroup/system.slice/memory.max");
        assert_eq!(machine(&[meminfo, own, (unit, "1048576\n"), (slice, "max\n")]), 1 << 20);
        assert_eq!(machine(&[meminfo, own, (unit, "max\n"), (slice, "2097152\n")]), 2 << 20);
        let first = ("proc/self/cgroup", "7:cpu,cpuacct:/h\n5:memory:/h\n");
        assert_eq!(machine(&[meminfo, first, ("sys/fs/cgroup/memory/h/memory.limit_in_bytes", "3145728")]), 3 << 20);
        // In a container the group may be called otherwise than its folder.
        let container = ("proc/self/cgroup", "0::/../../docker/abc\n");
        assert_eq!(machine(&[meminfo, container, ("sys/fs/cgroup/memory.max", "524288\n")]), 512 << 10);
        assert_eq!(limit_files("nonsense"), Vec::<String>::new());
    }
}
