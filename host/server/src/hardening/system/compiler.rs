//! seccomp for a process that compiles: the calls that it needs, and no others.

use std::env::consts::ARCH;

use rustix::io::Errno;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    TargetArch, apply_filter_all_threads,
};

use super::calls::{Rules, bits, equal, masked, rule};
use crate::hardening::Level;
use crate::hardening::needed::WHOLE;

/// The names of threads are the only thing that it sets of itself.
const PR_SET_NAME: i32 = libc::PR_SET_NAME;

/// Holds a process that compiles to its pipes, its memory and its threads: what it parses comes from a stranger, and
/// what it answers is trusted. To be called before it has read that, on its only thread.
///
/// # Errors
/// When `level` is `require` and the filter is not in force, for whatever reason. Otherwise a kernel
/// that takes none is no error: the limits that the process has given itself hold all the same.
pub fn confine_compiler(level: Level) -> Result<(), String> {
    let held = hold();
    if level == Level::Require {
        held.map_err(|why| format!("`--hardening=require` cannot be met: {why}"))
    } else {
        Ok(())
    }
}

fn hold() -> Result<(), String> {
    let program = program().map_err(|error| format!("the compiler's filter cannot be made: {error}"))?;
    apply_filter_all_threads(&program).map_err(|error| format!("the compiler is not filtered: {error}"))?;
    // A call that it does not need, and that every kernel with filters has.
    match rustix::thread::no_new_privs() {
        Err(Errno::NOSYS) => Ok(()),
        _ => Err("the kernel took the compiler's filter and does not keep to it".to_owned()),
    }
}

/// Answers what is needed, and nothing else.
fn program() -> Result<BpfProgram, BackendError> {
    let mut allowed: Rules =
        WHOLE.iter().flat_map(|(_, calls)| calls.iter()).map(|(_, call)| (*call, Vec::new())).collect();
    // The component comes on one pipe, the answer and words for people go to two. Whatever else
    // was left open by whoever started the host is out of reach.
    allowed.insert(libc::SYS_read, vec![rule(&[equal(0, 0)?])?]);
    for call in [libc::SYS_write, libc::SYS_writev] {
        allowed.insert(call, vec![rule(&[equal(0, 1)?])?, rule(&[equal(0, 2)?])?]);
    }
    // What it makes is written into a pipe, and never run here.
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        allowed.insert(call, vec![rule(&[masked(2, bits(libc::PROT_EXEC), 0)?])?]);
    }
    // A new thread, never a new process.
    let thread = bits(libc::CLONE_THREAD);
    allowed.insert(libc::SYS_clone, vec![rule(&[masked(0, thread, thread)?])?]);
    allowed.insert(libc::SYS_prctl, vec![rule(&[equal(0, bits(PR_SET_NAME))?])?]);
    // Its own limits may be read.
    let read_only = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?;
    allowed.insert(libc::SYS_prlimit64, vec![rule(&[equal(0, 0)?, read_only])?]);
    // How a C library ends a process that is broken: with a signal to itself.
    allowed.insert(libc::SYS_tgkill, vec![rule(&[equal(0, u64::from(std::process::id()))?])?]);
    let refused = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    SeccompFilter::new(allowed, refused, SeccompAction::Allow, TargetArch::try_from(ARCH)?)?.try_into()
}
