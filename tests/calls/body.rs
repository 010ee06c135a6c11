//! What comes back from a callee that fails, and what becomes of one whose caller leaves.

use hostel_model::units::ByteSize;

use super::{call, callers, with_echoes};
use crate::harness::{Harness, eventually, guest};

#[test]
fn the_failure_of_a_callee_is_an_answer_to_its_caller() {
    let host = callers(&[("traps2", guest::TRAPS_P2), ("traps3", guest::TRAPS_P3)]);
    for caller in ["p2", "p3"] {
        for callee in ["traps2", "traps3"] {
            let answer = host.get(&call(caller, callee, "/"));
            assert_eq!(answer.status, 502, "{caller} {callee}");
            assert_eq!(answer.header("x-callee-content-type"), Some("application/problem+json"), "{caller} {callee}");
            let problem = answer.json();
            assert_eq!(problem["type"], "urn:hostel:problem:trap", "{problem}");
            assert_eq!((problem["service"].as_str(), problem["instance"].as_str()), (Some(callee), Some(answer.id())));
            assert_eq!(host.call_line_for(answer.id(), callee)["outcome"], "trap", "{caller} {callee}");
            // The caller passed it on, and is not to blame.
            assert_eq!(host.log_line_for(answer.id())["outcome"], "ok", "{caller} {callee}");
        }
    }
}

#[test]
fn a_callee_that_breaks_off_is_no_complete_answer_to_its_caller() {
    let host = callers(&[("half2", guest::TRAPS_HALF_WAY_P2), ("half3", guest::TRAPS_HALF_WAY_P3)]);
    for caller in ["p2", "p3"] {
        for callee in ["half2", "half3"] {
            for query in ["", "%3Flength"] {
                let answer = host.get(&call(caller, callee, &format!("/{query}")));
                // The caller's guest passes on what it got and breaks off where it was broken off.
                assert_eq!(
                    (answer.status, answer.body.len(), answer.complete),
                    (200, 50, false),
                    "{caller} {callee}{query}"
                );
                let line = host.call_line_for(answer.id(), callee);
                assert_eq!(
                    (line["outcome"].as_str(), line["cause"].as_str()),
                    (Some("truncated"), Some("trap")),
                    "{line}"
                );
                assert_eq!(host.log_line_for(answer.id())["outcome"], "truncated", "{caller} {callee}{query}");
            }
        }
    }
}

#[test]
fn a_body_goes_through_two_services_and_back_unchanged() {
    let text = "0123456789abcdef".repeat(400);
    let host = with_echoes();
    for caller in ["p2", "p3"] {
        for callee in ["echo2", "echo3"] {
            let answer = host.get(&format!("{}&method=PUT&body={text}", call(caller, callee, "/")));
            assert!(answer.complete && answer.text() == text, "{caller} {callee}: {} bytes", answer.body.len());
        }
    }
}

#[test]
fn half_a_call_of_a_caller_that_died_is_never_taken_for_a_whole_one() {
    let mut harness = Harness::new().serves("dies", guest::DIES_WHILE_CALLING_P2).calls(&["store2", "store3"]);
    for (name, path) in [("store2", guest::KEYVALUE_P2), ("store3", guest::KEYVALUE_P3)] {
        harness = harness.serves(name, path).keyvalue("default");
    }
    let host = harness.start();
    for callee in ["store2", "store3"] {
        let path = format!("/dies?authority={callee}.internal&path=/{callee}%3Fop%3Dset%26key%3Dk");
        let answer = host.get(&path);
        assert_eq!(answer.status, 502, "{callee}");
        // The callee is over when its line is written.
        let line = host.call_line_for(answer.id(), callee);
        assert_eq!((line["received"]["body"].as_u64(), line["outcome"] == "ok"), (Some(4), false), "{line}");
        let stored = host.get(&format!("/{callee}?op=exists&key=k")).json();
        assert_eq!(stored["result"], false, "{callee}: {stored}");
    }
}

#[test]
fn a_callees_body_limit_holds_for_calls() {
    let host = Harness::new()
        .serves("p2", guest::CALLER_P2)
        .calls(&["store2", "store3"])
        .serves("p3", guest::CALLER_P3)
        .calls(&["store2", "store3"])
        .service("store2", guest::KEYVALUE_P2)
        .limits(|limits| limits.request_body = ByteSize(10))
        .service("store3", guest::KEYVALUE_P3)
        .limits(|limits| limits.request_body = ByteSize(10))
        .start();
    for caller in ["p2", "p3"] {
        for callee in ["store2", "store3"] {
            let fits = host.get(&format!("{}&method=POST&body=0123456789", call(caller, callee, "/")));
            assert_eq!(fits.status, 200, "{caller} {callee}");
            let over = host.get(&format!("{}&method=POST&body=0123456789x", call(caller, callee, "/")));
            assert!(over.status >= 400 || over.header("x-error").is_some(), "{caller} {callee}: {}", over.status);
        }
    }
}

#[test]
fn a_client_that_leaves_frees_the_callees_too() {
    let host = callers(&[("slow2", guest::SLEEPS_P2), ("slow3", guest::SLEEPS_P3)]);
    for caller in ["p2", "p3"] {
        for callee in ["slow2", "slow3"] {
            let connection = host.request("GET", &call(caller, callee, "/%3Fms=60000")).begin();
            eventually("both work", || host.levels().instances_live == 2);
            drop(connection);
            eventually("both are free", || host.is_idle());
            let line =
                host.log().json_line("the call's line", |line| line["service"] == callee && line["caller"] == caller);
            assert_eq!(line["outcome"], "client-gone", "{line}");
        }
    }
}
