//! What a service may store, and how much it may log.

use hostel_model::limits::Limits;
use hostel_model::units::ByteSize;
use serde_json::Value;

use crate::harness::{Harness, Running, guest};

fn stores(limits: impl Fn(&mut Limits)) -> Running {
    Harness::new()
        .serves("p2", guest::KEYVALUE_P2)
        .keyvalue("")
        .limits(&limits)
        .serves("p3", guest::KEYVALUE_P3)
        .keyvalue("")
        .limits(&limits)
        .start()
}

/// Sets `key` to so many bytes.
fn set(host: &Running, service: &str, key: &str, bytes: usize) -> Value {
    host.request("POST", &format!("/{service}?op=set&key={key}")).body(vec![b'v'; bytes]).send().json()
}

#[track_caller]
fn check_refused(answer: &Value, words: &str) {
    assert_eq!(answer["error"], "other", "{answer}");
    assert!(answer["text"].as_str().unwrap().contains(words), "{answer}");
}

#[test]
fn a_key_may_be_as_long_as_its_limit() {
    let host = stores(|limits| limits.keyvalue.key = ByteSize(100));
    for service in ["p2", "p3"] {
        assert_eq!(set(&host, service, &"k".repeat(99), 1)["result"], "ok", "{service}");
        assert_eq!(set(&host, service, &"k".repeat(100), 1)["result"], "ok", "{service}");
        check_refused(&set(&host, service, &"k".repeat(101), 1), "the key has `101` bytes");
    }
}

#[test]
fn a_value_may_be_as_large_as_its_limit() {
    let host = stores(|limits| limits.keyvalue.value = ByteSize(100_000));
    for service in ["p2", "p3"] {
        assert_eq!(set(&host, service, "key", 99_000)["result"], "ok", "{service}");
        assert_eq!(set(&host, service, "key", 100_000)["result"], "ok", "{service}");
        check_refused(&set(&host, service, "key", 100_001), "the value has `100001` bytes");
    }
}

#[test]
fn a_service_may_store_as_many_keys_as_its_limit() {
    let host = stores(|limits| limits.keyvalue.keys = 3);
    for service in ["p2", "p3"] {
        for key in ["a", "b", "c", "a"] {
            assert_eq!(set(&host, service, key, 1)["result"], "ok", "{service} {key}");
        }
        check_refused(&set(&host, service, "d", 1), "quota");
        assert_eq!(host.get(&format!("/{service}?op=delete&key=a")).json()["result"], "ok", "{service}");
        assert_eq!(set(&host, service, "d", 1)["result"], "ok", "{service}");
    }
}

#[test]
fn a_service_may_store_as_many_bytes_as_its_limit() {
    let host = stores(|limits| limits.keyvalue.bytes = ByteSize(10_000));
    for service in ["p2", "p3"] {
        assert_eq!(set(&host, service, "a", 9_000)["result"], "ok", "{service}");
        check_refused(&set(&host, service, "b", 2_000), "quota");
        assert_eq!(set(&host, service, "b", 800)["result"], "ok", "{service}");
        // A value that is replaced makes room for the new one.
        assert_eq!(set(&host, service, "a", 8_000)["result"], "ok", "{service}");
        assert_eq!(set(&host, service, "b", 1_500)["result"], "ok", "{service}");
    }
}

#[test]
fn a_service_may_write_as_often_as_its_limit() {
    let host = stores(|limits| limits.keyvalue.writes = 10);
    for service in ["p2", "p3"] {
        let answers: Vec<Value> = (0..60).map(|n| set(&host, service, &format!("k{n}"), 1)).collect();
        let written = answers.iter().filter(|answer| answer["result"] == "ok").count();
        // Two seconds' worth at once, and what came in meanwhile.
        assert!((20..60).contains(&written), "{service}: {written}");
        let refused = answers.iter().find(|answer| answer["result"] != "ok").unwrap();
        check_refused(refused, "write");
    }
}
