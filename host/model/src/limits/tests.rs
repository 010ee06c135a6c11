//! The defaults are those of the published table, and fit each other.

use super::{DEPTH_MAX, HostLimits, Limits, ListenerLimits, fixed};
use crate::units::format_duration;

#[test]
fn a_service_has_the_published_limits_by_default() {
    let limits = Limits::default();
    let shown = [
        ("memory", limits.memory.to_string(), "64MiB"),
        ("table_elements", limits.table_elements.to_string(), "20000"),
        ("cpu", format_duration(limits.cpu), "200ms"),
        ("deadline", format_duration(limits.deadline), "10s"),
        ("after_response", format_duration(limits.after_response), "1s"),
        ("concurrency", limits.concurrency.to_string(), "64"),
        ("queue_wait", format_duration(limits.queue_wait), "1s"),
        ("queue_length", limits.queue_length.to_string(), "1024"),
        ("request_body", limits.request_body.to_string(), "10MiB"),
        ("stall", format_duration(limits.stall), "30s"),
        ("log_request", limits.log_request.to_string(), "64KiB"),
        ("log_second", limits.log_second.to_string(), "1MiB"),
        ("depth", limits.depth.to_string(), "8"),
        ("calls", limits.calls.to_string(), "100"),
        ("connections", limits.connections.to_string(), "32"),
        ("keyvalue.key", limits.keyvalue.key.to_string(), "1KiB"),
        ("keyvalue.value", limits.keyvalue.value.to_string(), "1MiB"),
        ("keyvalue.bytes", limits.keyvalue.bytes.to_string(), "256MiB"),
        ("keyvalue.keys", limits.keyvalue.keys.to_string(), "1000000"),
        ("keyvalue.writes", limits.keyvalue.writes.to_string(), "5000"),
    ];
    for (key, value, published) in shown {
        assert_eq!(value, published, "{key}");
    }
    assert_eq!(limits.response_body, None);
}

#[test]
fn the_host_and_its_listeners_have_the_published_limits_by_default() {
    let (host, listener) = (HostLimits::default(), ListenerLimits::default());
    let shown = [
        ("memory_max", host.memory_max.to_string(), "128MiB"),
        ("instances", host.instances.to_string(), "256"),
        ("drain", format_duration(host.drain), "30s"),
        ("header_block", listener.header_block.to_string(), "32KiB"),
        ("header_fields", listener.header_fields.to_string(), "100"),
        ("request_line", listener.request_line.to_string(), "8KiB"),
        ("first_byte", format_duration(listener.first_byte), "10s"),
        ("header_read", format_duration(listener.header_read), "10s"),
        ("tls_handshake", format_duration(listener.tls_handshake), "10s"),
        ("idle", format_duration(listener.idle), "1m"),
        ("body_idle", format_duration(listener.body_idle), "30s"),
        ("body_rate", listener.body_rate.to_string(), "240"),
        ("rate_grace", format_duration(listener.rate_grace), "5s"),
        ("write_idle", format_duration(listener.write_idle), "1m"),
        ("write_rate", listener.write_rate.to_string(), "240"),
        ("connections", listener.connections.to_string(), "10000"),
        ("connections_per_address", listener.connections_per_address.to_string(), "256"),
        ("streams", listener.streams.to_string(), "100"),
        ("header_list", listener.header_list.to_string(), "16KiB"),
        ("stream_window", listener.stream_window.to_string(), "64KiB"),
        ("connection_window", listener.connection_window.to_string(), "256KiB"),
        ("reset_streams", listener.reset_streams.to_string(), "20"),
        ("reset_streams_local", listener.reset_streams_local.to_string(), "128"),
    ];
    for (key, value, published) in shown {
        assert_eq!(value, published, "{key}");
    }
    assert_eq!(host.memory_budget, None);
}

#[test]
fn the_defaults_are_within_what_may_be_asked_for() {
    let limits = Limits::default();
    assert!(limits.memory <= HostLimits::default().memory_max);
    assert!(limits.depth <= DEPTH_MAX);
    assert!(limits.table_elements <= fixed::TABLE_ELEMENTS_MAX);
    assert!(limits.keyvalue.value < fixed::HOSTCALL_BYTES, "a value must pass in one host call");
    assert!(fixed::WASM_STACK < fixed::ASYNC_STACK, "host functions need stack of their own");
    assert!(limits.cpu >= fixed::EPOCH_TICK);
}
