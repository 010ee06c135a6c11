//! The process that compiles, seen from outside: what it has given up, and that it does not outlive who asked.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use hostel_model::artifact::SealKey;
use hostel_model::digest::Digest;
use hostel_model::platform::Platform;

use super::bombs::many_values_across_many_loops;
use crate::compiler::errand::Errand;
use crate::compiler::{CompileLimits, CompileWith, build};
use crate::engine::Generation;
use crate::testing::{Bench, compile_with, platform};

/// Asks again and again, for up to a minute.
fn eventually<T>(what: &str, platform: &Platform, mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..6_000 {
        if let Some(found) = ask() {
            return found;
        }
        platform.clock.pause_thread(Duration::from_millis(10));
    }
    panic!("{what} did not come");
}

/// Fields of proc_pid_stat(5) behind the name, the state first; none if it has ended, be it as a zombie.
fn stat(id: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<String> = stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect();
    (fields[0] != "Z" && fields[0] != "X").then_some(fields)
}

/// Whether whoever started this process left it a descriptor that every child has, too.
fn was_left_open(number: u32) -> bool {
    const CLOSED_FOR_CHILDREN: u32 = 0o2_000_000;
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    let flags = info.lines().find_map(|line| u32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
    flags.is_some_and(|flags| flags & CLOSED_FOR_CHILDREN == 0)
}

/// The children of this process whose name is that of a compiler.
fn compilers() -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let ours = std::process::id().to_string();
    entries
        .filter(|id: &u32| {
            let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
            name.trim() == "hostel-compile" && stat(*id).is_some_and(|fields| fields[1] == ours)
        })
        .collect()
}

#[test]
fn it_has_given_up_what_it_does_not_need_before_it_compiles() {
    let platform = platform();
    let limits =
        CompileLimits { wall: Duration::from_secs(20), cpu: Duration::from_secs(30), ..CompileLimits::default() };
    let bench = Bench::compiling(CompileWith { limits, ..compile_with() });
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let bytes = many_values_across_many_loops(3_000, 1_000);
            bench.sandbox.code(&bytes, Digest::of(&bytes)).err().unwrap().to_string()
        });
        // Threads: it has begun to compile. Other tests compile as well, with other limits.
        let is_ours = |id: u32| {
            let held = fs::read_to_string(format!("/proc/{id}/limits")).unwrap_or_default();
            held.lines().any(|line| line.split_whitespace().eq(["Max", "cpu", "time", "30", "31", "seconds"]))
        };
        let id = eventually("a compiler", &platform, || {
            let begun = |id: u32| stat(id).is_some_and(|fields| fields[17] != "1");
            compilers().into_iter().find(|id| begun(*id) && is_ours(*id))
        });
        assert_eq!(stat(id).unwrap()[16], "10", "its niceness");
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        assert_eq!(fs::read_to_string(format!("/proc/{id}/oom_score_adj")).unwrap(), "1000\n");
        // A group of its own: what a terminal sends to ours does not reach it.
        assert_eq!(stat(id).unwrap()[2], id.to_string());
        let held = fs::read_to_string(format!("/proc/{id}/limits")).unwrap();
        let row = |name: &str| {
            let line = held.lines().find(|line| line.starts_with(name)).unwrap();
            line.strip_prefix(name).unwrap().split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(row("Max address space"), ["2147483648", "2147483648"]);
        assert_eq!(row("Max file size"), ["0", "0"]);
        assert_eq!(row("Max core file size"), ["0", "0"]);
        assert_eq!(row("Max open files"), ["3", "3"]);
        // Only who is root sees what a process that hides its memory has open.
        if let Ok(open) = fs::read_dir(format!("/proc/{id}/fd")) {
            let open = open.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse::<u32>().unwrap());
            let ours: Vec<u32> = open.filter(|number| *number > 2 && !was_left_open(*number)).collect();
            assert!(ours.is_empty(), "{ours:?}");
        }
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(id.cast_signed()).unwrap(),
            rustix::process::Signal::KILL,
        )
        .unwrap();
        assert!(asking.join().unwrap().contains("`compile-killed`"));
        assert!(!fs::exists(format!("/proc/{id}")).unwrap(), "a zombie is left");
    });
}

#[test]
fn it_does_not_outlive_who_asked() {
    let platform = platform();
    let program = compile_with().program;
    // Asks in place of a host: a shell, whose child has the same pipes.
    let script = format!("exec 3<&0; {} <&3 >&2 & echo $!; exec sleep 1000", program.display());
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut shell = shell.spawn().unwrap();
    let bytes = many_values_across_many_loops(3_000, 1_000);
    let errand = Errand {
        build: build(),
        key: SealKey::from([1; 32]),
        parent: shell.id(),
        cpu_seconds: 60,
        memory: 2 << 30,
        component_bytes: bytes.len() as u64,
        generation: Generation::P2,
    };
    let mut told = shell.stdin.take().unwrap();
    told.write_all(&errand.to_bytes()).unwrap();
    told.write_all(&bytes).unwrap();
    let mut number = [0; 20];
    let read = shell.stdout.take().unwrap().read(&mut number).unwrap();
    let id: u32 = std::str::from_utf8(&number[..read]).unwrap().trim().parse().unwrap();
    eventually("work", &platform, || stat(id).filter(|fields| fields[17] != "1"));
    shell.kill().unwrap();
    shell.wait().unwrap();
    eventually("its end", &platform, || stat(id).is_none().then_some(()));
}

#[test]
fn who_is_not_asked_by_a_host_does_nothing() {
    let run = |told: &[u8]| {
        let mut child = Command::new(compile_with().program);
        child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = child.spawn().unwrap();
        // It may have ended before it was told everything.
        let _ = child.stdin.take().unwrap().write_all(told);
        child.wait_with_output().unwrap()
    };
    for told in [&b""[..], b"compile this", &[0; 1_000]] {
        let output = run(told);
        assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    }
    let errand = |build, parent| Errand {
        build,
        key: SealKey::from([1; 32]),
        parent,
        cpu_seconds: 1,
        memory: 2 << 30,
        component_bytes: 0,
        generation: Generation::P2,
    };
    let stale = run(&errand(Digest::of(b"other"), std::process::id()).to_bytes());
    assert_eq!(stale.stdout, b"Uanother build of this program compiles; build it again");
    let orphan = run(&errand(build(), u32::MAX).to_bytes());
    assert_eq!(orphan.stdout, b"Uits parent has ended");
}
