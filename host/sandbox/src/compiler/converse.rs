//! One thread that tells a child its errand and hears its answer, both at once, until a point in time.
//!
//! Both pipes are served by one loop, since a child that answers before it has
//! read everything would otherwise wait for us and we for it. Nothing of what
//! it does keeps the loop longer than the time it has: a child that neither
//! reads, writes nor ends is killed like one that works too long.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus};
use std::time::Duration;

use hostel_model::platform::{Clock, Monotonic};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::process::{Pid, Signal, kill_process_group};

/// Bytes that are read at once: what a pipe holds.
const PIECE_BYTES: usize = 64 * 1024;
/// How often a child that has closed its pipes is asked whether it has ended.
const END_PAUSE: Duration = Duration::from_millis(1);

/// How a conversation is bounded.
pub(super) struct Bounds<'a> {
    pub(super) clock: &'a dyn Clock,
    /// When a child that has not ended is killed.
    pub(super) until: Monotonic,
    /// Bytes of an answer.
    pub(super) answer_bytes: u64,
    /// Bytes that are kept of what it says for people; the rest is read and forgotten.
    pub(super) words_bytes: u64,
}

/// What a child that has ended left.
pub(super) struct Heard {
    pub(super) answer: Vec<u8>,
    /// What it said for people. Not text before somebody made it one.
    pub(super) words: Vec<u8>,
    pub(super) ending: Ending,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// By itself, or by a signal that was not ours.
    Itself(ExitStatus),
    /// It was killed when its time was over.
    Late,
    /// It was killed when its answer got too long.
    TooLong,
}

/// Tells `parts` to `child`, hears it to its end, and waits for that. Whatever comes of
/// it, the child has ended and is no zombie afterwards.
pub(super) fn converse(mut child: Child, parts: &[&[u8]], bounds: &Bounds<'_>) -> std::io::Result<Heard> {
    let pipes = child.stdin.take().zip(child.stdout.take()).zip(child.stderr.take());
    let mut child = Reaped(child);
    let ((stdin, stdout), stderr) = pipes.ok_or(ErrorKind::BrokenPipe)?;
    for pipe in [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()] {
        ioctl_fionbio(pipe, true)?;
    }
    let mut talk = Talk {
        stdin: Some(stdin),
        stdout: Some(stdout),
        stderr: Some(stderr),
        untold: parts.iter().copied().filter(|part| !part.is_empty()).collect(),
        answer: Vec::new(),
        words: Vec::new(),
    };
    talk.untold.reverse();
    let ending = match talk.run(bounds)? {
        Some(ending) => {
            child.end();
            ending
        }
        None => child.wait(bounds)?,
    };
    Ok(Heard { answer: talk.answer, words: talk.words, ending })
}

/// A child that does not outlive whoever holds it.
struct Reaped(Child);

impl Reaped {
    fn wait(&mut self, bounds: &Bounds<'_>) -> std::io::Result<Ending> {
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(Ending::Itself(status));
            }
            if bounds.clock.now() >= bounds.until {
                self.end();
                return Ok(Ending::Late);
            }
            bounds.clock.pause_thread(END_PAUSE);
        }
    }

    fn end(&mut self) {
        // It was given a group of its own. Where no filter keeps it from making processes, they go with it.
        if let Ok(None) = self.0.try_wait() {
            let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        }
        // Both fail only for a child that has been waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        self.end();
    }
}

/// Where the conversation stands; a pipe that is closed is gone.
struct Talk<'a> {
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    /// What is still to be told, the next part last.
    untold: Vec<&'a [u8]>,
    answer: Vec<u8>,
    words: Vec<u8>,
}

impl Talk<'_> {
    /// Goes on until both of the child's pipes are closed, or there is a reason to kill it.
    fn run(&mut self, bounds: &Bounds<'_>) -> std::io::Result<Option<Ending>> {
        let mut piece = vec![0; PIECE_BYTES];
        while self.stdout.is_some() || self.stderr.is_some() {
            let left = bounds.until.since(bounds.clock.now());
            if left.is_zero() {
                return Ok(Some(Ending::Late));
            }
            self.wait(left)?;
            self.tell();
            let room = bounds.answer_bytes.saturating_sub(self.answer.len() as u64);
            if hear(&mut self.stdout, &mut self.answer, room, &mut piece) {
                return Ok(Some(Ending::TooLong));
            }
            let room = bounds.words_bytes.saturating_sub(self.words.len() as u64);
            hear(&mut self.stderr, &mut self.words, room, &mut piece);
        }
        Ok(None)
    }

    /// Until something can be told or heard, or `left` is over.
    fn wait(&self, left: Duration) -> std::io::Result<()> {
        let mut pipes = Vec::with_capacity(3);
        pipes.extend(self.stdin.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
        pipes.extend(self.stdout.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        pipes.extend(self.stderr.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 });
        match poll(&mut pipes, Some(&left)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Tells what the pipe takes now. A child that does not listen any more may still answer.
    fn tell(&mut self) {
        while let (Some(pipe), Some(part)) = (&mut self.stdin, self.untold.last_mut()) {
            match pipe.write(part) {
                Ok(told) => {
                    *part = part.get(told..).unwrap_or_default();
                    if part.is_empty() {
                        self.untold.pop();
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_gone) => self.untold.clear(),
            }
        }
        // The end of what it reads.
        self.stdin = None;
    }
}

/// Hears what is there now, and keeps as much of it as there is room for. Whether
/// there was more than that; what is still in the pipe then is for the next time.
fn hear(pipe: &mut Option<impl Read>, kept: &mut Vec<u8>, mut room: u64, piece: &mut [u8]) -> bool {
    while let Some(open) = pipe {
        match open.read(piece) {
            Ok(0) => *pipe = None,
            Ok(count) => {
                let heard = piece.get(..count).unwrap_or_default();
                let fits = usize::try_from(room).unwrap_or(usize::MAX).min(count);
                kept.extend_from_slice(heard.get(..fits).unwrap_or_default());
                if fits < count {
                    return true;
                }
                room -= fits as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(_broken) => *pipe = None,
        }
    }
    false
}

#[cfg(test)]
mod tests;
