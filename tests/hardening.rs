//! The second wall: what a process cannot do that was hardened, and what a hardened host still does.

mod compiler;
mod forbidden;
mod reach;
mod serving;
mod swap;

use std::fs;
use std::path::Path;

use hostel::hardening::Kernel;
use hostel_sandbox::swap::Cleaning;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Process, guest};
use crate::process::folder;

/// The version of Landlock's interface here. None is said, since a test then shows less than its name.
fn landlock_abi() -> Option<u32> {
    match Kernel::ask().landlock_abi {
        Ok(abi) => Some(abi),
        Err(why) => {
            eprintln!("Landlock is not in force in this test: {why}");
            None
        }
    }
}

/// The values of a field in the status of every thread of a process.
fn of_each_thread(process: u32, field: &str) -> Vec<String> {
    let tasks = fs::read_dir(Path::new("/proc").join(process.to_string()).join("task")).unwrap();
    let statuses = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("status")).ok());
    let value = |status: String| {
        let value =
            status.lines().find_map(|line| Some(line.strip_prefix(field)?.strip_prefix(':')?.trim().to_owned()));
        value.unwrap_or_else(|| panic!("no {field} in:\n{status}"))
    };
    statuses.map(value).collect()
}

#[test]
fn every_thread_of_a_host_is_held_unless_it_was_told_not_to() {
    let folder = folder(&[("hello.wasm", guest::HELLO_P2)], "");
    // Whatever starts the tests may hold them already.
    let ours = |field| of_each_thread(std::process::id(), field).remove(0);
    let (privileges_before, filters_before) = (ours("NoNewPrivs"), ours("Seccomp"));
    for (arguments, privileges, filters) in [
        (vec![], "1", "2"),
        (vec!["--hardening=on"], "1", "2"),
        (vec!["--hardening=off"], privileges_before.as_str(), filters_before.as_str()),
    ] {
        let mut all = vec!["up".to_owned()];
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        all.push(folder.path().display().to_string());
        let mut process = Process::run(&all);
        process.serves();
        assert_eq!(process.get("/hello").status, 200);
        let privileges_seen = of_each_thread(process.id(), "NoNewPrivs");
        let filters_seen = of_each_thread(process.id(), "Seccomp");
        assert!(privileges_seen.len() > 5, "{privileges_seen:?}");
        assert!(privileges_seen.iter().all(|seen| seen == privileges), "{arguments:?}: {privileges_seen:?}");
        assert!(filters_seen.iter().all(|seen| seen == filters), "{arguments:?}: {filters_seen:?}");
        process.signal(Signal::TERM);
        assert_eq!(process.wait().code(), Some(0), "{}", process.stderr.text());
    }
}

#[test]
fn a_host_says_in_one_line_what_holds_it() {
    let folder = folder(&[("hello.wasm", guest::HELLO_P2)], "");
    let mut process = Process::up(folder.path());
    let line = process.stderr.line_with(&["the process is hardened", "in_force="]);
    assert!(line.contains("no-new-privileges") && line.contains("system calls refused"), "{line}");
    match landlock_abi() {
        Some(abi) => assert!(line.contains(&format!("Landlock (ABI {abi} holds")), "{line}"),
        None => drop(process.stderr.line_with(&["hardened only in part", "Landlock"])),
    }
    assert_eq!(process.stop().code(), Some(0));
    let mut process = Process::run([Path::new("up"), Path::new("--hardening=off"), folder.path()]);
    process.serves();
    process.stderr.line_with(&["the process is not hardened"]);
}

#[test]
fn what_holds_a_host_is_told_by_its_admin_plane_and_what_could_by_check() {
    let folder = folder(&[("hello.wasm", guest::HELLO_P2)], "");
    let process = Process::up(folder.path());
    let mut status = Process::run(["status", "--json", folder.path().to_str().unwrap()]);
    assert_eq!(status.wait().code(), Some(0), "{}", status.stderr.text());
    let status: Value = serde_json::from_str(&status.stdout.text()).unwrap();
    let platform = &status["platform"];
    let has_landlock = landlock_abi().is_some();
    assert_eq!(platform["landlock_abi"].as_u64().map(|abi| abi as u32), landlock_abi(), "{platform}");
    let hardening = &platform["hardening"];
    assert_eq!((&hardening["level"], &hardening["landlock"]), (&json!("on"), &json!(has_landlock)), "{platform}");
    assert_eq!((&hardening["seccomp"], &hardening["no_new_privileges"]), (&json!(true), &json!(true)), "{platform}");
    // The filter lets pass what cleans slots.
    let cleaning = Cleaning::of_machine();
    assert_eq!(platform["cleaning"], cleaning.mode.name(), "{platform}");
    drop(process);
    let mut check = Process::run([Path::new("check"), folder.path()]);
    assert_eq!(check.wait().code(), Some(0));
    let text = check.stderr.text();
    for words in [["kernel", Kernel::ask().release.as_str()], ["cleaning", cleaning.reason], ["seccomp", "yes"]] {
        assert!(text.lines().any(|line| words.iter().all(|word| line.contains(word))), "{words:?}: {text}");
    }
}
