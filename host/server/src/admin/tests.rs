//! The admin plane behind real sockets, with a host that is made up.

mod api;
mod changes;
mod doors;
mod explain;
mod gate;
mod health;
mod keyvalue;
mod scene;
mod services;
mod tenants;
mod transfers;
mod uploads;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use hostel_model::limits::HostLimits;
use hostel_model::plan::{ListenerPlan, TlsPlan};
use hostel_model::platform::{BoxTask, Clock, Monotonic, Platform};
use hostel_sandbox::swap::Cleaning;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::readiness::Readiness;
use super::{Admin, AdminError, AdminSettings, AdminState, ServedListener, start};
use crate::hardening::Slots;
use crate::live::LiveTable;
use crate::metrics::{Levels, Metrics};
use crate::platform::real_platform;
use crate::sockets::Inherited;

/// A clock that a test can put forward.
struct Shifted {
    real: Arc<dyn Clock>,
    shift: Mutex<Duration>,
}

impl Clock for Shifted {
    fn now(&self) -> Monotonic {
        self.real.now().after(*self.shift.lock().unwrap())
    }

    fn wall(&self) -> SystemTime {
        self.real.wall()
    }

    fn sleep_until(&self, at: Monotonic) -> BoxTask {
        self.real.sleep_until(at)
    }

    fn pause_thread(&self, time: Duration) {
        self.real.pause_thread(time);
    }
}

/// A folder, and what is needed to start admin planes in it.
struct Ground {
    folder: TempDir,
    runtime: Runtime,
    platform: Platform,
}

impl Ground {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let platform = real_platform(runtime.handle().clone());
        Self { folder: TempDir::new().unwrap(), runtime, platform }
    }

    fn settings(&self) -> AdminSettings {
        AdminSettings {
            socket: self.folder.path().join("admin.sock"),
            address: Some("127.0.0.1:0".parse().unwrap()),
            token_file: self.folder.path().join("admin.token"),
            inherited: Inherited::default(),
        }
    }

    fn state(&self) -> AdminState {
        let metrics = Arc::new(Metrics::new());
        let for_text = Arc::clone(&metrics);
        let clock = Arc::clone(&self.platform.clock);
        AdminState {
            live: Arc::new(LiveTable::default()),
            metrics,
            metrics_text: Box::new(move || for_text.text(Levels::default())),
            readiness: Arc::new(Readiness::new(Arc::clone(&clock))),
            listeners: Arc::new(OnceLock::new()),
            deployer: Arc::new(OnceLock::new()),
            scratch: self.folder.path().join("scratch"),
            slots: Arc::new(Slots::new(Cleaning::of_machine())),
            host_limits: HostLimits::default(),
            started: clock.now(),
            clock,
        }
    }

    fn start(&self, settings: AdminSettings) -> Result<Admin, AdminError> {
        start(settings, self.state(), &self.platform)
    }

    fn error(&self, settings: AdminSettings) -> String {
        match self.start(settings) {
            Ok(_) => panic!("it started"),
            Err(error) => error.to_string(),
        }
    }
}

/// An admin plane that answers, and its token.
struct Plane {
    admin: Admin,
    socket: PathBuf,
    address: SocketAddr,
    token: String,
    readiness: Arc<Readiness>,
    listeners: Arc<OnceLock<Vec<ServedListener>>>,
    live: Arc<LiveTable>,
    ground: Ground,
}

impl Plane {
    fn new() -> Self {
        let ground = Ground::new();
        let state = ground.state();
        Self::with(ground, state)
    }

    fn with(ground: Ground, state: AdminState) -> Self {
        let (readiness, listeners) = (Arc::clone(&state.readiness), Arc::clone(&state.listeners));
        let live = Arc::clone(&state.live);
        let settings = ground.settings();
        let (socket, token_file) = (settings.socket.clone(), settings.token_file.clone());
        let admin = start(settings, state, &ground.platform).unwrap();
        let address = admin.address().unwrap();
        let token = std::fs::read_to_string(token_file).unwrap().trim_end().to_owned();
        Self { admin, socket, address, token, readiness, listeners, live, ground }
    }

    /// What the Unix socket answers to `GET path`.
    fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), &[])
    }

    /// What the Unix socket answers to a request line's beginning and more header fields.
    fn ask(&self, line: &str, headers: &[(&str, &str)]) -> Answer {
        let mut all = vec![("Host", "localhost")];
        all.extend(headers);
        exchange(UnixStream::connect(&self.socket).unwrap(), line, &all)
    }

    /// What the TCP address answers, with exactly these header fields.
    fn ask_tcp(&self, line: &str, headers: &[(&str, &str)]) -> Answer {
        exchange(TcpStream::connect(self.address).unwrap(), line, headers)
    }

    fn authorization(&self) -> String {
        format!("Bearer {}", self.token)
    }
}

/// A listener as a host would have it.
fn listener(address: &str) -> ServedListener {
    ServedListener::of(&ListenerPlan::all(address.parse().unwrap()), 0, address.parse().unwrap(), None)
}

/// The same with TLS and a door that sends requests on to it, once `change` was made.
fn tls_listener(address: &str, redirect_from: &str, change: impl FnOnce(&mut ListenerPlan)) -> ServedListener {
    let address = address.parse().unwrap();
    let tls = TlsPlan { certificates: Vec::new(), client_ca: None, redirect_from: redirect_from.parse().ok() };
    let mut plan = ListenerPlan { tls: Some(tls), ..ListenerPlan::all(address) };
    change(&mut plan);
    ServedListener::of(&plan, 1, address, redirect_from.parse().ok())
}

/// What came back.
struct Answer {
    status: u16,
    /// Names in lower case, in the order in which they came.
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The last word of a problem's type, once everything that all have was looked at.
    #[track_caller]
    fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.body);
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.ends_with('.')), "{problem}");
        problem["type"].as_str().unwrap().rsplit(':').next().unwrap().to_owned()
    }
}

fn exchange(mut stream: impl Read + Write, line: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: `{answer}`"));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| line.split_once(": ").unwrap());
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: body.to_owned() }
}
