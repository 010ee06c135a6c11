//! Lots are spread evenly, and stay where they are meant to stay.

use hostel_model::rollout::Weight;

use super::*;

fn lots(id: &str, cookie: &str, client: &str) -> Lots {
    let mut headers = HeaderMap::new();
    if !cookie.is_empty() {
        headers.insert(COOKIE, cookie.parse().unwrap());
    }
    Lots::of(id, &headers, client.parse().unwrap())
}

/// How many of 10,000 a weight of 10 takes, and how many two services take both.
fn shares(sticky: Sticky, lots: impl Fn(usize) -> Lots) -> (usize, usize) {
    let weight = Weight::of(10).unwrap();
    let takes = |lots: &Lots, salt| weight.takes(lots.for_service(sticky, salt));
    let all: Vec<_> = (0..10_000).map(lots).collect();
    (
        all.iter().filter(|lots| takes(lots, 1)).count(),
        all.iter().filter(|lots| takes(lots, 1) && takes(lots, 2)).count(),
    )
}

#[test]
fn a_weight_of_ten_takes_a_tenth_and_services_draw_apart() {
    // Five standard deviations around 1,000 and around 100.
    let (one, both) = shares(Sticky::None, |place| lots(&format!("{place:032x}"), "", "192.0.2.1"));
    assert!((850..1_150).contains(&one) && (50..150).contains(&both), "{one} {both}");
    let (one, both) =
        shares(Sticky::Address, |place| lots("same", "", &format!("10.0.{}.{}", place / 250, place % 250)));
    assert!((850..1_150).contains(&one) && (50..150).contains(&both), "{one} {both}");
}

#[test]
fn an_address_and_a_cookie_stay_with_their_lot() {
    let lot = |id: &str, cookie: &str, client: &str, sticky| lots(id, cookie, client).for_service(sticky, 7);
    assert_eq!(lot("a", "", "192.0.2.1", Sticky::Address), lot("b", "x=y", "::ffff:192.0.2.1", Sticky::Address));
    assert_ne!(lot("a", "", "192.0.2.1", Sticky::Address), lot("a", "", "192.0.2.2", Sticky::Address));
    let first = lots("a", "", "192.0.2.1");
    let _lot = first.for_service(Sticky::Address, 7);
    assert_eq!(first.cookie_to_set(false), None, "nobody asked for it");
    let _lot = first.for_service(Sticky::Cookie, 7);
    let set = first.cookie_to_set(false).unwrap();
    let pair = set.split(';').next().unwrap();
    assert_eq!(first.for_service(Sticky::Cookie, 7), lot("b", &format!("x=y; {pair}"), "192.0.2.9", Sticky::Cookie));
    let second = lots("b", pair, "192.0.2.9");
    let _lot = second.for_service(Sticky::Cookie, 7);
    assert_eq!(second.cookie_to_set(true), None);
    assert!(first.cookie_to_set(true).unwrap().ends_with("; Secure"));
}

#[test]
fn a_cookie_that_is_no_lot_is_none() {
    for text in ["hostel-lot=", "hostel-lot=12", "hostel-lot=zzzzzzzzzzzzzzzz", "hostel-lotx=0123456789abcdef"] {
        let lots = lots("a", text, "192.0.2.1");
        let _lot = lots.for_service(Sticky::Cookie, 7);
        assert!(lots.cookie_to_set(false).is_some(), "{text}");
    }
}

/// Whatever the breaker of a candidate says later: a request and its calls see one revision of a service.
#[test]
fn what_serves_first_serves_every_time() {
    let lots = lots("a", "", "192.0.2.1");
    let [users, orders] = ["users", "orders"].map(|name| ServiceName::parse(name).unwrap());
    assert_eq!(lots.settle(&users, || Some(1)), (true, Some(1)));
    assert_eq!(lots.settle(&orders, || None::<u8>), (false, None));
    assert_eq!(lots.settle(&users, || None::<u8>), (true, None));
    assert_eq!(lots.settle(&orders, || Some(2)), (false, None));
}
