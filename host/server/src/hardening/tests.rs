//! What is said of the walls. That they hold is shown on processes of their own, in the system tests.

use super::{HardeningError, Level, Report, Wall};

fn report(level: Level, landlock: Wall) -> Report {
    let stands = |how: &str| Wall::InForce(how.to_owned());
    Report { level, no_new_privileges: stands(""), landlock, seccomp: stands("100 system calls refused") }
}

#[test]
fn one_line_says_what_is_in_force() {
    let whole = report(Level::On, Wall::InForce("ABI 7 holds files, ports, devices, signals".to_owned()));
    let line =
        "no-new-privileges, Landlock (ABI 7 holds files, ports, devices, signals), seccomp (100 system calls refused)";
    assert_eq!(whole.to_string(), line);
    assert_eq!(whole.missing(), [""; 0]);
    assert_eq!(Report::off().to_string(), "nothing");
}

#[test]
fn what_is_missing_is_named_with_its_reason() {
    let part = report(Level::On, Wall::Missing("the kernel was started without it".to_owned()));
    assert_eq!(part.missing(), ["Landlock (the kernel was started without it)"]);
    assert_eq!(part.to_string(), "no-new-privileges, seccomp (100 system calls refused)");
    let error = HardeningError::Missing { missing: part.missing() };
    let text = "`--hardening=require` cannot be met: Landlock (the kernel was started without it) missing; \
                use a kernel that has them, or `--hardening=on`";
    assert_eq!(error.to_string(), text);
}

#[cfg(target_os = "linux")]
#[test]
fn no_call_is_refused_twice_and_none_that_a_host_needs() {
    use std::collections::BTreeSet;

    use super::refused::KINDS;

    let calls: Vec<_> = KINDS.iter().flat_map(|kind| kind.calls).collect();
    let numbers: BTreeSet<i64> = calls.iter().map(|(_, number)| *number).collect();
    assert_eq!(numbers.len(), calls.len());
    assert!(calls.len() > 70, "{}", calls.len());
    for needed in [
        libc::SYS_clone,
        libc::SYS_execve,
        libc::SYS_ioctl,
        libc::SYS_mmap,
        libc::SYS_madvise,
        libc::SYS_membarrier,
        libc::SYS_memfd_create,
        libc::SYS_prlimit64,
        libc::SYS_seccomp,
        libc::SYS_setpriority,
        libc::SYS_socket,
    ] {
        assert!(!numbers.contains(&needed), "{needed}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_compiler_is_allowed_nothing_that_reaches_files_or_others() {
    use super::needed::{IN_PART, WHOLE};
    use super::refused::KINDS;

    let refused: Vec<i64> = KINDS.iter().flat_map(|kind| kind.calls).map(|(_, number)| *number).collect();
    let whole: Vec<i64> = WHOLE.iter().flat_map(|(_, calls)| calls.iter()).map(|(_, number)| *number).collect();
    let reaching = [
        libc::SYS_openat,
        libc::SYS_unlinkat,
        libc::SYS_execve,
        libc::SYS_socket,
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_fcntl,
        libc::SYS_setpriority,
        libc::SYS_sched_setaffinity,
        libc::SYS_rt_tgsigqueueinfo,
        libc::SYS_sendmsg,
        libc::SYS_memfd_create,
    ];
    for number in refused.iter().chain(&reaching) {
        assert!(!whole.contains(number) && IN_PART.iter().all(|(_, part)| part != number), "{number}");
    }
    assert!(IN_PART.iter().all(|(_, number)| !whole.contains(number)));
}
