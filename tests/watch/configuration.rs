//! `hostel.toml` and the tables beside components: what they say holds as soon as they say it.

use std::fs;

use super::{World, table, write};

/// A `hostel.toml` whose port the system chose, as `process::folder` writes it.
fn configuration(text: &str) -> String {
    format!("version = 1\n{text}\n[[listener]]\naddress = \"127.0.0.1:0\"\n")
}

#[test]
fn a_table_beside_a_component_holds_as_long_as_it_is_there() {
    let world = World::up("");
    fs::write(world.path("users.toml"), "routes = [\"/people\"]\nlimits = { request_body = \"1KiB\" }\n").unwrap();
    world.eventually_serves("/people", Some(1));
    assert_eq!(world.serves("/users"), None);
    let large = world.process.request("POST", "/people").body(vec![0; 2048]).send();
    assert_eq!(large.status, 413);
    fs::write(world.path("users.toml"), "routes = [\"/folk\"]\n").unwrap();
    world.eventually_serves("/folk", Some(1));
    fs::remove_file(world.path("users.toml")).unwrap();
    world.eventually_serves("/users", Some(1));
    assert_eq!(world.serves("/folk"), None);
    assert_eq!(world.process.request("POST", "/users").body(vec![0; 2048]).send().status, 200);
    // The code was the same all the time.
    assert_eq!(world.logged(&["compiling"]), 1, "{}", world.process.stderr.text());
}

#[test]
fn a_component_and_its_table_that_are_copied_together_hold_together() {
    let world = World::up("");
    fs::write(world.path("orders.toml"), "routes = [\"/sales\"]\n").unwrap();
    world.copy(2, "orders.wasm");
    world.eventually_serves("/sales", Some(2));
    assert_eq!(world.serves("/orders"), None);
    fs::remove_file(world.path("orders.wasm")).unwrap();
    world.eventually_serves("/sales", None);
}

#[test]
fn routes_services_and_limits_change_without_a_restart() {
    let world = World::with_table();
    world.copy(2, "other.part");
    let other = "[service.other]\ncomponent = \"other.part\"\nroutes = [\"/other\"]\n";
    write(world.folder.path(), &configuration(&[&table("limits = { request_body = \"1KiB\" }"), other].concat()));
    world.eventually_serves("/other", Some(2));
    assert_eq!(world.process.request("POST", "/users").body(vec![0; 2048]).send().status, 413);
    let moved = table("").replace("/users/*", "/people");
    write(world.folder.path(), &configuration(&moved));
    world.eventually_serves("/people", Some(1));
    assert_eq!((world.serves("/users"), world.serves("/other")), (None, None));
    assert_eq!(world.process.request("POST", "/people").body(vec![0; 2048]).send().status, 200);
}

#[test]
fn a_configuration_that_is_wrong_is_told_once_and_changes_nothing() {
    let world = World::with_table();
    write(world.folder.path(), &configuration("[service.users]\ncomponent = \"users.wasm\"\nruotes = [\"/people\"]\n"));
    let line = world.process.stderr.line_with(&["the configuration is wrong", "ruotes"]);
    let place = format!("{}:4:1", world.path("hostel.toml").display());
    assert!(line.contains(&place) && line.contains("remedy"), "{line}");
    // As long as it is wrong nothing else changes either, and nothing is said again.
    world.copy(2, "users.wasm");
    world.copy(3, "orders.wasm");
    fs::write(world.path("wrong.toml"), "component = \"users.wasm\"\nroutes = 7\n").unwrap();
    world.process.stderr.line_with(&["the configuration is wrong", "wrong.toml"]);
    assert_eq!((world.serves("/users"), world.serves("/orders")), (Some(1), None));
    assert_eq!(world.logged(&["the configuration is wrong", "ruotes"]), 1, "{}", world.process.stderr.text());
    // Mended, one after the other.
    write(world.folder.path(), &configuration(&table("")));
    fs::remove_file(world.path("wrong.toml")).unwrap();
    world.eventually_serves("/users", Some(2));
    world.eventually_serves("/orders", Some(3));
}

#[test]
fn a_configuration_that_is_gone_takes_nothing_away() {
    let world = World::with_table();
    fs::remove_file(world.path("hostel.toml")).unwrap();
    world.process.stderr.line_with(&["the configuration is wrong", "hostel.toml` is gone"]);
    assert_eq!(world.serves("/users/below"), Some(1));
    write(world.folder.path(), &configuration(&table("").replace("/users/*", "/people")));
    world.eventually_serves("/people", Some(1));
}

#[test]
fn what_needs_a_restart_is_told_and_the_rest_holds() {
    let world = World::with_table();
    let text = format!("instances = 17\nstate = \"elsewhere\"\n{}", table("").replace("/users/*", "/people"));
    write(world.folder.path(), &format!("version = 1\n{text}\n[[listener]]\naddress = \"127.0.0.1:1\"\n"));
    world.eventually_serves("/people", Some(1));
    let line = world.process.stderr.line_with(&["restart the host"]);
    for key in ["instances", "state", "listener"] {
        assert!(line.contains(key), "{line}");
    }
    assert!(!line.contains("admin") && !line.contains("drain"), "{line}");
    world.passes();
    assert_eq!(world.logged(&["restart the host"]), 1);
}

#[test]
fn two_services_that_would_answer_the_same_route_change_nothing() {
    let world = World::with_table();
    world.copy(2, "other.part");
    let other = "[service.other]\ncomponent = \"other.part\"\nroutes = [\"/users/*\"]\n";
    write(world.folder.path(), &configuration(&[&table(""), other].concat()));
    world.process.stderr.line_with(&["the configuration is wrong", "/users/*"]);
    assert_eq!(world.serves("/users"), Some(1));
}
