//! Components that cannot be deployed: each with its file, its reason and its remedy, and nothing changed.

use super::{Ground, hostel};
use crate::harness::guest;

/// Sentences as they were before they were wrapped.
fn flat(text: &str) -> String {
    text.split_whitespace().filter(|word| *word != "|").collect::<Vec<_>>().join(" ")
}

#[test]
fn what_cannot_be_a_service_is_refused_with_its_file_and_its_remedy() {
    let ground = Ground::new();
    let mut truncated = super::code(2);
    truncated.truncate(truncated.len() / 2);
    let mut native = b"\x7fELF\x02\x01\x01\0".to_vec();
    native.resize(4_096, 0);
    for (name, bytes, words) in [
        ("module.wasm", b"\0asm\x01\0\0\0".to_vec(), ["a core WebAssembly module", "build it for `wasm32-wasip2`"]),
        ("native.wasm", native, ["precompiled native code", "deploy the `.wasm` file it was made from"]),
        ("text.wasm", b"hello, world".to_vec(), ["not a WebAssembly component", "build it for `wasm32-wasip2`"]),
        ("empty.wasm", Vec::new(), ["the file is empty", "send a component"]),
        ("world.wasm", b"\0asm\x0d\0\x01\0".to_vec(), ["exports neither", "build it for the world `wasi:http/proxy`"]),
        ("half.wasm", truncated, ["not a WebAssembly component", "build it for `wasm32-wasip2`"]),
    ] {
        let file = ground.file(name, bytes);
        let said = hostel(&["deploy", "users", &file, "-C", ground.at()]);
        let text = flat(&said.stderr);
        assert_eq!((said.code, said.stdout.as_str()), (Some(64), ""), "{name}: {text}");
        assert!(text.contains(name) && words.iter().all(|word| text.contains(word)), "{name}: {text}");
        assert_eq!(ground.serving("users"), "r1", "{name}");
    }
    assert_eq!(ground.shown("users")["version"], 1);
    assert_eq!(std::fs::read_dir(ground.folder().join(".hostel/artifacts")).unwrap().count(), 3);
}

#[test]
fn one_that_is_wrong_keeps_all_of_them_from_being_deployed() {
    let ground = Ground::new();
    let traps = super::patched(super::code(9), b"HOSTEL-BEND-START:", "1");
    let (good, bad, worse) =
        (ground.component(2), ground.file("traps.wasm", traps), ground.file("world.wasm", b"\0asm\x0d\0\x01\0"));
    let pairs = [format!("users={good}"), format!("a={bad}"), format!("b={worse}")];
    let said = hostel(&["deploy", &pairs[0], &pairs[1], &pairs[2], "-C", ground.at()]);
    let text = flat(&said.stderr);
    assert_eq!(said.code, Some(64), "{text}");
    assert!(text.contains("traps.wasm` cannot be the service `a`: it fails before its first request"), "{text}");
    assert!(text.contains("world.wasm` cannot be the service `b`: the component exports neither"), "{text}");
    assert!(!text.contains("2.wasm") && text.contains("2 errors"), "{text}");
    assert_eq!((ground.serving("users"), ground.serving("a")), ("r1".to_owned(), "404".to_owned()));
}

#[test]
fn a_file_that_is_too_large_or_missing_is_not_sent() {
    let ground = Ground::new();
    let large = ground.file("large.wasm", "");
    std::fs::File::options().write(true).open(&large).unwrap().set_len(64 * 1024 * 1024 + 1).unwrap();
    let said = hostel(&["deploy", "users", &large, "-C", ground.at()]);
    assert_eq!(said.code, Some(64));
    assert!(flat(&said.stderr).contains("large.wasm` is not a file of at most 64MiB"), "{}", said.stderr);
    let said = hostel(&["deploy", "users", ground.at(), "-C", ground.at()]);
    assert_eq!(said.code, Some(64), "{}", said.stderr);
    let said = hostel(&["deploy", "users", "no/such.wasm", "-C", ground.at()]);
    assert_eq!(said.code, Some(74));
    assert!(said.stderr.contains("cannot read `no/such.wasm`"), "{}", said.stderr);
}

#[test]
fn a_command_line_that_does_not_fit_is_refused_before_anybody_is_asked() {
    for arguments in [
        &["deploy", "users"][..],
        &["deploy", "users", "a.wasm", "b.wasm"],
        &["deploy", "Users", "a.wasm"],
        &["deploy", "a=a.wasm", "a=b.wasm"],
        &["deploy", "users", "a.wasm", "--weight", "0"],
        &["deploy", "users", "a.wasm", "--weight", "100"],
        &["deploy", "users", "a.wasm", "--wait", "--dry-run"],
        &["kv", "purge", "users"],
        &["kv", "list", "users", "--prefix", "a"],
    ] {
        let said = hostel(&[arguments, &["--admin", "nowhere.sock"]].concat());
        assert_eq!(said.code, Some(64), "{arguments:?}: {}", said.stderr);
    }
    let said = hostel(&["deploy", "users", guest::HELLO_P2, "--admin", "nowhere.sock"]);
    assert_eq!(said.code, Some(69), "{}", said.stderr);
    assert!(said.stderr.contains("no host answers at `nowhere.sock`"), "{}", said.stderr);
}
