//! seccomp: which system calls the kernel answers at all, on every thread of the process.

use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::io::IsTerminal as _;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter_all_threads,
};

use crate::hardening::refused::{KINDS, Kind, X32_BIT, X32_OWN};

/// The calls with the rules by which they are refused; none stands for all.
pub(super) type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Views of its own that a new process could be given (clone(2)).
const NEW_VIEWS: [i32; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];
/// What sockets are for: the network, this machine, and the C library's question which addresses it has.
const FAMILIES: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
/// The part of a socket's type that is not a flag.
const TYPE_MASK: u64 = 0xf;
/// Types by which packets are written past the network's own rules.
const RAW_TYPES: [u64; 2] = [3, 10];
/// Put letters into a terminal as if somebody had typed them.
const TERMINAL_INPUT: [u64; 2] = [0x5412, 0x541c];
/// `PAGEMAP_SCAN` of linux/fs.h: `_IOWR('f', 16, struct pm_scan_arg)`, which has 96 bytes.
const PAGEMAP_SCAN: u64 = 0xc060_6610;

/// Refuses what a host never does, on every thread. In words, how; or why not.
pub(in crate::hardening) fn seccomp() -> Result<String, String> {
    let terminal = [std::io::stdin().is_terminal(), std::io::stdout().is_terminal(), std::io::stderr().is_terminal()];
    let programs = programs(terminal.contains(&true)).map_err(|error| error.to_string())?;
    for program in &programs {
        apply_filter_all_threads(program).map_err(|error| error.to_string())?;
    }
    let count: usize = KINDS.iter().map(|kind| kind.calls.len()).sum();
    Ok(format!("{count} system calls refused, others held to what a host needs"))
}

/// Makes every later scan of the process's page map fail, on every thread. Whoever scans must then do without.
///
/// # Errors
/// When the kernel does not filter, or a thread has filters of its own.
pub fn refuse_pagemap_scans() -> Result<(), String> {
    let scans = || -> Result<BpfProgram, BackendError> {
        program(BTreeMap::from([(libc::SYS_ioctl, vec![rule(&[equal(1, PAGEMAP_SCAN)?])?])]), libc::EPERM)
    };
    let program = scans().map_err(|error| error.to_string())?;
    apply_filter_all_threads(&program).map_err(|error| error.to_string())
}

/// One program for each answer. With a `terminal` at hand nothing may be typed into it; without one
/// `ioctl`, which cleans slots, is spared the look at its arguments.
fn programs(terminal: bool) -> Result<Vec<BpfProgram>, BackendError> {
    let mut forbidden = whole(KINDS, |kind| !kind.is_absent);
    forbidden.extend(X32_OWN.iter().map(|number| (*number, Vec::new())));
    let views = NEW_VIEWS.iter().map(|flag| rule(&[masked(0, bits(*flag), bits(*flag))?]));
    forbidden.insert(libc::SYS_clone, views.collect::<Result<_, _>>()?);
    if terminal {
        let typed = TERMINAL_INPUT.iter().map(|request| rule(&[equal(1, *request)?]));
        forbidden.insert(libc::SYS_ioctl, typed.collect::<Result<_, _>>()?);
    }
    Ok(vec![
        program(forbidden, libc::EPERM)?,
        program(whole(KINDS, |kind| kind.is_absent), libc::ENOSYS)?,
        program(sockets()?, libc::EAFNOSUPPORT)?,
    ])
}

/// The calls of some kinds, whatever their arguments.
fn whole(kinds: &[Kind], wanted: impl Fn(&Kind) -> bool) -> Rules {
    let calls = kinds.iter().filter(|kind| wanted(kind)).flat_map(|kind| kind.calls);
    calls.map(|(_, number)| (*number, Vec::new())).collect()
}

/// Sockets of other families and types than a host uses.
fn sockets() -> Result<Rules, BackendError> {
    let netlink = bits(libc::AF_NETLINK);
    let others: Vec<SeccompCondition> =
        FAMILIES.iter().map(|family| differs(0, bits(*family))).collect::<Result<_, _>>()?;
    let mut refused = vec![rule(&others)?, rule(&[equal(0, netlink)?, differs(2, bits(libc::NETLINK_ROUTE))?])?];
    for kind in RAW_TYPES {
        refused.push(rule(&[differs(0, netlink)?, masked(1, TYPE_MASK, kind)?])?);
    }
    let pairs = vec![rule(&[differs(0, bits(libc::AF_UNIX))?])?];
    Ok(BTreeMap::from([(libc::SYS_socket, refused), (libc::SYS_socketpair, pairs)]))
}

/// Answers what matches `rules` with `errno`, and lets everything else pass.
fn program(mut rules: Rules, errno: i32) -> Result<BpfProgram, BackendError> {
    add_x32(&mut rules);
    let answer = SeccompAction::Errno(errno.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, answer, TargetArch::try_from(ARCH)?)?.try_into()
}

/// The same calls by the numbers of the x32 ABI, where a kernel has it: the filter's check of the
/// processor does not tell it from the usual one.
fn add_x32(rules: &mut Rules) {
    if cfg!(target_arch = "x86_64") {
        let same: Vec<_> = rules.iter().map(|(number, rules)| (number | X32_BIT, rules.clone())).collect();
        rules.extend(same);
    }
}

pub(super) fn rule(conditions: &[SeccompCondition]) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions.to_vec())
}

pub(super) fn equal(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    condition(argument, SeccompCmpOp::Eq, value)
}

fn differs(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    condition(argument, SeccompCmpOp::Ne, value)
}

pub(super) fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompCondition, BackendError> {
    condition(argument, SeccompCmpOp::MaskedEq(mask), value)
}

/// Of the low half of an argument: the kernel looks at no more of a flag or a family.
fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

/// The bits of a constant of C, without its sign.
pub(super) fn bits(constant: i32) -> u64 {
    u64::from(constant.cast_unsigned())
}
