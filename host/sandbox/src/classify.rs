//! From wasmtime's errors and the ledger to one row of the table of failures.
//!
//! A guest that was refused something may have failed because of it: what was
//! refused names the failure, and the trap is only how the guest gave up.

use hostel_model::failure::Failure;
use wasmtime::{PoolConcurrencyLimitError, Trap};
use wasmtime_wasi::{I32Exit, ResourceTableError};

use crate::error::GuestFailure;
use crate::ledger::{Ledger, Refusal};

/// Words in wasmtime's errors that have no type of their own. The tests of the
/// guests `handle_bomb` and `hostcall_bomb` notice if they change.
const HANDLE_WORDS: &str = "handle limit exceeded";
const HOSTCALL_WORDS: &str = "fuel allocated for hostcalls";

/// Names the failure of a guest that ended with `error`.
pub(crate) fn classify(error: &wasmtime::Error, ledger: &Ledger) -> GuestFailure {
    let failure = if ledger.was_refused(Refusal::Cpu) {
        Failure::CpuLimit
    } else if ledger.was_refused(Refusal::MemoryBudget) || ledger.was_refused(Refusal::TenantMemory) {
        // What others hold is not this guest's doing, and it may go well a moment later: neither
        // `memory-limit` nor a reason to take a revision back.
        Failure::Overloaded
    } else if ledger.was_refused(Refusal::Memory) {
        Failure::MemoryLimit
    } else if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        Failure::PoolExhausted
    } else if handles_ran_out(error) {
        Failure::HandleLimit
    } else if says(error, HOSTCALL_WORDS) {
        Failure::HostcallLimit
    } else {
        Failure::Trap
    };
    let mut detail = format!("{error:#}");
    if ledger.was_refused(Refusal::TenantMemory) {
        detail.insert_str(0, "the `memory` of its tenant is used up: ");
    }
    GuestFailure { failure, detail, trap: trap_code(error), cause: None }
}

fn handles_ran_out(error: &wasmtime::Error) -> bool {
    matches!(error.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full)) || says(error, HANDLE_WORDS)
}

fn says(error: &wasmtime::Error, words: &str) -> bool {
    error.chain().any(|cause| cause.to_string().contains(words))
}

/// A short name for the log and for metrics; never a guest's words.
fn trap_code(error: &wasmtime::Error) -> Option<&'static str> {
    if error.downcast_ref::<I32Exit>().is_some() {
        return Some("exit");
    }
    let trap = error.downcast_ref::<Trap>()?;
    Some(match trap {
        Trap::StackOverflow => "stack-overflow",
        Trap::MemoryOutOfBounds => "memory-out-of-bounds",
        Trap::TableOutOfBounds => "table-out-of-bounds",
        Trap::IndirectCallToNull => "indirect-call-to-null",
        Trap::BadSignature => "bad-signature",
        Trap::IntegerOverflow => "integer-overflow",
        Trap::IntegerDivisionByZero => "integer-division-by-zero",
        Trap::BadConversionToInteger => "bad-conversion-to-integer",
        Trap::UnreachableCodeReached => "unreachable",
        Trap::Interrupt => "interrupt",
        Trap::CannotEnterComponent => "cannot-enter-component",
        Trap::AsyncDeadlock => "async-deadlock",
        // wasmtime's enumeration, which grows: a new trap is still a trap.
        _ => "other",
    })
}
