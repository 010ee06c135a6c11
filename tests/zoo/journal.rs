//! The access log while it is written: each request's lines by its id, and how many lines each service has.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::pause::wait_within;

/// Lines come from a queue of the host's, a moment after the answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// The lines of one row's services, since the row began.
pub struct Journal {
    file: File,
    /// The end of what was read may be half a line.
    rest: Vec<u8>,
    lines: HashMap<String, Vec<Value>>,
    /// Lines of requests, not of calls, by service.
    requests: HashMap<String, usize>,
}

impl Journal {
    /// From here on.
    pub fn from_now(path: &Path) -> Self {
        let mut file = File::open(path).expect("the access log must be there");
        file.seek(SeekFrom::End(0)).expect("a file must have an end");
        Self { file, rest: Vec::new(), lines: HashMap::new(), requests: HashMap::new() }
    }

    /// Forgets what came so far.
    pub fn forget(&mut self) {
        self.read();
        self.lines.clear();
        self.requests.clear();
    }

    /// Waits until `services` have so many lines of requests; how many they have.
    pub fn wait_for(&mut self, services: &BTreeSet<&str>, count: usize) -> usize {
        let _ = wait_within(PATIENCE, || {
            self.read();
            (self.count(services) >= count).then_some(())
        });
        self.count(services)
    }

    fn count(&self, services: &BTreeSet<&str>) -> usize {
        services.iter().filter_map(|service| self.requests.get(*service)).sum()
    }

    /// The lines of the request with this id, without those of the calls below it.
    pub fn of(&self, id: &str) -> Vec<&Value> {
        self.lines.get(id).into_iter().flatten().filter(|line| line["kind"] == "request").collect()
    }

    /// The lines of the request with this id and of the calls below it.
    pub fn all_of(&self, id: &str) -> impl Iterator<Item = &Value> {
        self.lines.get(id).into_iter().flatten()
    }

    /// All lines of the services' requests.
    pub fn of_services<'j>(&'j self, services: &'j BTreeSet<&str>) -> impl Iterator<Item = &'j Value> {
        let theirs = |line: &&Value| line["service"].as_str().is_some_and(|service| services.contains(service));
        self.lines.values().flatten().filter(theirs).filter(|line| line["kind"] == "request")
    }

    fn read(&mut self) {
        self.file.read_to_end(&mut self.rest).expect("the access log must be readable");
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            return;
        };
        let later = self.rest.split_off(end + 1);
        let whole = std::mem::replace(&mut self.rest, later);
        for line in whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            self.note(line);
        }
    }

    fn note(&mut self, line: &[u8]) {
        // The canaries' own lines are many, and nobody asks for them.
        if super::find(line, b"\"service\":\"canary").is_some() {
            return;
        }
        let Ok(value) = serde_json::from_slice::<Value>(line) else {
            panic!("the access log has a line that is no JSON: {}", String::from_utf8_lossy(line));
        };
        if value["kind"] == "request" {
            *self.requests.entry(value["service"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
        let id = value["id"].as_str().unwrap_or_default().to_owned();
        self.lines.entry(id).or_default().push(value);
    }
}
