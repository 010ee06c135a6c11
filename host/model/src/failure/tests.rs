//! Every failure as published: its word, its status and what follows from it.

use std::collections::BTreeSet;

use super::Failure;

/// Slug, status, whether it may be sent again, whether `Retry-After` says when,
/// whether the connection closes, whether it is the guest's own doing.
type Row = (&'static str, Option<u16>, bool, bool, bool, bool);

const PUBLISHED: &[Row] = &[
    ("bad-request", Some(400), false, false, true, false),
    ("unauthenticated", Some(401), false, false, false, false),
    ("forbidden", Some(403), false, false, false, false),
    ("no-route", Some(404), false, false, false, false),
    ("method-not-allowed", Some(405), false, false, false, false),
    ("request-timeout", Some(408), false, false, true, false),
    ("content-too-large", Some(413), false, false, true, false),
    ("uri-too-long", Some(414), false, false, true, false),
    ("misdirected", Some(421), true, false, false, false),
    ("expectation-failed", Some(417), false, false, true, false),
    ("headers-too-large", Some(431), false, false, true, false),
    ("trap", Some(502), false, false, false, true),
    ("memory-limit", Some(502), false, false, false, true),
    ("handle-limit", Some(502), false, false, false, true),
    ("hostcall-limit", Some(502), false, false, false, true),
    ("no-response", Some(502), false, false, false, true),
    ("invalid-response", Some(502), false, false, false, true),
    ("cpu-limit", Some(504), false, false, false, true),
    ("deadline", Some(504), false, false, false, true),
    ("overloaded", Some(503), true, true, false, false),
    ("service-saturated", Some(503), true, true, false, false),
    ("pool-exhausted", Some(503), true, true, false, false),
    ("not-ready", Some(503), true, true, false, false),
    ("draining", Some(503), true, true, false, false),
    ("breaker-open", Some(503), true, true, false, false),
    ("loop", Some(508), false, false, false, false),
    ("fan-out", Some(502), false, false, false, false),
    ("call-denied", None, false, false, false, false),
    ("egress-denied", None, false, false, false, false),
    ("unknown-service", None, false, false, false, false),
    ("storage-full", Some(507), false, false, false, false),
    ("storage-failed", Some(503), false, false, false, false),
    ("truncated", None, false, false, true, false),
    ("client-gone", None, false, false, true, false),
    ("internal", Some(500), false, false, false, false),
    ("upstream-failed", Some(502), false, false, false, false),
    ("upstream-timeout", Some(504), false, false, false, false),
];

/// RFC 9209, section 2.3, as far as a host without DNS and TLS needs it.
const PROXY_ERRORS: &[&str] = &[
    "destination_not_found",
    "destination_unavailable",
    "connection_limit_reached",
    "http_request_error",
    "http_request_denied",
    "http_response_incomplete",
    "http_response_timeout",
    "http_protocol_error",
    "proxy_internal_error",
    "proxy_loop_detected",
];

#[test]
fn every_failure_is_answered_as_published() {
    assert_eq!(Failure::ALL.len(), PUBLISHED.len());
    for (failure, (slug, status, retry, after, close, breaks)) in Failure::ALL.iter().zip(PUBLISHED) {
        assert_eq!(failure.slug(), *slug);
        assert_eq!(failure.status(), *status, "{slug}");
        assert_eq!((failure.retryable(), failure.retry_after()), (*retry, *after), "{slug}");
        assert_eq!(failure.closes_connection(), *close, "{slug}");
        assert_eq!(failure.breaks_service(), *breaks, "{slug}");
        assert_eq!(failure.problem_type(), format!("urn:hostel:problem:{slug}"));
        assert!(PROXY_ERRORS.contains(&failure.proxy_error()), "{slug}");
        assert!(!failure.title().is_empty() && !failure.title().ends_with('.'), "{slug}");
    }
}

#[test]
fn no_two_failures_share_a_word_or_a_title() {
    let slugs: BTreeSet<_> = Failure::ALL.iter().map(|failure| failure.slug()).collect();
    let titles: BTreeSet<_> = Failure::ALL.iter().map(|failure| failure.title()).collect();
    assert_eq!((slugs.len(), titles.len()), (Failure::ALL.len(), Failure::ALL.len()));
}

#[test]
fn only_a_bug_in_the_host_is_a_500() {
    let five_hundreds: Vec<_> = Failure::ALL.iter().filter(|failure| failure.status() == Some(500)).collect();
    assert_eq!(five_hundreds, [&Failure::Internal]);
}

#[test]
fn a_revision_is_blamed_for_what_its_guests_do_and_for_nothing_else() {
    let blamed: Vec<_> = Failure::ALL.iter().filter(|failure| failure.counts_against_revision()).collect();
    let slugs: Vec<_> = blamed.iter().map(|failure| failure.slug()).collect();
    assert_eq!(
        slugs,
        [
            "trap",
            "memory-limit",
            "handle-limit",
            "hostcall-limit",
            "no-response",
            "invalid-response",
            "cpu-limit",
            "deadline",
            "truncated"
        ]
    );
    // Nobody can be blamed for what never reached a guest.
    assert!(blamed.iter().all(|failure| !failure.retry_after() && failure.status() != Some(500)));
}
