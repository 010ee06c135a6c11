//! The edge as the internet sees it: raw bytes in, and what comes of them on the wire, in the log and in the guest.
//!
//! Every refusal is sent with a whole request right behind it. If that request is
//! ever answered, two readers of the same bytes differ, and something was smuggled.

mod authority;
mod chunks;
mod fields;
mod framing;
mod http2;
mod http2_heads;
mod http2_slow;
mod methods;
mod nearly;
mod paths;
mod pipelines;
mod redirects;
mod sizes;
mod slow;
mod slow_readers;
mod tls;

use hostel_model::failure::Failure;
use serde_json::Value;

use crate::harness::{Answer, Harness, Running, guest};

/// A request that nobody meant to send.
const SMUGGLED: &str = "GET /p2/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// One that is meant, to see that the connection goes on.
const FOLLOWING: &str = "GET /p2/following HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Header fields that every guest gets from the host.
const OF_THE_HOST: [&str; 5] =
    ["x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "x-request-id"];

/// What shows the requests it gets as `p2` and `p3`, and a guest that reads no body.
fn echoes() -> Harness {
    Harness::new().serves("p2", guest::ECHO_P2).serves("p3", guest::ECHO_P3).serves("hello", guest::HELLO_P2)
}

/// Guests that read all of a request before they say anything, as `whole2` and `whole3`.
fn patient() -> Harness {
    echoes().serves("whole2", guest::TRAILERS_P2).serves("whole3", guest::TRAILERS_P3)
}

fn printed(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    let end = text.char_indices().nth(400).map_or(text.len(), |(end, _)| end);
    text[..end].to_owned()
}

fn status_of(slug: &str) -> u16 {
    let failure = Failure::ALL.iter().find(|failure| failure.slug() == slug);
    failure.and_then(|failure| failure.status()).unwrap_or_else(|| panic!("{slug} has no status"))
}

/// Proves that `bytes` are refused as `slug`, that the connection ends with it, and
/// that no guest saw anything. Returns the log line.
#[track_caller]
fn assert_refused(host: &Running, bytes: &[u8], slug: &str) -> Value {
    let (answer, line) = refused(host, bytes, slug);
    assert!(line["service"].is_null(), "{}: a guest saw it: {line}", printed(bytes));
    assert!(answer.interim.is_empty(), "{}: {:?}", printed(bytes), answer.interim);
    line
}

/// The same for what a guest may have seen the beginning of.
#[track_caller]
fn refused(host: &Running, bytes: &[u8], slug: &str) -> (Answer, Value) {
    let text = printed(bytes);
    let mut connection = host.connect();
    // The host may close before it has taken everything.
    let _ = connection.try_send([bytes, SMUGGLED.as_bytes()].concat());
    let method = if bytes.trim_ascii_start().starts_with(b"HEAD ") { "HEAD" } else { "GET" };
    let Some(answer) = connection.try_read_answer(method) else { panic!("{text}: no answer") };
    assert_eq!((answer.status, answer.complete), (status_of(slug), true), "{text}: {answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{text}: {answer:?}");
    assert_eq!(answer.header("connection"), Some("close"), "{text}: {answer:?}");
    if method != "HEAD" {
        assert_eq!(answer.problem().as_deref(), Some(slug), "{text}: {answer:?}");
    }
    assert!(connection.is_closed_by_host(), "{text}: there is more: {:?}", connection.try_read_answer("GET"));
    let line = host.log_line_for(answer.id());
    assert_eq!((&line["outcome"], &line["status"]), (&slug.into(), &status_of(slug).into()), "{text}: {line}");
    assert_eq!(line["sent"]["total"], connection.received, "{text}: {line}");
    (answer, line)
}

/// Proves that `bytes` are a request that a guest answers, and that the connection
/// goes on behind it. Returns what the guest saw.
#[track_caller]
fn passed(host: &Running, bytes: impl AsRef<[u8]>) -> Answer {
    let text = printed(bytes.as_ref());
    let mut connection = host.connect();
    connection.send([bytes.as_ref(), FOLLOWING.as_bytes()].concat());
    let Some(answer) = connection.try_read_answer("GET") else { panic!("{text}: no answer") };
    assert_eq!((answer.status, answer.complete), (200, true), "{text}: {} {}", answer.status, answer.text());
    let Some(next) = connection.try_read_answer("GET") else { panic!("{text}: no second answer") };
    assert_eq!(next.header("x-echo-path"), Some("/p2/following"), "{text}: {next:?}");
    answer
}

/// How many requests reached a service.
fn served(host: &Running, service: &str) -> f64 {
    host.metric(&format!("hostel_requests_total{{service=\"{service}\"}}")).unwrap_or_default()
}

/// The fields that a guest saw besides those of the host, in order, as `name: value`.
fn seen(answer: &Answer) -> Vec<String> {
    let mut seen: Vec<String> = answer
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("x-echo-header-")?, value)))
        .filter(|(name, _)| !OF_THE_HOST.contains(name))
        .map(|(name, value)| if value.is_empty() { name.to_owned() } else { format!("{name}: {value}") })
        .collect();
    seen.sort();
    seen
}

/// Proves that nothing which stood behind a refusal was ever taken for a request.
#[track_caller]
fn assert_nothing_smuggled(host: &Running) {
    let lines = host.log().json_lines();
    // What was refused is described, too.
    let served = lines.iter().filter(|line| !line["service"].is_null());
    let smuggled = served.filter(|line| line["path"].as_str().is_some_and(|path| path.contains("smuggled")));
    assert_eq!(smuggled.collect::<Vec<_>>(), Vec::<&Value>::new());
    assert_eq!(host.levels().panics, 0);
}
