//! How many connections, how many requests and how long.

use std::io::Write as _;
use std::time::Duration;

use super::{LOOPBACK, ask, error, harness, host, limited, to};
use crate::harness::{Dns, Upstream, eventually};

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn connections_are_kept_for_the_service_that_made_them() {
    let (dns, upstream) = (Dns::start(), Upstream::saying(HELLO));
    dns.says("api.example", &[LOOPBACK]);
    let grants = to("api.example", upstream.port());
    // With one each, a request that begins before the one before is quite over waits for its connection.
    let host = limited(&dns, &[&grants[0], &grants[1]], |limits| limits.connections = 1).start();
    let authority = format!("api.example:{}", upstream.port());
    for (connections, caller) in [(1, "p2"), (2, "p3")] {
        for _ in 0..5 {
            assert_eq!(ask(&host, caller, &authority, "path=/&times=3").text(), "hello");
        }
        assert_eq!(upstream.connections(), connections, "{caller}");
    }
}

#[test]
fn past_its_connections_a_service_is_told_so() {
    let (dns, upstream) = (Dns::start(), Upstream::with(|_, _| true));
    dns.says("api.example", &[LOOPBACK]);
    let grants = to("api.example", upstream.port());
    let host = harness(&dns, &[&grants[0], &grants[1]]).limits(|limits| limits.connections = 2).start();
    let authority = format!("api.example:{}", upstream.port());
    let path = format!("/p3?scheme=http&path=/&authority={}", super::escaped(&authority));
    let held: Vec<_> = (0..2).map(|_| host.request("GET", &path).begin()).collect();
    eventually("both wait", || upstream.requests().len() == 2);
    let refused = ask(&host, "p3", &authority, "path=/");
    assert!(error(&refused).contains("ConnectionLimitReached"), "{}", error(&refused));
    assert_eq!(upstream.connections(), 2);
    // Clients that leave take the connections of their guests with them.
    drop(held);
    eventually("both are closed", || upstream.closed() == 2);
    let again = host.request("GET", &path).begin();
    eventually("there is room again", || upstream.connections() == 3);
    drop(again);
}

#[test]
fn requests_to_outside_count_among_the_calls_of_their_root() {
    let (dns, upstream) = (Dns::start(), Upstream::saying(HELLO));
    dns.says("api.example", &[LOOPBACK]);
    let grants = to("api.example", upstream.port());
    let host = harness(&dns, &[&grants[0], &grants[1]]).limits(|limits| limits.calls = 7).start();
    let authority = format!("api.example:{}", upstream.port());
    let within = ask(&host, "p3", &authority, "path=/&times=7");
    assert_eq!((within.text().as_str(), within.header("x-calls-ok")), ("hello", Some("7")));
    let past = ask(&host, "p3", &authority, "path=/&times=9");
    assert_eq!((past.header("x-calls-ok"), upstream.requests().len()), (Some("7"), 14));
    assert!(error(&past).contains("HttpRequestDenied"), "{}", error(&past));
    assert!(host.failures("p3", "fan-out") > 0);
}

#[test]
fn no_time_that_a_guest_names_harms_anybody() {
    let (dns, upstream) = (Dns::start(), Upstream::saying(HELLO));
    dns.says("api.example", &[LOOPBACK]);
    let grants = to("api.example", upstream.port());
    let host = host(&dns, &[&grants[0], &grants[1]]);
    let authority = format!("api.example:{}", upstream.port());
    for caller in ["p2", "p3"] {
        for time in ["0", "1", "18446744073709551615"] {
            for key in ["connect", "first", "between"] {
                let answer = ask(&host, caller, &authority, &format!("path=/&{key}={time}"));
                let said = answer.header("x-error").unwrap_or_default();
                assert!(
                    answer.status == 200 && (said.is_empty() || time != "18446744073709551615"),
                    "{caller} {key} {time}: {said}"
                );
            }
            let all = ask(&host, caller, &authority, &format!("path=/&connect={time}&first={time}&between={time}"));
            assert_eq!(all.status, 200, "{caller} {time}: {}", all.text());
        }
        assert_eq!(ask(&host, caller, &authority, "path=/").text(), "hello", "{caller} is as well as before");
    }
}

#[test]
fn an_upstream_that_does_not_answer_costs_the_time_that_was_given() {
    let (dns, upstream) = (Dns::start(), Upstream::with(|_, _| true));
    dns.says("api.example", &[LOOPBACK]);
    let grants = to("api.example", upstream.port());
    let host =
        harness(&dns, &[&grants[0], &grants[1]]).limits(|limits| limits.deadline = Duration::from_millis(700)).start();
    let authority = format!("api.example:{}", upstream.port());
    for caller in ["p2", "p3"] {
        let answer = ask(&host, caller, &authority, "path=/&first=200000000");
        assert!(error(&answer).contains("HttpResponseTimeout"), "{caller}: {}", error(&answer));
    }
    // A guest that would wait for ever is ended at its deadline, and its connection with it.
    let ended = ask(&host, "p3", &authority, "path=/");
    assert!(ended.status == 504 || ended.header("x-error").is_some(), "{}", ended.status);
    eventually("all are closed", || upstream.closed() == upstream.connections());
}

#[test]
fn a_body_that_falls_silent_is_an_error() {
    let (dns, upstream) = (
        Dns::start(),
        Upstream::with(|stream, _| stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").is_ok()),
    );
    dns.says("api.example", &[LOOPBACK]);
    let grants = to("api.example", upstream.port());
    let host = host(&dns, &[&grants[0], &grants[1]]);
    for caller in ["p2", "p3"] {
        let authority = format!("api.example:{}", upstream.port());
        let answer = ask(&host, caller, &authority, "path=/&between=200000000");
        assert_eq!((answer.status, answer.complete), (200, false), "{caller}");
    }
    eventually("both are closed", || upstream.closed() == 2);
}
