//! How long a login takes must not tell whether the name exists.

use std::time::{Duration, Instant};

use serde_json::json;

use super::open::Shop;

/// Logins of each kind; enough that one disturbance does not move the median.
const LOGINS: usize = 11;

#[test]
fn a_wrong_password_takes_as_long_as_an_unknown_name() {
    let shop = Shop::open();
    shop.register("alice");
    let time = |name: &str| {
        let began = Instant::now();
        assert_eq!(shop.post("/login", &json!({ "username": name, "password": "not the password" })).status, 401);
        began.elapsed()
    };
    // The first of all also compiles nothing but warms caches; in turn, so that other load meets both alike.
    time("alice");
    let (wrong, unknown): (Vec<_>, Vec<_>) = (0..LOGINS).map(|_| (time("alice"), time("nobody"))).unzip();
    let (wrong, unknown) = (median(wrong), median(unknown));
    let ratio = wrong.max(unknown).as_secs_f64() / wrong.min(unknown).as_secs_f64();
    assert!(ratio < 1.5, "a wrong password took {wrong:?}, an unknown name {unknown:?}");
    // Both must have made a hash; a lookup alone takes a millisecond.
    assert!(unknown > Duration::from_millis(10), "an unknown name took only {unknown:?}");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
