//! The command: its exit codes, its signals, what it says, and what it remembers.

mod check;
mod limits;
mod sockets;

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::harness::{Process, eventually, guest};

/// A folder with these components and a `hostel.toml` that lets the system choose the port.
pub(crate) fn folder(components: &[(&str, &str)], more: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, path) in components {
        fs::copy(path, folder.path().join(name)).unwrap();
    }
    write(folder.path(), &format!("version = 1\n{more}\n[[listener]]\naddress = \"127.0.0.1:0\"\n"));
    folder
}

pub(crate) fn write(folder: &Path, text: &str) {
    fs::write(folder.join("hostel.toml"), text).unwrap();
}

#[test]
fn sigterm_and_ctrl_c_end_it_cleanly() {
    let folder = folder(&[("hello.wasm", guest::HELLO_P2)], "");
    for signal in [Signal::TERM, Signal::INT] {
        let mut process = Process::up(folder.path());
        assert_eq!(process.get("/hello").status, 200);
        process.signal(signal);
        assert_eq!(process.wait().code(), Some(0), "{}", process.stderr.text());
        assert!(process.stderr.text().contains("stopped"), "{}", process.stderr.text());
    }
}

#[test]
fn sigterm_finishes_what_is_in_flight_and_accepts_nothing_new() {
    let folder = folder(&[("slow2.wasm", guest::SLEEPS_P2), ("slow3.wasm", guest::SLEEPS_P3)], "");
    let mut process = Process::up(folder.path());
    let address = process.address();
    let mut idle = process.connect();
    let mut working = ["/slow2?ms=1500", "/slow3?ms=1500"].map(|path| process.request("GET", path).begin());
    // Half an answer later both are at work for sure.
    let quick = process.request("GET", "/slow2?ms=1").send_on(&mut idle);
    assert_eq!(quick.text(), "slept");
    process.signal(Signal::TERM);
    process.stderr.line_with(&["stopping"]);
    assert!(idle.is_closed_by_host());
    eventually("nothing new is accepted", || std::net::TcpStream::connect(address).is_err());
    for connection in &mut working {
        let answer = connection.read_answer("GET");
        assert_eq!((answer.status, answer.text().as_str(), answer.complete), (200, "slept", true));
    }
    assert_eq!(process.wait().code(), Some(0));
    let lines = process.stdout.json_lines();
    assert_eq!(lines.iter().filter(|line| line["outcome"] == "ok").count(), 3, "{lines:?}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let folder = folder(&[("never.wasm", guest::NEVER_ANSWERS_P2)], "");
    let mut process = Process::up(folder.path());
    let _working = process.request("GET", "/never").begin();
    let mut other = process.connect();
    // The host has read the first request once it answers one on a later connection.
    assert_eq!(process.request("GET", "/nowhere").send_on(&mut other).status, 404);
    process.signal(Signal::TERM);
    process.stderr.line_with(&["stopping"]);
    process.signal(Signal::TERM);
    assert_eq!(process.wait().code(), Some(128 + 15));
}

#[test]
fn the_drain_is_bounded() {
    let folder = folder(&[("never.wasm", guest::NEVER_ANSWERS_P3)], "drain = \"300ms\"");
    let mut process = Process::up(folder.path());
    let mut working = process.request("GET", "/never").begin();
    assert_eq!(process.get("/nowhere").status, 404);
    process.signal(Signal::TERM);
    assert_eq!(process.wait().code(), Some(0));
    assert!(working.try_read_answer("GET").is_none());
    process.stderr.line_with(&["still in flight"]);
}

#[test]
fn an_address_that_is_taken_is_exit_code_69() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = folder(&[("hello.wasm", guest::HELLO_P2)], "");
    write(folder.path(), &format!("version = 1\n[[listener]]\naddress = \"{address}\"\n"));
    let mut process = Process::run([Path::new("up"), folder.path()]);
    assert_eq!(process.wait().code(), Some(69));
    let text = process.stderr.text();
    assert!(text.contains(&address) && text.contains("taken"), "{text}");
}

#[test]
fn a_state_folder_in_use_is_exit_code_69() {
    let folder = folder(&[("hello.wasm", guest::HELLO_P2)], "");
    let _first = Process::up(folder.path());
    let mut second = Process::run([Path::new("up"), folder.path()]);
    assert_eq!(second.wait().code(), Some(69), "{}", second.stderr.text());
}

#[test]
fn a_wrong_command_line_is_exit_code_64_and_help_is_0() {
    for (arguments, code) in [
        (vec!["up", "--no-such-flag"], 64),
        (vec!["no-such-command"], 64),
        (vec![], 64),
        (vec!["--help"], 0),
        (vec!["--version"], 0),
        (vec!["up", "--help"], 0),
    ] {
        let mut process = Process::run(&arguments);
        assert_eq!(process.wait().code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn components_beside_the_file_are_served_under_their_own_names() {
    let folder = folder(&[("hello_p2.wasm", guest::HELLO_P2), ("hello_p3.wasm", guest::HELLO_P3)], "");
    let mut process = Process::up(folder.path());
    for path in ["/hello-p2", "/hello-p3", "/hello-p2/below", "/hello-p3/"] {
        assert_eq!(process.get(path).text(), "Hello, World!\n", "{path}");
    }
    assert_eq!(process.get("/hello_p2").status, 404);
    assert_eq!(process.stop().code(), Some(0));
    assert!(folder.path().join(".hostel").is_dir());
    let table = process.stderr.text();
    for words in
        [["http://127.0.0.1:", "/hello-p2/*", "hello-p2", "r1"], ["http://127.0.0.1:", "/hello-p3/*", "hello-p3", "r1"]]
    {
        assert!(table.lines().any(|line| words.iter().all(|word| line.contains(word))), "{table}");
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let service = |name: &str| {
        format!("[service.{name}]\ncomponent = \"{name}.wasm\"\nroutes = [\"/{name}\"]\nkeyvalue = [\"default\"]\n")
    };
    let folder = folder(&[("p2.wasm", guest::KEYVALUE_P2), ("p3.wasm", guest::KEYVALUE_P3)], "");
    let listener = "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n";
    write(folder.path(), &[listener, &service("p2"), &service("p3")].concat());
    let mut process = Process::up(folder.path());
    for service in ["p2", "p3"] {
        for n in 0..20 {
            let set = process.get(&format!("/{service}?op=set&key=k{n}&value=v{n}"));
            assert_eq!(set.json()["result"], "ok", "{service}");
        }
    }
    process.signal(Signal::KILL);
    assert_eq!(process.wait().code(), None);
    let mut process = Process::up(folder.path());
    for service in ["p2", "p3"] {
        for n in 0..20 {
            let value = process.get(&format!("/{service}?op=get&key=k{n}")).json();
            assert_eq!(value["result"], format!("v{n}"), "{service} {n}");
        }
    }
    assert_eq!(process.stop().code(), Some(0));
}

#[test]
fn revisions_count_on_over_restarts() {
    let folder = folder(&[("hello.wasm", guest::HELLO_P2)], "");
    for (component, revision) in [(guest::HELLO_P2, "r1"), (guest::HELLO_P2, "r1"), (guest::HELLO_P3, "r2")] {
        fs::copy(component, folder.path().join("hello.wasm")).unwrap();
        let mut process = Process::up(folder.path());
        let answer = process.get("/hello");
        let line = process.stdout.json_line("its line", |line| line["id"] == answer.id());
        assert_eq!(line["revision"], revision, "{line}");
        assert_eq!(process.stop().code(), Some(0));
    }
}
