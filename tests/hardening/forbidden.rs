//! What a hardened process tries in vain, and what the same program does when it is not hardened.

use std::fs;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::landlock_abi;

/// The program that tries, built together with the tests.
pub(super) const ACTS: &str = env!("CARGO_BIN_EXE_hostel-acts");

/// What a host does all day.
const ALLOWED: [&str; 13] = [
    "read the folder",
    "list the folder",
    "write to the state",
    "make a folder in the state",
    "rename in the state",
    "remove from the state",
    "use nothing",
    "read the own process",
    "run the own program",
    "listen at a port",
    "connect",
    "resolve",
    "talk to itself",
];

/// What Landlock keeps it from, with the ABI that does.
const KEPT_FROM: [(&str, u32); 20] = [
    ("write to the folder", 1),
    ("change the folder's files", 1),
    ("link in the state", 1),
    ("run from the state", 1),
    ("read outside", 1),
    ("list outside", 1),
    ("change outside", 1),
    ("empty outside", 3),
    ("make outside", 1),
    ("link from outside", 1),
    ("rename from outside", 1),
    ("remove outside", 1),
    ("read outside on a new thread", 1),
    ("read the users", 1),
    ("change the users", 1),
    ("read the parent", 1),
    ("run a shell", 1),
    ("listen at another port", 4),
    ("signal the parent", 6),
    ("connect to a stranger", 6),
];

/// Everything there is for the program to act on.
struct Ground {
    folder: TempDir,
    outside: TempDir,
    socket: TcpListener,
    name: String,
    _stranger: UnixListener,
}

impl Ground {
    fn new() -> Self {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(folder.path().join(".hostel")).unwrap();
        fs::write(folder.path().join("app.wasm"), "app").unwrap();
        let program = folder.path().join(".hostel/program");
        fs::copy("/bin/true", &program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        for file in ["secret", "other", "victim"] {
            fs::write(outside.path().join(file), "word").unwrap();
        }
        let name = format!("hostel-acts-{}", outside.path().display());
        let stranger = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { folder, outside, socket, name, _stranger: stranger }
    }

    /// What came of every act of a program that is held at `level`.
    fn acts(&self, level: &str) -> Value {
        let mut command = Command::new(ACTS);
        command.arg(level).arg(self.folder.path()).arg(self.outside.path()).stdin(Stdio::null());
        command.env("HOSTEL_ACTS_PORT", self.socket.local_addr().unwrap().port().to_string());
        let output = command.env("HOSTEL_ACTS_NAME", &self.name).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}: {text}{}", output.status, String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

#[test]
fn a_hardened_process_reaches_its_territory_and_nothing_else() {
    let ground = Ground::new();
    let told = ground.acts("on");
    let acts = &told["acts"];
    for act in ALLOWED {
        assert_eq!(acts[act], "done", "{act}: {told}");
    }
    let abi = landlock_abi().unwrap_or(0);
    for (act, since) in KEPT_FROM {
        if since <= abi {
            assert!(matches!(acts[act].as_str(), Some("EACCES" | "EPERM" | "EXDEV")), "{act}: {}", acts[act]);
        } else {
            eprintln!("`{act}` was not refused here: it takes ABI {since}, and there is {abi}");
        }
    }
    if abi >= 3 {
        for file in ["secret", "other", "victim"] {
            assert_eq!(fs::read_to_string(ground.outside.path().join(file)).unwrap(), "word", "{file}");
        }
    }
}

#[test]
fn what_a_hardened_process_cannot_do_it_can_without() {
    let told = Ground::new().acts("off");
    for act in ALLOWED.iter().chain(KEPT_FROM.iter().map(|(act, _)| act)) {
        // The others only show something if the test runs as a user who may do them.
        let by_right = ["change the users", "rename from outside", "link from outside", "signal the parent"];
        if !by_right.contains(act) {
            assert_eq!(told["acts"][act], "done", "{act}");
        }
    }
    assert_eq!(told["acts"]["forbidden SYS_ptrace"], "untried");
}

#[test]
fn a_hardened_process_makes_no_call_that_a_host_does_not_need() {
    let told = Ground::new().acts("on");
    let acts = told["acts"].as_object().unwrap();
    let (mut forbidden, mut absent) = (0, 0);
    for (act, outcome) in acts {
        if act.starts_with("forbidden ") {
            assert_eq!(outcome, "EPERM", "{act}");
            forbidden += 1;
        } else if act.starts_with("absent ") {
            assert_eq!(outcome, "ENOSYS", "{act}");
            absent += 1;
        } else if act.starts_with("socket of ") {
            assert_eq!(outcome, "EAFNOSUPPORT", "{act}");
        } else if act.starts_with("usual socket ") {
            assert_eq!(outcome, "done", "{act}");
        }
    }
    assert!(forbidden > 70 && absent > 5, "{forbidden} and {absent}");
    for act in ["forbidden SYS_ptrace", "forbidden SYS_mount", "forbidden SYS_setuid", "forbidden clone with a view"] {
        assert_eq!(acts[act], "EPERM", "{act}");
    }
}

#[test]
fn a_process_that_requires_all_of_it_has_it_or_says_what_is_missing() {
    let told = Ground::new().acts("require");
    match landlock_abi() {
        Some(3..) => {
            assert_eq!(told.get("error"), None, "{told}");
            for wall in ["landlock", "seccomp", "no_new_privileges"] {
                assert!(told[wall]["in_force"].is_string(), "{told}");
            }
        }
        _ => assert!(told["error"].as_str().unwrap().contains("Landlock"), "{told}"),
    }
}
