//! How deep and how often services may call each other below one request.

use std::time::Duration;

use serde_json::Value;

use crate::failures::{Expected, check_problem};
use crate::harness::{Harness, Running, guest};

/// Two services that call each other, each of one generation.
fn ring(depth: u32, instances: u32) -> Running {
    Harness::new()
        .instances(instances)
        .serves("a", guest::CALLER_P2)
        .calls(&["b"])
        .limits(|limits| limits.depth = depth)
        .serves("b", guest::CALLER_P3)
        .calls(&["a"])
        .limits(|limits| limits.depth = depth)
        .start()
}

/// `b,a,b,…`: so many calls below a request to `a`.
fn chain(calls: usize) -> String {
    (0..calls).map(|n| if n % 2 == 0 { "b" } else { "a" }).collect::<Vec<_>>().join(",")
}

#[test]
fn calls_may_be_nested_as_deep_as_the_limit() {
    let host = ring(8, 32);
    let answer = host.get(&format!("/a?chain={}", chain(8)));
    assert_eq!((answer.status, answer.text().as_str(), answer.header("x-error")), (200, "end", None));
    for service in ["a", "b"] {
        host.call_line_for(answer.id(), service);
    }
}

#[test]
fn a_call_too_deep_is_refused_and_a_root_that_copes_keeps_its_answer() {
    let host = ring(8, 32);
    let answer = host.get(&format!("/a?chain={}", chain(9)));
    assert_eq!((answer.status, answer.problem()), (200, None));
    let error = answer.header("x-error").unwrap_or_default();
    assert!(error.contains("LoopDetected"), "{error}");
    assert_eq!(host.failures("a", "loop") + host.failures("b", "loop"), 1);
}

#[test]
fn a_root_that_fails_after_a_call_was_too_deep_is_a_508() {
    // The root goes on calling until its time is over.
    let host = Harness::new()
        .serves("root", guest::CALLER_P2)
        .calls(&["root"])
        .limits(|limits| {
            limits.depth = 0;
            limits.cpu = Duration::from_millis(100);
            limits.calls = u32::MAX;
        })
        .serves("root3", guest::CALLER_P3)
        .calls(&["root3"])
        .limits(|limits| {
            limits.depth = 0;
            limits.cpu = Duration::from_millis(100);
            limits.calls = u32::MAX;
        })
        .start();
    for service in ["root", "root3"] {
        let path = format!("/{service}?scheme=http&authority={service}.internal&path=/{service}&times=100000000");
        let answer = host.get(&path);
        check_problem(&answer, service, Expected { status: 508, slug: "loop" });
        assert_eq!(host.log_line_for(answer.id())["outcome"], "loop", "{service}");
    }
}

#[test]
fn a_request_may_cause_as_many_calls_as_its_limit() {
    for caller in [guest::CALLER_P2, guest::CALLER_P3] {
        let host = Harness::new()
            .serves("a", caller)
            .calls(&["hello"])
            .limits(|limits| limits.calls = 10)
            .service("hello", guest::HELLO_P3)
            .start();
        let times = |times: u32| host.get(&format!("/a?scheme=http&authority=hello.internal&path=/&times={times}"));
        let answer = times(10);
        assert_eq!((answer.text().as_str(), answer.header("x-calls-ok")), ("Hello, World!\n", Some("10")), "{caller}");
        let answer = times(11);
        assert_eq!(answer.header("x-calls-ok"), Some("10"), "{caller}");
        let error = answer.header("x-error").unwrap_or_default();
        assert!(error.contains("RequestDenied"), "{error}");
        assert_eq!(host.failures("a", "fan-out"), 1, "{caller}");
        let made = |line: &Value| line["id"] == answer.id() && line["kind"] == "call";
        host.log_line_for(answer.id());
        assert_eq!(host.log().json_lines().iter().filter(|line| made(line)).count(), 10, "{caller}");
    }
}

#[test]
fn services_that_call_each_other_do_not_wait_for_each_other() {
    // The pool holds exactly one request and the calls below it.
    let host = ring(2, 3);
    let requests: Vec<_> = (0..6).map(|_| host.request("GET", &format!("/a?chain={}", chain(2))).begin()).collect();
    for mut connection in requests {
        // Refused or answered, by turns: nobody hangs.
        let answer = connection.read_answer("GET");
        let refused = answer.header("x-error").is_some_and(|error| error.contains("ConnectionLimitReached"));
        let answered = answer.status == 200 && answer.text() == "end";
        assert!(answered || refused || answer.status == 503, "{} {:?}", answer.status, answer.headers);
    }
    let answer = host.get(&format!("/a?chain={}", chain(2)));
    assert_eq!((answer.status, answer.text().as_str()), (200, "end"), "{:?}", answer.headers);
}
