//! Asks the admin plane by its Unix socket, as a pipeline would.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::load::answer::{Parsed, parse};

/// A compilation at the lowest priority under load may take a while: up to two minutes by the clock.
const PATIENCE: Duration = Duration::from_secs(150);

/// The admin plane of one host.
#[derive(Clone)]
pub struct Admin(PathBuf);

/// What it answered.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
}

/// It did not do what it was asked for.
#[derive(Debug)]
pub struct Refusal {
    pub status: u16,
    /// What it said, its reasons included.
    pub said: String,
}

impl Admin {
    /// By the socket at `path`.
    pub fn at(path: &Path) -> Self {
        Self(path.to_path_buf())
    }

    /// Its socket.
    pub fn socket(&self) -> &Path {
        &self.0
    }

    /// Asks for `path`.
    pub fn get(&self, path: &str) -> io::Result<Reply> {
        self.ask("GET", path, "", &[])
    }

    /// The JSON at `path`.
    #[track_caller]
    pub fn json(&self, path: &str) -> Value {
        let reply = self.get(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    /// The value of a metric, by its name and labels as they are written; nothing if there is none.
    pub fn metric(&self, line: &str) -> Option<f64> {
        let text = self.get("/metrics").ok()?.text();
        text.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' ')?.parse().ok())
    }

    /// Uploads a component; its digest.
    pub fn upload(&self, component: &[u8]) -> Result<String, Refusal> {
        let said = self.post("/v1/artifacts", "application/wasm", component)?;
        Ok(said["digest"].as_str().expect("an upload must be answered with a digest").to_owned())
    }

    /// Deploys components that were uploaded, all in one swap.
    pub fn deploy(&self, services: &[(&str, &str)], weight: Option<u8>) -> Result<Value, Refusal> {
        self.post("/v1/deployments", "application/json", order(services, weight).as_bytes())
    }

    /// Has the host find out what the same deployment would change: what has to be compiled for it is, then.
    pub fn rehearse(&self, services: &[(&str, &str)]) -> Result<Value, Refusal> {
        self.post("/v1/deployments?dry_run=true", "application/json", order(services, None).as_bytes())
    }

    /// Takes a service one revision back.
    pub fn rollback(&self, service: &str) -> Result<Value, Refusal> {
        self.post(&format!("/v1/services/{service}/rollback"), "application/json", &[])
    }

    fn post(&self, path: &str, kind: &str, body: &[u8]) -> Result<Value, Refusal> {
        match self.ask("POST", path, kind, body) {
            Ok(reply) if (200..300).contains(&reply.status) => Ok(reply.json()),
            Ok(reply) => Err(Refusal { status: reply.status, said: reply.text() }),
            Err(error) => Err(Refusal { status: 0, said: error.to_string() }),
        }
    }

    /// One request on a connection of its own.
    pub fn ask(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> io::Result<Reply> {
        let mut stream = UnixStream::connect(&self.0)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let length = body.len();
        let kind = if body.is_empty() { String::new() } else { format!("content-type: {kind}\r\n") };
        let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{kind}content-length: {length}\r\n\r\n");
        // A host that refuses a body does not read it to its end; what it says is there all the same.
        let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        let mut received = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = match stream.read(&mut buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            received.extend_from_slice(&buffer[..count]);
            match parse(&received) {
                Parsed::Whole(answer) => return Ok(Reply { status: answer.status, body: answer.body.into_owned() }),
                Parsed::Strange(what) => return Err(io::Error::other(what)),
                Parsed::Part if count > 0 => {}
                Parsed::Part => return Err(sent.err().unwrap_or_else(|| ErrorKind::UnexpectedEof.into())),
            }
        }
    }
}

fn order(services: &[(&str, &str)], weight: Option<u8>) -> String {
    let services: serde_json::Map<_, _> =
        services.iter().map(|(name, digest)| ((*name).to_owned(), json!({ "digest": digest }))).collect();
    let mut order = json!({ "services": services });
    if let Some(weight) = weight {
        order["weight"] = weight.into();
    }
    order.to_string()
}

impl Reply {
    /// Its body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Its body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

impl Refusal {
    /// The sentence of the problem, and the reasons of the services.
    pub fn reasons(&self) -> String {
        let Ok(problem) = serde_json::from_str::<Value>(&self.said) else {
            return self.said.clone();
        };
        let detail = problem["detail"].as_str().unwrap_or_default().to_owned();
        let rejected = problem["problems"].as_array().into_iter().flatten();
        let reasons = rejected.filter_map(|one| one["reason"].as_str());
        std::iter::once(detail.as_str()).chain(reasons).collect::<Vec<_>>().join(" ")
    }
}
