//! What one instance can know of another, of the machine and of the operator's secrets: nothing it was not given.

mod words;

use serde_json::json;

use crate::failures::both;
use crate::harness::{Harness, eventually, guest};

#[test]
fn every_request_has_an_instance_of_its_own() {
    let host = both(guest::COUNTER_P2, guest::COUNTER_P3, |_| {});
    for service in ["p2", "p3"] {
        for _ in 0..5 {
            assert_eq!(host.get(&format!("/{service}")).text(), "1", "{service}");
        }
    }
    assert_eq!(host.levels().instances_started, 10);
}

#[test]
fn an_instance_serves_as_many_requests_as_its_service_allows() {
    let host = Harness::new().serves("p2", guest::COUNTER_P2).reuse(3).serves("p3", guest::COUNTER_P3).reuse(3).start();
    for service in ["p2", "p3"] {
        // The next request may come before an instance is back, so each waits for it.
        let counts: Vec<String> = (0..7)
            .map(|_| {
                let answer = host.get(&format!("/{service}"));
                host.log_line_for(answer.id());
                answer.text()
            })
            .collect();
        assert_eq!(counts, ["1", "2", "3", "1", "2", "3", "1"], "{service}");
    }
}

#[test]
fn an_instance_that_failed_serves_no_more() {
    let host =
        Harness::new().serves("p2", guest::COUNTER_P2).reuse(100).serves("p3", guest::COUNTER_P3).reuse(100).start();
    for service in ["p2", "p3"] {
        let get = |query: &str| {
            let answer = host.get(&format!("/{service}{query}"));
            host.log_line_for(answer.id());
            answer
        };
        assert_eq!([get("").text(), get("").text()], ["1", "2"], "{service}");
        assert_eq!(get("?trap").status, 502, "{service}");
        assert_eq!([get("").text(), get("").text()], ["1", "2"], "{service}");
    }
}

#[test]
fn an_instance_that_is_used_again_serves_one_request_at_a_time() {
    let host =
        Harness::new().serves("p2", guest::SLEEPS_P2).reuse(100).serves("p3", guest::SLEEPS_P3).reuse(100).start();
    for service in ["p2", "p3"] {
        let before = host.levels().instances_started;
        let connections: Vec<_> = (0..3).map(|_| host.request("GET", &format!("/{service}?ms=1000")).begin()).collect();
        eventually("three instances", || host.levels().instances_started == before + 3);
        for mut connection in connections {
            assert_eq!(connection.read_answer("GET").text(), "slept", "{service}");
        }
    }
}

#[test]
fn memory_of_one_instance_is_never_seen_by_the_next() {
    // Few slots, so that each is used many times.
    let host = Harness::new()
        .instances(2)
        .serves("p2", guest::SCANS_MEMORY_P2)
        .limits(|limits| limits.cpu = std::time::Duration::from_secs(5))
        .serves("p3", guest::SCANS_MEMORY_P3)
        .limits(|limits| limits.cpu = std::time::Duration::from_secs(5))
        .start();
    for _ in 0..10 {
        for service in ["p2", "p3"] {
            let answer = host.get(&format!("/{service}?mib=8&marker=who-was-here-before")).json();
            assert_eq!(answer["hits"], 0, "{service}: {answer}");
            assert!(answer["marked"].as_u64().unwrap() >= 8 << 20, "{service}: {answer}");
        }
    }
}

#[test]
fn a_mark_within_one_instance_is_seen_there() {
    // The scan itself can find what is there: only then does finding nothing mean anything.
    let host = Harness::new()
        .serves("p2", guest::SCANS_MEMORY_P2)
        .reuse(10)
        .limits(|limits| limits.cpu = std::time::Duration::from_secs(5))
        .serves("p3", guest::SCANS_MEMORY_P3)
        .reuse(10)
        .limits(|limits| limits.cpu = std::time::Duration::from_secs(5))
        .start();
    for service in ["p2", "p3"] {
        let scan = || {
            let answer = host.get(&format!("/{service}?mib=1&marker=who-was-here-before"));
            host.log_line_for(answer.id());
            answer.json()["hits"].as_u64().unwrap()
        };
        assert_eq!(scan(), 0, "{service}");
        assert!(scan() > 100, "{service}");
    }
}

#[test]
fn a_guest_sees_nothing_of_the_machine() {
    let host = both(guest::SURROUNDINGS_P2, guest::SURROUNDINGS_P3, |_| {});
    for service in ["p2", "p3"] {
        let seen = host.get(&format!("/{service}")).json();
        assert_eq!(seen["environment"], json!({}), "{service}: {seen}");
        assert_eq!(seen["arguments"], json!([]), "{service}: {seen}");
        assert_eq!(seen["preopens"], 0, "{service}: {seen}");
        assert_eq!(seen["cwd"], json!(null), "{service}: {seen}");
        assert!(matches!(seen["stdin"].as_str(), Some("" | "closed")), "{service}: {seen}");
    }
}

#[test]
fn a_service_reads_its_own_variables_and_secrets_and_no_others() {
    let host = Harness::new()
        .serves("p2", guest::CONFIGURATION_P2)
        .variable("token_minutes", "60")
        .secret("signing_key", "hunter2")
        .serves("p3", guest::CONFIGURATION_P3)
        .variable("token_minutes", "30")
        .serves("none", guest::CONFIGURATION_P2)
        .start();
    for draft in ["", "&draft=1"] {
        let read = |service: &str, key: &str| host.get(&format!("/{service}?key={key}{draft}")).json();
        let p2 = read("p2", "signing_key");
        assert_eq!(p2, json!({"all": {"token_minutes": "60", "signing_key": "hunter2"}, "get": "hunter2"}));
        let p3 = read("p3", "signing_key");
        assert_eq!(p3, json!({"all": {"token_minutes": "30"}, "get": null}));
        assert_eq!(read("p3", "token_minutes")["get"], "30");
        assert_eq!(read("none", "token_minutes"), json!({"all": {}, "get": null}));
    }
    assert!(!host.log().text().contains("hunter2") && !host.host().metrics_text().contains("hunter2"));
}
