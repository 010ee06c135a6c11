//! Work after the response has a limit of its own, and does not spoil the answer.

use std::time::Duration;

use super::both;
use crate::harness::{eventually, guest};

#[test]
fn a_guest_that_sleeps_after_its_response_is_killed_after_a_complete_answer() {
    let host = both(guest::SLEEPS_AFTER_RESPONSE_P2, guest::SLEEPS_AFTER_RESPONSE_P3, |limits| {
        limits.after_response = Duration::from_millis(200);
    });
    for service in ["p2", "p3"] {
        let answer = host.get(&format!("/{service}"));
        assert_eq!((answer.status, answer.text().as_str(), answer.complete), (200, "done", true), "{service}");
        let line = host.log_line_for(answer.id());
        assert_eq!(
            (line["outcome"].as_str(), line["killed_after_response"].as_bool()),
            (Some("ok"), Some(true)),
            "{line}"
        );
        eventually("the instance is free", || host.is_idle());
    }
}

#[test]
fn a_guest_that_spins_after_its_response_is_stopped_after_a_complete_answer() {
    let host = both(guest::SPINS_AFTER_RESPONSE_P2, guest::SPINS_AFTER_RESPONSE_P3, |limits| {
        limits.after_response = Duration::from_millis(500);
        limits.cpu = Duration::from_millis(100);
    });
    for service in ["p2", "p3"] {
        let answer = host.get(&format!("/{service}"));
        assert_eq!((answer.status, answer.text().as_str(), answer.complete), (200, "done", true), "{service}");
        let line = host.log_line_for(answer.id());
        assert_eq!(line["outcome"], "ok", "{line}");
        assert!(line["cpu_ms"].as_f64().unwrap() >= 90.0, "{line}");
        eventually("the instance is free", || host.is_idle());
    }
}

#[test]
fn an_answer_does_not_wait_for_the_work_after_it() {
    let host = both(guest::SLEEPS_AFTER_RESPONSE_P2, guest::SLEEPS_AFTER_RESPONSE_P3, |limits| {
        limits.after_response = Duration::from_secs(8);
        limits.deadline = Duration::from_secs(1);
    });
    let mut connection = host.connect();
    for service in ["p2", "p3", "p2", "p3"] {
        let answer = host.request("GET", &format!("/{service}")).send_on(&mut connection);
        assert_eq!((answer.text().as_str(), answer.complete), ("done", true), "{service}");
    }
    assert_eq!(host.levels().instances_live, 4);
}

#[test]
fn the_answer_to_head_does_not_wait_for_a_body_that_nobody_wants() {
    let host = both(guest::ENDLESS_BODY_P2, guest::ENDLESS_BODY_P3, |limits| {
        limits.after_response = Duration::from_millis(300);
        limits.cpu = Duration::from_secs(2);
    });
    let mut connection = host.connect();
    for service in ["p2", "p3"] {
        let answer = host.request("HEAD", &format!("/{service}")).send_on(&mut connection);
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{service}");
        let line = host.log_line_for(answer.id());
        assert_eq!((line["outcome"].as_str(), line["sent"]["body"].as_u64()), (Some("ok"), Some(0)), "{line}");
        assert_eq!(host.request("GET", "/hello").send_on(&mut connection).status, 200, "{service}");
        eventually("the instance is free", || host.is_idle());
    }
}
