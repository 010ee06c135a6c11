//! Files that are not whole, or not components: they never break what runs.

use std::fs::{self, File};
use std::io::Write as _;

use super::{World, while_asking};
use crate::harness::eventually;

#[test]
fn a_file_that_is_half_written_is_not_taken_until_it_is_closed() {
    let world = World::up("");
    let next = world.guest.revision(2);
    let (first, rest) = next.split_at(next.len() / 2);
    while_asking(&world, "/users", 1..=2, || {
        let mut file = File::create(world.path("users.wasm")).unwrap();
        file.write_all(first).unwrap();
        world.passes();
        assert_eq!(world.serves("/users"), Some(1));
        file.write_all(rest).unwrap();
        world.passes();
        // Whole, but whoever writes it does not say so yet.
        assert_eq!(world.serves("/users"), Some(1));
        drop(file);
        world.eventually_serves("/users", Some(2));
    });
    assert_eq!(world.logged(&["rejected"]), 0, "{}", world.process.stderr.text());
}

#[test]
fn a_slow_copy_takes_as_long_as_it_takes() {
    let world = World::with_table();
    let next = world.guest.revision(2);
    let mut file = File::create(world.path("users.wasm")).unwrap();
    for piece in next.chunks(next.len().div_ceil(5)) {
        file.write_all(piece).unwrap();
        world.passes();
        assert_eq!(world.serves("/users"), Some(1));
    }
    drop(file);
    world.eventually_serves("/users", Some(2));
    assert_eq!(world.logged(&["rejected"]) + world.logged(&["missing"]), 0, "{}", world.process.stderr.text());
}

#[test]
fn a_new_file_that_is_being_written_is_not_there_yet() {
    let world = World::up("");
    let next = world.guest.revision(2);
    let mut file = File::create(world.path("orders.wasm")).unwrap();
    for piece in next.chunks(next.len().div_ceil(2)) {
        file.write_all(piece).unwrap();
        world.passes();
        assert_eq!(world.serves("/orders"), None);
    }
    drop(file);
    world.eventually_serves("/orders", Some(2));
    assert_eq!(world.logged(&["rejected"]), 0, "{}", world.process.stderr.text());
}

#[test]
fn a_file_that_is_no_component_is_rejected_once_and_what_runs_stays() {
    let world = World::up("");
    let whole = world.guest.revision(2);
    let (truncated, _) = whole.split_at(whole.len() / 2);
    for (count, wrong) in [(1, b"not a component".as_slice()), (2, truncated), (3, b"")] {
        while_asking(&world, "/users", 1..=1, || {
            fs::write(world.path("users.wasm"), wrong).unwrap();
            eventually("it is rejected", || world.logged(&["component rejected", "users"]) == count);
            world.passes();
        });
        assert_eq!(world.logged(&["component rejected", "users"]), count, "{}", world.process.stderr.text());
    }
    world.copy(2, "users.wasm");
    world.eventually_serves("/users", Some(2));
}

#[test]
fn one_component_that_is_wrong_does_not_keep_others_from_changing() {
    let world = World::up("");
    fs::write(world.path("wrong.wasm"), "wrong").unwrap();
    world.process.stderr.line_with(&["component rejected", "wrong"]);
    world.copy(2, "users.wasm");
    world.eventually_serves("/users", Some(2));
    world.copy(3, "orders.wasm");
    world.eventually_serves("/orders", Some(3));
}

#[test]
fn a_file_that_goes_while_it_is_compiled_is_deployed_as_it_was() {
    let world = World::with_table();
    world.copy(2, "users.wasm");
    eventually("it is compiled", || world.logged(&["compiling"]) >= 2);
    fs::remove_file(world.path("users.wasm")).unwrap();
    world.eventually_serves("/users", Some(2));
    world.process.stderr.line_with(&["missing", "users.wasm"]);
    assert_eq!(world.serves("/users"), Some(2));
}
