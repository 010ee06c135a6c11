//! What the end of a child that compiled means, in words of ours.
//!
//! Whoever deployed is told why in a word that can be looked up and a sentence.
//! What the child wrote for people goes to the log of the host alone: it may
//! hold words of the component, and says things about this machine.

use std::os::unix::process::ExitStatusExt as _;

use rustix::process::Signal;

use super::converse::{Ending, Heard};
use super::errand::AnswerKind;
use super::{CompileLimits, readable};
use crate::error::CompileError;

/// What Rust says when the system gives no more memory, before it ends the process.
const OUT_OF_MEMORY: &str = "memory allocation of";

/// The artifact that a child answered with, or why there is none.
pub(super) fn judge(heard: Heard, limits: &CompileLimits) -> Result<Vec<u8>, CompileError> {
    let Heard { mut answer, words, ending } = heard;
    let words = readable(&String::from_utf8_lossy(&words));
    let death = match ending {
        Ending::Itself(status) if status.success() => {
            let kind = answer.first().copied().and_then(AnswerKind::of);
            match kind {
                Some(AnswerKind::Code) => {
                    answer.remove(0);
                    return Ok(answer);
                }
                Some(kind) => return Err(refusal(kind, answer.get(1..).unwrap_or_default(), limits)),
                None => crashed("without an answer"),
            }
        }
        Ending::Itself(status) => died(status.signal(), &words, limits),
        Ending::Late => late(&format!("{} s", limits.wall.as_secs())),
        Ending::TooLong => format!(
            "`compile-output`: its code has more than {}; strip debug information or split the service",
            limits.code
        ),
    };
    // Not a failure of the host: the component did it, and whoever deployed it is told.
    tracing::info!(?ending, ?words, "a compilation ended early");
    Err(CompileError::Refused { reason: death })
}

/// What a child said that came to an end of its own.
fn refusal(kind: AnswerKind, text: &[u8], limits: &CompileLimits) -> CompileError {
    let reason = readable(&String::from_utf8_lossy(text));
    match kind {
        AnswerKind::Invalid => CompileError::NotWasm { reason },
        AnswerKind::OutOfMemory => CompileError::Refused { reason: out_of_memory(limits) },
        AnswerKind::Unfit => CompileError::Unavailable { reason },
        // Code does not come here.
        AnswerKind::Refused | AnswerKind::Code => CompileError::Refused { reason },
    }
}

fn died(signal: Option<i32>, words: &str, limits: &CompileLimits) -> String {
    let is = |wanted: Signal| signal == Some(wanted.as_raw());
    if is(Signal::XCPU) {
        late(&format!("{} s of processor time", limits.cpu.as_secs()))
    } else if is(Signal::KILL) || words.contains(OUT_OF_MEMORY) {
        // Nobody but the system kills it, and that for memory.
        out_of_memory(limits)
    } else {
        match signal {
            Some(signal) => crashed(&format!("by signal {signal}")),
            None => crashed("by a panic"),
        }
    }
}

fn late(limit: &str) -> String {
    format!("`compile-timeout`: it took more than {limit}; split its largest functions, or the service")
}

fn out_of_memory(limits: &CompileLimits) -> String {
    format!("`compile-memory`: it took more than {}; split its largest functions, or the service", limits.memory)
}

fn crashed(how: &str) -> String {
    format!("`compile-crash`: the compiler ended {how}, which is a bug of the compiler; try another build")
}

#[cfg(test)]
mod tests;
