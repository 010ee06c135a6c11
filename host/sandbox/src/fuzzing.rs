//! What a fuzz target needs to see of how a component is taken in; not part of any build but that.

use crate::engine::{Generation, compiling};
use crate::error::CompileError;
use crate::inspect::inspect;

/// What becomes of a file.
#[derive(Debug)]
pub enum Looked {
    /// It cannot be read.
    Malformed(String),
    /// It can be read and is not taken, for this reason.
    Refused(CompileError),
    /// It is compiled as this.
    Compiled(Generation),
}

/// Looks at a file as the host does before it compiles one.
#[must_use]
pub fn look(file: &[u8]) -> Looked {
    match inspect(file) {
        Ok(inspected) => Looked::Compiled(inspected.generation),
        Err(CompileError::NotWasm { reason }) => Looked::Malformed(reason),
        Err(other) => Looked::Refused(other),
    }
}

/// Compiles `file` as the process that compiles does, but in this process.
///
/// # Errors
/// What the compiler says.
pub fn compile(generation: Generation, file: &[u8]) -> Result<Vec<u8>, String> {
    let engine = compiling(generation).map_err(|error| format!("{error:#}"))?;
    engine.precompile_component(file).map_err(|error| format!("{error:#}"))
}
