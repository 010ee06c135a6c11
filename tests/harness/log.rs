//! Lines that a host or a process wrote, kept as they come.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::wait::eventually;

/// Everything written so far. Clones are the same text.
#[derive(Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// The text so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Whole lines so far, each of which must be JSON.
    pub fn json_lines(&self) -> Vec<Value> {
        let text = self.text();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        whole.lines().map(parse).collect()
    }

    /// The first line that `wanted` accepts, waiting for it.
    #[track_caller]
    pub fn json_line(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut found = None;
        eventually(what, || {
            found = self.json_lines().into_iter().find(|line| wanted(line));
            found.is_some()
        });
        found.unwrap()
    }

    /// The first line of text that contains all of `words`, waiting for it.
    #[track_caller]
    pub fn line_with(&self, words: &[&str]) -> String {
        let mut found = None;
        eventually(&format!("a line with {words:?}"), || {
            let text = self.text();
            found = text.lines().find(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned);
            found.is_some()
        });
        found.unwrap()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
