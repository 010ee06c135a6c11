//! What `hostel-reload` shows, with numbers so small that it runs with all the other tests.
//!
//! The scenarios are those of the program, and so is the load. What they count must be right
//! here too: nothing lost, nothing mixed. Times and memory are judged by the program alone.

pub mod admin;
mod backup;
mod bad;
mod broken;
mod canary;
pub mod chance;
mod client;
mod crash;
mod host;
mod latency;
mod load;
mod pause;
mod reloads;
mod report;
pub mod revision;
mod rollback;
mod sigterm;
mod stand;

use std::path::Path;

use self::report::Row;
use self::revision::Guest;
use self::stand::{Size, World};
use crate::harness::guest;

/// The command, built together with the tests.
const COMMAND: &str = env!("CARGO_BIN_EXE_hostel-under-test");

#[track_caller]
fn shows(scenario: impl FnOnce(&World) -> Row) {
    let world = World {
        hostel: Path::new(COMMAND).to_path_buf(),
        guest: Guest::read(Path::new(guest::REVISION_P2)),
        keyvalue: Path::new(guest::KEYVALUE_P2).to_path_buf(),
        size: Size::Test,
        seed: 1,
    };
    let Row { what, scenario, seen, faults, figures } = scenario(&world);
    assert!(faults.is_empty(), "{scenario}: {what}\n{}\n{seen}\n{figures:#}", faults.join("\n"));
}

#[test]
fn swaps_under_load_lose_and_mix_nothing_and_leave_one_revision_of_each_service() {
    shows(reloads::run);
}

#[test]
fn bad_deployments_under_load_lose_nothing_and_are_told_their_reason() {
    shows(bad::run);
}

#[test]
fn a_restart_at_a_socket_that_stays_open_loses_nothing() {
    shows(sigterm::run);
}

#[test]
fn after_kill_9_during_a_deployment_the_old_or_the_new_revision_serves() {
    shows(crash::run);
}

#[test]
fn a_file_that_was_copied_into_the_folder_answers() {
    shows(latency::run);
}

#[test]
fn the_way_back_loses_nothing() {
    shows(rollback::run);
}

#[test]
fn a_revision_that_fails_more_than_the_one_before_is_taken_back() {
    shows(canary::run);
}

#[test]
fn a_backup_under_write_load_has_every_write_acknowledged_before_and_no_half_entity() {
    shows(backup::run);
}
