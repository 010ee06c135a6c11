//! Whom the system asks, read from its own text; and how much is kept of what they say.

use hostel_model::platform::Monotonic;

use super::*;

#[test]
fn the_resolvers_of_the_system_are_those_it_names() {
    let text = "# made by hand\nsearch example.com\nnameserver 10.0.0.2\n  nameserver\t::1 # local\nnameserver x\n\
                options ndots:5\nnameserver 10.0.0.3\nnameserver 10.0.0.4\nnameservers 10.0.0.5\n";
    let found: Vec<String> = name_servers(text).iter().map(ToString::to_string).collect();
    assert_eq!(found, ["10.0.0.2:53", "[::1]:53", "10.0.0.3:53"]);
    assert_eq!(name_servers(""), []);
    // A zone is lost on the way, so that somebody else would be asked.
    assert_eq!(name_servers("nameserver fe80::1%eth0\n"), []);
}

#[test]
fn no_more_than_64_names_are_kept_and_none_for_longer_than_an_hour() {
    let known = Known::default();
    let addresses: Arc<[IpAddr]> = [IpAddr::from([127, 0, 0, 1])].into();
    let (start, kept) = (Monotonic::default(), |known: &Known, now: Monotonic| {
        (0..1_000).filter(|number| known.recall(&format!("n{number}.example"), now).is_some()).count()
    });
    for number in 0..1_000 {
        known.keep(&format!("n{number}.example"), &addresses, Duration::from_secs(1_000 + number), start);
    }
    assert_eq!(kept(&known, start), 64);
    // What would have been good for the shortest time is gone.
    assert!(known.recall("n0.example", start).is_none() && known.recall("n999.example", start).is_some());
    assert_eq!(kept(&known, start.after(Duration::from_secs(1_998))), 1);
    assert_eq!(kept(&known, start.after(Duration::from_secs(1_999))), 0);
    known.keep("now.example", &addresses, Duration::ZERO, start);
    assert!(known.recall("now.example", start).is_none());
    known.keep("long.example", &addresses, Duration::from_hours(1_000), start);
    assert!(known.recall("long.example", start.after(Duration::from_secs(3_599))).is_some());
    assert!(known.recall("long.example", start.after(Duration::from_secs(3_600))).is_none());
}
