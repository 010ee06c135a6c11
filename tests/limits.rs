//! Each limit holds just where it says: what stays below it is served, what goes past it is refused by its name.

mod calls;
mod memory;
mod nearly;
mod output;
mod storage;
mod tables;
mod time;

use std::time::Duration;

use hostel_model::units::ByteSize;

use crate::failures::{Expected, both, check_problem};
use crate::harness::{Harness, eventually, guest};

/// The page of linear memory, below which no limit can be told.
const PAGE: u64 = 64 * 1024;

#[test]
fn memory_may_be_used_up_to_its_limit_and_no_further() {
    for limit in [ByteSize::mib(8), ByteSize(8 * 1024 * 1024 + 5 * PAGE)] {
        let host = both(guest::SCANS_MEMORY_P2, guest::SCANS_MEMORY_P3, |limits| {
            limits.memory = limit;
            limits.cpu = Duration::from_secs(5);
        });
        for service in ["p2", "p3"] {
            // Asks for more by the mebibyte until it is refused, and copes with that.
            let answer = host.get(&format!("/{service}?mib=64&marker=memory-limit"));
            let size = answer.json()["scanned"].as_u64().unwrap();
            assert!(size <= limit.0 && size > limit.0 - (1 << 20), "{service}: {size} of {limit}");
            let line = host.log_line_for(answer.id());
            let peak = line["memory_peak_bytes"].as_u64().unwrap();
            assert!(line["outcome"] == "ok" && (size..=limit.0).contains(&peak), "{line}");
        }
    }
}

#[test]
fn the_memory_of_all_instances_has_a_budget() {
    let host = Harness::new()
        .host(|limits| limits.memory_budget = Some(ByteSize::mib(12)))
        .serves("p2", guest::ALLOCATES_WITHOUT_END_P2)
        .limits(|limits| limits.cpu = Duration::from_secs(5))
        .serves("p3", guest::ALLOCATES_WITHOUT_END_P3)
        .limits(|limits| limits.cpu = Duration::from_secs(5))
        .serves("hello", guest::HELLO_P2)
        .start();
    for service in ["p2", "p3"] {
        check_problem(&host.get(&format!("/{service}")), service, Expected { status: 503, slug: "overloaded" });
        eventually("its memory is given back", || host.is_idle());
        assert_eq!(host.get("/hello").status, 200, "{service}");
    }
}

#[test]
fn a_request_body_may_be_as_large_as_its_limit() {
    let limit = ByteSize::kib(100);
    let host = both(guest::ECHO_P2, guest::ECHO_P3, |limits| limits.request_body = limit);
    for service in ["p2", "p3"] {
        for length in [limit.0 * 99 / 100, limit.0] {
            let body = vec![b'x'; length as usize];
            let declared = host.request("POST", &format!("/{service}")).body(body.clone()).send();
            assert!((declared.status, declared.complete) == (200, true) && declared.body == body, "{service} {length}");
            let chunked = host.request("POST", &format!("/{service}")).chunks(body.chunks(1000)).send();
            assert!((chunked.status, chunked.complete) == (200, true) && chunked.body == body, "{service} {length}");
        }
    }
}

#[test]
fn a_request_body_over_its_limit_is_a_413() {
    let limit = ByteSize::kib(100);
    let host = both(guest::KEYVALUE_P2, guest::KEYVALUE_P3, |limits| limits.request_body = limit);
    let expected = Expected { status: 413, slug: "content-too-large" };
    for service in ["p2", "p3"] {
        let body = vec![b'x'; limit.0 as usize + 1];
        let request = host.request("POST", &format!("/{service}"));
        let (declared, chunked) =
            (request.body(body.clone()), host.request("POST", &format!("/{service}")).chunks([body]));
        for request in [declared, chunked] {
            let mut connection = request.begin();
            let answer = connection.read_answer("POST");
            check_problem(&answer, service, expected);
            assert_eq!(answer.header("connection"), Some("close"), "{service}");
            assert!(connection.is_closed_by_host(), "{service}");
            assert_eq!(host.log_line_for(answer.id())["outcome"], "content-too-large", "{service}");
        }
    }
}

#[test]
fn a_request_body_over_its_limit_breaks_an_answer_off_that_has_begun() {
    let limit = ByteSize::kib(100);
    let host = both(guest::ECHO_P2, guest::ECHO_P3, |limits| limits.request_body = limit);
    for service in ["p2", "p3"] {
        let mut connection =
            host.request("POST", &format!("/{service}")).header("Transfer-Encoding", "chunked").begin();
        connection.send(format!("5\r\nhello\r\n{:x}\r\n", limit.0));
        assert_eq!(connection.read_head().unwrap().status, 200, "{service}");
        // The host may close before it has read it all.
        let _ = connection.try_send(vec![b'x'; limit.0 as usize]);
        while !connection.read_raw(1 << 20).is_empty() {}
        let line = host.log().json_line("its line", |line| line["service"] == service);
        assert_eq!(line["outcome"], "truncated", "{line}");
    }
}

#[test]
fn a_response_body_over_its_limit_is_broken_off() {
    let host = both(guest::ECHO_P2, guest::ECHO_P3, |limits| limits.response_body = Some(ByteSize(100_000)));
    for service in ["p2", "p3"] {
        for length in [99_000, 100_000] {
            let answer = host.request("POST", &format!("/{service}")).body(vec![b'x'; length]).send();
            assert_eq!((answer.body.len(), answer.complete), (length, true), "{service}");
        }
        let mut connection = host.request("POST", &format!("/{service}?over")).body(vec![b'x'; 100_001]).begin();
        let answer = connection.try_read_answer("POST");
        assert!(answer.is_none_or(|answer| !answer.complete && answer.body.len() <= 100_000), "{service}");
        let line = host.log().json_line("its line", |line| line["service"] == service && line["outcome"] != "ok");
        assert_eq!(line["outcome"], "truncated", "{line}");
    }
}

#[test]
fn more_requests_than_a_service_takes_wait_and_then_are_refused() {
    // Of four permits one is kept for calls; one more may wait.
    let host = both(guest::SLEEPS_P2, guest::SLEEPS_P3, |limits| {
        limits.concurrency = 4.try_into().unwrap();
        limits.queue_length = 1;
        limits.queue_wait = Duration::from_secs(30);
    });
    for service in ["p2", "p3"] {
        let begin = || host.request("GET", &format!("/{service}?ms=1500")).begin();
        let running: Vec<_> = (0..3).map(|_| begin()).collect();
        eventually("three work", || host.levels().instances_live == 3);
        let mut fourth_and_fifth = [begin(), begin()];
        // Which of the two waits is chance; the other is refused at once.
        let answers = fourth_and_fifth.each_mut().map(|connection| connection.read_answer("GET"));
        let mut statuses = answers.each_ref().map(|answer| answer.status);
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 503], "{service}");
        let refused = answers.iter().find(|answer| answer.status == 503).unwrap();
        check_problem(refused, service, Expected { status: 503, slug: "service-saturated" });
        assert!(matches!(refused.header("retry-after"), Some("1" | "2")), "{service}");
        for mut connection in running {
            assert_eq!(connection.read_answer("GET").status, 200, "{service}");
        }
        eventually("all permits are back", || host.is_idle());
    }
}

#[test]
fn a_request_that_waited_too_long_for_its_service_is_refused() {
    let host = both(guest::SLEEPS_P2, guest::SLEEPS_P3, |limits| {
        limits.concurrency = 2.try_into().unwrap();
        limits.queue_wait = Duration::from_millis(100);
    });
    for service in ["p2", "p3"] {
        let mut first = host.request("GET", &format!("/{service}?ms=1500")).begin();
        eventually("one works", || host.levels().instances_live == 1);
        let refused = host.get(&format!("/{service}?ms=0"));
        check_problem(&refused, service, Expected { status: 503, slug: "service-saturated" });
        assert_eq!(first.read_answer("GET").status, 200, "{service}");
        eventually("its permit is back", || host.is_idle());
    }
}

#[test]
fn more_requests_than_the_host_has_instances_wait_and_then_are_refused() {
    let host = Harness::new()
        .instances(4)
        .serves("p2", guest::SLEEPS_P2)
        .serves("p3", guest::SLEEPS_P3)
        .serves("hello", guest::HELLO_P2)
        .start();
    for service in ["p2", "p3"] {
        let sleepers: Vec<_> = (0..3).map(|_| host.request("GET", &format!("/{service}?ms=4000")).begin()).collect();
        eventually("three work", || host.levels().instances_live == 3);
        // The fourth is kept for calls.
        check_problem(&host.get("/hello"), "hello", Expected { status: 503, slug: "pool-exhausted" });
        drop(sleepers);
        eventually("the instances are free", || host.is_idle());
        assert_eq!(host.get("/hello").status, 200, "{service}");
    }
}
