//! The process that compiles: one component in, sealed code out, within limits, and nothing else.
//!
//! It reads what it is to do before it reads a byte of the component, and gives
//! up what it does not need in between. From then on it opens nothing: it has
//! three pipes and memory.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use hostel_model::artifact::{Envelope, Origin, seal};
use hostel_model::digest::Digest;
use thiserror::Error;
use wasmparser::{Validator, WasmFeatures};

use crate::compiler::errand::{AnswerKind, ERRAND_BYTES, Errand};
use crate::compiler::{build, is_out_of_memory, readable};
use crate::engine::{compatibility, compiling};
use confine::confine;

mod confine;

/// Why a process that should compile gave no answer at all.
#[derive(Debug, Error)]
pub enum CompileChildError {
    /// Nobody who understands it started it.
    #[error("nobody told what to compile; this command is for the host itself")]
    NoErrand,
    /// The one who asked is gone.
    #[error("who asked does not listen any more")]
    Broken(#[from] io::Error),
}

/// Compiles what the host that started this process tells on standard input, and
/// answers on standard output. To be called first thing, on the main thread.
///
/// `harden` is called once the process has its limits, before it has read any
/// of the component; threads are started after it. It needs to read and write
/// its three pipes, and to get memory and threads.
///
/// # Errors
/// When there is nobody to answer to. Everything else is an answer.
pub fn compile_for_parent(harden: impl FnOnce() -> Result<(), String>) -> Result<(), CompileChildError> {
    let mut stdin = io::stdin().lock();
    let mut told = [0; ERRAND_BYTES];
    stdin.read_exact(&mut told).map_err(|_ended| CompileChildError::NoErrand)?;
    let errand = Errand::parse(&told).ok_or(CompileChildError::NoErrand)?;
    if errand.build != build() {
        return answer(AnswerKind::Unfit, &[b"another build of this program compiles; build it again"]);
    }
    if let Err(reason) = confine(&errand).and_then(|()| harden()) {
        return answer(AnswerKind::Unfit, &[reason.as_bytes()]);
    }
    let mut component = Vec::new();
    stdin.take(errand.component_bytes).read_to_end(&mut component)?;
    match compile(&errand, &component) {
        Ok((Envelope { header, seal }, code)) => answer(AnswerKind::Code, &[&header, &code, &seal]),
        Err((kind, reason)) => answer(kind, &[readable(&reason).as_bytes()]),
    }
}

fn compile(errand: &Errand, component: &[u8]) -> Result<(Envelope, Vec<u8>), (AnswerKind, String)> {
    let engine = compiling(errand.generation).map_err(|error| (AnswerKind::Unfit, format!("{error:#}")))?;
    let code = engine.precompile_component(component).map_err(|error| why(component, &error))?;
    let origin = Origin { component: Digest::of(component), engine: compatibility(&engine), build: build() };
    Ok((seal(&errand.key, &origin, &code), code))
}

/// Whose fault it is that `component` was not compiled. The compiler says of
/// everything that it could not be parsed; the rules of the format are asked
/// once more to learn which it is.
fn why(component: &[u8], error: &wasmtime::Error) -> (AnswerKind, String) {
    let text = format!("{error:#}");
    if is_out_of_memory(error) {
        return (AnswerKind::OutOfMemory, text);
    }
    match Validator::new_with_features(WasmFeatures::all()).validate_all(component) {
        Err(invalid) => (AnswerKind::Invalid, invalid.message().to_owned()),
        Ok(_) => (AnswerKind::Refused, text),
    }
}

/// Straight to the pipe: what is written is large, and is not text.
fn answer(kind: AnswerKind, parts: &[&[u8]]) -> Result<(), CompileChildError> {
    struct Pipe;
    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(rustix::io::write(io::stdout().as_fd(), bytes)?)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    Pipe.write_all(&[kind.byte()])?;
    parts.iter().try_for_each(|part| Pipe.write_all(part)).map_err(CompileChildError::from)
}
