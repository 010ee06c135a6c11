//! What a process that compiles gives up before it reads a stranger's bytes.
//!
//! Only what a process may do to itself: no privileges are needed, and nothing
//! of it can be undone. What cannot be given up is a reason not to begin.

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, getppid, getrlimit, set_dumpable_behavior,
    set_parent_process_death_signal, setpriority_process, setrlimit,
};

use crate::compiler::NICENESS;
use crate::compiler::errand::Errand;
use crate::compiler::first_to_go::MARK;

/// Descriptors that may be open: the three pipes. No file can be opened any more, nor a socket.
const FILES: u64 = 3;
/// Seconds between the signal that says the time is over and the one that cannot be caught.
const CPU_GRACE_SECONDS: u64 = 1;

/// Lowers everything to what `errand` says.
pub(super) fn confine(errand: &Errand) -> Result<(), String> {
    let could_not = |what: &'static str| move |error| format!("{what}: {error}");
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(could_not("cannot follow its parent"))?;
    // It may have ended before it could be followed.
    if getppid().map(|parent| parent.as_raw_nonzero().get().unsigned_abs()) != Some(errand.parent) {
        return Err("its parent has ended".to_owned());
    }
    rustix::thread::set_no_new_privs(true).map_err(could_not("cannot give up new privileges"))?;
    // Where memory gets scarce it is to end before the host does. Its parent has marked it so already, unless
    // that could not; and if its parent is hardened, it cannot open this itself.
    let _ = std::fs::write("/proc/self/oom_score_adj", MARK);
    // A name for those who look at a list of processes; nothing depends on it.
    let _ = rustix::thread::set_name(c"hostel-compile");
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(could_not("cannot hide its memory"))?;
    // It has its parent's priority, which is this one already unless that could not be lowered.
    let _ = setpriority_process(None, NICENESS);
    let cpu = errand.cpu_seconds.max(1);
    for (resource, soft, hard) in [
        (Resource::Cpu, cpu, cpu.saturating_add(CPU_GRACE_SECONDS)),
        (Resource::As, errand.memory, errand.memory),
        (Resource::Fsize, 0, 0),
        (Resource::Core, 0, 0),
        (Resource::Nofile, FILES, FILES),
    ] {
        lower(resource, soft, hard).map_err(could_not("cannot limit itself"))?;
    }
    Ok(())
}

/// Sets a limit, or keeps what is lower already.
fn lower(resource: Resource, soft: u64, hard: u64) -> rustix::io::Result<()> {
    let maximum = getrlimit(resource).maximum.map_or(hard, |now| now.min(hard));
    setrlimit(resource, Rlimit { current: Some(soft.min(maximum)), maximum: Some(maximum) })
}
