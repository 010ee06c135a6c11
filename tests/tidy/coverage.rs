//! Nothing stands alone: interfaces, examples and packages of guests are each where they should be. Guests have `guests_used.rs`.

use std::fs;

use super::{Source, assert_none, project, sources, text};

fn tests() -> Vec<Source> {
    sources().into_iter().filter(|file| file.is_rust() && file.path.starts_with("tests/")).collect()
}

/// Names of the folders in `folder`.
fn folders(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(project().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let entries = entries.filter_map(Result::ok).filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| name != "target");
    names.sort();
    assert!(!names.is_empty(), "no folders in {folder}");
    names
}

#[test]
fn every_interface_has_a_capability_of_its_name() {
    let wit = text("wit/service.wit");
    let own = wit.lines().filter_map(|line| line.strip_prefix("interface ")?.strip_suffix(" {"));
    let standard = wit.lines().filter_map(|line| line.trim().strip_prefix("import wasi:")?.split('/').next());
    let names: Vec<&str> = own.chain(standard).collect();
    assert!(names.contains(&"context") && names.contains(&"keyvalue"), "{names:?}");
    let missing = names.iter().map(|name| format!("host/sandbox/src/capability/{name}.rs"));
    assert_none(&missing.filter(|path| !project().join(path).is_file()).collect::<Vec<_>>());
}

#[test]
fn every_example_is_used_by_a_test() {
    let tests = tests();
    let missing = folders("examples").into_iter().filter(|example| {
        let (path, call) = (format!("examples/{example}"), format!("example(\"{example}\")"));
        !tests.iter().any(|file| file.text.contains(&path) || file.text.contains(&call))
    });
    assert_none(&missing.collect::<Vec<_>>());
}

#[test]
fn every_package_of_guests_is_a_member_of_their_workspace() {
    let manifest = text("guests/Cargo.toml");
    let missing = folders("guests").into_iter().filter(|package| !manifest.contains(&format!("\"{package}\"")));
    assert_none(&missing.collect::<Vec<_>>());
}
