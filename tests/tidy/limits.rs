//! The table of limits: each with its default, a test that uses nearly all of it, and one that goes past it.
//!
//! It cannot go stale: a limit that is not in it, a default that is another, or a test
//! that is not there makes it fail.

use std::collections::{BTreeMap, BTreeSet};

use hostel::admin::limits::{fixed, of_host, of_listener, of_service};
use hostel::admin::view::Limit;
use hostel_model::limits::{HostLimits, Limits, ListenerLimits};

use super::{assert_none, sources, text};

/// A limit by the key of `hostel.toml`, or by the name it is shown under: its default, the test of what
/// is just within it, and the test of what is past it. Where one test does both it stands twice.
type Row = (&'static str, &'static str, &'static str, &'static str);

/// Of a service.
const SERVICE: &[Row] = &[
    (
        "memory",
        "64MiB",
        "nearly_all_of_its_memory_is_a_guests_own",
        "a_guest_that_allocates_without_end_is_stopped_at_its_memory_limit",
    ),
    ("table_elements", "20000", "a_table_may_grow_up_to_its_limit", "a_table_may_grow_up_to_its_limit"),
    (
        "cpu",
        "200ms",
        "nearly_all_of_its_time_is_a_guests_own",
        "a_guest_that_loops_for_ever_is_stopped_at_its_cpu_limit",
    ),
    (
        "deadline",
        "10s",
        "nearly_all_of_its_time_is_a_guests_own",
        "a_guest_that_never_answers_is_stopped_at_its_deadline",
    ),
    (
        "after_response",
        "1s",
        "nearly_all_of_the_time_after_its_answer_is_a_guests_own",
        "a_guest_that_sleeps_after_its_response_is_killed_after_a_complete_answer",
    ),
    (
        "concurrency",
        "64",
        "more_requests_than_a_service_takes_wait_and_then_are_refused",
        "more_requests_than_a_service_takes_wait_and_then_are_refused",
    ),
    (
        "queue_wait",
        "1s",
        "a_request_waits_for_its_service_for_nearly_as_long_as_its_limit",
        "a_request_that_waited_too_long_for_its_service_is_refused",
    ),
    (
        "queue_length",
        "1024",
        "more_requests_than_a_service_takes_wait_and_then_are_refused",
        "more_requests_than_a_service_takes_wait_and_then_are_refused",
    ),
    ("request_body", "10MiB", "a_request_body_may_be_as_large_as_its_limit", "a_request_body_over_its_limit_is_a_413"),
    (
        "response_body",
        "none",
        "a_response_body_over_its_limit_is_broken_off",
        "a_response_body_over_its_limit_is_broken_off",
    ),
    (
        "stall",
        "30s",
        "an_answer_may_stand_still_for_nearly_as_long_as_its_limit",
        "a_guest_that_stalls_half_way_is_broken_off_at_its_stall_limit",
    ),
    (
        "log_request",
        "64KiB",
        "a_request_may_print_nearly_its_limit_and_no_more",
        "a_request_may_print_nearly_its_limit_and_no_more",
    ),
    (
        "log_second",
        "1MiB",
        "a_service_may_print_nearly_its_limit_in_a_second_and_no_more",
        "a_service_may_print_nearly_its_limit_in_a_second_and_no_more",
    ),
    ("depth", "8", "calls_may_be_nested_as_deep_as_the_limit", "a_root_that_fails_after_a_call_was_too_deep_is_a_508"),
    (
        "calls",
        "100",
        "a_request_may_cause_as_many_calls_as_its_limit",
        "a_request_may_cause_as_many_calls_as_its_limit",
    ),
    ("connections", "32", "past_its_connections_a_service_is_told_so", "past_its_connections_a_service_is_told_so"),
    ("keyvalue.key", "1KiB", "a_key_may_be_as_long_as_its_limit", "a_key_may_be_as_long_as_its_limit"),
    ("keyvalue.value", "1MiB", "a_value_may_be_as_large_as_its_limit", "a_value_may_be_as_large_as_its_limit"),
    (
        "keyvalue.bytes",
        "256MiB",
        "a_service_may_store_as_many_bytes_as_its_limit",
        "a_service_may_store_as_many_bytes_as_its_limit",
    ),
    (
        "keyvalue.keys",
        "1000000",
        "a_service_may_store_as_many_keys_as_its_limit",
        "a_service_may_store_as_many_keys_as_its_limit",
    ),
    (
        "keyvalue.writes",
        "5000",
        "a_service_may_write_as_often_as_its_limit",
        "a_service_may_write_as_often_as_its_limit",
    ),
];

/// Of the host.
const HOST: &[Row] = &[
    (
        "memory_max",
        "128MiB",
        "a_smaller_pool_makes_the_default_memory_smaller",
        "every_mistake_in_a_service_has_its_line_and_its_remedy",
    ),
    (
        "memory_budget",
        "half of the machine's",
        "nearly_all_of_the_budget_for_large_instances_can_be_used",
        "the_memory_of_all_instances_has_a_budget",
    ),
    (
        "instances",
        "256",
        "more_requests_than_the_host_has_instances_wait_and_then_are_refused",
        "more_requests_than_the_host_has_instances_wait_and_then_are_refused",
    ),
    ("drain", "30s", "sigterm_finishes_what_is_in_flight_and_accepts_nothing_new", "the_drain_is_bounded"),
];

const IN_TIME: &str = "a_client_may_take_nearly_as_long_as_each_limit";
const WINDOWS: &str = "a_body_may_be_sent_ahead_by_a_window_and_no_further";

/// Of a listener.
const LISTENER: &[Row] = &[
    (
        "header_block",
        "32KiB",
        "heads_may_be_as_large_as_the_limits_say",
        "larger_heads_are_refused_by_what_is_too_large",
    ),
    (
        "header_fields",
        "100",
        "a_head_may_have_as_many_fields_as_its_limit",
        "larger_heads_are_refused_by_what_is_too_large",
    ),
    (
        "request_line",
        "8KiB",
        "a_request_line_may_be_as_long_as_its_limit",
        "larger_heads_are_refused_by_what_is_too_large",
    ),
    ("first_byte", "10s", IN_TIME, "a_client_that_says_nothing_is_closed"),
    ("header_read", "10s", IN_TIME, "half_a_head_is_refused_when_its_time_is_over"),
    ("tls_handshake", "10s", "a_handshake_may_take_nearly_as_long_as_its_limit", "a_handshake_must_be_done_in_time"),
    ("idle", "1m", IN_TIME, "a_connection_that_rests_too_long_is_closed_without_a_word"),
    ("body_idle", "30s", IN_TIME, "a_body_that_stops_is_refused_when_its_time_is_over"),
    (
        "body_rate",
        "240",
        "just_the_least_rate_is_kept_up_for_ever_and_a_little_less_is_not",
        "a_body_that_comes_too_slowly_is_refused_after_a_grace",
    ),
    (
        "rate_grace",
        "5s",
        "silence_from_the_start_ends_with_the_grace",
        "a_body_that_comes_too_slowly_is_refused_after_a_grace",
    ),
    (
        "write_idle",
        "1m",
        "a_client_that_always_takes_something_is_served_on",
        "a_client_that_takes_nothing_is_given_up",
    ),
    (
        "write_rate",
        "240",
        "just_the_least_rate_is_kept_up_for_ever_and_a_little_less_is_not",
        "a_client_that_takes_too_little_is_given_up_after_a_grace",
    ),
    (
        "connections",
        "10000",
        "more_connections_than_a_listener_takes_wait_to_be_accepted",
        "more_connections_than_a_listener_takes_wait_to_be_accepted",
    ),
    (
        "connections_per_address",
        "256",
        "each_address_has_its_own_limit_and_gives_places_back",
        "each_address_has_its_own_limit_and_gives_places_back",
    ),
    ("streams", "100", "only_so_many_requests_are_taken_at_once", "only_so_many_requests_are_taken_at_once"),
    (
        "header_list",
        "16KiB",
        "a_list_of_fields_is_counted_as_http_2_counts_it",
        "a_header_list_that_is_too_large_is_a_431",
    ),
    ("stream_window", "64KiB", WINDOWS, WINDOWS),
    ("connection_window", "256KiB", WINDOWS, WINDOWS),
    (
        "reset_streams",
        "20",
        "streams_may_be_reset_as_often_as_the_limit_and_a_flood_of_resets_ends_the_connection",
        "streams_may_be_reset_as_often_as_the_limit_and_a_flood_of_resets_ends_the_connection",
    ),
    (
        "reset_streams_local",
        "128",
        "a_client_may_make_as_many_mistakes_as_the_limit",
        "a_client_may_make_as_many_mistakes_as_the_limit",
    ),
];

const STACK: &str = "a_guest_calls_nearly_to_the_end_of_its_stack";
const HEADERS: &str = "a_guest_builds_and_sends_nearly_as_many_bytes_of_headers_as_may_be";
const BELOW: &str = "what_is_just_within_a_count_is_compiled";

/// What nobody may change.
const FIXED: &[Row] = &[
    ("wasm_stack", "512KiB", STACK, "a_guest_that_recurses_until_its_stack_ends_is_a_502"),
    // What the guest does not use of it is the host's own: overflow there would end the process.
    ("async_stack", "2MiB", STACK, "a_guest_that_recurses_until_its_stack_ends_is_a_502"),
    (
        "table_elements_max",
        "100000",
        "every_limit_that_is_written_replaces_its_default",
        "every_mistake_in_a_service_has_its_line_and_its_remedy",
    ),
    ("fields", "64KiB", HEADERS, "a_guest_that_builds_headers_without_end_is_stopped_at_64_kib"),
    ("response_headers", "64KiB", HEADERS, HEADERS),
    (
        "response_header_fields",
        "128",
        "more_header_fields_than_may_be_sent_are_a_502",
        "more_header_fields_than_may_be_sent_are_a_502",
    ),
    (
        "hostcall",
        "4MiB",
        "nearly_all_bytes_of_one_call_are_taken",
        "a_guest_that_hands_over_16_mib_in_one_call_is_a_502",
    ),
    (
        "body_chunk",
        "64KiB",
        "a_body_of_100_mib_passes_through_in_bounded_memory",
        "a_body_of_100_mib_passes_through_in_bounded_memory",
    ),
    (
        "resource_handles",
        "1024",
        "nearly_as_many_handles_as_may_be_are_kept",
        "a_guest_that_keeps_handles_without_end_is_a_502",
    ),
    (
        "component_handles",
        "10000",
        "a_guest_may_keep_nearly_as_many_handles_of_its_own_as_the_limit",
        "a_guest_may_keep_nearly_as_many_handles_of_its_own_as_the_limit",
    ),
    (
        "concurrent_handles",
        "1024",
        "nearly_as_many_tasks_and_streams_as_may_be_are_kept",
        "a_guest_that_keeps_handles_without_end_is_a_502",
    ),
    (
        "random",
        "64KiB",
        "nearly_all_bytes_of_chance_come_at_once",
        "a_guest_that_asks_for_a_tebibyte_of_chance_gets_at_most_64_kib",
    ),
    (
        "depth_max",
        "32",
        "every_limit_that_is_written_replaces_its_default",
        "every_mistake_in_a_service_has_its_line_and_its_remedy",
    ),
    (
        "outbound_connect",
        "5s",
        "where_nobody_listens_is_told_from_where_nobody_answers",
        "where_nobody_listens_is_told_from_where_nobody_answers",
    ),
    (
        "outbound_handshake",
        "5s",
        "a_handshake_that_fails_or_stalls_is_an_error",
        "a_handshake_that_fails_or_stalls_is_an_error",
    ),
    (
        "outbound_between_bytes",
        "30s",
        "a_body_may_not_fall_silent_and_may_be_slow",
        "a_body_that_falls_silent_is_an_error",
    ),
    (
        "component_file",
        "64MiB",
        "an_upload_of_the_most_there_may_be_is_kept_and_of_one_byte_more_refused",
        "a_component_that_is_too_large_is_refused_before_it_is_sent",
    ),
    ("core_instances", "64", "instances_memories_and_tables_are_bounded", "instances_memories_and_tables_are_bounded"),
    ("memories", "4", "instances_memories_and_tables_are_bounded", "instances_memories_and_tables_are_bounded"),
    ("tables", "32", "instances_memories_and_tables_are_bounded", "instances_memories_and_tables_are_bounded"),
    ("imports_exports", "10000", "names_of_all_levels_are_bounded", "names_of_all_levels_are_bounded"),
    ("component_nesting", "32", "components_inside_each_other_are_bounded", "components_inside_each_other_are_bounded"),
    ("types", "50000", "types_are_bounded_wherever_they_are", "types_are_bounded_wherever_they_are"),
    ("type_nesting", "100", "types_inside_each_other_are_bounded", "types_inside_each_other_are_bounded"),
    ("functions", "100000", BELOW, "functions_of_all_modules_are_bounded"),
    ("function_body", "1MiB", BELOW, "the_body_of_a_function_is_bounded"),
    ("locals", "10000", BELOW, "locals_are_bounded_however_they_are_written"),
    ("block_nesting", "5000", BELOW, "blocks_inside_each_other_are_bounded_and_blocks_in_a_row_are_not"),
    ("compile_cpu", "1m", BELOW, "a_bomb_that_keeps_the_compiler_busy_dies_by_its_processor_time"),
    ("compile_memory", "2GiB", BELOW, "a_bomb_that_takes_memory_dies_of_it"),
    ("compile_wall", "2m", BELOW, "a_bomb_is_killed_when_its_time_by_the_clock_is_over"),
    ("compiled_code", "320MiB", BELOW, "code_that_gets_too_large_is_refused"),
    ("calls_reserve_divisor", "4", "a_quarter_is_kept_for_calls", "a_callee_with_no_permit_left_refuses_at_once"),
    (
        "pool_wait",
        "1s",
        "a_request_waits_for_an_instance_for_nearly_a_second",
        "more_requests_than_the_host_has_instances_wait_and_then_are_refused",
    ),
    (
        "write_burst",
        "2s",
        "two_seconds_of_writes_can_be_saved_up_and_no_more",
        "two_seconds_of_writes_can_be_saved_up_and_no_more",
    ),
    (
        "reuse_idle",
        "30s",
        "an_instance_serves_as_many_requests_as_its_service_allows",
        "an_instance_serves_as_many_requests_as_its_service_allows",
    ),
    (
        "trials",
        "2",
        "trials_wait_for_their_turn_and_a_dropped_one_gives_it_up",
        "trials_wait_for_their_turn_and_a_dropped_one_gives_it_up",
    ),
    (
        "epoch_tick",
        "5ms",
        "a_guest_that_loops_for_ever_is_stopped_at_its_cpu_limit",
        "a_guest_that_loops_for_ever_is_stopped_at_its_cpu_limit",
    ),
];

#[test]
fn every_limit_is_in_the_table_with_its_default_and_the_tests_that_try_it() {
    let tests = tests();
    let mut faults = Vec::new();
    for (group, rows, limits) in [
        ("service", SERVICE, of_service(&Limits::default())),
        ("host", HOST, of_host(&HostLimits::default())),
        ("listener", LISTENER, of_listener(&ListenerLimits::default())),
        ("fixed", FIXED, fixed()),
    ] {
        let named: BTreeMap<&str, &Limit> = limits.iter().map(|limit| (limit.name.as_str(), limit)).collect();
        let missing = named.keys().filter(|name| !rows.iter().any(|row| row.0 == **name));
        faults.extend(missing.map(|name| format!("{group}: `{name}` is not in the table")));
        for (name, default, within, past) in rows {
            match named.get(name) {
                Some(limit) if limit.default_text == *default => {}
                Some(limit) => faults.push(format!("{group}: `{name}` is {}, not {default}", limit.default_text)),
                None => faults.push(format!("{group}: there is no limit `{name}`")),
            }
            let absent = [within, past].into_iter().filter(|test| !tests.contains(**test));
            faults.extend(absent.map(|test| format!("{group}: `{name}`: there is no test `{test}`")));
        }
    }
    assert_none(&faults);
}

/// The names of all tests.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in sources().iter().filter(|file| file.is_rust()) {
        let mut marked = false;
        for line in file.text.lines().map(str::trim) {
            if line == "#[test]" || line.starts_with("#[tokio::test") {
                marked = true;
                continue;
            }
            // Other attributes may stand between.
            if line.starts_with("#[") || line.starts_with("//") {
                continue;
            }
            let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
            let name = function.filter(|_| marked).and_then(|rest| rest.split('(').next());
            names.extend(name.map(str::to_owned));
            marked = false;
        }
    }
    assert!(names.len() > 300, "only {} tests were found", names.len());
    names
}

/// What is shown of the times of requests to outside is what holds for them.
#[test]
fn the_times_of_requests_to_outside_are_those_that_are_shown() {
    let egress = text("host/server/src/egress.rs");
    let same = |shown: &str, own: &str| egress.contains(&format!("fixed::{shown}")) || egress.contains(own);
    for (shown, own) in [
        ("OUTBOUND_CONNECT", "const CONNECT: Duration = Duration::from_secs(5);"),
        ("OUTBOUND_HANDSHAKE", "const HANDSHAKE: Duration = Duration::from_secs(5);"),
        ("OUTBOUND_BETWEEN_BYTES", "const BETWEEN_BYTES: Duration = Duration::from_secs(30);"),
    ] {
        assert!(same(shown, own), "{shown} is not what host/server/src/egress.rs has");
    }
}
