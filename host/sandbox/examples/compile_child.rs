//! What a host starts to compile with, as a program of its own: the tests of this package have no `hostel`.
//! Built by `cargo test` and by `cargo build --examples`.

use std::process::ExitCode;

fn main() -> ExitCode {
    match hostel_sandbox::compile_for_parent(|| Ok(())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_nobody_to_tell) => ExitCode::FAILURE,
    }
}
