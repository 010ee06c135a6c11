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

/// What the system says where no more threads or processes may begin.
const NO_THREADS: &str = "Resource temporarily unavailable";
/// With which status a program ends whose libraries are not there, or are others since the host was hardened.
const NOT_LOADED: i32 = 127;

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
                None => Death::OfTheComponent(crashed("without an answer")),
            }
        }
        Ending::Itself(status) if status.code() == Some(NOT_LOADED) => Death::OfTheMoment(
            "`compile-load`: the compiler's program or its libraries cannot be loaded any more; restart the host, then \
             try again"
                .to_owned(),
        ),
        Ending::Itself(status) => died(status.signal(), &words, limits),
        Ending::Late => Death::OfTheMoment(format!(
            "`compile-timeout`: it was not done after {} s by the clock, since the machine has other work; try again",
            limits.wall.as_secs()
        )),
        Ending::TooLong => Death::OfTheComponent(format!(
            "`compile-output`: its code has more than {}; strip debug information or split the service",
            limits.code
        )),
    };
    // Not a failure of the host: whoever deployed it is told.
    tracing::info!(?ending, ?words, "a compilation ended early");
    Err(match death {
        Death::OfTheComponent(reason) => CompileError::Refused { reason },
        Death::OfTheMoment(reason) => CompileError::Interrupted { reason },
    })
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

/// Why there is no code, in words, and what it would come to another time.
enum Death {
    /// The same.
    OfTheComponent(String),
    /// Something else, maybe.
    OfTheMoment(String),
}

fn died(signal: Option<i32>, words: &str, limits: &CompileLimits) -> Death {
    let is = |wanted: Signal| signal == Some(wanted.as_raw());
    if is(Signal::KILL) {
        // The limits that it was given end it otherwise.
        let reason =
            "`compile-killed`: the compiler was killed, which a system does that has no memory left; try again";
        return Death::OfTheMoment(reason.to_owned());
    }
    if words.contains(NO_THREADS) {
        let reason = "`compile-threads`: the system gave the compiler no threads; raise their limit, or try again";
        return Death::OfTheMoment(reason.to_owned());
    }
    Death::OfTheComponent(if is(Signal::XCPU) {
        format!(
            "`compile-timeout`: it took more than {} s of processor time; split its largest functions, or the service",
            limits.cpu.as_secs()
        )
    } else if words.contains(OUT_OF_MEMORY) {
        out_of_memory(limits)
    } else {
        match signal {
            Some(signal) => crashed(&format!("by signal {signal}")),
            None => crashed("by a panic"),
        }
    })
}

fn out_of_memory(limits: &CompileLimits) -> String {
    format!("`compile-memory`: it took more than {}; split its largest functions, or the service", limits.memory)
}

fn crashed(how: &str) -> String {
    format!("`compile-crash`: the compiler ended {how}, which is a bug of the compiler; try another build")
}

#[cfg(test)]
mod tests;
