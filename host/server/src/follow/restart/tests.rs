//! What of a changed configuration needs a restart.

use std::sync::Arc;

use hostel_model::config::{Source, parse};
use hostel_model::plan::Plan;

use super::{keys, reachable};

/// A plan of two services, with `text` besides.
fn plan(text: &str) -> Plan {
    let services = "[service.a]\ncomponent = \"a.wasm\"\n[service.b]\ncomponent = \"b.wasm\"\n";
    let text = Arc::from(format!("version = 1\n{text}\n{services}"));
    let parsed = parse(&Source { name: "hostel.toml".to_owned(), text }, &[]);
    assert!(parsed.is_valid(), "{:?}", parsed.problems);
    parsed.plan
}

fn listener(port: u16, more: &str) -> String {
    format!("[[listener]]\naddress = \"127.0.0.1:{port}\"\n{more}\n")
}

#[test]
fn what_was_not_changed_needs_no_restart() {
    let text = format!(
        "instances = 10\nresolver = [\"::1\"]\noutbound_ca = [\"a.pem\"]\n{}",
        listener(80, "tls = { certificates = [{ cert = \"cert.pem\", key = \"key.pem\" }] }")
    );
    let moved = format!("\n\n# A comment that moves all that follows.\n{text}");
    assert_eq!(keys(&plan(&text), &plan(&moved)), [""; 0]);
}

#[test]
fn each_key_of_the_host_needs_a_restart() {
    let started = plan("");
    for (text, key) in [
        ("state = \"other\"", "state"),
        ("memory_max = \"1GiB\"", "memory_max"),
        ("memory_budget = \"1GiB\"", "memory_budget"),
        ("instances = 11", "instances"),
        ("drain = \"1s\"", "drain"),
        ("[[listener]]\naddress = \"127.0.0.1:81\"", "listener"),
        ("[admin]\naddress = \"127.0.0.1:9090\"", "admin"),
        ("resolver = \"127.0.0.1:5353\"", "resolver"),
        ("outbound_ca = [\"extra.pem\"]", "outbound_ca"),
    ] {
        assert_eq!(keys(&started, &plan(text)), [key], "{text}");
    }
    assert_eq!(keys(&started, &plan("drop_in = false")), [""; 0]);
}

#[test]
fn what_a_listener_reaches_needs_none_and_what_it_grants_does() {
    let started = plan(&listener(80, ""));
    assert_eq!(keys(&started, &plan(&listener(80, "services = [\"a\"]"))), [""; 0]);
    assert_eq!(keys(&started, &plan(&listener(80, "limits = { idle = \"1s\" }"))), ["listener"]);
}

#[test]
fn listeners_reach_what_the_file_says_now() {
    let started = plan(&[listener(80, ""), listener(81, "services = [\"a\"]")].concat());
    let text = |services: &super::Reachable| {
        let one = |set: &Option<std::collections::BTreeSet<_>>| match set {
            Some(set) => set.iter().map(ToString::to_string).collect::<String>(),
            None => "all".to_owned(),
        };
        services.iter().map(one).collect::<Vec<_>>().join(" ")
    };
    let mut before = reachable(&started.listeners, &started.listeners, &Vec::new());
    assert_eq!(text(&before), "all a");
    for (now, expected) in [
        ([listener(80, "services = [\"b\"]"), listener(81, "")].concat(), "b all"),
        // In another order.
        ([listener(81, "services = [\"b\"]"), listener(80, "")].concat(), "all b"),
        // One that is not there keeps what it had, and one that does not listen yet changes nothing.
        ([listener(82, "services = [\"a\"]"), listener(80, "")].concat(), "all b"),
    ] {
        let now = plan(&now);
        before = reachable(&started.listeners, &now.listeners, &before);
        assert_eq!(text(&before), expected);
    }
}

#[test]
fn ports_that_the_system_chooses_are_told_apart_by_their_order() {
    let started = plan(&[listener(0, "services = [\"a\"]"), listener(0, "services = [\"b\"]")].concat());
    let now = plan(&[listener(0, "services = [\"b\"]"), listener(0, "")].concat());
    let reached = reachable(&started.listeners, &now.listeners, &Vec::new());
    assert_eq!(reached, now.listeners.iter().map(|listener| listener.services.clone()).collect::<Vec<_>>());
    assert!(reached[0].is_some() && reached[1].is_none());
}
