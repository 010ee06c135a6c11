//! What a host starts itself with to have a component compiled: one errand from standard input, one answer to
//! standard output.

use hostel_sandbox::{CompileWith, compile_for_parent};

use super::Exit;
use crate::cli::{COMPILE_COMMAND, CompileForHost};
use crate::hardening::{Level, confine_compiler};

/// This command, as a host starts it that is hardened so. To be asked for before it is.
pub(super) fn compile_with(hardening: Level) -> CompileWith {
    let level = format!("--hardening={}", hardening.name());
    CompileWith::this_program(&[COMPILE_COMMAND, &level])
}

/// Does one errand. What went wrong is in the answer; without one there is nobody to tell.
pub(super) fn compile(asked: &CompileForHost) -> Exit {
    match compile_for_parent(|| confine_compiler(asked.hardening)) {
        Ok(()) => Exit::Clean,
        Err(error) => {
            super::report::fail(&error);
            Exit::Configuration
        }
    }
}
