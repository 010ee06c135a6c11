//! Compiling in a process apart: who may, how many at once, and what becomes of its answer.
//!
//! A component is a stranger's input to a large program, the compiler, which can
//! be kept busy for minutes, can be made to take any amount of memory, and has
//! bugs. None of these can be interrupted from within. So it runs in a child of
//! this process, within limits of the system's making: what time, memory and
//! crashes cost at worst is that deployment. Its result is machine code: it is loaded only if
//! it carries a seal with a key that was drawn for this one errand
//! ([`hostel_model::artifact`]). The child has that key, so the seal keeps out
//! everybody else and not a compiler that a component has taken over: that the
//! compiler is correct, also while it parses hostile bytes, stays among what
//! has to be trusted.
//!
//! Threads that wait for children have a low priority, and so have the
//! children: they get little of what those who serve want, and never nothing.

use std::any::Any;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hostel_model::artifact::{HEADER_BYTES, Origin, SEAL_BYTES, SealKey, open};
use hostel_model::digest::Digest;
use hostel_model::limits::fixed;
use hostel_model::platform::Platform;
use hostel_model::units::ByteSize;
use rayon::{ThreadPool, ThreadPoolBuilder};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::engine::{Generation, compatibility};
use crate::error::{CompileError, SandboxError};
use converse::{Bounds, converse};
use errand::Errand;
use first_to_go::FirstToGo;

mod converse;
pub(crate) mod errand;
pub(crate) mod first_to_go;
mod load;
mod verdict;

/// 110 parts of a core to 1,024 of a thread that serves: on two cores that guests keep busy it is a fifth of a core,
/// which compiles an interpreter of another language within [`fixed::COMPILE_WALL`]. The lowest priority is a seventh of that.
pub(crate) const NICENESS: i32 = 10;
/// Threads of one child at most: each takes addresses, and more than these hardly make it faster.
const THREADS_MAX: usize = 8;
/// Parts of the C library's heap. It would make as many as threads ask for at once, with 64 MiB of addresses
/// each, and a machine of many cores would spend the child's addresses on nothing.
const HEAPS: &str = "2";
/// What an answer has besides the code: the letter of its kind, and what the code is sealed with.
const AROUND_CODE_BYTES: u64 = (1 + HEADER_BYTES + SEAL_BYTES) as u64;
/// Letters of a message that are passed on; it may hold a component's words.
const MESSAGE_LETTERS: usize = 500;
/// What the system calls the child.
const CHILD_NAME: &str = "hostel-compile";

/// The build of this program: code that another one made is not loaded.
pub(crate) fn build() -> Digest {
    Digest::of(concat!(env!("CARGO_PKG_VERSION"), " ", env!("HOSTEL_SOURCES")).as_bytes())
}

/// Which program compiles, and what compiling one component may cost.
///
/// The program calls [`crate::compile_for_parent`] at once when it is started
/// with these arguments. It is of the same build as the one that asks, and does
/// nothing else: **what it answers is run**, with everything that this process
/// may do. Nobody but who names it here can vouch for that.
#[derive(Clone, Debug)]
pub struct CompileWith {
    /// Its path.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// What one component may cost.
    pub limits: CompileLimits,
    /// How many are compiled at once: at least one, at most [`fixed::COMPILES_MAX`].
    pub at_once: u32,
    /// Opened when this is made, which is before the process is hardened.
    pub first_to_go: FirstToGo,
}

impl CompileWith {
    /// This program, with these arguments: the very file it was started from, even
    /// if there is another one at its path by now.
    #[must_use]
    pub fn this_program(arguments: &[&str]) -> Self {
        Self::program("/proc/self/exe", arguments)
    }

    /// The program at `path` with these arguments.
    pub fn program(path: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        Self {
            program: path.into(),
            arguments: arguments.iter().map(OsString::from).collect(),
            limits: CompileLimits::default(),
            at_once: fixed::COMPILES,
            first_to_go: FirstToGo::open(),
        }
    }
}

/// What compiling one component may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Processor time, of all threads together. Counted in whole seconds.
    pub cpu: Duration,
    /// Addresses of the process.
    pub memory: ByteSize,
    /// Time by the clock.
    pub wall: Duration,
    /// Size of the code that comes of it.
    pub code: ByteSize,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            cpu: fixed::COMPILE_CPU,
            memory: fixed::COMPILE_MEMORY,
            wall: fixed::COMPILE_WALL,
            code: fixed::COMPILED_CODE,
        }
    }
}

/// Compiles in processes of their own.
pub(crate) struct Compiler {
    /// A thread for each component that is compiled at once: whoever finds none idle waits.
    pool: ThreadPool,
    with: CompileWith,
    platform: Platform,
}

impl Compiler {
    pub(crate) fn start(with: CompileWith, platform: &Platform) -> Result<Self, SandboxError> {
        let spawn = Arc::clone(&platform.spawn);
        let pool = ThreadPoolBuilder::new()
            .num_threads(with.at_once.clamp(1, fixed::COMPILES_MAX) as usize)
            // The name is for all of them: the system keeps 15 letters, with no room for a number.
            .spawn_handler(move |thread| {
                spawn.thread(
                    CHILD_NAME,
                    Box::new(move || {
                        step_back();
                        thread.run();
                    }),
                )
            })
            .build()
            .map_err(|error| SandboxError { reason: format!("no threads to compile on: {error}") })?;
        Ok(Self { pool, with, platform: platform.clone() })
    }

    /// Does `work` on a thread that may call [`Compiler::compile`], once there is one, and waits for it.
    pub(crate) fn run<T: Send>(
        &self,
        work: impl FnOnce() -> Result<T, CompileError> + Send,
    ) -> Result<T, CompileError> {
        catch_unwind(AssertUnwindSafe(|| self.pool.install(work))).unwrap_or_else(|panic| {
            let message = message(&*panic);
            let reason = format!("`compile-crash`: the host panicked (`{message}`), which is a bug; try another build");
            Err(CompileError::Refused { reason })
        })
    }

    /// Has `bytes`, whose digest is `digest`, compiled for `engine` by a child, and loads what comes of it.
    pub(crate) fn compile(
        &self,
        engine: &Engine,
        generation: Generation,
        bytes: &[u8],
        digest: Digest,
    ) -> Result<Component, CompileError> {
        let key = SealKey::draw(self.platform.random.as_ref());
        let origin = Origin { component: digest, engine: compatibility(engine), build: build() };
        let artifact = self.ask(&key, &origin, generation, bytes)?;
        let code = open(&key, &origin, &artifact).map_err(|error| {
            tracing::error!(component = %digest, %error, "what a compiler answered is not loaded");
            CompileError::Refused { reason: format!("`compile-crash`: the compiler answered wrongly: {error}") }
        })?;
        load::load(engine, &code).map_err(|error| not_loaded(&error))
    }

    /// Starts a child for one errand. Its answer is a sealed artifact, or what purports to be one.
    fn ask(
        &self,
        key: &SealKey,
        origin: &Origin,
        generation: Generation,
        bytes: &[u8],
    ) -> Result<Vec<u8>, CompileError> {
        let CompileWith { program, arguments, limits, .. } = &self.with;
        let errand = Errand {
            build: origin.build,
            key: key.clone(),
            parent: std::process::id(),
            cpu_seconds: limits.cpu.as_secs(),
            memory: limits.memory.0,
            component_bytes: bytes.len() as u64,
            generation,
        };
        let unavailable =
            |error: std::io::Error| CompileError::Unavailable { reason: format!("`{}`: {error}", program.display()) };
        // It needs nothing of what surrounds the host, whose secrets may be among it, and holds no folder.
        let mut command = Command::new(program);
        command
            .arg0(CHILD_NAME)
            .args(arguments)
            .env_clear()
            .env("MALLOC_ARENA_MAX", HEAPS)
            .env("RAYON_NUM_THREADS", threads().to_string())
            .current_dir("/")
            // Ctrl-C at a terminal is for the host, which decides what ends.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = self.with.first_to_go.while_marked(|| command.spawn()).map_err(unavailable)?;
        let clock = self.platform.clock.as_ref();
        let bounds = Bounds {
            clock,
            until: clock.now().after(limits.wall),
            answer_bytes: limits.code.0.saturating_add(AROUND_CODE_BYTES),
            words_bytes: fixed::COMPILE_WORDS.0,
        };
        let heard = converse(child, &[&errand.to_bytes(), bytes], &bounds).map_err(unavailable)?;
        verdict::judge(heard, limits)
    }
}

/// On how many threads a child compiles.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(THREADS_MAX))
}

/// On Linux this is a property of a thread, whatever POSIX says: zero stands for the one that calls.
fn step_back() {
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::warn!(%error, "compiling at the priority of requests, because it could not be lowered");
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    readable(text.unwrap_or("no message"))
}

/// Authentic code is refused for want of memory, which says nothing about the component, or because
/// it takes more than a slot of the pools has, which does.
fn not_loaded(error: &wasmtime::Error) -> CompileError {
    let reason = readable(&format!("{error:#}"));
    if is_out_of_memory(error) {
        CompileError::Interrupted { reason: format!("its code could not be loaded: {reason}; try again") }
    } else {
        CompileError::Refused { reason }
    }
}

/// Whether the system had no memory left for it.
pub(crate) fn is_out_of_memory(error: &wasmtime::Error) -> bool {
    let by_the_system = format!("os error {}", rustix::io::Errno::NOMEM.raw_os_error());
    error.is::<wasmtime::OutOfMemory>() || format!("{error:#}").contains(&by_the_system)
}

/// The beginning of `text` without letters that move a cursor: it may hold a component's words.
pub(crate) fn readable(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(MESSAGE_LETTERS).collect()
}

#[cfg(test)]
mod tests;
