//! What a guest may print: by the request and by the second, to the last line.

use std::time::Duration;

use hostel_model::limits::Limits;
use hostel_model::units::ByteSize;

use crate::failures::both;
use crate::harness::{Running, guest};

/// KiB of a flood that is nearly all of 66 KiB: of its lines each counts as 64 bytes, the least that a line counts,
/// and each request prints some lines besides.
const NEARLY: u64 = 65;
/// What may be printed.
const LIMIT: ByteSize = ByteSize::kib(66);
/// Lines of a KiB of the flood.
const LINES: f64 = 16.0;

fn host(limits: impl Fn(&mut Limits)) -> Running {
    both(guest::PRINTS_P2, guest::PRINTS_P3, |own| {
        own.cpu = Duration::from_secs(5);
        limits(own);
    })
}

/// How many lines the host has refused to write when it has answered.
#[track_caller]
fn dropped(host: &Running, path: &str) -> f64 {
    let before = host.metric("hostel_guest_log_lines_dropped_total").unwrap_or_default();
    let answer = host.get(path);
    assert_eq!((answer.status, answer.text().as_str()), (200, "printed"), "{path}");
    // The guest has ended by then.
    host.log_line_for(answer.id());
    host.metric("hostel_guest_log_lines_dropped_total").unwrap_or_default() - before
}

#[test]
fn a_request_may_print_nearly_its_limit_and_no_more() {
    let host = host(|limits| (limits.log_request, limits.log_second) = (LIMIT, ByteSize::mib(64)));
    for service in ["p2", "p3"] {
        assert_eq!(dropped(&host, &format!("/{service}?flood={NEARLY}")), 0.0, "{service}");
        // Of ten times as many nine are lost.
        let lost = dropped(&host, &format!("/{service}?flood={}", NEARLY * 10));
        let all = NEARLY as f64 * 10.0 * LINES;
        assert!((all * 0.89..all * 0.91).contains(&lost), "{service}: {lost} of {all}");
    }
}

#[test]
fn a_service_may_print_nearly_its_limit_in_a_second_and_no_more() {
    let limits = |limits: &mut Limits| (limits.log_request, limits.log_second) = (ByteSize::mib(64), LIMIT);
    for service in ["p2", "p3"] {
        let host = host(limits);
        assert_eq!(dropped(&host, &format!("/{service}?flood={NEARLY}")), 0.0, "{service}");
        // As many again within the same second, or within two if it just began.
        let lost = dropped(&host, &format!("/{service}?flood={}", NEARLY * 10));
        let all = NEARLY as f64 * 10.0 * LINES;
        assert!(lost > all * 0.6, "{service}: {lost} of {all}");
        // The other one has a second of its own.
        let other = if service == "p2" { "p3" } else { "p2" };
        assert_eq!(dropped(&host, &format!("/{other}?flood={NEARLY}")), 0.0, "{other}");
    }
}
