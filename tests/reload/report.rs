//! What a scenario has shown: a row of a table for people, figures for programs, and what broke its bounds.

use serde_json::Value;

/// What one scenario has shown.
pub struct Row {
    /// What was to be shown.
    pub what: &'static str,
    /// Its name on the command line.
    pub scenario: &'static str,
    /// What was seen, in a few words.
    pub seen: String,
    /// What must not be; empty if all bounds were kept.
    pub faults: Vec<String>,
    /// Everything that was counted.
    pub figures: Value,
}

/// Collects what breaks a bound.
#[derive(Default)]
pub struct Faults(Vec<String>);

impl Faults {
    /// Something that must be so.
    pub fn unless(&mut self, so: bool, what: impl FnOnce() -> String) {
        if !so {
            self.0.push(what());
        }
    }

    /// Faults of a part.
    pub fn of(&mut self, part: &str, faults: Vec<String>) {
        self.0.extend(faults.into_iter().map(|fault| format!("{part}: {fault}")));
    }

    /// All of them.
    pub fn all(self) -> Vec<String> {
        self.0
    }
}

/// Says how far a scenario is, on standard error.
pub fn progress(text: &str) {
    eprintln!("-- {text}");
}
