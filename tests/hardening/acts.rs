//! Holds itself as a host does and then does what a guest that got out would try: `hostel-acts LEVEL FOLDER OUTSIDE`;
//! or as a process that compiles: `hostel-acts --compiler LEVEL`.
//!
//! What came of each act is one member of a line of JSON: `done`, the name of an
//! error, or `untried`. System calls are only tried where a filter is in force: some
//! of them would change the machine. FOLDER holds `app.wasm` and `.hostel`, OUTSIDE
//! holds `secret`; `HOSTEL_ACTS_PORT` is a port that somebody listens on, and
//! `HOSTEL_ACTS_NAME` a Unix socket without a path.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::{Parser, ValueEnum as _};
use hostel::hardening::refused::{KINDS, X32_BIT};
use hostel::hardening::{Level, Territory, Wall, apply};
use rustix::process::{getppid, test_kill_process};
use serde_json::{Value, json};

/// A family of sockets that no host uses: packets without their headers.
const PACKET: i64 = 17;
/// The same for virtual machines.
const VIRTUAL: i64 = 40;
/// The same for the kernel's ciphers.
const CIPHERS: i64 = 38;

mod trapped;

/// What to hold, and where to act.
#[derive(Parser)]
struct Arguments {
    level: String,
    #[arg(default_value = ".")]
    folder: PathBuf,
    #[arg(default_value = ".")]
    outside: PathBuf,
    #[arg(long)]
    nothing: bool,
    /// Hold itself as a process that compiles.
    #[arg(long)]
    compiler: bool,
    /// On a kernel that takes no more filters.
    #[arg(long)]
    exhausted: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.nothing {
        return ExitCode::SUCCESS;
    }
    let level = Level::from_str(&arguments.level, false).expect("LEVEL must be one");
    if arguments.compiler {
        return trapped::act(level, arguments.exhausted);
    }
    let mut territory = Territory::of_every_host();
    territory.folder(&arguments.folder);
    territory.state(&arguments.folder.join(".hostel"));
    territory.port(0);
    let report = apply(level, &territory);
    let mut told = json!({ "acts": {} });
    match report {
        Ok(report) => {
            let reason = |wall: &Wall| match wall {
                Wall::InForce(how) => json!({ "in_force": how }),
                Wall::Missing(why) => json!({ "missing": why }),
            };
            told["landlock"] = reason(&report.landlock);
            told["seccomp"] = reason(&report.seccomp);
            told["no_new_privileges"] = reason(&report.no_new_privileges);
        }
        Err(error) => told["error"] = error.to_string().into(),
    }
    let mut acts = BTreeMap::new();
    act_on_files(&arguments, &mut acts);
    act_on_others(&mut acts);
    act_by_calls(&mut acts);
    told["acts"] = acts.into_iter().collect();
    let written = writeln!(io::stdout(), "{told}");
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

type Acts = BTreeMap<String, Value>;

/// Notes what came of an act, by the name of the error.
fn note<T>(acts: &mut Acts, act: &str, outcome: io::Result<T>) {
    let told = outcome.map_or_else(|error| name(&error), |_| "done".to_owned());
    acts.insert(act.to_owned(), told.into());
}

fn name(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EPERM) => "EPERM".to_owned(),
        Some(libc::EACCES) => "EACCES".to_owned(),
        Some(libc::ENOSYS) => "ENOSYS".to_owned(),
        Some(libc::EXDEV) => "EXDEV".to_owned(),
        Some(libc::EAFNOSUPPORT) => "EAFNOSUPPORT".to_owned(),
        _ => error.to_string(),
    }
}

fn append(path: &Path) -> io::Result<File> {
    File::options().append(true).open(path)
}

fn act_on_files(arguments: &Arguments, acts: &mut Acts) {
    let (folder, outside) = (&arguments.folder, &arguments.outside);
    let (state, secret) = (folder.join(".hostel"), outside.join("secret"));
    note(acts, "read the folder", fs::read(folder.join("app.wasm")));
    note(acts, "list the folder", fs::read_dir(folder));
    note(acts, "write to the folder", File::create(folder.join("new")));
    note(acts, "change the folder's files", append(&folder.join("app.wasm")));
    note(acts, "write to the state", File::create(state.join("new")));
    note(acts, "make a folder in the state", fs::create_dir(state.join("made")));
    note(acts, "rename in the state", fs::rename(state.join("new"), state.join("made/newer")));
    note(acts, "remove from the state", fs::remove_dir_all(state.join("made")));
    note(acts, "link in the state", std::os::unix::fs::symlink("/", state.join("link")));
    note(acts, "run from the state", run(&state.join("program")));
    note(acts, "read outside", fs::read(&secret));
    note(acts, "list outside", fs::read_dir(outside));
    note(acts, "change outside", append(&secret));
    note(acts, "empty outside", empty(&secret));
    note(acts, "make outside", File::create(outside.join("new")));
    note(acts, "link from outside", fs::hard_link(&secret, state.join("stolen")));
    note(acts, "rename from outside", fs::rename(outside.join("other"), state.join("stolen")));
    note(acts, "remove outside", fs::remove_file(outside.join("victim")));
    let secret_of_thread = secret.clone();
    let thread = std::thread::Builder::new().spawn(move || fs::read(secret_of_thread));
    note(acts, "read outside on a new thread", thread.and_then(|thread| thread.join().expect("it must not panic")));
    note(acts, "read the users", fs::read("/etc/passwd"));
    note(acts, "change the users", append(Path::new("/etc/passwd")));
    note(acts, "use nothing", append(Path::new("/dev/null")).and_then(|mut null| null.write_all(b"x")));
    note(acts, "read the own process", fs::read("/proc/self/status"));
    note(acts, "run a shell", run(Path::new("/bin/sh")));
    note(acts, "run the own program", run(Path::new("/proc/self/exe")));
}

/// By its path: no file is opened for it.
fn empty(path: &Path) -> io::Result<()> {
    let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes())?;
    call(libc::SYS_truncate, [path.as_ptr() as i64, 0, 0, 0, 0, 0])
}

/// Runs a program to its end. As `sh` it says `exit`, as this program it does nothing.
fn run(program: &Path) -> io::Result<()> {
    let mut command = Command::new(program);
    let arguments: &[&str] = if program.ends_with("sh") { &["-c", "exit"] } else { &["off", "a", "b", "--nothing"] };
    let status = command.args(arguments).stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(ErrorKind::Other.into()) }
}

fn act_on_others(acts: &mut Acts) {
    let parent = getppid().expect("there must be a parent");
    note(acts, "signal the parent", test_kill_process(parent).map_err(io::Error::from));
    note(acts, "read the parent", fs::read(format!("/proc/{}/environ", parent.as_raw_nonzero())));
    note(acts, "listen at a port", TcpListener::bind("127.0.0.1:0"));
    let unknown = free_port();
    note(acts, "listen at another port", TcpListener::bind(("127.0.0.1", unknown)));
    let variable = |name: &str| std::env::var(name).expect("the test must tell it");
    note(acts, "connect", TcpStream::connect(format!("127.0.0.1:{}", variable("HOSTEL_ACTS_PORT"))));
    note(acts, "resolve", ("localhost", 80).to_socket_addrs());
    let strange = SocketAddr::from_abstract_name(variable("HOSTEL_ACTS_NAME"));
    note(acts, "connect to a stranger", strange.and_then(|address| UnixStream::connect_addr(&address)));
    note(acts, "talk to itself", UnixStream::pair());
}

/// One that the system has just chosen, and that no rule names.
fn free_port() -> u16 {
    let chosen = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    chosen.expect("a port must be free").port()
}

fn act_by_calls(acts: &mut Acts) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let filtered = status.lines().any(|line| line.starts_with("Seccomp:") && line.ends_with('2'));
    let nonsense = [-1; 6];
    for (kind, (call_name, number)) in KINDS.iter().flat_map(|kind| kind.calls.iter().map(move |call| (kind, call))) {
        let act = format!("{} {call_name}", if kind.is_absent { "absent" } else { "forbidden" });
        attempt(acts, filtered, &act, *number, nonsense);
        if cfg!(target_arch = "x86_64") {
            attempt(acts, filtered, &format!("{act} of x32"), number | X32_BIT, nonsense);
        }
    }
    // The kernel itself would say that these two flags exclude each other.
    let views = i64::from(libc::CLONE_NEWUSER | libc::CLONE_FS);
    attempt(acts, filtered, "forbidden clone with a view", libc::SYS_clone, [views, 0, 0, 0, 0, 0]);
    for (family, kind) in [(PACKET, 2), (VIRTUAL, 1), (CIPHERS, 5), (2, 3), (10, 3), (2, 10), (16, 3)] {
        let protocol = if family == 16 { 9 } else { 0 };
        let act = format!("socket of {family}, {kind}, {protocol}");
        attempt(acts, filtered, &act, libc::SYS_socket, [family, kind, protocol, 0, 0, 0]);
    }
    attempt(acts, filtered, "usual socket of 2, 2, 0", libc::SYS_socket, [2, 2, 0, 0, 0, 0]);
    attempt(acts, filtered, "usual socket of 16, 3, 0", libc::SYS_socket, [16, 3, 0, 0, 0, 0]);
}

fn attempt(acts: &mut Acts, filtered: bool, act: &str, number: i64, arguments: [i64; 6]) {
    if filtered {
        note(acts, act, call(number, arguments));
    } else {
        acts.insert(act.to_owned(), "untried".into());
    }
}

/// A system call by its number, as code that got out of its sandbox would make it.
#[expect(unsafe_code, reason = "there is no other way to make a call that no library offers")]
fn call(number: i64, arguments: [i64; 6]) -> io::Result<()> {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: either the arguments are those of the call, or the call is refused before they are looked at.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
