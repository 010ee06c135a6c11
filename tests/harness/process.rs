//! The command as a process: started in a folder, stopped by signals, its output kept.

use std::ffi::OsStr;
use std::io::Read;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use hostel::cli::COMPILE_COMMAND;
use hostel_sandbox::CompileWith;
use rustix::process::{Pid, Signal, kill_process};

use super::{Answer, Captured, Connection, Request, eventually};

/// The command, built together with the tests.
const COMMAND: &str = env!("CARGO_BIN_EXE_hostel-under-test");

/// Starts a program as a service manager would: the socket that is its standard input
/// becomes descriptor 3. `exec` keeps the number of the process, which the variables name.
const HAND_OVER: &str = r#"exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web; exec "$@""#;

/// How a host that is part of a test has components compiled: by the command, as it does itself.
pub fn compile_with() -> CompileWith {
    CompileWith::program(COMMAND, &[COMPILE_COMMAND])
}

/// A process of the command. It is killed when the test ends.
pub struct Process {
    child: Child,
    readers: Vec<JoinHandle<()>>,
    /// Its standard output: the access log.
    pub stdout: Captured,
    /// Its standard error: everything else.
    pub stderr: Captured,
}

impl Process {
    /// `hostel` with these arguments.
    pub fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Self {
        Self::spawn(Command::new(COMMAND).args(arguments))
    }

    /// The same with variables of the environment.
    pub fn run_with<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>, environment: &[(&str, &str)]) -> Self {
        Self::spawn(Command::new(COMMAND).args(arguments).envs(environment.iter().copied()))
    }

    /// `hostel up` on `folder`; returns once it serves.
    #[track_caller]
    pub fn up(folder: &Path) -> Self {
        Self::up_with(folder, &[])
    }

    /// The same with variables of the environment.
    #[track_caller]
    pub fn up_with(folder: &Path, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(COMMAND);
        command.arg("up").arg(folder).envs(environment.iter().copied());
        let mut process = Self::spawn(&mut command);
        process.serves();
        process
    }

    /// `hostel` with these arguments, to which `socket` is handed over.
    pub fn handed<A: AsRef<OsStr>>(socket: &impl AsFd, arguments: impl IntoIterator<Item = A>) -> Self {
        let socket = socket.as_fd().try_clone_to_owned().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", HAND_OVER, "sh", COMMAND]).args(arguments);
        Self::spawn_with(&mut command, socket)
    }

    /// Returns once it serves.
    #[track_caller]
    pub fn serves(&mut self) {
        eventually("the table of what is served", || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("it ended with {status}: {}", self.stderr.text());
            }
            !self.addresses().is_empty()
        });
    }

    fn spawn(command: &mut Command) -> Self {
        Self::spawn_with(command, Stdio::null())
    }

    fn spawn_with(command: &mut Command, stdin: impl Into<Stdio>) -> Self {
        let command = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{COMMAND}: {error}"));
        let (stdout, stderr) = (Captured::default(), Captured::default());
        let readers = vec![
            keep(child.stdout.take().unwrap(), stdout.clone()),
            keep(child.stderr.take().unwrap(), stderr.clone()),
        ];
        Self { child, readers, stdout, stderr }
    }

    /// Where it listens, in the order of its table; empty until it serves.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let text = self.stderr.text();
        // The last line may be half there.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut found = Vec::new();
        for line in whole.lines().skip_while(|line| !line.trim_start().starts_with("LISTENER")) {
            let word = line.split_whitespace().next().unwrap_or_default();
            let address = word.strip_prefix("http://").and_then(|address| address.parse().ok());
            found.extend(address.filter(|address| !found.contains(address)));
        }
        found
    }

    /// Where its first listener is.
    pub fn address(&self) -> SocketAddr {
        self.addresses()[0]
    }

    /// A request to the first listener.
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.address(), method, path)
    }

    /// The answer to `GET` of `path`.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send()
    }

    /// A raw connection to the first listener.
    pub fn connect(&self) -> Connection {
        Connection::to(self.address())
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its resident memory in bytes.
    #[track_caller]
    pub fn resident(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end and for the rest of its output.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let mut ended = None;
        eventually("the process ends", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        ended.unwrap()
    }

    /// Stops it cleanly.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keep(mut output: impl Read + Send + 'static, mut kept: Captured) -> JoinHandle<()> {
    std::thread::spawn(move || {
        // An error is the end of the process.
        let _ = std::io::copy(&mut output, &mut kept);
    })
}
