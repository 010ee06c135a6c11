//! Calls that do not run, and what the caller is told.

use super::{call, with_echoes};
use crate::harness::{Answer, Harness, guest};

/// The error code the caller got, in lower case without separators, as both generations print it.
fn error(answer: &Answer) -> String {
    answer.header("x-error").unwrap_or_default().to_lowercase()
}

#[test]
fn a_call_that_was_not_granted_is_denied_whether_or_not_its_callee_exists() {
    let host = Harness::new()
        .serves("p2", guest::CALLER_P2)
        .serves("p3", guest::CALLER_P3)
        .service("secret", guest::ECHO_P2)
        .start();
    for caller in ["p2", "p3"] {
        let [exists, does_not] = ["secret", "no-such-service"].map(|callee| host.get(&call(caller, callee, "/")));
        assert!(error(&exists).contains("httprequestdenied"), "{caller}: {}", error(&exists));
        assert_eq!(error(&exists), error(&does_not), "{caller}");
        assert_eq!(host.failures(caller, "call-denied"), 2, "{caller}");
        let made = host.log().json_lines().iter().filter(|line| line["service"] == "secret").count();
        assert_eq!(made, 0, "{caller}");
    }
}

#[test]
fn a_service_may_not_even_call_itself_without_a_grant() {
    let host = with_echoes();
    for caller in ["p2", "p3"] {
        assert!(error(&host.get(&call(caller, caller, "/"))).contains("httprequestdenied"), "{caller}");
    }
}

#[test]
fn a_granted_callee_that_is_absent_is_not_found() {
    let host = Harness::new()
        .serves("p2", guest::CALLER_P2)
        .calls(&["absent"])
        .serves("p3", guest::CALLER_P3)
        .calls(&["absent"])
        .start();
    for caller in ["p2", "p3"] {
        let answer = host.get(&call(caller, "absent", "/"));
        assert!(error(&answer).contains("destinationnotfound"), "{caller}: {}", error(&answer));
        assert_eq!(host.failures(caller, "unknown-service"), 1, "{caller}");
    }
}

#[test]
fn an_address_that_is_no_service_is_refused() {
    let host = with_echoes();
    for caller in ["p2", "p3"] {
        for query in [
            // A port, two labels, none, a user, another scheme, no scheme.
            "scheme=http&authority=echo2.internal:8080&path=/",
            "scheme=http&authority=a.echo2.internal&path=/",
            "scheme=http&authority=.internal&path=/",
            "scheme=http&authority=user@echo2.internal&path=/",
            "scheme=https&authority=echo2.internal&path=/",
            "scheme=other:ftp&authority=echo2.internal&path=/",
            "authority=echo2.internal&path=/",
            "scheme=http&path=/",
        ] {
            let answer = host.get(&format!("/{caller}?{query}"));
            assert_eq!((answer.status, answer.text().as_str()), (200, ""), "{caller} {query}");
            assert!(!error(&answer).is_empty() && answer.header("x-calls-ok") == Some("0"), "{caller} {query}");
        }
        let calls = host.log().json_lines().iter().filter(|line| line["kind"] == "call").count();
        assert_eq!(calls, 0, "{caller}");
    }
    for caller in ["p2", "p3"] {
        for authority in ["echo2.internal:80", "ECHO2.Internal"] {
            let answer = host.get(&format!("/{caller}?scheme=http&authority={authority}&path=/"));
            assert_eq!(answer.header("x-calls-ok"), Some("1"), "{caller} {authority}: {}", error(&answer));
        }
    }
}

#[test]
fn nothing_outside_the_host_can_be_reached() {
    let host = with_echoes();
    let own = host.address();
    for caller in ["p2", "p3"] {
        for query in [
            format!("scheme=http&authority={own}&path=/echo2"),
            format!("scheme=http&authority=localhost:{}&path=/echo2", own.port()),
            "scheme=http&authority=example.com&path=/".to_owned(),
            "scheme=https&authority=example.com&path=/".to_owned(),
            "scheme=http&authority=[::1]&path=/".to_owned(),
            "scheme=http&authority=internal&path=/".to_owned(),
        ] {
            let answer = host.get(&format!("/{caller}?{query}"));
            // An address is refused for what it is, a name because nothing grants it.
            let code = if query.contains(&own.to_string()) || query.contains("[::1]") {
                "destinationipprohibited"
            } else {
                "httprequestdenied"
            };
            assert!(error(&answer).contains(code), "{caller} {query}: {}", error(&answer));
        }
    }
    let reached = host.log().json_lines().iter().filter(|line| line["service"] == "echo2").count();
    assert_eq!(reached, 0);
}

#[test]
fn a_callee_with_no_permit_left_refuses_at_once() {
    let host = Harness::new()
        .serves("p2", guest::CALLER_P2)
        .calls(&["slow"])
        .serves("p3", guest::CALLER_P3)
        .calls(&["slow"])
        .serves("slow", guest::SLEEPS_P2)
        .limits(|limits| limits.concurrency = 1.try_into().unwrap())
        .start();
    let mut first = host.request("GET", "/slow?ms=1500").begin();
    crate::harness::eventually("its only permit is taken", || host.levels().instances_live == 1);
    for caller in ["p2", "p3"] {
        let answer = host.get(&call(caller, "slow", "/%3Fms=0"));
        assert!(error(&answer).contains("connectionlimitreached"), "{caller}: {}", error(&answer));
    }
    assert_eq!(first.read_answer("GET").text(), "slept");
    assert_eq!(host.failures("slow", "service-saturated"), 2);
}
