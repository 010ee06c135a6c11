//! Guests that use nearly all of what they may, and must be served: no limit is off by one.

use super::super::ask::{Ask, Body, Reply};
use super::super::guest;
use super::super::row::{Expect, Row, Service};

/// All of them.
pub fn rows() -> Vec<Row> {
    let row = |guest, name: &str, component, limits: &str, query: &str, says: fn(&Reply) -> bool| {
        let service = Service::of(name, component).limits(limits);
        Row::asked("G48", guest, "200", service, vec![Ask::get(name, query, Expect::ok(says))]).alone(2)
    };
    vec![
        row(
            "memory: over 15 of 16 MiB",
            "g48-memory",
            guest::SCANS_MEMORY_P2,
            "memory = \"16MiB\", cpu = \"5s\", deadline = \"20s\"",
            "marker=edge&mib=16",
            scanned,
        ),
        // By the clock, which where many are asked is more than it has had of the processor.
        row(
            "processor time: 198 of 200 ms",
            "g48-cpu",
            guest::HOSTILE_TIME_P2,
            "cpu = \"200ms\", deadline = \"20s\"",
            "how=burn&ns=198000000",
            |reply| reply.text() == "burnt",
        ),
        row("deadline: 1.48 of 1.5 s", "g48-deadline", guest::SLEEPS_P2, "deadline = \"1500ms\"", "ms=1480", |reply| {
            reply.text() == "slept"
        }),
        row("deadline, WASI 0.3", "g48-deadline-p3", guest::SLEEPS_P3, "deadline = \"1500ms\"", "ms=1480", |reply| {
            reply.text() == "slept"
        }),
        row("header fields: 126 of 128", "g48-fields", guest::MANY_HEADERS_P2, "cpu = \"200ms\"", "count=126", |_| {
            true
        }),
        body("request body: 99 % of 1 MiB", "g48-request", "request_body = \"1MiB\", cpu = \"500ms\""),
        body(
            "response body: 99 % of 1 MiB",
            "g48-response",
            "response_body = \"1MiB\", request_body = \"2MiB\", cpu = \"500ms\"",
        ),
        calls("calls: 99 of 100", "g48-calls", "scheme=http&authority=g48-hello.internal&path=/g48-hello&times=99"),
        depth(),
        keyvalue(),
    ]
}

/// It takes what it gets by the mebibyte, so that less than one is left.
fn scanned(reply: &Reply) -> bool {
    let seen = serde_json::from_str::<serde_json::Value>(&reply.text()).ok();
    seen.and_then(|seen| seen["scanned"].as_u64()).is_some_and(|bytes| bytes > 15 << 20)
}

fn body(guest: &'static str, name: &str, limits: &str) -> Row {
    let bytes = vec![b'x'; (1 << 20) * 99 / 100];
    let ask =
        Ask::get(name, "", Expect::ok(|reply| reply.answer.length == (1 << 20) * 99 / 100)).body(Body::Bytes(bytes));
    Row::asked("G48", guest, "200", Service::of(name, guest::ECHO_P2).limits(limits), vec![ask]).alone(2)
}

fn calls(guest: &'static str, name: &str, query: &str) -> Row {
    let service = Service::of(name, guest::CALLER_P2)
        .limits("cpu = \"2s\", deadline = \"20s\", calls = 100")
        .with("calls = [\"g48-hello\"]");
    let made = Expect::ok(|reply| reply.answer.header("x-calls-ok") == Some("99"));
    // With fifty at once the callee has no permit for each of them.
    let ask = Ask::get(name, query, made)
        .or(Expect::ok(|reply| reply.answer.header("x-error").is_some_and(|error| error.contains("ConnectionLimit"))));
    Row::asked("G48", guest, "200", service, vec![ask])
        .beside(Service::of("g48-hello", guest::HELLO_P2))
        .alone(2)
        .of_this_host()
}

fn depth() -> Row {
    let service = Service::of("g48-depth", guest::CALLER_P2)
        .limits("cpu = \"2s\", depth = 8, concurrency = 200")
        .with("calls = [\"g48-depth\"]");
    let chain = ["g48-depth"; 8].join(",");
    let ask = Ask::get("g48-depth", &format!("chain={chain}"), Expect::ok(|reply| reply.text() == "end"))
        .or(Expect::ok(|reply| reply.answer.header("x-error").is_some_and(|error| error.contains("ConnectionLimit"))));
    Row::asked("G48", "depth of calls: 8 of 8", "200", service, vec![ask]).alone(2).of_this_host()
}

fn keyvalue() -> Row {
    let service = Service::of("g48-keyvalue", guest::HOSTILE_KEYVALUE_P2)
        .limits("cpu = \"500ms\", deadline = \"10s\", keyvalue = { value = \"64KiB\", key = \"1KiB\" }")
        .with("keyvalue = [\"default\"]");
    let asks = ["bytes=64880", "bytes=65536", "key=1013", "key=1024"];
    let written = |reply: &Reply| reply.text().contains("\"ok\":1");
    let asks = asks.map(|query| Ask::get("g48-keyvalue", &format!("how=size&{query}"), Expect::ok(written)));
    Row::asked("G48", "keys and values: 99 and 100 % of their limits", "200", service, asks.to_vec())
        .alone(2)
        .of_this_host()
}
