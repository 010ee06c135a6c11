//! Files that are gone or cannot be read: what a table names stays as it is.

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use hostel_model::limits::fixed;

use super::{World, table, write};
use crate::harness::Process;

#[test]
fn what_a_table_names_stays_when_its_file_is_gone() {
    let world = World::with_table();
    fs::remove_file(world.path("users.wasm")).unwrap();
    let line = world.process.stderr.line_with(&["the component of `users` is missing"]);
    let place = format!("{}:", world.path("hostel.toml").display());
    assert!(line.contains(&place) && line.contains("remedy"), "{line}");
    world.passes();
    assert_eq!(world.serves("/users"), Some(1));
    assert_eq!(world.logged(&["the component of `users` is missing"]), 1, "said once");
    world.copy(2, "users.wasm");
    world.eventually_serves("/users", Some(2));
}

#[test]
fn what_a_table_names_stays_after_a_restart_too() {
    let mut world = World::with_table();
    world.copy(2, "users.wasm");
    world.eventually_serves("/users", Some(2));
    assert_eq!(world.process.stop().code(), Some(0));
    fs::remove_file(world.path("users.wasm")).unwrap();
    world.process = Process::up(world.folder.path());
    assert_eq!(world.serves("/users"), Some(2));
    world.process.stderr.line_with(&["the component of `users` is missing"]);
    world.copy(3, "users.wasm");
    world.eventually_serves("/users", Some(3));
}

#[test]
fn a_component_that_was_never_there_keeps_a_host_from_starting() {
    let folder = crate::process::folder(&[], &table(""));
    let mut process = Process::run([std::path::Path::new("up"), folder.path()]);
    assert_eq!(process.wait().code(), Some(64));
    let text = process.stderr.text();
    assert!(text.contains("the component of `users` is missing") && text.contains("hostel.toml:"), "{text}");
}

#[test]
fn what_is_in_the_place_of_a_component_and_cannot_be_read_changes_nothing() {
    let world = World::with_table();
    fs::remove_file(world.path("users.wasm")).unwrap();
    fs::create_dir(world.path("users.wasm")).unwrap();
    world.process.stderr.line_with(&["users.wasm` is not a file"]);
    assert_eq!(world.serves("/users"), Some(1));
    fs::remove_dir(world.path("users.wasm")).unwrap();
    symlink("nowhere.wasm", world.path("users.wasm")).unwrap();
    world.passes();
    assert_eq!(world.serves("/users"), Some(1));
    // What the link leads to comes later.
    world.copy(2, "nowhere.wasm");
    world.eventually_serves("/users", Some(2));
    fs::remove_file(world.path("users.wasm")).unwrap();
    File::create(world.path("users.wasm")).unwrap().set_len(fixed::COMPONENT_FILE.0 + 1).unwrap();
    world.passes();
    assert_eq!(world.serves("/users"), Some(2));
    world.rename(3, "users.wasm");
    world.eventually_serves("/users", Some(3));
}

#[test]
fn a_component_in_another_folder_is_followed_and_so_is_a_folder_that_comes_later() {
    let folder = crate::process::folder(&[], "");
    let text = "[service.users]\ncomponent = \"build/release/users.wasm\"\nroutes = [\"/users\"]\n\
                [[listener]]\naddress = \"127.0.0.1:0\"\n";
    write(folder.path(), &format!("version = 1\n{text}"));
    fs::create_dir_all(folder.path().join("build/release")).unwrap();
    let guest = crate::reload::revision::Guest::read(std::path::Path::new(crate::harness::guest::REVISION_P2));
    fs::write(folder.path().join("build/release/users.wasm"), guest.revision(1)).unwrap();
    let world = World { process: Process::up(folder.path()), folder, guest };
    assert_eq!(world.serves("/users"), Some(1));
    world.copy(2, "build/release/users.wasm");
    world.eventually_serves("/users", Some(2));
    fs::remove_dir_all(world.path("build")).unwrap();
    world.process.stderr.line_with(&["the component of `users` is missing"]);
    assert_eq!(world.serves("/users"), Some(2));
    fs::create_dir_all(world.path("build/release")).unwrap();
    world.rename(3, "build/release/users.wasm");
    world.eventually_serves("/users", Some(3));
    world.copy(4, "build/release/users.wasm");
    world.eventually_serves("/users", Some(4));
}

#[test]
fn a_secret_that_is_gone_changes_nothing_for_its_service() {
    let secrets = "secrets = { key = { file = \"key\" } }";
    let folder = crate::process::folder(&[("users.wasm", crate::harness::guest::CONFIGURATION_P2)], &table(secrets));
    fs::write(folder.path().join("key"), "first\n").unwrap();
    let process = Process::up(folder.path());
    let secret = || process.get("/users?key=key").json()["get"].clone();
    assert_eq!(secret(), "first");
    fs::write(folder.path().join("key"), "second\n").unwrap();
    crate::harness::eventually("the new secret is read", || secret() == "second");
    fs::remove_file(folder.path().join("key")).unwrap();
    process.stderr.line_with(&["the secret `key` of `users` cannot be read"]);
    assert_eq!(secret(), "second");
    fs::write(folder.path().join("key"), "third\n").unwrap();
    crate::harness::eventually("the new secret is read", || secret() == "third");
}
