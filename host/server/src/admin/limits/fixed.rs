//! The limits that nobody may change, under names of their own: they have no key in `hostel.toml`.

use hostel_model::limits::fixed::*;
use hostel_model::limits::{DEPTH_MAX, Origin};

use super::{count, size, time};
use crate::admin::view::Limit;

/// All of them: of one guest, of what leaves the host, of what is deployed, of the host's own pace.
#[must_use]
pub fn fixed() -> Vec<Limit> {
    let origin = |limit| Limit { origin: (&Origin::Fixed).into(), ..limit };
    let groups = [of_guests(), of_outbound(), of_components(), of_compiling(), of_the_host()];
    groups.into_iter().flatten().map(origin).collect()
}

fn of_guests() -> Vec<Limit> {
    let (fields, handles) = (RESPONSE_HEADER_FIELDS as u64, [RESOURCE_HANDLES, COMPONENT_HANDLES, CONCURRENT_HANDLES]);
    let [resources, components, concurrent] = handles;
    vec![
        size("wasm_stack", WASM_STACK, WASM_STACK),
        size("async_stack", ASYNC_STACK, ASYNC_STACK),
        count("table_elements_max", TABLE_ELEMENTS_MAX, TABLE_ELEMENTS_MAX),
        size("fields", FIELD_BYTES, FIELD_BYTES),
        size("response_headers", RESPONSE_HEADER_BYTES, RESPONSE_HEADER_BYTES),
        count("response_header_fields", fields, fields),
        size("hostcall", HOSTCALL_BYTES, HOSTCALL_BYTES),
        size("body_chunk", BODY_CHUNK_BYTES, BODY_CHUNK_BYTES),
        count("resource_handles", resources, resources),
        count("component_handles", components, components),
        count("concurrent_handles", concurrent, concurrent),
        size("random", RANDOM_BYTES, RANDOM_BYTES),
        count("depth_max", DEPTH_MAX, DEPTH_MAX),
    ]
}

fn of_outbound() -> Vec<Limit> {
    vec![
        time("outbound_connect", OUTBOUND_CONNECT, OUTBOUND_CONNECT),
        time("outbound_handshake", OUTBOUND_HANDSHAKE, OUTBOUND_HANDSHAKE),
        time("outbound_between_bytes", OUTBOUND_BETWEEN_BYTES, OUTBOUND_BETWEEN_BYTES),
    ]
}

fn of_components() -> Vec<Limit> {
    vec![
        size("component_file", COMPONENT_FILE, COMPONENT_FILE),
        count("core_instances", CORE_INSTANCES, CORE_INSTANCES),
        count("memories", MEMORIES, MEMORIES),
        count("tables", TABLES, TABLES),
        count("imports_exports", IMPORTS_EXPORTS, IMPORTS_EXPORTS),
        count("component_nesting", COMPONENT_NESTING, COMPONENT_NESTING),
        count("types", TYPES, TYPES),
        count("type_nesting", TYPE_NESTING, TYPE_NESTING),
        count("functions", FUNCTIONS, FUNCTIONS),
        size("function_body", FUNCTION_BODY, FUNCTION_BODY),
        count("locals", LOCALS, LOCALS),
        count("block_nesting", BLOCK_NESTING, BLOCK_NESTING),
    ]
}

fn of_compiling() -> Vec<Limit> {
    vec![
        time("compile_cpu", COMPILE_CPU, COMPILE_CPU),
        size("compile_memory", COMPILE_MEMORY, COMPILE_MEMORY),
        time("compile_wall", COMPILE_WALL, COMPILE_WALL),
        size("compiled_code", COMPILED_CODE, COMPILED_CODE),
    ]
}

fn of_the_host() -> Vec<Limit> {
    vec![
        count("calls_reserve_divisor", CALLS_RESERVE_DIVISOR, CALLS_RESERVE_DIVISOR),
        time("pool_wait", POOL_WAIT, POOL_WAIT),
        time("write_burst", WRITE_BURST, WRITE_BURST),
        time("reuse_idle", REUSE_IDLE, REUSE_IDLE),
        count("trials", TRIALS, TRIALS),
        time("epoch_tick", EPOCH_TICK, EPOCH_TICK),
    ]
}
