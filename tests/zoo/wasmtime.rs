//! The same guests under `wasmtime serve`, as it comes: what they are answered, and what is left of it.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::ask::{Ask, How};
use super::bench::free_address;
use super::host::held;
use super::pause::wait_within;
use super::row::{Asked, Row, Trial};
use super::trial::AT_ONCE;

/// A request without an answer for so long has none.
const PATIENCE: Duration = Duration::from_secs(8);
/// Compiling and binding take less.
const START: Duration = Duration::from_secs(30);

/// What was seen of one row.
pub struct Compared {
    /// Why it could not be tried.
    started: Result<(), String>,
    /// The answer to the first request.
    alone: String,
    /// How many of fifty at once were answered.
    answered: usize,
    /// How long a connection was not answered that came afterwards; nothing if it was answered at once.
    alive: bool,
    memory: (u64, u64),
}

/// Tries a row, if it asks one service that needs no other.
pub fn compare(wasmtime: &Path, row: &Row) -> Option<Compared> {
    let Trial::Asked(asked) = &row.trial else {
        return None;
    };
    let one_service = row.services.len() == 1 && asked.stands_alone;
    if !one_service || asked.asks.iter().any(|ask| ask.how == How::Http2) {
        return None;
    }
    let temporary = tempfile::tempdir().expect("there must be room for a folder");
    let component = temporary.path().join("component.wasm");
    std::fs::write(&component, &row.services[0].component).expect("the folder must be writable");
    Some(match Server::start(wasmtime, &component, &temporary.path().join("said")) {
        Ok(server) => server.try_all(asked),
        Err(why) => Compared { started: Err(why), alone: String::new(), answered: 0, alive: false, memory: (0, 0) },
    })
}

/// `wasmtime serve`; it is killed when this is dropped.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(wasmtime: &Path, component: &Path, said: &Path) -> Result<Self, String> {
        let address = free_address();
        let log = || Stdio::from(File::options().create(true).append(true).open(said).expect("a log must be writable"));
        let child = Command::new(wasmtime)
            .args(["serve", "-Scli,p3", "-Wcomponent-model-async", "--addr"])
            .arg(address.to_string())
            .arg(component)
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(log())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut server = Self { child, address };
        let up = wait_within(START, || {
            let ended = server.child.try_wait().ok().flatten();
            if ended.is_some() {
                return Some(false);
            }
            TcpStream::connect(address).is_ok().then_some(true)
        });
        if up == Some(true) {
            return Ok(server);
        }
        let text = std::fs::read_to_string(said).unwrap_or_default();
        Err(text.lines().find(|line| !line.trim().is_empty()).unwrap_or("it does not listen").to_owned())
    }

    fn try_all(mut self, asked: &Asked) -> Compared {
        let before = held(self.child.id()).bytes;
        let alone = asked.asks[0].send(self.address, false, Some(PATIENCE));
        let ended = if alone.answer.complete { "whole" } else { "broken off" };
        let alone = match (&alone.error, alone.answer.status) {
            (Some(_), 0) if alone.took >= PATIENCE => format!("no answer in {} s", PATIENCE.as_secs()),
            (Some(_), 0) => "closed".to_owned(),
            (Some(_), status) => format!("{status}, then nothing for {} s", PATIENCE.as_secs()),
            (None, status) => format!("{status}, {ended}"),
        };
        let answered = self.at_once(&asked.asks);
        let alive = self.child.try_wait().ok().flatten().is_none();
        let after = held(self.child.id()).bytes;
        Compared { started: Ok(()), alone, answered, alive, memory: (before, after) }
    }

    fn at_once(&self, asks: &[Ask]) -> usize {
        let together = Barrier::new(AT_ONCE);
        let until = Instant::now() + PATIENCE;
        thread::scope(|scope| {
            let threads: Vec<_> = (0..AT_ONCE)
                .map(|number| {
                    let (ask, together) = (&asks[number % asks.len()], &together);
                    scope.spawn(move || {
                        together.wait();
                        let reply = ask.send(self.address, false, Some(PATIENCE));
                        reply.answer.status != 0 && Instant::now() <= until + PATIENCE
                    })
                })
                .collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).filter(|answered| *answered).count()
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Compared {
    /// For people.
    pub fn shown(&self) -> String {
        if let Err(why) = &self.started {
            return format!("does not start: {}", why.chars().take(80).collect::<String>().replace('|', "/"));
        }
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let (before, after) = self.memory;
        let ended = if self.alive { "" } else { "; **the process ended**" };
        format!(
            "{}; {} of {AT_ONCE} answered; {:.0}, {:.0} MiB{ended}",
            self.alone,
            self.answered,
            mib(before),
            mib(after)
        )
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "starts": self.started.is_ok(), "why_not": self.started.as_ref().err(), "alone": self.alone,
            "answered_of_50": self.answered, "alive": self.alive,
            "memory_before_bytes": self.memory.0, "memory_after_bytes": self.memory.1,
        })
    }
}
