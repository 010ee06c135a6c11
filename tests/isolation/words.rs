//! A guest's own words: in the host's log under its name, quoted, within a quota, and nowhere else.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::harness::{Process, guest};

/// A folder with both generations of a guest, each with a secret.
fn folder(p2: &str, p3: &str, limits: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: &str| fs::copy(from, folder.path().join(to)).unwrap();
    copy(p2, "p2.wasm");
    copy(p3, "p3.wasm");
    fs::write(folder.path().join("key.txt"), "hunter2-from-a-file\n").unwrap();
    let service = |name: &str| {
        format!(
            "[service.{name}]\ncomponent = \"{name}.wasm\"\nroutes = [\"/{name}/*\"]\n\
             secrets = {{ file_key = {{ file = \"key.txt\" }}, env_key = {{ env = \"T1_KEY\" }} }}\n{limits}\n"
        )
    };
    let text = format!("version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n{}{}", service("p2"), service("p3"));
    fs::write(folder.path().join("hostel.toml"), text).unwrap();
    folder
}

fn up(folder: &Path) -> Process {
    Process::up_with(
        folder,
        &[("T1_KEY", "hunter2-from-the-environment"), ("HOSTEL_LOG", "trace,wasmtime=warn,cranelift=warn")],
    )
}

#[test]
fn what_a_guest_prints_is_logged_under_its_name() {
    let folder = folder(guest::PRINTS_P2, guest::PRINTS_P3, "");
    let mut process = up(folder.path());
    for service in ["p2", "p3"] {
        let answer = process.get(&format!("/{service}?text=first-line-of-{service}"));
        assert_eq!(answer.text(), "printed", "{service}");
        let named = format!("service=\"{service}\"");
        let id = answer.id().to_owned();
        for origin in ["stdout", "stderr"] {
            let text = format!("first-line-of-{service}");
            process.stderr.line_with(&[&named, &id, &format!("origin=\"{origin}\""), &text]);
            // What has no line end is not lost, and colours are shown, not obeyed.
            process.stderr.line_with(&[&named, &id, &format!("unterminated on {origin}")]);
            process.stderr.line_with(&[&named, &id, &format!("\\u{{1b}}[31mred on {origin}\\u{{1b}}[0m")]);
        }
        for level in ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"] {
            process.stderr.line_with(&[level, &named, &id, "origin=\"log\"", "context=\"test\""]);
        }
    }
    assert_eq!(process.stop().code(), Some(0));
    assert!(!process.stderr.text().contains('\x1b'), "an escape byte reached the log");
    assert!(!process.stdout.text().contains("first-line"), "a guest's words reached the access log");
}

#[test]
fn a_guest_that_floods_the_log_loses_lines_and_not_its_answer() {
    let folder = folder(guest::PRINTS_P2, guest::PRINTS_P3, "limits = { log_request = \"8KiB\", cpu = \"2s\" }");
    let mut process = up(folder.path());
    for service in ["p2", "p3"] {
        assert_eq!(process.get(&format!("/{service}?flood=64")).text(), "printed", "{service}");
    }
    process.stop();
    let text = process.stderr.text();
    for service in ["p2", "p3"] {
        let named = format!("service=\"{service}\"");
        let kept = text.lines().filter(|line| line.contains("flood") && line.contains(&named)).count();
        // Of 1,024 lines of 63 bytes as many as fit.
        assert!((100..=130).contains(&kept), "{service}: {kept}");
    }
}

#[test]
fn a_secret_is_printed_nowhere() {
    let folder = folder(guest::CONFIGURATION_P2, guest::CONFIGURATION_P3, "");
    let mut process = up(folder.path());
    for service in ["p2", "p3"] {
        let read = process.get(&format!("/{service}?key=file_key")).json();
        assert_eq!(read["get"], "hunter2-from-a-file", "{service}");
        assert_eq!(read["all"]["env_key"], "hunter2-from-the-environment", "{service}");
    }
    assert_eq!(process.stop().code(), Some(0));
    let mut check = Process::run([Path::new("check"), folder.path()]);
    check.wait();
    for text in [process.stdout.text(), process.stderr.text(), check.stdout.text(), check.stderr.text()] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_guests_words_about_its_failure_are_quoted_in_the_log() {
    let folder = folder(guest::LEAKS_PANIC_P2, guest::LEAKS_PANIC_P3, "");
    let mut process = up(folder.path());
    for service in ["p2", "p3"] {
        let answer = process.get(&format!("/{service}?text=%1b%5b31mlast-words%0aof-{service}"));
        assert_eq!(answer.status, 502, "{service}");
        process.stderr.line_with(&[&format!("service=\"{service}\""), "last-words"]);
    }
    assert_eq!(process.stop().code(), Some(0));
    assert!(!process.stderr.text().contains('\x1b'), "an escape byte reached the log");
    assert!(!process.stdout.text().contains("last-words"), "a guest's words reached the access log");
}
