//! What somebody tries who has taken over a process that compiles: every system call there is, and above all
//! those that reach the host which waits for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::process::ExitCode;

use hostel::hardening::needed::{IN_PART, WHOLE};
use hostel::hardening::refused::X32_BIT;
use hostel::hardening::{Level, confine_compiler, refuse_pagemap_scans};
use rustix::process::getppid;
use serde_json::{Value, json};

use super::call;

/// Above every number that a kernel has given so far.
const CALLS_END: i64 = 700;
/// Calls that a kernel makes itself, by its own trampolines, and that pass every filter; whoever else makes them is
/// ended by a signal (uprobes on x86-64).
const OF_THE_KERNEL: [i64; 2] = [335, 336];
/// More filters than a kernel takes: they may have 32,768 instructions together.
const FILTERS: usize = 10_000;

/// Confines itself as a compiler at `level` and tells what it can do then. If `exhausted`, only whether it is
/// confined, on a kernel that takes no more filters. In the end it fails as a broken process does: by a signal to itself.
pub fn act(level: Level, exhausted: bool) -> ExitCode {
    if exhausted {
        let full = (0..FILTERS).any(|_| refuse_pagemap_scans().is_err());
        let confined = confine_compiler(level);
        return tell(&json!({ "full": full, "confined": confined.is_ok(), "why": confined.err() }));
    }
    let spare = File::open("/dev/null").expect("it must be there");
    let parent = i64::from(getppid().expect("there must be a parent").as_raw_nonzero().get());
    let confined = confine_compiler(level);
    // A call that is not among those it needs. Without a filter nothing else is tried: some calls would change the machine.
    let is_held = name(call(libc::SYS_getppid, [0; 6])) == "ENOSYS";
    let mut told = json!({ "confined": confined.is_ok(), "held": is_held });
    if is_held {
        told["answered"] = answered().into_iter().collect();
        told["reaching"] = reaching(parent, i64::from(spare.as_raw_fd())).into_iter().collect();
        told["needed"] = needed();
    }
    if tell(&told) == ExitCode::FAILURE {
        return ExitCode::FAILURE;
    }
    std::process::abort()
}

fn tell(told: &Value) -> ExitCode {
    if writeln!(io::stdout(), "{told}").is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn name(outcome: io::Result<()>) -> String {
    match outcome.map_err(|error| error.raw_os_error()) {
        Ok(()) => "done".to_owned(),
        Err(Some(libc::ENOSYS)) => "ENOSYS".to_owned(),
        Err(other) => format!("{other:?}"),
    }
}

/// Calls besides those it needs that are not answered as if there were none of this number.
fn answered() -> Vec<String> {
    let needed: BTreeSet<i64> =
        WHOLE.iter().flat_map(|(_, calls)| calls.iter()).chain(IN_PART).map(|(_, number)| *number).collect();
    let usual = (0..CALLS_END).filter(|number| !needed.contains(number) && !OF_THE_KERNEL.contains(number));
    let x32 = (0..CALLS_END).map(|number| number | X32_BIT).filter(|_| cfg!(target_arch = "x86_64"));
    let tried = usual.chain(x32).map(|number| (number, name(call(number, [-1; 6]))));
    tried.filter(|(_, outcome)| outcome != "ENOSYS").map(|(number, outcome)| format!("{number}: {outcome}")).collect()
}

/// Acts on the `parent`, on files and on a descriptor that was left open, with the arguments that would do it.
fn reaching(parent: i64, spare: i64) -> BTreeMap<String, Value> {
    const KILL_NOTHING: i64 = 0;
    let mut byte = 0_u8;
    let place = (&raw mut byte) as i64;
    let path = c"/".as_ptr() as i64;
    let limits = [0_u64; 2];
    let (exec, private) = (i64::from(libc::PROT_EXEC), i64::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS));
    let acts: [(&str, i64, [i64; 6]); 18] = [
        ("signal a thread of the parent", libc::SYS_tgkill, [parent, parent, KILL_NOTHING, 0, 0, 0]),
        ("signal the parent", libc::SYS_kill, [parent, KILL_NOTHING, 0, 0, 0, 0]),
        ("have the parent signalled", libc::SYS_fcntl, [0, i64::from(libc::F_SETOWN), parent, 0, 0, 0]),
        ("slow down the parent", libc::SYS_setpriority, [0, parent, 19, 0, 0, 0]),
        ("ask for the parent's processors", libc::SYS_sched_setaffinity, [parent, 8, place, 0, 0, 0]),
        ("limit the parent", libc::SYS_prlimit64, [parent, 7, 0, limits.as_ptr() as i64, 0, 0]),
        ("set its own limits", libc::SYS_prlimit64, [0, 4, limits.as_ptr() as i64, 0, 0, 0]),
        ("outlive the parent", libc::SYS_prctl, [i64::from(libc::PR_SET_PDEATHSIG), 0, 0, 0, 0, 0]),
        ("show its memory", libc::SYS_prctl, [i64::from(libc::PR_SET_DUMPABLE), 1, 0, 0, 0, 0]),
        ("begin a process", libc::SYS_clone, [i64::from(libc::SIGCHLD), 0, 0, 0, 0, 0]),
        ("begin a process as newer libraries do", libc::SYS_clone3, [place, 88, 0, 0, 0, 0]),
        ("read what was left open", libc::SYS_read, [spare, place, 1, 0, 0, 0]),
        ("write to what was left open", libc::SYS_write, [spare, place, 1, 0, 0, 0]),
        ("read its own answer", libc::SYS_read, [1, place, 1, 0, 0, 0]),
        ("get memory to run", libc::SYS_mmap, [0, 4096, exec, private, -1, 0]),
        ("run memory", libc::SYS_mprotect, [place & !4095, 4096, exec | 1, 0, 0, 0]),
        ("open a file", libc::SYS_openat, [i64::from(libc::AT_FDCWD), path, 0, 0, 0, 0]),
        ("change a mode", libc::SYS_fchmodat, [i64::from(libc::AT_FDCWD), path, 0o755, 0, 0, 0]),
    ];
    acts.into_iter().map(|(act, number, arguments)| (act.to_owned(), name(call(number, arguments)).into())).collect()
}

/// What compiling takes: memory, threads that wait for each other, chance, time, and its pipes.
fn needed() -> Value {
    let mut told = [0; 4];
    let read = io::stdin().read_exact(&mut told).map(|()| String::from_utf8_lossy(&told).into_owned());
    let threads: Vec<_> = (0..4_u64)
        .map(|number| {
            let work = move || vec![number; 1 << 20].iter().sum::<u64>();
            std::thread::Builder::new().name(format!("work-{number}")).spawn(work)
        })
        .collect();
    let sums: Vec<u64> = threads.into_iter().filter_map(|thread| thread.ok()?.join().ok()).collect();
    let chance: HashMap<u64, u64> = sums.iter().map(|sum| (*sum, *sum)).collect();
    let caught = std::panic::catch_unwind(|| panic!("it may panic")).is_err();
    json!({ "read": read.ok(), "sums": sums, "chance": chance.len(), "caught": caught })
}
