//! This program once more as the process that is killed, seen from the one that kills it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::plan::Plan;
use super::said::Said;

/// Longer than the opening of any database here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that writes, or one that only opens the database. It is killed when this is dropped.
pub struct Writer {
    child: Child,
    lines: Receiver<Said>,
    said: Vec<Said>,
}

/// What all processes of a run have in common.
#[derive(Clone, Debug)]
pub struct Program {
    /// `hostel-crash` itself.
    pub path: PathBuf,
    pub plan: Plan,
    /// Whether it says that operations are durable before they are.
    pub early: bool,
}

impl Program {
    /// Starts one that writes into the state folder; lane `n` begins with its operation `from[n]`.
    pub fn write(&self, state: &Path, from: &[u64]) -> Writer {
        let from: Vec<String> = from.iter().map(u64::to_string).collect();
        let mut command = Command::new(&self.path);
        command.arg("write").arg(state).args(["--seed", &self.plan.seed.to_string(), "--from", &from.join(",")]);
        if self.early {
            command.arg("--early");
        }
        Writer::of(&mut command)
    }

    /// Starts one that only opens the database.
    pub fn recover(&self, state: &Path) -> Writer {
        Writer::of(Command::new(&self.path).arg("recover").arg(state))
    }
}

impl Writer {
    fn of(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output = BufReader::new(child.stdout.take().expect("its output must be a pipe"));
        let (sender, lines) = channel();
        std::thread::spawn(move || each_whole_line(output, |line| sender.send(Said::parse(line)).is_ok()));
        Self { child, lines, said: Vec::new() }
    }

    /// Lets it go on until it says `wanted`, or ends.
    pub fn until(&mut self, wanted: &Said) {
        let end = Instant::now() + PATIENCE;
        while self.hear(end) {
            if self.said.last() == Some(wanted) {
                return;
            }
        }
    }

    /// Lets it go on for so long, or until it ends.
    pub fn for_time(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while self.hear(end) {}
    }

    /// Kills it, and returns all that it has ever said.
    pub fn kill(mut self) -> Vec<Said> {
        // Fails only if it has ended already.
        let _ = self.child.kill();
        self.child.wait().expect("a child must end");
        // The pipe ends with its last writer, so nothing is missing now.
        while let Ok(said) = self.lines.recv() {
            self.said.push(said);
        }
        std::mem::take(&mut self.said)
    }

    /// Whether another line came before `end`.
    fn hear(&mut self, end: Instant) -> bool {
        match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(said) => {
                self.said.push(said);
                true
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Hands on every line that has its end: half a line acknowledges nothing.
fn each_whole_line(mut output: impl BufRead, mut take: impl FnMut(&str) -> bool) {
    let mut line = String::new();
    while output.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
        match line.strip_suffix('\n') {
            Some(whole) if take(whole) => line.clear(),
            _ => return,
        }
    }
}
