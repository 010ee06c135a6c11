//! Deadlines, and whose time counts against them.

use std::time::{Duration, Instant};

use hostel_model::units::ByteSize;

use crate::failures::{Expected, both, check_problem};
use crate::harness::{Connection, eventually, guest};

#[test]
fn a_guest_may_take_its_time_up_to_its_deadline() {
    let host = both(guest::SLEEPS_P2, guest::SLEEPS_P3, |limits| limits.deadline = Duration::from_secs(2));
    for service in ["p2", "p3"] {
        let answer = host.get(&format!("/{service}?ms=1500"));
        assert_eq!((answer.status, answer.text().as_str()), (200, "slept"), "{service}");
        let answer = host.get(&format!("/{service}?ms=2100"));
        check_problem(&answer, service, Expected { status: 504, slug: "deadline" });
    }
}

#[test]
fn waiting_uses_no_processor_time() {
    let host = both(guest::SLEEPS_P2, guest::SLEEPS_P3, |limits| limits.cpu = Duration::from_millis(100));
    for service in ["p2", "p3"] {
        let answer = host.get(&format!("/{service}?ms=400"));
        assert_eq!(answer.status, 200, "{service}");
        let line = host.log_line_for(answer.id());
        assert!(line["duration_ms"].as_f64().unwrap() >= 400.0, "{line}");
        assert!(line["cpu_ms"].as_f64().unwrap() < 100.0, "{line}");
    }
}

/// Three times the deadline passes: time itself is what is tested.
fn past(deadline: Duration) {
    let start = Instant::now();
    eventually("the deadline would have passed", || start.elapsed() > deadline * 3);
}

#[test]
fn time_in_which_a_client_sends_nothing_does_not_count_against_the_deadline() {
    let deadline = Duration::from_millis(300);
    let host = both(guest::ECHO_P2, guest::ECHO_P3, |limits| limits.deadline = deadline);
    for service in ["p2", "p3"] {
        let mut connection = host.request("POST", &format!("/{service}")).header("Content-Length", "10").begin();
        past(deadline);
        connection.send("hello");
        past(deadline);
        connection.send("world");
        let answer = connection.read_answer("POST");
        assert_eq!((answer.text().as_str(), answer.complete), ("helloworld", true), "{service}");
    }
}

#[test]
fn time_in_which_a_client_takes_nothing_does_not_count_against_the_deadline() {
    let deadline = Duration::from_millis(500);
    let host = both(guest::ECHO_P2, guest::ECHO_P3, |limits| {
        limits.deadline = deadline;
        limits.cpu = Duration::from_secs(5);
        limits.request_body = ByteSize::mib(64);
    });
    // More than the buffers of both ends hold.
    let body = vec![b'x'; 32 << 20];
    for service in ["p2", "p3"] {
        let request = host.request("POST", &format!("/{service}")).body(body.clone());
        let mut connection = Connection::to(host.address());
        let mut writer = connection.stream().try_clone().unwrap();
        let answer = std::thread::scope(|scope| {
            scope.spawn(move || std::io::Write::write_all(&mut writer, &request.bytes()).unwrap());
            past(deadline);
            connection.read_answer("POST")
        });
        assert!(answer.complete && answer.body == body, "{service}: {} bytes", answer.body.len());
    }
}

#[test]
fn a_guest_that_ignores_its_client_cannot_pass_for_a_slow_client() {
    let host = both(guest::NEVER_ANSWERS_P2, guest::NEVER_ANSWERS_P3, |limits| {
        limits.deadline = Duration::from_millis(300);
    });
    for service in ["p2", "p3"] {
        // Half of a body that nobody reads.
        let mut connection = host.request("POST", &format!("/{service}")).header("Content-Length", "10").begin();
        connection.send("hello");
        let answer = connection.read_answer("POST");
        check_problem(&answer, service, Expected { status: 504, slug: "deadline" });
    }
}

#[test]
fn a_client_that_stops_in_the_middle_of_a_body_is_a_408() {
    let body_idle = Duration::from_millis(300);
    let host = crate::harness::Harness::new()
        .listener(|limits| limits.body_idle = body_idle)
        .serves("p2", guest::KEYVALUE_P2)
        .serves("p3", guest::KEYVALUE_P3)
        .start();
    for service in ["p2", "p3"] {
        let mut connection = host.request("POST", &format!("/{service}")).header("Content-Length", "10").begin();
        connection.send("hello");
        let answer = connection.read_answer("POST");
        check_problem(&answer, service, Expected { status: 408, slug: "request-timeout" });
        assert!(connection.is_closed_by_host(), "{service}");
    }
}
