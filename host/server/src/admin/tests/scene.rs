//! An admin plane with a store and a deployer behind it, and a client that sends bodies.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use hostel_model::digest::{Digest, RevisionId, RevisionNumber};
use hostel_model::limits::HostLimits;
use hostel_model::name::ServiceName;
use hostel_model::standing::Standing;
use hostel_model::units::ByteSize;
use hostel_sandbox::{CompileWith, Sandbox};
use hostel_storage::{Artifacts, Batch, Change, Journal, KeptRevision, KeyValue, NewEntry, StateFolder};
use serde_json::Value;

use super::{Ground, Plane};
use crate::deploy::{Deployer, DeployerHandle, Store};

/// A component of the right layer that answers no requests.
pub(super) const EMPTY_COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// A host that has deployed what its journal says, as far as that can be.
pub(super) struct Scene {
    pub(super) plane: Plane,
    pub(super) store: Arc<Store>,
    pub(super) deployer: DeployerHandle,
    pub(super) folder: StateFolder,
}

/// What came back, byte by byte.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    /// Whether the body came to its end.
    pub(super) whole: bool,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self::after(|_| {})
    }

    /// With what `before` has put into the store.
    pub(super) fn after(before: impl FnOnce(&Store)) -> Self {
        let ground = Ground::new();
        let folder = StateFolder::open(&ground.folder.path().join("state")).unwrap();
        let store = Arc::new(Store {
            artifacts: Artifacts::open(&folder.artifacts()).unwrap(),
            journal: Journal::open(&folder.control()).unwrap(),
            keyvalue: KeyValue::open(&folder.guests(), &ground.platform).unwrap(),
        });
        before(&store);
        let limits = HostLimits { instances: 4, memory_max: ByteSize::mib(16), ..HostLimits::default() };
        // Nothing here gets as far as being compiled.
        let compile_with = CompileWith::program("no compiler in these tests", &[]);
        let sandbox = Sandbox::start(&limits, ByteSize::GIB.0, compile_with, &ground.platform);
        let sandbox = Arc::new(sandbox.unwrap());
        let state = ground.state();
        let (live, metrics) = (Arc::clone(&state.live), Arc::clone(&state.metrics));
        let platform = ground.platform.clone();
        let deployer =
            Deployer::new(sandbox, live, Arc::clone(&store), metrics, platform.clone(), limits.memory_max).unwrap();
        let deployer = DeployerHandle::start(deployer, &platform).unwrap();
        assert!(state.deployer.set(deployer.clone()).is_ok());
        Self { plane: Plane::with(ground, state), store, deployer, folder }
    }

    /// What the Unix socket answers to a request with this body.
    pub(super) fn send(&self, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let length = body.len().to_string();
        let mut all = vec![("Content-Length", length.as_str())];
        all.extend(headers);
        self.send_raw(line, &all, body)
    }

    /// The same with exactly these header fields beside the host.
    pub(super) fn send_raw(&self, line: &str, headers: &[(&str, &str)], bytes: &[u8]) -> Reply {
        let mut stream = self.begin(line, headers);
        // A host may refuse before it has read everything.
        let _ = stream.write_all(bytes);
        Reply::read(stream)
    }

    /// The head of a request, whose body is still to be sent.
    pub(super) fn begin(&self, line: &str, headers: &[(&str, &str)]) -> UnixStream {
        let mut stream = UnixStream::connect(&self.plane.socket).unwrap();
        let mut head = format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        stream
    }

    /// What the folder of components holds, by the names of its files.
    pub(super) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.artifacts()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Reply {
    pub(super) fn read(mut stream: UnixStream) -> Self {
        let mut bytes = Vec::new();
        // A reset is an end, too.
        let _ = stream.read_to_end(&mut bytes);
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("there must be a head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let rest = &bytes[end + 4..];
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let (body, whole) = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
            unchunked(rest)
        } else {
            (rest.to_vec(), true)
        };
        Self { status, head, body, whole }
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The status, the last word of the problem's type, and its detail.
    #[track_caller]
    pub(super) fn problem(&self) -> (u16, String, String) {
        assert!(self.head.to_ascii_lowercase().contains("content-type: application/problem+json"), "{}", self.head);
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        let detail = problem["detail"].as_str().unwrap().to_owned();
        assert!(detail.ends_with('.'), "{detail}");
        (self.status, problem["type"].as_str().unwrap().rsplit(':').next().unwrap().to_owned(), detail)
    }

    pub(super) fn etag(&self) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix("etag: "))
    }
}

fn unchunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else {
            return (body, false);
        };
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        rest = &rest[end + 2..];
        if size == 0 {
            return (body, rest == b"\r\n");
        }
        if rest.len() < size + 2 {
            return (body, false);
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}

pub(super) fn name(text: &str) -> ServiceName {
    ServiceName::parse(text).unwrap()
}

pub(super) fn revision(number: u64, bytes: &[u8]) -> RevisionId {
    let number: RevisionNumber = format!("r{number}").parse().unwrap();
    RevisionId { number, digest: Digest::of(bytes) }
}

/// Records that `service` went through `steps`, one entry for each.
pub(super) fn record(store: &Store, service: &str, steps: &[(Change, RevisionId, Standing)]) {
    for (change, revision, standing) in steps {
        let entry = NewEntry {
            at_unix_ms: 1_767_225_600_123,
            service: name(service),
            revision: revision.number,
            digest: revision.digest,
            change: *change,
            by: "user 1000".to_owned(),
            why: String::new(),
            standing: standing.clone(),
        };
        let kept = KeptRevision { service: name(service), revision: *revision, bytes: 8, at_unix_ms: 0 };
        store.journal.record(Batch { revisions: vec![kept], entries: vec![entry], ..Batch::default() }).unwrap();
    }
}
