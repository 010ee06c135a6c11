//! The threads that compile: a pool of their own, which steps back behind everything that serves.
//!
//! Compiling takes whole cores for seconds, and requests go on meanwhile.
//! wasmtime spreads it over whatever pool of rayon it is called in; in this one
//! every thread has the lowest priority, so that it gets what the others leave.
//! The compiler is trusted to be honest and expected to have bugs: one that
//! panics on some component costs that deployment, nothing else.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use hostel_model::platform::Platform;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{CompileError, SandboxError};

/// The least share of a core that the system gives: 15 parts to 1,024 of a thread that serves.
const NICENESS: i32 = 19;
/// Letters of a panic's message that are passed on; it may hold a component's words.
const MESSAGE_LETTERS: usize = 200;

/// Compiles on its own threads.
pub(crate) struct Compiler {
    pool: ThreadPool,
    /// One compilation at a time: each uses every thread and much memory.
    turn: Mutex<()>,
}

impl Compiler {
    pub(crate) fn start(platform: &Platform) -> Result<Self, SandboxError> {
        let spawn = Arc::clone(&platform.spawn);
        let pool = ThreadPoolBuilder::new()
            .num_threads(std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
            // The name is for all of them: the system keeps 15 letters, with no room for a number.
            .spawn_handler(move |thread| {
                spawn.thread(
                    "hostel-compile",
                    Box::new(move || {
                        step_back();
                        thread.run();
                    }),
                )
            })
            .build()
            .map_err(|error| SandboxError { reason: format!("no threads to compile on: {error}") })?;
        Ok(Self { pool, turn: Mutex::new(()) })
    }

    /// Does `work` on the pool once it is its turn, and waits for it.
    pub(crate) fn run<T: Send>(
        &self,
        work: impl FnOnce() -> Result<T, CompileError> + Send,
    ) -> Result<T, CompileError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        catch_unwind(AssertUnwindSafe(|| self.pool.install(work))).unwrap_or_else(|panic| {
            let message = message(&*panic);
            let reason =
                format!("the compiler panicked (`{message}`), which is a bug of the compiler; try another build");
            Err(CompileError::Refused { reason })
        })
    }
}

/// On Linux this is a property of a thread, whatever POSIX says: zero stands for the one that calls.
fn step_back() {
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::warn!(%error, "compiling at the priority of requests, because it could not be lowered");
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").chars().filter(|letter| !letter.is_control()).take(MESSAGE_LETTERS).collect()
}

#[cfg(test)]
mod tests;
