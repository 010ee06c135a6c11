//! What a client is told of a service that failed before it answered: the rows of the table of failures, for both generations.

mod after_head;
mod after_response;
mod limited;
mod neighbours;

use std::num::NonZeroU32;
use std::time::Duration;

use hostel_model::limits::Limits;
use hostel_model::rollout::Rollout;
use hostel_model::units::ByteSize;
use serde_json::Value;

use crate::harness::{Answer, Harness, Running, guest};

/// What is to be seen of a failure.
#[derive(Clone, Copy)]
pub(crate) struct Expected {
    pub(crate) status: u16,
    pub(crate) slug: &'static str,
}

/// A host with one behaviour as the services `p2` and `p3`, and with `hello`.
pub(crate) fn both(p2: &str, p3: &str, limits: impl Fn(&mut Limits)) -> Running {
    Harness::new()
        .serves("p2", p2)
        .limits(&limits)
        .rollout(unbroken)
        .serves("p3", p3)
        .limits(&limits)
        .rollout(unbroken)
        .serves("hello", guest::HELLO_P2)
        .start()
}

/// However often it fails, every request gets its own failure.
fn unbroken(rollout: &mut Rollout) {
    rollout.breaker.failures = NonZeroU32::MAX;
}

/// Proves the answer, the log line and the counter of one failure, and that the
/// connection and the other service are none the worse. Returns the log line.
#[track_caller]
fn check(host: &Running, service: &str, query: &str, expected: Expected) -> Value {
    let before = host.failures(service, expected.slug);
    let mut connection = host.connect();
    let answer = host.request("GET", &format!("/{service}?{query}")).send_on(&mut connection);
    check_problem(&answer, service, expected);
    let line = host.log_line_for(answer.id());
    let seen = (line["outcome"].as_str(), line["status"].as_u64(), line["service"].as_str(), line["revision"].as_str());
    let wanted = (Some(expected.slug), Some(u64::from(expected.status)), Some(service), Some("r1"));
    assert_eq!(seen, wanted, "{line}");
    assert_eq!(host.failures(service, expected.slug), before + 1, "{service} {}", expected.slug);
    // The connection goes on, with another service.
    let hello = host.request("GET", "/hello").send_on(&mut connection);
    assert_eq!((hello.status, hello.text().as_str()), (200, "Hello, World!\n"), "{service}");
    line
}

/// The answer's form, as RFC 9457 and the table have it.
#[track_caller]
pub(crate) fn check_problem(answer: &Answer, service: &str, expected: Expected) {
    assert_eq!(
        (answer.status, answer.problem().as_deref()),
        (expected.status, Some(expected.slug)),
        "{}",
        answer.text()
    );
    assert!(answer.complete, "{service}");
    let problem = answer.json();
    assert_eq!(problem["status"], expected.status, "{problem}");
    assert_eq!(problem["instance"], answer.id(), "{problem}");
    assert_eq!(problem["service"], service, "{problem}");
    assert!(
        ["title", "detail"].iter().all(|name| problem[name].as_str().is_some_and(|text| !text.is_empty())),
        "{problem}"
    );
    assert_eq!(problem["retryable"], expected.status == 503, "{problem}");
    assert_eq!(answer.header("retry-after").is_some(), expected.status == 503, "{problem}");
    let proxy_status = answer.header("proxy-status").unwrap_or_default();
    assert!(proxy_status.starts_with("hostel; error=") && proxy_status.contains(expected.slug), "{proxy_status}");
}

/// Checks both generations and returns their log lines.
#[track_caller]
fn check_both(host: &Running, query: &str, status: u16, slug: &'static str) -> [Value; 2] {
    ["p2", "p3"].map(|service| check(host, service, query, Expected { status, slug }))
}

#[test]
fn a_guest_that_loops_for_ever_is_stopped_at_its_cpu_limit() {
    let limit = Duration::from_millis(60);
    let host = both(guest::LOOPS_FOREVER_P2, guest::LOOPS_FOREVER_P3, |limits| limits.cpu = limit);
    for line in check_both(&host, "", 504, "cpu-limit") {
        let cpu = line["cpu_ms"].as_f64().unwrap();
        assert!((60.0..160.0).contains(&cpu), "{line}");
    }
}

#[test]
fn a_guest_that_allocates_without_end_is_stopped_at_its_memory_limit() {
    let limit = ByteSize::mib(16);
    let host = both(guest::ALLOCATES_WITHOUT_END_P2, guest::ALLOCATES_WITHOUT_END_P3, |limits| {
        limits.memory = limit;
        limits.cpu = Duration::from_secs(5);
    });
    for line in check_both(&host, "", 502, "memory-limit") {
        let peak = line["memory_peak_bytes"].as_u64().unwrap();
        assert!(peak <= limit.0 && peak > limit.0 / 2, "{line}");
    }
}

#[test]
fn a_guest_that_traps_is_a_502_with_its_trap_in_the_log() {
    let host = both(guest::TRAPS_P2, guest::TRAPS_P3, |_| {});
    for line in check_both(&host, "", 502, "trap") {
        assert_eq!(line["trap"], "unreachable", "{line}");
    }
}

#[test]
fn a_guest_that_recurses_until_its_stack_ends_is_a_502() {
    let host = both(guest::RECURSES_P2, guest::RECURSES_P3, |_| {});
    for line in check_both(&host, "", 502, "trap") {
        assert_eq!(line["trap"], "stack-overflow", "{line}");
    }
    assert_eq!(host.get("/p2?depth=1000").text(), "1001");
    assert_eq!(host.get("/p3?depth=1000").text(), "1001");
}

#[test]
fn a_guest_that_never_answers_is_stopped_at_its_deadline() {
    let host = both(guest::NEVER_ANSWERS_P2, guest::NEVER_ANSWERS_P3, |limits| {
        limits.deadline = Duration::from_millis(300);
    });
    for line in check_both(&host, "", 504, "deadline") {
        let duration = line["duration_ms"].as_f64().unwrap();
        assert!(duration >= 300.0, "{line}");
    }
}

#[test]
fn a_guest_that_returns_without_an_answer_is_a_502() {
    let host = both(guest::ANSWERS_NOTHING_P2, guest::ANSWERS_NOTHING_P3, |_| {});
    check_both(&host, "", 502, "no-response");
}

#[test]
fn a_status_that_may_not_be_sent_is_a_502() {
    let host = both(guest::ANSWERS_STATUS_P2, guest::ANSWERS_STATUS_P3, |_| {});
    for status in [100, 101, 102, 103, 199] {
        check_both(&host, &format!("status={status}"), 502, "invalid-response");
    }
    for status in [600, 999] {
        let expected = Expected { status: 502, slug: "invalid-response" };
        check(&host, "p2", &format!("status={status}"), expected);
    }
    // These the guest cannot even set: it is told, and says so itself.
    for (service, status) in [("p2", 0), ("p2", 99), ("p2", 1000), ("p3", 0), ("p3", 99), ("p3", 600), ("p3", 1000)] {
        let answer = host.get(&format!("/{service}?status={status}"));
        assert_eq!((answer.status, answer.text().as_str()), (500, "refused"), "{service} {status}");
    }
}

#[test]
fn every_final_status_of_a_guest_reaches_the_client() {
    let host = both(guest::ANSWERS_STATUS_P2, guest::ANSWERS_STATUS_P3, |_| {});
    let mut connection = host.connect();
    for status in [200, 201, 204, 206, 226, 299, 301, 304, 308, 400, 404, 418, 451, 499, 500, 502, 503, 511, 599] {
        for service in ["p2", "p3"] {
            let path = format!("/{service}?status={status}");
            let answer = host.request("GET", &path).send_on(&mut connection);
            assert_eq!((answer.status, answer.complete, answer.problem()), (status, true, None), "{service} {status}");
            assert_eq!(host.log_line_for(answer.id())["outcome"], "ok", "{service} {status}");
        }
    }
}

#[test]
fn more_header_fields_than_may_be_sent_are_a_502() {
    let host = both(guest::MANY_HEADERS_P2, guest::MANY_HEADERS_P3, |_| {});
    check_both(&host, "", 502, "invalid-response");
    for service in ["p2", "p3"] {
        let answer = host.get(&format!("/{service}?count=128"));
        let fields = answer.headers.iter().filter(|(name, _)| name.starts_with("x-h-")).count();
        assert_eq!((answer.status, fields), (200, 128), "{service}");
    }
}

#[test]
fn a_guests_last_words_are_told_to_no_client() {
    let host = both(guest::LEAKS_PANIC_P2, guest::LEAKS_PANIC_P3, |_| {});
    let secret = "the-password-is-hunter2";
    check_both(&host, &format!("text={secret}"), 502, "trap");
    for service in ["p2", "p3"] {
        let answer = host.get(&format!("/{service}?text={secret}"));
        host.log_line_for(answer.id());
        assert!(!answer.text().contains("hunter2"), "{}", answer.text());
        assert!(!format!("{:?}", answer.headers).contains("hunter2"), "{:?}", answer.headers);
    }
    assert!(!host.log().text().contains("hunter2"));
    assert!(!host.host().metrics_text().contains("hunter2"));
}

#[test]
fn a_failure_answers_head_without_a_body() {
    let host = both(guest::TRAPS_P2, guest::TRAPS_P3, |_| {});
    let mut connection = host.connect();
    for service in ["p2", "p3"] {
        let answer = host.request("HEAD", &format!("/{service}")).send_on(&mut connection);
        assert_eq!((answer.status, answer.body.len()), (502, 0), "{service}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{service}");
        // No byte of a body came: the next answer begins where this one ended.
        assert_eq!(host.request("GET", "/hello").send_on(&mut connection).status, 200, "{service}");
    }
}
