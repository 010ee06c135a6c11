//! The system calls that a process which compiles makes, each with the reason. It gets no others.
//!
//! Here what is allowed is listed, other than for a host ([`super::refused`]): such a
//! process reads one pipe and writes two, and otherwise needs memory and threads.
//! That changes with no update. What is not here is answered as if the kernel did not
//! have it (`ENOSYS`), so that a library which tries something new does without.

/// Calls for one purpose, by name and number.
pub type Calls = &'static [(&'static str, i64)];

macro_rules! calls {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), libc::$name)),*] };
}

/// Those that are allowed whatever their arguments are.
pub const WHOLE: &[(&str, Calls)] = &[
    ("memory", calls![SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise]),
    ("threads", calls![SYS_futex, SYS_set_robust_list, SYS_rseq, SYS_sched_yield, SYS_sched_getaffinity]),
    ("who it is itself", calls![SYS_getpid, SYS_gettid]),
    ("signals that it gets itself", calls![SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack]),
    ("time and chance", calls![SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_getrandom]),
    ("waiting, and going on after a signal", calls![SYS_clock_nanosleep, SYS_nanosleep, SYS_restart_syscall]),
    ("its end", calls![SYS_close, SYS_exit, SYS_exit_group]),
];

/// Those that are allowed with some arguments; which ones, the filter says.
pub const IN_PART: Calls =
    calls![SYS_read, SYS_write, SYS_writev, SYS_mmap, SYS_mprotect, SYS_clone, SYS_prctl, SYS_prlimit64, SYS_tgkill,];
