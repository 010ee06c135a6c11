//! A service is unharmed by what another one does.

use std::time::Duration;

use hostel_model::limits::Limits;
use hostel_model::units::ByteSize;

use super::both;
use crate::harness::{Connection, Harness, eventually, guest};

/// More than there are processors, by far.
const HOSTILE: usize = 20;

#[test]
fn others_are_answered_while_guests_spin_allocate_and_trap() {
    let table = [
        (guest::LOOPS_FOREVER_P2, guest::LOOPS_FOREVER_P3),
        (guest::ALLOCATES_WITHOUT_END_P2, guest::ALLOCATES_WITHOUT_END_P3),
        (guest::TRAPS_P2, guest::TRAPS_P3),
        (guest::NEVER_ANSWERS_P2, guest::NEVER_ANSWERS_P3),
    ];
    for (p2, p3) in table {
        let impatient = |limits: &mut Limits| limits.deadline = Duration::from_secs(2);
        let host = Harness::new()
            .instances(32)
            // All that they may take: that the budget is not enough for all is another test's.
            .host(|limits| limits.memory_budget = Some(ByteSize::mib(32 * 128)))
            .serves("p2", p2)
            .limits(impatient)
            .serves("p3", p3)
            .limits(impatient)
            .serves("hello", guest::HELLO_P2)
            .start();
        let hostile: Vec<Connection> =
            (0..HOSTILE).map(|n| host.request("GET", ["/p2", "/p3"][n % 2]).begin()).collect();
        for _ in 0..20 {
            assert_eq!(host.get("/hello").text(), "Hello, World!\n", "{p2}");
        }
        for mut connection in hostile {
            assert!(matches!(connection.read_answer("GET").status, 502..=504), "{p2}");
        }
        assert_eq!(host.get("/hello").status, 200, "{p2}");
        eventually("nothing is left of them", || host.is_idle());
    }
}

#[test]
fn a_flood_of_failures_leaves_nothing_behind() {
    let host = both(guest::TRAPS_HALF_WAY_P2, guest::TRAPS_HALF_WAY_P3, |_| {});
    std::thread::scope(|scope| {
        for service in ["p2", "p3", "p2", "p3"] {
            let host = &host;
            scope.spawn(move || {
                for _ in 0..15 {
                    assert!(!host.get(&format!("/{service}")).complete, "{service}");
                }
            });
        }
    });
    eventually("every failure is counted", || {
        host.failures("p2", "truncated") + host.failures("p3", "truncated") == 60
    });
    assert_eq!(host.metric("hostel_requests_total{service=\"p2\"}"), Some(30.0));
}
