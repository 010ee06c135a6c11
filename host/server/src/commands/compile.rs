//! What a host starts itself with to have a component compiled: one errand from standard input, one answer to
//! standard output.

use hostel_sandbox::{CompileWith, compile_for_parent};

use super::Exit;
use crate::cli::COMPILE_COMMAND;
use crate::hardening::confine_compiler;

/// This command, as a host starts it.
pub(super) fn compile_with() -> CompileWith {
    CompileWith::this_program(COMPILE_COMMAND)
}

/// Does one errand. What went wrong is in the answer; without one there is nobody to tell.
pub(super) fn compile() -> Exit {
    match compile_for_parent(confine_compiler) {
        Ok(()) => Exit::Clean,
        Err(error) => {
            super::report::fail(&error);
            Exit::Configuration
        }
    }
}
