//! A response that breaks off reaches the client as an error, never as a complete answer.

use std::time::Duration;

use serde_json::Value;

use super::both;
use crate::harness::{Connection, Running, guest};

/// Reads an answer that must break off after `bytes` of its body, with the
/// connection closed, and returns its log line.
#[track_caller]
fn check_broken_off(host: &Running, path: &str, bytes: usize, cause: Option<&str>) -> Value {
    let mut connection = host.request("GET", path).begin();
    let answer = connection.read_answer("GET");
    assert_eq!((answer.status, answer.body.len(), answer.complete), (200, bytes, false), "{path}");
    assert!(connection.is_closed_by_host(), "{path}");
    let line = host.log_line_for(answer.id());
    assert_eq!((line["outcome"].as_str(), line["status"].as_u64()), (Some("truncated"), Some(200)), "{line}");
    assert_eq!(line["cause"].as_str(), cause, "{line}");
    assert_eq!(line["sent"]["body"], bytes, "{line}");
    line
}

#[test]
fn a_guest_that_traps_half_way_breaks_the_answer_off() {
    let host = both(guest::TRAPS_HALF_WAY_P2, guest::TRAPS_HALF_WAY_P3, |_| {});
    for service in ["p2", "p3"] {
        for query in ["", "?length"] {
            let line = check_broken_off(&host, &format!("/{service}{query}"), 50, Some("trap"));
            assert_eq!(line["trap"], "unreachable", "{line}");
        }
        assert_eq!(host.failures(service, "truncated"), 2);
    }
    assert_eq!(host.get("/hello").status, 200);
}

#[test]
fn an_answer_shorter_than_announced_never_looks_complete() {
    let host = both(guest::ANSWERS_SHORT_P2, guest::ANSWERS_SHORT_P3, |_| {});
    for service in ["p2", "p3"] {
        // Nothing was sent yet, so the client gets a whole answer that says what happened.
        let answer = host.get(&format!("/{service}"));
        assert!(answer.complete && answer.status == 502, "{service}: {}", answer.status);
        let line = host.log_line_for(answer.id());
        assert_eq!(line["outcome"], "invalid-response", "{line}");
    }
}

#[test]
fn an_endless_body_is_broken_off() {
    let host = both(guest::ENDLESS_BODY_P2, guest::ENDLESS_BODY_P3, |limits| {
        limits.deadline = Duration::from_millis(400);
        limits.cpu = Duration::from_millis(60);
    });
    for service in ["p2", "p3"] {
        let answer = host.get(&format!("/{service}"));
        assert!(!answer.complete && answer.body.len() > 64 * 1024, "{service}: {}", answer.body.len());
        let line = host.log_line_for(answer.id());
        assert_eq!(line["outcome"], "truncated", "{line}");
        // Whichever comes first: making bytes takes time and processor time.
        assert!(matches!(line["cause"].as_str(), Some("deadline" | "cpu-limit")), "{line}");
        assert_eq!(line["sent"]["body"], answer.body.len(), "{line}");
    }
}

#[test]
fn a_guest_that_stalls_half_way_is_broken_off_at_its_deadline() {
    let host = both(guest::STALLS_HALF_WAY_P2, guest::STALLS_HALF_WAY_P3, |limits| {
        limits.deadline = Duration::from_millis(300);
    });
    for service in ["p2", "p3"] {
        check_broken_off(&host, &format!("/{service}"), 50, Some("deadline"));
    }
}

#[test]
fn a_guest_that_stalls_half_way_is_broken_off_at_its_stall_limit() {
    let host = both(guest::STALLS_HALF_WAY_P2, guest::STALLS_HALF_WAY_P3, |limits| {
        limits.stall = Duration::from_millis(200);
    });
    for service in ["p2", "p3"] {
        let mut connection: Connection = host.request("GET", &format!("/{service}")).begin();
        let answer = connection.read_answer("GET");
        assert!(!answer.complete, "{service}");
        let line = host.log_line_for(answer.id());
        assert_eq!(line["outcome"], "truncated", "{line}");
        assert!(line["duration_ms"].as_f64().unwrap() < 9_000.0, "{line}");
    }
}

#[test]
fn the_bytes_of_a_broken_answer_are_sent_before_it_breaks() {
    let host = both(guest::STALLS_HALF_WAY_P2, guest::STALLS_HALF_WAY_P3, |limits| {
        limits.deadline = Duration::from_secs(5);
    });
    for service in ["p2", "p3"] {
        let mut connection = host.request("GET", &format!("/{service}")).begin();
        let head = connection.read_head().unwrap();
        assert_eq!(head.status, 200, "{service}");
        // The guest waits for ever, and what it wrote is here all the same.
        let chunk = connection.read_raw("32\r\n".len() + 50);
        assert_eq!(chunk, format!("32\r\n{}", "x".repeat(50)).into_bytes(), "{service}");
    }
}
