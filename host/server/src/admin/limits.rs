//! Every limit in force beside its default and its origin, each with its name in `hostel.toml`.
//!
//! The structures are taken apart whole, so that a limit that is new cannot be
//! forgotten here. `hostel check` tells of a configuration what `/v1/limits` tells of a host.

use std::time::Duration;

use hostel_model::limits::{HostLimits, KeyValueLimits, Limits, ListenerLimits, Origins};
use hostel_model::tenant::TenantLimits;
use hostel_model::units::{ByteSize, format_duration};

use crate::admin::view::{Limit, Origin, Unit};

pub use fixed::fixed;

mod fixed;

/// Those that a service hits first.
const FIRST: [&str; 4] = ["memory", "cpu", "deadline", "concurrency"];

/// A few limits of a service, for a list of services.
pub(super) fn first_of_service(limits: &Limits) -> Vec<Limit> {
    of_service(limits).into_iter().filter(|limit| FIRST.contains(&limit.name.as_str())).collect()
}

/// All limits of a service.
#[must_use]
pub fn of_service(limits: &Limits) -> Vec<Limit> {
    let Limits {
        memory,
        table_elements,
        cpu,
        deadline,
        after_response,
        concurrency,
        queue_wait,
        queue_length,
        request_body,
        response_body,
        stall,
        log_request,
        log_second,
        depth,
        calls,
        connections,
        keyvalue,
        origins,
    } = limits;
    let KeyValueLimits { key, value, bytes, keys, writes } = keyvalue;
    let usual = Limits::default();
    let limits = vec![
        size("memory", *memory, usual.memory),
        count("table_elements", *table_elements, usual.table_elements),
        time("cpu", *cpu, usual.cpu),
        time("deadline", *deadline, usual.deadline),
        time("after_response", *after_response, usual.after_response),
        count("concurrency", concurrency.get(), usual.concurrency.get()),
        time("queue_wait", *queue_wait, usual.queue_wait),
        count("queue_length", *queue_length, usual.queue_length),
        size("request_body", *request_body, usual.request_body),
        size_or("response_body", *response_body, usual.response_body, "none"),
        time("stall", *stall, usual.stall),
        size("log_request", *log_request, usual.log_request),
        Limit { unit: Unit::BytesPerSecond, ..size("log_second", *log_second, usual.log_second) },
        count("depth", *depth, usual.depth),
        count("calls", *calls, usual.calls),
        count("connections", *connections, usual.connections),
        size("keyvalue.key", *key, usual.keyvalue.key),
        size("keyvalue.value", *value, usual.keyvalue.value),
        size("keyvalue.bytes", *bytes, usual.keyvalue.bytes),
        count("keyvalue.keys", *keys, usual.keyvalue.keys),
        Limit { unit: Unit::CountPerSecond, ..count("keyvalue.writes", *writes, usual.keyvalue.writes) },
    ];
    told(limits, origins)
}

/// All limits of the process. Its memory is told as a number if that is known.
#[must_use]
pub fn of_host(limits: &HostLimits) -> Vec<Limit> {
    let HostLimits { memory_max, memory_budget, instances, drain, origins } = limits;
    let usual = HostLimits::default();
    let limits = vec![
        size("memory_max", *memory_max, usual.memory_max),
        size_or("memory_budget", *memory_budget, usual.memory_budget, "half of the machine's"),
        count("instances", *instances, usual.instances),
        time("drain", *drain, usual.drain),
    ];
    told(limits, origins)
}

/// All sums of a tenant. None has a bound unless the configuration gives one.
#[must_use]
pub fn of_tenant(limits: &TenantLimits) -> Vec<Limit> {
    let TenantLimits { memory, requests, cpu_share, storage, compile_slots, origins } = limits;
    let limits = vec![
        size_or("memory", *memory, None, "none"),
        count_or("requests", requests.map(std::num::NonZeroU32::get)),
        Limit { unit: Unit::Percent, ..count_or("cpu_share", cpu_share.map(|share| u32::from(share.get()))) },
        size_or("storage", *storage, None, "none"),
        count_or("compile_slots", compile_slots.map(std::num::NonZeroU32::get)),
    ];
    told(limits, origins)
}

/// All limits of a listener.
#[must_use]
pub fn of_listener(limits: &ListenerLimits) -> Vec<Limit> {
    let ListenerLimits {
        header_block,
        header_fields,
        request_line,
        first_byte,
        header_read,
        tls_handshake,
        idle,
        body_idle,
        body_rate,
        rate_grace,
        write_idle,
        write_rate,
        connections,
        connections_per_address,
        streams,
        header_list,
        stream_window,
        connection_window,
        reset_streams,
        reset_streams_local,
        origins,
    } = limits;
    let usual = ListenerLimits::default();
    let limits = vec![
        size("header_block", *header_block, usual.header_block),
        count("header_fields", *header_fields, usual.header_fields),
        size("request_line", *request_line, usual.request_line),
        time("first_byte", *first_byte, usual.first_byte),
        time("header_read", *header_read, usual.header_read),
        time("tls_handshake", *tls_handshake, usual.tls_handshake),
        time("idle", *idle, usual.idle),
        time("body_idle", *body_idle, usual.body_idle),
        rate("body_rate", *body_rate, usual.body_rate),
        time("rate_grace", *rate_grace, usual.rate_grace),
        time("write_idle", *write_idle, usual.write_idle),
        rate("write_rate", *write_rate, usual.write_rate),
        count("connections", *connections, usual.connections),
        count("connections_per_address", *connections_per_address, usual.connections_per_address),
        count("streams", *streams, usual.streams),
        size("header_list", *header_list, usual.header_list),
        size("stream_window", *stream_window, usual.stream_window),
        size("connection_window", *connection_window, usual.connection_window),
        count("reset_streams", *reset_streams, usual.reset_streams),
        count("reset_streams_local", *reset_streams_local, usual.reset_streams_local),
    ];
    told(limits, origins)
}

/// Each with where it comes from.
fn told(limits: Vec<Limit>, origins: &Origins) -> Vec<Limit> {
    limits.into_iter().map(|limit| Limit { origin: (&origins.of(&limit.name)).into(), ..limit }).collect()
}

fn limit(name: &str, unit: Unit, [now, usual]: [(String, Option<f64>); 2]) -> Limit {
    let ((text, value), (default_text, default_value)) = (now, usual);
    let origin = Origin::default();
    Limit { name: name.to_owned(), unit, text, value, default_text, default_value, origin }
}

fn size(name: &str, now: ByteSize, usual: ByteSize) -> Limit {
    size_or(name, Some(now), Some(usual), "")
}

/// A size that may be missing, which `missing` says in words.
fn size_or(name: &str, now: Option<ByteSize>, usual: Option<ByteSize>, missing: &str) -> Limit {
    let shown = |size: Option<ByteSize>| match size {
        Some(size) => (size.to_string(), Some(size.0 as f64)),
        None => (missing.to_owned(), None),
    };
    limit(name, Unit::Bytes, [now, usual].map(shown))
}

/// A number that may be missing, and is by default.
fn count_or(name: &str, now: Option<u32>) -> Limit {
    let shown = |count: Option<u32>| match count {
        Some(count) => (count.to_string(), Some(f64::from(count))),
        None => ("none".to_owned(), None),
    };
    limit(name, Unit::Count, [shown(now), shown(None)])
}

/// Bytes in a second, which the configuration has as a number.
fn rate(name: &str, now: u32, usual: u32) -> Limit {
    Limit { unit: Unit::BytesPerSecond, ..count(name, now, usual) }
}

fn time(name: &str, now: Duration, usual: Duration) -> Limit {
    limit(name, Unit::Seconds, [now, usual].map(|time| (format_duration(time), Some(time.as_secs_f64()))))
}

fn count<N: Into<u64>>(name: &str, now: N, usual: N) -> Limit {
    let shown = |count: N| {
        let count: u64 = count.into();
        (count.to_string(), Some(count as f64))
    };
    limit(name, Unit::Count, [now, usual].map(shown))
}
