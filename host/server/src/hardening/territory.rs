//! What a host touches besides memory and sockets: which files, which ports.
//!
//! Landlock's rules are about files as they are when the rules are made, and what
//! lies below a folder then and later. A file that is replaced is another file.
//! So for a file that the configuration names its folder is opened, and the
//! folder that each link on the way leads to: certificates are renewed and
//! releases switched by swapping links. Folders that everybody shares (`/etc`) are
//! left closed; there a replaced file needs a restart.

use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

#[cfg(test)]
mod tests;

/// Links on the way to a file: as many as the system itself follows.
const LINKS_MAX: usize = 40;

/// Folders that hold things of many owners. So does every folder at the top.
const SHARED: [&str; 8] =
    ["/etc/pki", "/etc/ssl", "/usr/lib", "/usr/local", "/usr/share", "/var/lib", "/var/run", "/var/tmp"];

/// How names become addresses, by the C library's rules.
const RESOLVER: [&str; 5] = ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf"];

/// Where systems keep the authorities that their programs believe: public, all of it.
const AUTHORITIES: [&str; 11] = [
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/ca-trust/extracted",
    "/etc/ca-certificates/extracted",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/share/pki",
    "/var/lib/ca-certificates",
];

/// What the host, its runtime and the C library ask of the kernel: memory and its limits, cores, swap, the
/// process itself. `/proc/self` is this process alone; a child that compiles does without. What lies in `/proc` is
/// made anew whenever the kernel forgets it, and is then another file: what is needed later is opened at the start.
const KERNEL: [&str; 10] = [
    "/proc/self",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/cpuinfo",
    "/proc/swaps",
    "/proc/sys/vm/overcommit_memory",
    "/sys/fs/cgroup",
    "/sys/devices/system/cpu",
    "/dev/urandom",
    "/dev/random",
];

/// Everything that is left when the walls stand. Paths that are not there are passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Territory {
    /// Files that may be read, and folders with everything below.
    pub(super) read: BTreeSet<PathBuf>,
    /// Folders whose entries may be listed, below as well.
    pub(super) list: BTreeSet<PathBuf>,
    /// Folders in which everything may be done but run a program.
    pub(super) change: BTreeSet<PathBuf>,
    /// Folders in which sockets may be made and files removed.
    pub(super) sockets: BTreeSet<PathBuf>,
    /// Programs that may be run, and what they are loaded with.
    pub(super) run: BTreeSet<PathBuf>,
    /// Files that may be read and written, and that nothing is kept in.
    pub(super) sinks: BTreeSet<PathBuf>,
    /// TCP ports that may be listened on; 0 stands for those that the system chooses.
    pub(super) ports: BTreeSet<u16>,
    /// Whether Unix sockets without a path may be connected to that others have made.
    pub(super) strangers: bool,
}

impl Territory {
    /// Nothing at all.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// What every host needs, whatever it is configured to do.
    #[must_use]
    pub fn of_every_host() -> Self {
        let mut territory = Self::default();
        territory.read.extend(KERNEL.iter().chain(&AUTHORITIES).map(PathBuf::from));
        for file in RESOLVER {
            territory.file(Path::new(file));
        }
        // A child whose memory map cannot be read makes wasmtime open this in its place, or end.
        territory.sinks.insert(PathBuf::from("/dev/null"));
        territory.own_program();
        territory
    }

    /// A folder that is read with everything in it.
    pub fn folder(&mut self, path: &Path) {
        self.read.extend(ways(path));
    }

    /// A file that is read, and whatever takes its place.
    pub fn file(&mut self, path: &Path) {
        for end in ways(path) {
            let folder = if end.is_dir() { Some(end.as_path()) } else { end.parent() };
            match folder {
                Some(folder) if !is_shared(folder) => self.read.insert(folder.to_path_buf()),
                Some(_) | None => self.read.insert(end),
            };
        }
    }

    /// The folder of the host's own data. Its name is synced as well, for which the folder it is in is opened.
    pub fn state(&mut self, path: &Path) {
        self.change.insert(path.to_path_buf());
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        self.list.extend(path.parent().map(Path::to_path_buf));
    }

    /// The place of a Unix socket that is listened on.
    pub fn socket(&mut self, path: &Path) {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        self.sockets.extend(path.parent().map(Path::to_path_buf));
    }

    /// A TCP port that is listened on.
    pub fn port(&mut self, port: u16) {
        self.ports.insert(port);
    }

    /// Unix sockets without a path, whoever made them: a service manager may listen at one.
    pub fn strangers(&mut self) {
        self.strangers = true;
    }

    /// The host's program and what it is loaded with: a child that compiles is the same
    /// program again. Beside libraries lie those that the C library loads when a name
    /// is resolved.
    fn own_program(&mut self) {
        let program = std::env::current_exe().unwrap_or_default();
        let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
        for object in loaded_objects(&maps) {
            let folder = object.parent().filter(|folder| object != program && !is_top(folder));
            self.read.extend(folder.map(Path::to_path_buf));
            self.run.insert(object);
        }
        self.run.insert(program);
        self.read.insert(PathBuf::from("/etc/ld.so.cache"));
    }
}

/// The files that a process runs code from, by its memory map (proc_pid_maps(5)).
fn loaded_objects(maps: &str) -> BTreeSet<PathBuf> {
    let object = |line: &str| {
        let mut fields = line.splitn(6, ' ');
        let permissions = fields.nth(1)?;
        let path = fields.nth(3)?.trim_start();
        (permissions.contains('x') && path.starts_with('/')).then(|| PathBuf::from(path))
    };
    maps.lines().filter_map(object).collect()
}

/// The end of the way to `path`, and beside it whatever the links on the way may come to lead to: the folders
/// that their targets lie in, but for those that are shared.
fn ways(path: &Path) -> BTreeSet<PathBuf> {
    let mut ends = BTreeSet::new();
    let Ok(path) = std::path::absolute(path) else {
        return ends;
    };
    let (mut folder, mut rest, mut links) = (PathBuf::from("/"), names(&path), 0);
    while let Some(name) = rest.pop_front() {
        if name == ".." {
            folder.pop();
            continue;
        }
        let next = folder.join(&name);
        match fs::read_link(&next) {
            Ok(target) if links < LINKS_MAX => {
                links += 1;
                let target = folder.join(target);
                // The system's own links (`/var/run`, `/lib`) are not swapped, and lead to shared folders.
                let beside = target.parent().and_then(|beside| fs::canonicalize(beside).ok());
                ends.extend(beside.filter(|beside| !is_shared(beside)));
                let mut way = names(&target);
                way.append(&mut rest);
                (folder, rest) = (PathBuf::from("/"), way);
            }
            _ => folder = next,
        }
    }
    ends.insert(folder);
    ends
}

/// The parts of a path that are names, and the ways up between them.
fn names(path: &Path) -> VecDeque<OsString> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    parts.collect()
}

/// Whether a folder holds what belongs to many, or to one person for many purposes.
fn is_shared(folder: &Path) -> bool {
    is_top(folder)
        || SHARED.iter().any(|shared| folder == Path::new(shared))
        || folder.parent() == Some(Path::new("/home"))
}

/// Whether it is the root, or right below it.
fn is_top(folder: &Path) -> bool {
    folder.components().count() <= 2
}
