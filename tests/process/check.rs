//! What is said of a configuration that is wrong: everything at once, each with its place and its remedy.

use std::fs;
use std::path::Path;

use super::{folder, write};
use crate::harness::{Process, guest};

/// Runs `command` on `path` and returns its exit code and what it said.
fn said(command: &str, path: &Path) -> (Option<i32>, String) {
    let mut process = Process::run([Path::new(command), path]);
    let status = process.wait();
    assert_eq!(process.stdout.text(), "");
    (status.code(), process.stderr.text())
}

#[test]
fn five_mistakes_are_five_problems_each_with_its_line() {
    let folder = folder(&[("hello.wasm", guest::HELLO_P2)], "");
    let text = r#"version = 1
sttate = ".hostel"
[[listener]]
address = "127.0.0.1"
[service.users]
component = "hello.wasm"
routes = ["GET user"]
limits = { memory = "96" }
[service.orders]
component = "missing.wasm"
"#;
    write(folder.path(), text);
    for command in ["check", "up"] {
        let (code, said) = said(command, folder.path());
        assert_eq!(code, Some(64), "{said}");
        for (line, word) in [(2, "sttate"), (4, "127.0.0.1"), (7, "GET user"), (8, "96"), (10, "missing.wasm")] {
            assert!(said.contains(&format!("hostel.toml:{line}:")), "line {line} is not named:\n{said}");
            assert!(said.contains(word), "`{word}` is not named:\n{said}");
        }
        assert!(said.contains("5 errors"), "{said}");
        assert!(said.matches("help:").count() >= 5, "{said}");
    }
    assert!(!folder.path().join(".hostel").exists(), "a check touched the state");
}

#[test]
fn a_route_that_two_services_claim_names_both_lines() {
    let folder = folder(&[("a.wasm", guest::HELLO_P2), ("b.wasm", guest::HELLO_P3)], "");
    let text = "version = 1\n[service.a]\ncomponent = \"a.wasm\"\nroutes = [\"GET /x/{id}\"]\n\
                [service.b]\ncomponent = \"b.wasm\"\nroutes = [\"GET /x/{name}\"]\n";
    write(folder.path(), text);
    let (code, said) = said("check", folder.path());
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("GET /x/{id}") && said.contains("GET /x/{name}"), "{said}");
    // Miette shows both lines of the file with their numbers.
    assert!(said.lines().any(|line| line.trim_start().starts_with("4 ")), "{said}");
    assert!(said.lines().any(|line| line.trim_start().starts_with("7 ")), "{said}");
}

#[test]
fn a_call_to_nobody_is_a_warning_with_the_nearest_name() {
    let folder = folder(&[("users.wasm", guest::HELLO_P2)], "");
    let text = "version = 1\n[service.users]\ncomponent = \"users.wasm\"\ncalls = [\"user\"]\n";
    write(folder.path(), text);
    let (code, said) = said("check", folder.path());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("`user`") && said.contains("`users`") && said.contains("1 warning"), "{said}");
}

#[test]
fn what_cannot_be_a_service_is_refused_with_the_reason_and_the_remedy() {
    for (bytes, words) in [
        (b"\0asm\x01\0\0\0".as_slice(), ["core WebAssembly module", "wasm32-wasip2"]),
        (b"\0asm\x0d\0\x01\0".as_slice(), ["exports neither", "wasi:http/proxy"]),
        (b"MZ\x90\0\x03\0\0\0".as_slice(), ["not a WebAssembly component", "wasm32-wasip2"]),
        (b"".as_slice(), ["not a WebAssembly component", "wasm32-wasip2"]),
    ] {
        let folder = folder(&[("good.wasm", guest::HELLO_P2)], "");
        fs::write(folder.path().join("bad.wasm"), bytes).unwrap();
        for command in ["check", "up"] {
            let (code, said) = said(command, folder.path());
            assert_eq!(code, Some(64), "{said}");
            // Long sentences are wrapped, with a bar at the side.
            let flat = said.split_whitespace().filter(|word| *word != "|").collect::<Vec<_>>().join(" ");
            assert!(words.iter().all(|word| flat.contains(word)) && flat.contains("bad.wasm"), "{words:?}: {said}");
            assert!(!flat.contains("good.wasm"), "{said}");
        }
    }
}

#[test]
fn a_folder_that_is_missing_or_empty_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("missing"), folder.path().to_owned()] {
        for command in ["check", "up"] {
            let (code, said) = said(command, &path);
            assert_eq!(code, Some(64), "{said}");
            assert!(said.contains("help:"), "{said}");
        }
    }
}

#[test]
fn a_good_folder_passes_and_keeps_its_state_untouched() {
    let folder = folder(&[("hello.wasm", guest::HELLO_P2), ("other.wasm", guest::HELLO_P3)], "");
    let (code, said) = said("check", folder.path());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 listener, 2 services"), "{said}");
    assert!(!folder.path().join(".hostel").exists());
}

#[test]
fn a_secret_that_cannot_be_read_is_named_and_not_shown() {
    let folder = folder(&[("a.wasm", guest::HELLO_P2)], "");
    let text = "version = 1\n[service.a]\ncomponent = \"a.wasm\"\n\
                secrets = { one = { file = \"missing.txt\" }, two = { env = \"T1_NOT_SET\" } }\n";
    write(folder.path(), text);
    let (code, said) = said("check", folder.path());
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("missing.txt") && said.contains("T1_NOT_SET") && said.contains("2 errors"), "{said}");
}
