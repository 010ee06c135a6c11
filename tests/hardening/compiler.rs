//! The process that compiles: what it cannot do to the host that waits for it, in itself and as hosts start it.

use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use serde_json::{Value, json};

use super::landlock_abi;
use crate::compilation::bomb;
use crate::harness::{Process, eventually, guest};
use crate::process::folder;

/// What came of every act of a process that is held as one that compiles, and how it ended.
fn trapped(arguments: &[&str]) -> (Value, ExitStatus) {
    let mut command = Command::new(super::forbidden::ACTS);
    command.arg("--compiler").args(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // It may have ended before it reads.
    let _ = child.stdin.take().unwrap().write_all(b"told");
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")), output.status)
}

#[test]
fn a_process_that_compiles_makes_no_call_that_compiling_does_not_need() {
    for level in ["on", "require"] {
        let (told, status) = trapped(&[level]);
        assert_eq!((&told["confined"], &told["held"]), (&json!(true), &json!(true)), "{told}");
        assert_eq!(told["answered"], json!([]), "calls of these numbers are answered");
        for (act, outcome) in told["reaching"].as_object().unwrap() {
            assert_eq!(outcome, "ENOSYS", "{act}");
        }
        assert_eq!(told["reaching"].as_object().unwrap().len(), 18);
        let sums = [0, 1 << 20, 2 << 20, 3 << 20];
        assert_eq!(told["needed"], json!({ "read": "told", "sums": sums, "chance": 4, "caught": true }));
        // It can end itself as a broken process does.
        assert_eq!(status.signal(), Some(libc::SIGABRT), "{status}");
    }
}

#[test]
fn where_a_filter_is_required_and_not_taken_nothing_is_compiled() {
    let (told, _) = trapped(&["require", "--exhausted"]);
    assert_eq!((&told["full"], &told["confined"]), (&json!(true), &json!(false)), "{told}");
    assert!(told["why"].as_str().unwrap().contains("`--hardening=require` cannot be met"), "{told}");
    let (told, _) = trapped(&["on", "--exhausted"]);
    assert_eq!((&told["full"], &told["confined"]), (&json!(true), &json!(true)), "{told}");
}

/// The value of a field in the status of a process.
fn status(process: u32, field: &str) -> String {
    let text = fs::read_to_string(place(process, "status")).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("no {field} in:\n{text}")).trim().to_owned()
}

fn place(process: u32, file: &str) -> PathBuf {
    Path::new("/proc").join(process.to_string()).join(file)
}

/// The process that compiles for `host`, once it does: it has threads then.
fn compiler_of(host: u32) -> Option<u32> {
    let tasks = fs::read_dir(place(host, "task")).unwrap().filter_map(|task| Some(task.ok()?.path().join("children")));
    let children: String = tasks.filter_map(|file| fs::read_to_string(file).ok()).collect();
    let mut ids = children.split_whitespace().filter_map(|id| id.parse().ok());
    ids.find(|id| {
        fs::read_to_string(place(*id, "status")).is_ok_and(|text| {
            text.starts_with("Name:\thostel-compile\n")
                && !text.contains("Threads:\t1\n")
                && text.contains("Threads:\t")
        })
    })
}

#[test]
fn the_compiler_of_a_host_is_filtered_marked_and_less_urgent_however_the_host_is_held() {
    let bomb = bomb(3_000, 1_000);
    let all = if matches!(landlock_abi(), Some(3..)) { "require" } else { "on" };
    for level in ["on", "off", all] {
        let folder = folder(&[("hello.wasm", guest::HELLO_P2)], "");
        let mark_before = fs::read_to_string("/proc/self/oom_score_adj").unwrap();
        let mut process = Process::run([Path::new("up"), Path::new(&format!("--hardening={level}")), folder.path()]);
        process.serves();
        fs::write(folder.path().join(".part"), &bomb).unwrap();
        fs::rename(folder.path().join(".part"), folder.path().join("bomb.wasm")).unwrap();
        let mut found = None;
        eventually("a process that compiles", || {
            found = compiler_of(process.id());
            found.is_some()
        });
        let compiler = found.unwrap();
        assert_eq!((status(compiler, "Seccomp"), status(compiler, "NoNewPrivs")), ("2".to_owned(), "1".to_owned()));
        let filters = |id| status(id, "Seccomp_filters").parse::<u32>().unwrap();
        assert_eq!(filters(compiler), filters(process.id()) + 1, "{level}: one filter of its own");
        let mark = |id| fs::read_to_string(place(id, "oom_score_adj")).unwrap();
        assert_eq!((mark(compiler).trim(), mark(process.id())), ("1000", mark_before), "{level}");
        let fields = fs::read_to_string(place(compiler, "stat")).unwrap();
        let niceness = fields.rsplit_once(')').unwrap().1.split_whitespace().nth(16).map(str::to_owned);
        assert_eq!(niceness.as_deref(), Some("10"), "{level}");
        assert_eq!(process.get("/hello").status, 200);
    }
}
