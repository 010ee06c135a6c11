//! A client that goes away frees the instance that works for it.

use std::time::Duration;

use crate::failures::both;
use crate::harness::{eventually, guest};

#[test]
fn a_client_that_leaves_before_the_answer_frees_the_instance() {
    let host = both(guest::NEVER_ANSWERS_P2, guest::NEVER_ANSWERS_P3, |_| {});
    for service in ["p2", "p3"] {
        let connection = host.request("GET", &format!("/{service}")).begin();
        eventually("it works", || host.levels().instances_live == 1);
        drop(connection);
        eventually("its instance is free", || host.is_idle());
        let line = host.log().json_line("its line", |line| line["service"] == service);
        assert_eq!((line["outcome"].as_str(), line["status"].as_u64()), (Some("client-gone"), Some(499)), "{line}");
        assert!(line["duration_ms"].as_f64().unwrap() < 9_000.0, "{line}");
    }
}

#[test]
fn a_client_that_leaves_in_the_middle_of_the_answer_frees_the_instance() {
    let host = both(guest::STALLS_HALF_WAY_P2, guest::STALLS_HALF_WAY_P3, |_| {});
    for service in ["p2", "p3"] {
        let mut connection = host.request("GET", &format!("/{service}")).begin();
        assert_eq!(connection.read_head().unwrap().status, 200, "{service}");
        drop(connection);
        eventually("its instance is free", || host.is_idle());
        let line = host.log().json_line("its line", |line| line["service"] == service);
        assert_eq!(line["outcome"], "client-gone", "{line}");
    }
}

#[test]
fn a_client_that_leaves_an_endless_answer_frees_the_instance() {
    let host = both(guest::ENDLESS_BODY_P2, guest::ENDLESS_BODY_P3, |limits| limits.cpu = Duration::from_secs(5));
    for service in ["p2", "p3"] {
        let mut connection = host.request("GET", &format!("/{service}")).begin();
        connection.read_raw(1 << 20);
        drop(connection);
        eventually("its instance is free", || host.is_idle());
        let line = host.log().json_line("its line", |line| line["service"] == service);
        assert_eq!(line["outcome"], "client-gone", "{line}");
    }
}

#[test]
fn a_client_that_leaves_in_the_middle_of_its_request_frees_the_instance() {
    let host = both(guest::KEYVALUE_P2, guest::KEYVALUE_P3, |_| {});
    for service in ["p2", "p3"] {
        let mut connection =
            host.request("POST", &format!("/{service}?op=get&key=a")).header("Content-Length", "1000").begin();
        connection.send("half");
        eventually("it works", || host.levels().instances_live == 1);
        drop(connection);
        eventually("its instance is free", || host.is_idle());
        let line = host.log().json_line("its line", |line| line["service"] == service);
        assert!(line["outcome"] != "ok", "{line}");
    }
}

#[test]
fn many_clients_that_leave_leave_nothing_behind() {
    let host = both(guest::SLEEPS_P2, guest::SLEEPS_P3, |limits| limits.queue_wait = Duration::from_secs(20));
    for _ in 0..3 {
        let connections: Vec<_> =
            (0..20).map(|n| host.request("GET", &format!("/{}?ms=60000", ["p2", "p3"][n % 2])).begin()).collect();
        eventually("as many work as may", || host.levels().instances_live >= 12);
        drop(connections);
        eventually("all is free", || host.is_idle());
    }
    assert_eq!(host.get("/hello").status, 200);
}
