//! Landlock: which files and ports the process can reach, by rules that it gives itself and cannot take back.
//!
//! Asked for is what ABI 6 can say (Linux 6.12), and older kernels do what they
//! can. Newer rights are left alone until somebody has tried them: Landlock refuses
//! whatever it handles and no rule allows.
//!
//! Listening is held to the ports of the configuration. Connecting is not: which
//! addresses a service may reach is decided for each service, by name and network,
//! and changes with a reload; a rule could only name ports, for all of them.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, Compatible as _, LandlockStatus, NetPort, PathBeneath, PathFd,
    PathFdError, RestrictSelf, RestrictSelfAttr as _, Ruleset, RulesetAttr as _, RulesetCreated,
    RulesetCreatedAttr as _, RulesetError, Scope, make_bitflags,
};

use super::other_threads;
use crate::hardening::Territory;

/// Whose rights are handled.
const ASKED: ABI = ABI::V6;
/// The first that holds files completely: before it, whoever could not write to a file could empty it.
const ENOUGH: u32 = 3;
/// The first that reaches threads that run already.
const ALL_THREADS: u32 = 8;

/// What may be done with everything that is only read.
const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});
/// The same for the host's own folder. No devices, pipes or links are made there, and nothing in it is run.
const CHANGE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | MakeSock | RemoveFile | RemoveDir | Refer
});
const SOCKETS: BitFlags<AccessFs> = make_bitflags!(AccessFs::{MakeSock | RemoveFile});
const RUN: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | Execute});
const SINK: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | WriteFile});

/// The version of the kernel's interface, or why there is none.
pub(super) fn abi() -> Result<u32, String> {
    // Without flags this asks for nothing and only looks what is there.
    let looked = RestrictSelf::default().no_new_privs(false).apply();
    match looked.map(|found| found.landlock) {
        Ok(LandlockStatus::Available { effective_abi, kernel_abi }) => {
            Ok(kernel_abi.and_then(|abi| u32::try_from(abi).ok()).unwrap_or(effective_abi as u32))
        }
        Ok(LandlockStatus::NotEnabled) => Err("the kernel was started without it".to_owned()),
        Ok(LandlockStatus::NotImplemented) => Err("the kernel does not have it, or a container hides it".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Holds this thread and those it starts to `territory`. In words, how; or why not.
pub(in crate::hardening) fn landlock(territory: &Territory) -> Result<String, String> {
    let abi = abi()?;
    // Counted before: those that begin later are held.
    let others = if abi < ALL_THREADS { other_threads() } else { 0 };
    restrict(territory).map_err(|error| error.to_string())?;
    if abi < ENOUGH {
        return Err(format!(
            "the kernel has ABI {abi}, which is in force, and only ABI {ENOUGH} holds files completely"
        ));
    }
    if others > 0 {
        return Err(format!("{others} threads ran already, which ABI {abi} cannot hold"));
    }
    Ok(format!("ABI {abi} holds {}", held_by(abi)))
}

fn held_by(abi: u32) -> &'static str {
    match abi {
        ..4 => "files",
        4 => "files, ports",
        5 => "files, ports, devices",
        _ => "files, ports, devices, signals",
    }
}

fn restrict(territory: &Territory) -> Result<(), RulesetError> {
    let mut scopes = BitFlags::from(Scope::Signal);
    if !territory.strangers {
        scopes |= Scope::AbstractUnixSocket;
    }
    let mut rules = Ruleset::default()
        .set_compatibility(landlock::CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ASKED))?
        .handle_access(AccessNet::BindTcp)?
        .scope(scopes)?
        .create()?;
    for (paths, access) in [
        (&territory.read, READ),
        (&territory.list, AccessFs::ReadDir.into()),
        (&territory.change, CHANGE),
        (&territory.sockets, SOCKETS),
        (&territory.run, RUN),
        (&territory.sinks, SINK),
    ] {
        for path in paths {
            rules = allow(rules, path, access)?;
        }
    }
    for port in &territory.ports {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::BindTcp))?;
    }
    rules.all_threads(true)?.restrict_self().map(drop)
}

/// What is not there, or may not even be looked at, needs no rule.
fn allow(rules: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
    let place = match PathFd::new(path) {
        Ok(place) => place,
        Err(PathFdError::OpenCall { .. }) | Err(_) => return Ok(rules),
    };
    // Of a file only what can be done with files.
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(ASKED) };
    if access.is_empty() { Ok(rules) } else { rules.add_rule(PathBeneath::new(place, access)) }
}
