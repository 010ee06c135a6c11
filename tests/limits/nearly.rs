//! Guests that use 99 % of what they may are served, and those that use a little more are not: no limit is off by one.

use std::time::Duration;

use hostel_model::limits::fixed;
use hostel_model::units::ByteSize;

use crate::failures::{Expected, both, check_problem};
use crate::harness::{Answer, Harness, Running, eventually, guest};

/// 99 of 100 parts.
fn nearly(limit: u64) -> u64 {
    limit * 99 / 100
}

/// What a limit in time leaves when 99 % of it are used must be more than what chance takes of a busy machine.
const LONG: Duration = Duration::from_secs(8);

fn nearly_ms(limit: Duration) -> u64 {
    nearly(limit.as_millis() as u64)
}

#[track_caller]
fn is_served(host: &Running, path: &str, says: &str) -> Answer {
    let answer = host.get(path);
    assert_eq!((answer.status, answer.text().as_str(), answer.complete), (200, says, true), "{path}");
    answer
}

#[track_caller]
fn is_refused(host: &Running, service: &str, query: &str, slug: &'static str) {
    let answer = host.get(&format!("/{service}?{query}"));
    check_problem(&answer, service, Expected { status: 502, slug });
    assert_eq!(host.log_line_for(answer.id())["outcome"], slug, "{service}?{query}");
}

#[test]
fn nearly_all_of_its_memory_is_a_guests_own() {
    let host = Harness::new()
        .serves("a", guest::HOSTILE_MEMORY_P2)
        .limits(|limits| {
            limits.memory = ByteSize::mib(100);
            limits.cpu = Duration::from_secs(5);
        })
        .start();
    let answer = is_served(&host, "/a?how=most&mib=99", "granted");
    assert_eq!(host.log_line_for(answer.id())["memory_peak_bytes"], 99 << 20);
    is_served(&host, "/a?how=most&mib=101", "refused");
}

/// An eighth is for instances that are small.
#[test]
fn nearly_all_of_the_budget_for_large_instances_can_be_used() {
    let host = Harness::new()
        .host(|limits| limits.memory_budget = Some(ByteSize::mib(100)))
        .serves("a", guest::HOSTILE_MEMORY_P2)
        .limits(|limits| {
            limits.memory = ByteSize::mib(128);
            limits.cpu = Duration::from_secs(5);
        })
        .start();
    is_served(&host, "/a?how=most&mib=87", "granted");
    eventually("its memory is given back", || host.is_idle());
    is_served(&host, "/a?how=most&mib=88", "refused");
}

#[test]
fn nearly_all_of_its_time_is_a_guests_own() {
    // The one limit that is not under test is the longer one.
    let (processor, clock) = (Duration::from_secs(2), LONG);
    let host = Harness::new()
        .serves("burns", guest::HOSTILE_TIME_P2)
        .limits(|limits| limits.cpu = processor)
        .serves("p2", guest::SLEEPS_P2)
        .limits(|limits| limits.deadline = clock)
        .serves("p3", guest::SLEEPS_P3)
        .limits(|limits| limits.deadline = clock)
        .start();
    let sleepers = ["p2", "p3"].map(|service| {
        let path = format!("/{service}?ms={}", nearly_ms(clock));
        host.request("GET", &path).begin()
    });
    // By the clock, which on a busy machine is more than it has had of the processor.
    is_served(&host, &format!("/burns?how=burn&ns={}", nearly(processor.as_nanos() as u64)), "burnt");
    for mut sleeper in sleepers {
        assert_eq!(sleeper.read_answer("GET").text(), "slept");
    }
}

#[test]
fn nearly_all_of_the_time_after_its_answer_is_a_guests_own() {
    let host = both(guest::SLEEPS_AFTER_RESPONSE_P2, guest::SLEEPS_AFTER_RESPONSE_P3, |limits| {
        limits.after_response = LONG;
    });
    let path = |service: &str| format!("/{service}?ms={}", nearly_ms(LONG));
    let answers = ["p2", "p3"].map(|service| is_served(&host, &path(service), "done"));
    for answer in answers {
        // The line is written when the guest has ended.
        let line = host.log_line_for(answer.id());
        assert_eq!((&line["outcome"], line["killed_after_response"].as_bool()), (&"ok".into(), None), "{line}");
    }
}

#[test]
fn an_answer_may_stand_still_for_nearly_as_long_as_its_limit() {
    let host = both(guest::STALLS_HALF_WAY_P2, guest::STALLS_HALF_WAY_P3, |limits| {
        limits.stall = LONG;
        limits.deadline = LONG * 2;
    });
    let stalled = ["p2", "p3"].map(|service| {
        let path = format!("/{service}?ms={}", nearly_ms(LONG));
        host.request("GET", &path).begin()
    });
    for mut connection in stalled {
        let answer = connection.read_answer("GET");
        assert_eq!((answer.status, answer.body.len(), answer.complete), (200, 100, true));
    }
}

#[test]
fn a_request_waits_for_its_service_for_nearly_as_long_as_its_limit() {
    let wait = Duration::from_secs(4);
    let host = both(guest::SLEEPS_P2, guest::SLEEPS_P3, |limits| {
        limits.concurrency = 2.try_into().expect("2 is not 0");
        limits.queue_wait = wait;
    });
    for service in ["p2", "p3"] {
        let mut first = host.request("GET", &format!("/{service}?ms={}", nearly_ms(wait))).begin();
        eventually("one works", || host.levels().instances_live == 1);
        is_served(&host, &format!("/{service}?ms=0"), "slept");
        assert_eq!(first.read_answer("GET").status, 200, "{service}");
        eventually("its permit is back", || host.is_idle());
    }
}

#[test]
fn nearly_as_many_handles_as_may_be_are_kept() {
    let host = both(guest::HANDLE_BOMB_P2, guest::HANDLE_BOMB_P3, |limits| limits.cpu = Duration::from_secs(2));
    let most = u64::from(fixed::RESOURCE_HANDLES);
    for service in ["p2", "p3"] {
        is_served(&host, &format!("/{service}?kind=fields&count={}", nearly(most)), "kept");
        is_refused(&host, service, &format!("kind=fields&count={most}"), "handle-limit");
    }
}

/// A stream, a future or a task takes one place for each of its ends and its state.
#[test]
fn nearly_as_many_tasks_and_streams_as_may_be_are_kept() {
    let host = both(guest::HELLO_P2, guest::HANDLE_BOMB_P3, |limits| limits.cpu = Duration::from_secs(2));
    let most = u64::from(fixed::CONCURRENT_HANDLES);
    for (kind, places) in [("streams", 3), ("futures", 3), ("tasks", 1)] {
        let kept = |count: u64| host.get(&format!("/p3?kind={kind}&count={count}")).status == 200;
        let (mut good, mut bad) = (1, most);
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            if kept(middle) { good = middle } else { bad = middle }
        }
        let used = good * places;
        assert!((nearly(most) - 10..=most).contains(&used), "{kind}: {good} of {places} places each are {used}");
        is_refused(&host, "p3", &format!("kind={kind}&count={bad}"), "handle-limit");
    }
}

#[test]
fn nearly_all_bytes_of_chance_come_at_once() {
    let host = both(guest::RANDOM_BOMB_P2, guest::RANDOM_BOMB_P3, |_| {});
    let most = fixed::RANDOM_BYTES.0;
    for count in [nearly(most), most] {
        for service in ["p2", "p3"] {
            is_served(&host, &format!("/{service}?bytes={count}"), &count.to_string());
        }
    }
    is_refused(&host, "p2", &format!("bytes={}", most + 1), "trap");
    // In WASI 0.3 the number is the most that is wanted.
    is_served(&host, &format!("/p3?bytes={}", most + 1), &most.to_string());
}

#[test]
fn nearly_all_bytes_of_one_call_are_taken() {
    let most = fixed::HOSTCALL_BYTES.0;
    let host = Harness::new()
        .serves("p2", guest::HOSTCALL_BOMB_P2)
        .keyvalue("")
        .serves("p3", guest::HOSTCALL_BOMB_P3)
        .keyvalue("")
        .start();
    for service in ["p2", "p3"] {
        // More than a value may have, which the guest is told: what is under test is that it could ask.
        is_served(&host, &format!("/{service}?kind=keyvalue&bytes={}", nearly(most)), "refused");
        is_refused(&host, service, &format!("kind=keyvalue&bytes={}", most + 1), "hostcall-limit");
    }
}

/// What the host counts for one field besides the bytes of its name and value.
const FIELD: u64 = 72;

#[test]
fn a_guest_builds_and_sends_nearly_as_many_bytes_of_headers_as_may_be() {
    let builds = both(guest::HEADER_BOMB_P2, guest::HEADER_BOMB_P3, |_| {});
    let sends = both(guest::MANY_HEADERS_P2, guest::MANY_HEADERS_P3, |_| {});
    let most = fixed::FIELD_BYTES.0;
    for service in ["p2", "p3"] {
        let value = nearly(most) - FIELD - "x-bomb-0".len() as u64;
        is_served(&builds, &format!("/{service}?count=1&bytes={value}"), "1");
        let value = nearly(most) - FIELD - "x-h-000".len() as u64;
        let answer = sends.get(&format!("/{service}?count=1&bytes={value}"));
        let sent = answer.header("x-h-000").map(|value| value.len() as u64);
        assert_eq!((answer.status, sent), (200, Some(value)), "{service}");
    }
    // WASI 0.2 has no error for too many; WASI 0.3 has.
    is_refused(&builds, "p2", &format!("count=1&bytes={most}"), "trap");
    is_served(&builds, &format!("/p3?count=1&bytes={most}"), "0");
    // Neither of them gets to send what it cannot build.
    for service in ["p2", "p3"] {
        is_refused(&sends, service, &format!("count=1&bytes={most}"), "trap");
    }
}

#[test]
fn a_guest_calls_nearly_to_the_end_of_its_stack() {
    let host = both(guest::RECURSES_P2, guest::RECURSES_P3, |limits| limits.cpu = Duration::from_secs(2));
    for service in ["p2", "p3"] {
        let (mut good, mut bad) = (1_000, 1 << 20);
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            if host.get(&format!("/{service}?depth={middle}")).status == 200 { good = middle } else { bad = middle }
        }
        // A frame takes no less than its return address and its base.
        assert!(good <= fixed::WASM_STACK.0 / 16, "{service}: {good} frames");
        is_served(&host, &format!("/{service}?depth={}", nearly(good)), &(nearly(good) + 1).to_string());
        is_refused(&host, service, &format!("depth={}", bad + 50), "trap");
    }
}

#[test]
fn a_request_waits_for_an_instance_for_nearly_a_second() {
    let host = Harness::new().instances(2).serves("p2", guest::SLEEPS_P2).serves("hello", guest::HELLO_P2).start();
    // Of two instances one is kept for calls. The first request began before the second one waits.
    let mut first = host.request("GET", &format!("/p2?ms={}", nearly_ms(fixed::POOL_WAIT))).begin();
    eventually("it works", || host.levels().instances_live == 1);
    is_served(&host, "/hello", "Hello, World!\n");
    assert_eq!(first.read_answer("GET").text(), "slept");
}
