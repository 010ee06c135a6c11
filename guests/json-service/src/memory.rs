//! The ports held in memory, for tests: a store that can fail at a chosen write, a clock that is set, chance that repeats.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::ports::{CallAnswer, CallFailed, Calls, Clock, Random, Settings};
use crate::problem::Problem;
use crate::request::Request;
use crate::store::{Store, StoreError, Swap};

/// What happens at the write at which a [`MemoryStore`] fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// The write never happened.
    BeforeWrite,
    /// The write is durable, but the writer was never told.
    AfterWrite,
}

type Interruption = Box<dyn FnOnce(&MemoryStore)>;

/// A bucket in memory.
#[derive(Default)]
pub struct MemoryStore {
    entries: RefCell<BTreeMap<String, Vec<u8>>>,
    writes_left: Cell<Option<(usize, Crash)>>,
    interruption: RefCell<Option<Interruption>>,
    /// Writes that were done.
    pub writes: Cell<usize>,
}

impl MemoryStore {
    /// Lets `writes` more writes succeed; the next one fails in that way, and everything after it.
    pub fn crash_after(&self, writes: usize, crash: Crash) {
        self.writes_left.set(Some((writes, crash)));
    }

    /// Ends the failing, as a restart does.
    pub fn restart(&self) {
        self.writes_left.set(None);
    }

    /// Runs `action` once, between the moment a swap looks at its key and the moment it writes.
    pub fn interrupt_next_swap(&self, action: impl FnOnce(&Self) + 'static) {
        *self.interruption.borrow_mut() = Some(Box::new(action));
    }

    /// The keys that begin with `prefix`.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        self.entries.borrow().keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }

    /// Writes a value past every check.
    pub fn put(&self, key: &str, value: &[u8]) {
        self.entries.borrow_mut().insert(key.to_owned(), value.to_vec());
    }

    fn write(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let failed =
            Err(StoreError::Failed { key: key.to_owned(), reason: "the test ended the writer here".to_owned() });
        match self.writes_left.get() {
            Some((0, Crash::BeforeWrite)) => return failed,
            Some((0, Crash::AfterWrite)) => {
                self.put(key, value);
                self.writes_left.set(Some((0, Crash::BeforeWrite)));
                return failed;
            }
            Some((left, crash)) => self.writes_left.set(Some((left.saturating_sub(1), crash))),
            None => {}
        }
        self.put(key, value);
        self.writes.set(self.writes.get() + 1);
        Ok(())
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.entries.borrow().get(key).cloned())
    }

    fn next(&self, key: &str) -> Result<u64, StoreError> {
        let last =
            self.get(key)?.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|text| text.parse::<u64>().ok());
        let next = last.unwrap_or(0) + 1;
        self.write(key, next.to_string().as_bytes())?;
        Ok(next)
    }

    fn swap(&self, key: &str, expected: Option<&[u8]>, value: &[u8]) -> Result<Swap, StoreError> {
        let interruption = self.interruption.borrow_mut().take();
        if let Some(action) = interruption {
            action(self);
        }
        let current = self.get(key)?;
        if current.as_deref() != expected {
            return Ok(Swap::Changed(current));
        }
        self.write(key, value)?;
        Ok(Swap::Done)
    }
}

/// A clock that stands still until it is set.
#[derive(Debug, Default)]
pub struct SetClock(pub Cell<u64>);

impl Clock for SetClock {
    fn now(&self) -> u64 {
        self.0.get()
    }
}

/// Bytes that count upwards: different each time, the same in every run.
#[derive(Debug, Default)]
pub struct CountingRandom(Cell<u8>);

impl Random for CountingRandom {
    fn bytes(&self, count: usize) -> Vec<u8> {
        let seed = self.0.get().wrapping_add(1);
        self.0.set(seed);
        (0..count).map(|_| seed).collect()
    }
}

/// Settings from a table.
#[derive(Debug, Default)]
pub struct SetSettings(pub RefCell<BTreeMap<String, String>>);

impl SetSettings {
    /// Sets `name` to `value`.
    pub fn set(&self, name: &str, value: &str) {
        self.0.borrow_mut().insert(name.to_owned(), value.to_owned());
    }
}

impl Settings for SetSettings {
    fn get(&self, name: &str) -> Result<Option<String>, Problem> {
        Ok(self.0.borrow().get(name).cloned())
    }
}

/// Answers to calls from a table of `service/path`; an entry that is an error is a call that brought no answer.
#[derive(Debug, Default)]
pub struct SetCalls {
    /// The answers.
    pub answers: RefCell<BTreeMap<String, Result<CallAnswer, String>>>,
    /// Calls made so far.
    pub made: Cell<usize>,
}

impl SetCalls {
    /// Sets the answer to `GET path` of `service`.
    pub fn answer(&self, service: &str, path: &str, status: u16, body: &[u8]) {
        self.answers.borrow_mut().insert(format!("{service}{path}"), Ok(CallAnswer { status, body: body.to_vec() }));
    }

    /// Makes `GET path` of `service` bring no answer.
    pub fn fail(&self, service: &str, path: &str, reason: &str) {
        self.answers.borrow_mut().insert(format!("{service}{path}"), Err(reason.to_owned()));
    }
}

impl Calls for SetCalls {
    fn get(&self, service: &str, path: &str) -> Result<CallAnswer, CallFailed> {
        self.made.set(self.made.get() + 1);
        let failed = |reason: String| CallFailed { service: service.to_owned(), reason };
        match self.answers.borrow().get(&format!("{service}{path}")) {
            Some(answer) => answer.clone().map_err(failed),
            None => Ok(CallAnswer { status: 404, body: Vec::new() }),
        }
    }
}

/// A request for a test.
#[must_use]
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    Request { method: method.to_owned(), path: path.to_owned(), headers, body: Ok(body.to_vec()) }
}
