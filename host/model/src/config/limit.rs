//! `limits`: what a service is granted that differs from the defaults.

use std::num::NonZeroU32;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use super::problem::Report;
use super::root::MEMORY_MIN;
use super::section::Section;
use crate::limits::{DEPTH_MAX, KeyValueLimits, Limits, fixed};
use crate::units::ByteSize;

const KEYS: &[&str] = &[
    "memory",
    "table_elements",
    "cpu",
    "deadline",
    "after_response",
    "concurrency",
    "queue_wait",
    "queue_length",
    "request_body",
    "response_body",
    "stall",
    "log_request",
    "log_second",
    "depth",
    "calls",
    "connections",
    "keyvalue",
];
/// The keys of `keyvalue`, and their names among all limits.
const KEYVALUE_KEYS: [(&str, &str); 5] = [
    ("key", "keyvalue.key"),
    ("value", "keyvalue.value"),
    ("bytes", "keyvalue.bytes"),
    ("keys", "keyvalue.keys"),
    ("writes", "keyvalue.writes"),
];
const EXAMPLE: &str = "`limits = { memory = \"96MiB\", cpu = \"2s\" }`";
const KEYVALUE: &str = "`keyvalue = { bytes = \"1GiB\" }`";

/// Below this the clock that limits are kept by cannot tell times apart.
const TIME_MIN: Duration = Duration::from_millis(1);
/// A request that takes longer is not a request.
const TIME_MAX: Duration = Duration::from_hours(24);
/// Waiting, or working on after the response, for longer is a mistake in the unit.
const WAIT_MAX: Duration = Duration::from_hours(1);
/// A queue or a number of calls beyond this is a mistake, whatever the machine.
const COUNT_MAX: u64 = 1_000_000;
/// Ports of one address.
const CONNECTIONS_MAX: u64 = 65_535;
/// The longest key the database compares quickly.
const KEY_MAX: ByteSize = ByteSize::kib(64);
/// A value passes a guest's border in one host call, with some bytes around it.
const VALUE_MAX: ByteSize = ByteSize(fixed::HOSTCALL_BYTES.0 - ByteSize::kib(64).0);
/// Of what is only counted, any number will do.
const ANY_SIZE: RangeInclusive<ByteSize> = ByteSize(0)..=ByteSize(u64::MAX);

/// Changes what the file changes in `limits`; says where `memory` is set.
pub(super) fn read(service: &Section<'_>, limits: &mut Limits, report: &mut Report<'_>) -> Option<Range<usize>> {
    let section = service.section("limits", EXAMPLE, report)?;
    section.expect_only(KEYS, report);
    times(&section, limits, report);
    counts(&section, limits, report);
    sizes(&section, limits, report);
    if let Some(section) = section.section("keyvalue", KEYVALUE, report) {
        keyvalue(&section, &mut limits.keyvalue, report);
        section.note(KEYVALUE_KEYS, &mut limits.origins, report);
    }
    let keys = KEYS.iter().filter(|key| **key != "keyvalue");
    section.note(keys.map(|key| (*key, *key)), &mut limits.origins, report);
    // Compared with the host's later, which may stand further down in the file.
    section.set("memory", MEMORY_MIN..=ByteSize(u64::MAX), &mut limits.memory, report)
}

fn times(section: &Section<'_>, limits: &mut Limits, report: &mut Report<'_>) {
    section.set("cpu", TIME_MIN..=TIME_MAX, &mut limits.cpu, report);
    section.set("deadline", TIME_MIN..=TIME_MAX, &mut limits.deadline, report);
    section.set("after_response", Duration::ZERO..=WAIT_MAX, &mut limits.after_response, report);
    section.set("queue_wait", Duration::ZERO..=WAIT_MAX, &mut limits.queue_wait, report);
    section.set("stall", TIME_MIN..=TIME_MAX, &mut limits.stall, report);
}

fn counts(section: &Section<'_>, limits: &mut Limits, report: &mut Report<'_>) {
    let mut concurrency = limits.concurrency.get();
    section.set_count("table_elements", 1..=u64::from(fixed::TABLE_ELEMENTS_MAX), &mut limits.table_elements, report);
    section.set_count("concurrency", 1..=COUNT_MAX, &mut concurrency, report);
    section.set_count("queue_length", 0..=COUNT_MAX, &mut limits.queue_length, report);
    section.set_count("depth", 1..=u64::from(DEPTH_MAX), &mut limits.depth, report);
    section.set_count("calls", 0..=COUNT_MAX, &mut limits.calls, report);
    section.set_count("connections", 0..=CONNECTIONS_MAX, &mut limits.connections, report);
    limits.concurrency = NonZeroU32::new(concurrency).unwrap_or(limits.concurrency);
}

fn sizes(section: &Section<'_>, limits: &mut Limits, report: &mut Report<'_>) {
    section.set("request_body", ANY_SIZE, &mut limits.request_body, report);
    section.set("log_request", ANY_SIZE, &mut limits.log_request, report);
    section.set("log_second", ANY_SIZE, &mut limits.log_second, report);
    if section.get("response_body").is_some_and(|value| value.get_ref().as_str() == Some("none")) {
        limits.response_body = None;
    } else {
        let mut body = ByteSize(0);
        if section.set("response_body", ANY_SIZE, &mut body, report).is_some() {
            limits.response_body = Some(body);
        }
    }
}

fn keyvalue(section: &Section<'_>, limits: &mut KeyValueLimits, report: &mut Report<'_>) {
    section.expect_only(&KEYVALUE_KEYS.map(|(key, _)| key), report);
    section.set("key", ByteSize(1)..=KEY_MAX, &mut limits.key, report);
    section.set("value", ByteSize(1)..=VALUE_MAX, &mut limits.value, report);
    section.set("bytes", ANY_SIZE, &mut limits.bytes, report);
    if let Some(keys) = section.number("keys", 0..=u64::MAX, report) {
        limits.keys = keys.value;
    }
    section.set_count("writes", 1..=COUNT_MAX, &mut limits.writes, report);
}
