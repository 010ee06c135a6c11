//! Calls between owners: `calls` on one side, `callers` on the other.

use hostel_model::tenant::TenantLimits;

use super::{OfTenant, tenants, to};
use crate::harness::{Answer, Harness, guest};

fn call(callee: &str) -> String {
    format!("?scheme=http&authority={callee}.internal&path=/")
}

/// The error code the caller got, in lower case without separators, as both generations print it.
fn error(answer: &Answer) -> String {
    answer.header("x-error").unwrap_or_default().to_lowercase()
}

/// Callers that are granted every one of these services; the callees let these callers in.
fn scene(callers: &[&str]) -> Harness {
    let all = ["acme-echo", "beta-echo", "echo", "beta-nobody", "acme-nobody", "nobody"];
    tenants(TenantLimits::default())
        .owned("acme-p2", guest::CALLER_P2)
        .calls(&all)
        .owned("acme-p3", guest::CALLER_P3)
        .calls(&all)
        .serves("p2", guest::CALLER_P2)
        .calls(&all)
        .service("acme-echo", guest::ECHO_P2)
        .callers(callers)
        .service("beta-echo", guest::ECHO_P3)
        .callers(callers)
        .service("echo", guest::ECHO_P2)
        .callers(callers)
}

#[test]
fn a_call_to_another_owner_needs_leave_there() {
    let host = scene(&[]).start();
    for caller in ["acme-p2", "acme-p3"] {
        assert_eq!(
            to(&host, caller, &call("acme-echo")).send().status,
            200,
            "{caller}: inside a tenant `calls` is enough"
        );
        for (place, callee) in ["beta-echo", "echo"].into_iter().enumerate() {
            let answer = to(&host, caller, &call(callee)).send();
            assert!(error(&answer).contains("httprequestdenied"), "{caller} {callee}: {}", error(&answer));
            assert_eq!(host.failures(caller, "call-denied"), place as u64 + 1, "{caller} {callee}");
        }
    }
    let answer = host.get(&format!("/p2{}", call("acme-echo")));
    assert!(error(&answer).contains("httprequestdenied"), "the operator's need leave as well: {}", error(&answer));
    assert_eq!(host.get(&format!("/p2{}", call("echo"))).status, 200);
    let made = host.log().json_lines().iter().filter(|line| line["service"] == "beta-echo").count();
    assert_eq!(made, 0, "the callee never ran");
}

#[test]
fn with_leave_on_both_sides_it_is_a_call_like_any_other() {
    let host = scene(&["acme-p2", "p2"]).start();
    for callee in ["acme-echo", "beta-echo", "echo"] {
        let answer = to(&host, "acme-p2", &call(callee)).send();
        assert_eq!(
            (answer.status, answer.header("x-callee-x-echo-header-hostel-caller")),
            (200, Some("acme-p2")),
            "{callee}"
        );
        assert_eq!(host.get(&format!("/p2{}", call(callee))).status, 200, "{callee}");
    }
    let answer = to(&host, "acme-p3", &call("beta-echo")).send();
    assert!(error(&answer).contains("httprequestdenied"), "leave is for those who are named: {}", error(&answer));
}

#[test]
fn whether_another_owners_service_exists_is_not_told() {
    let host = scene(&[]).start();
    let [exists, does_not] = ["beta-echo", "beta-nobody"].map(|callee| to(&host, "acme-p2", &call(callee)).send());
    assert_eq!(error(&exists), error(&does_not));
    assert_eq!(host.failures("acme-p2", "call-denied"), 2);
    // Of one's own it is.
    let own = to(&host, "acme-p2", &call("acme-nobody")).send();
    assert!(error(&own).contains("destinationnotfound"), "{}", error(&own));
}

#[test]
fn without_leave_for_calls_nobody_calls() {
    let host = tenants(TenantLimits::default())
        .owned("acme-p2", guest::CALLER_P2)
        .service("beta-echo", guest::ECHO_P3)
        .callers(&["acme-p2"])
        .start();
    assert!(error(&to(&host, "acme-p2", &call("beta-echo")).send()).contains("httprequestdenied"));
}
