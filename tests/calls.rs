//! Calls from service to service: by name, by grant, under the caller's own identity and within its time.

mod body;
mod refused;

use std::time::Duration;

use hostel_model::limits::Limits;
use serde_json::json;

use crate::harness::{Harness, Running, guest};

/// Callers of both generations, which may call these services.
pub(crate) fn callers(callees: &[(&str, &str)]) -> Running {
    let names: Vec<&str> = callees.iter().map(|(name, _)| *name).collect();
    let patient = |limits: &mut Limits| limits.deadline = Duration::from_secs(5);
    let mut harness = Harness::new()
        .serves("p2", guest::CALLER_P2)
        .calls(&names)
        .limits(patient)
        .serves("p3", guest::CALLER_P3)
        .calls(&names)
        .limits(patient);
    for (name, path) in callees {
        harness = harness.serves(name, path);
    }
    harness.start()
}

/// The same with an echo of each generation to call.
pub(crate) fn with_echoes() -> Running {
    callers(&[("echo2", guest::ECHO_P2), ("echo3", guest::ECHO_P3)])
}

/// The path by which `caller` calls `path` of `callee`.
pub(crate) fn call(caller: &str, callee: &str, path: &str) -> String {
    format!("/{caller}?scheme=http&authority={callee}.internal&path={path}")
}

#[test]
fn services_of_every_generation_call_each_other_by_name() {
    let host = with_echoes();
    for caller in ["p2", "p3"] {
        for callee in ["echo2", "echo3"] {
            let path = format!("{}&method=POST&body=hello", call(caller, callee, "/anywhere/at/all%3Fa=b%26c"));
            let answer = host.get(&path);
            assert_eq!(
                (answer.status, answer.text().as_str(), answer.complete),
                (200, "hello", true),
                "{caller} {callee}"
            );
            let seen = |name: &str| answer.header(&format!("x-callee-x-echo-{name}")).unwrap_or_default().to_owned();
            // A call is for the service and not for a route: the path arrives as it was sent.
            assert_eq!(seen("path"), "/anywhere/at/all?a=b&c", "{caller} {callee}");
            let seen = [seen("method"), seen("scheme"), seen("authority")];
            assert_eq!(seen, ["POST".to_owned(), "http".to_owned(), format!("{callee}.internal")], "{caller} {callee}");
            let line = host.call_line_for(answer.id(), callee);
            let wanted =
                json!({"caller": caller, "method": "POST", "path": "/anywhere/at/all", "status": 200, "outcome": "ok"});
            for (name, value) in wanted.as_object().unwrap() {
                assert_eq!(line[name], *value, "{line}");
            }
            assert_eq!(
                (&line["received"], &line["sent"]),
                (&json!({"body": 5, "total": 5}), &json!({"body": 5, "total": 5}))
            );
        }
    }
    assert_eq!(host.metric("hostel_service_calls_total{service=\"echo2\"}"), Some(2.0));
    assert_eq!(host.metric("hostel_requests_total{service=\"echo2\"}"), Some(0.0));
}

#[test]
fn a_callee_learns_who_calls_from_the_host_alone() {
    let host = with_echoes();
    let forged = "&header=hostel-caller%3Dadmin&header=hostel-user%3Droot&header=x-request-id%3Dforged&header=accept%3Dtext/html";
    for caller in ["p2", "p3"] {
        for callee in ["echo2", "echo3"] {
            let answer = host.get(&format!("{}{forged}", call(caller, callee, "/")));
            let seen = |name: &str| answer.header(&format!("x-callee-x-echo-header-{name}"));
            assert_eq!(seen("hostel-caller"), Some(caller), "{callee}");
            assert_eq!(seen("hostel-user"), None, "{callee}");
            assert_eq!(seen("x-request-id"), Some(answer.id()), "{callee}");
            assert_eq!(seen("accept"), Some("text/html"), "{callee}");
        }
    }
}

#[test]
fn a_client_cannot_forge_what_only_the_host_says() {
    let host = with_echoes();
    for service in ["echo2", "echo3"] {
        let answer = host
            .request("GET", &format!("/{service}"))
            .header("Hostel-Caller", "admin")
            .header("hostel-user", "root")
            .header("X-Request-Id", "forged")
            .send();
        let seen = |name: &str| answer.header(&format!("x-echo-header-{name}"));
        assert_eq!((seen("hostel-caller"), seen("hostel-user")), (None, None), "{service}");
        assert_eq!(seen("x-request-id"), Some(answer.id()), "{service}");
        assert!(answer.id().len() == 32 && answer.id() != "forged", "{service}");
    }
}

#[test]
fn a_guest_reads_its_caller_its_request_and_its_time_from_the_host() {
    let host = callers(&[("context2", guest::CONTEXT_P2), ("context3", guest::CONTEXT_P3)]);
    for context in ["context2", "context3"] {
        let direct = host.get(&format!("/{context}"));
        let seen = direct.json();
        assert_eq!((&seen["caller"], seen["request_id"].as_str()), (&json!(null), Some(direct.id())), "{seen}");
        let whole = seen["time_remaining"].as_u64().unwrap();
        assert!(whole > 9_000_000_000 && whole <= 10_000_000_000, "{seen}");
        for caller in ["p2", "p3"] {
            let answer = host.get(&call(caller, context, "/"));
            let seen = answer.json();
            assert_eq!(
                (seen["caller"].as_str(), seen["request_id"].as_str()),
                (Some(caller), Some(answer.id())),
                "{seen}"
            );
            // What the caller has left, though the callee's own limit is longer.
            let left = seen["time_remaining"].as_u64().unwrap();
            assert!(left > 1_000_000_000 && left < 5_000_000_000, "{seen}");
        }
    }
}

#[test]
fn a_callee_has_no_more_time_than_its_caller() {
    let host = Harness::new()
        .serves("p2", guest::CALLER_P2)
        .calls(&["slow2", "slow3"])
        .limits(|limits| limits.deadline = Duration::from_millis(400))
        .serves("p3", guest::CALLER_P3)
        .calls(&["slow2", "slow3"])
        .limits(|limits| limits.deadline = Duration::from_millis(400))
        .service("slow2", guest::SLEEPS_P2)
        .service("slow3", guest::SLEEPS_P3)
        .start();
    for caller in ["p2", "p3"] {
        for callee in ["slow2", "slow3"] {
            let answer = host.get(&call(caller, callee, "/%3Fms=60000"));
            // Either the callee's failure was passed on in time, or the root's own came first.
            assert_eq!((answer.status, answer.complete), (504, true), "{caller} {callee}");
            let line = host.log_line_for(answer.id());
            assert!(line["duration_ms"].as_f64().unwrap() < 4_000.0, "{line}");
            let line = host.call_line_for(answer.id(), callee);
            assert!(matches!(line["outcome"].as_str(), Some("deadline" | "client-gone")), "{line}");
        }
    }
}

#[test]
fn a_chain_of_calls_is_one_request_to_the_log() {
    let host = Harness::new()
        .serves("a", guest::CALLER_P2)
        .calls(&["b"])
        .service("b", guest::CALLER_P3)
        .calls(&["c"])
        .service("c", guest::CALLER_P2)
        .start();
    let answer = host.get("/a?chain=b,c");
    assert_eq!(answer.text(), "end");
    host.log_line_for(answer.id());
    let lines = host.log().json_lines();
    let told: Vec<_> = lines.iter().map(|line| (line["service"].as_str(), line["caller"].as_str())).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines.iter().all(|line| line["id"] == answer.id()), "{lines:?}");
    for expected in [(Some("a"), None), (Some("b"), Some("a")), (Some("c"), Some("b"))] {
        assert!(told.contains(&expected), "{told:?}");
    }
}
