//! Guests that ask the host for more than it gives to anyone.

use std::time::Duration;

use super::{Expected, both, check, check_both};
use crate::harness::guest;

#[test]
fn a_guest_that_keeps_handles_without_end_is_a_502() {
    let host = both(guest::HANDLE_BOMB_P2, guest::HANDLE_BOMB_P3, |limits| limits.cpu = Duration::from_secs(2));
    let expected = Expected { status: 502, slug: "handle-limit" };
    for (service, kind) in
        [("p2", "pollable"), ("p2", "fields"), ("p3", "fields"), ("p3", "streams"), ("p3", "futures"), ("p3", "tasks")]
    {
        check(&host, service, &format!("kind={kind}"), expected);
    }
}

#[test]
fn a_guest_that_hands_over_16_mib_in_one_call_is_a_502() {
    let p2 = crate::harness::Harness::new()
        .serves("p2", guest::HOSTCALL_BOMB_P2)
        .keyvalue("")
        .serves("p3", guest::HOSTCALL_BOMB_P3)
        .keyvalue("")
        .serves("hello", guest::HELLO_P3)
        .start();
    for kind in ["fields", "keyvalue"] {
        check_both(&p2, &format!("kind={kind}"), 502, "hostcall-limit");
    }
}

#[test]
fn a_guest_that_builds_headers_without_end_is_stopped_at_64_kib() {
    let host = both(guest::HEADER_BOMB_P2, guest::HEADER_BOMB_P3, |limits| limits.cpu = Duration::from_secs(2));
    // WASI 0.2 has no error for too many; WASI 0.3 has.
    let line = check(&host, "p2", "", Expected { status: 502, slug: "trap" });
    assert_eq!(line["service"], "p2");
    let accepted: u32 = host.get("/p3").text().parse().unwrap();
    assert!((32..64).contains(&accepted), "{accepted}");
}

#[test]
fn a_guest_that_asks_for_a_tebibyte_of_chance_gets_at_most_64_kib() {
    let host = both(guest::RANDOM_BOMB_P2, guest::RANDOM_BOMB_P3, |_| {});
    check(&host, "p2", "", Expected { status: 502, slug: "trap" });
    assert_eq!(host.get("/p3").text(), "65536");
}
