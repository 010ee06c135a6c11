//! The probes: status codes first, words second.

use std::sync::Arc;
use std::time::Duration;

use super::{Ground, Plane, Shifted};
use crate::admin::readiness::{BEAT_MAX, Check, Readiness};

#[test]
fn a_host_is_ready_once_every_check_holds_and_no_longer_when_it_drains() {
    let plane = Plane::new();
    assert_eq!(plane.get("/readyz").status, 503);
    plane.readiness.holds(Check::Configuration);
    plane.readiness.holds(Check::Storage);
    plane.readiness.fails(Check::Services, "`users` is compiled");
    plane.readiness.holds(Check::Listeners);
    assert_eq!(plane.get("/readyz").body, "not ready: services\n");
    let verbose = plane.get("/readyz?verbose");
    assert_eq!(verbose.status, 503);
    assert_eq!(verbose.header("content-type"), Some("text/plain; charset=utf-8"));
    let expected = "[+]configuration ok\n[+]storage ok\n[-]services `users` is compiled\n[+]listeners ok\n\
                    [+]not-draining ok\nnot ready: services\n";
    assert_eq!(verbose.body, expected);
    plane.readiness.holds(Check::Services);
    assert_eq!((plane.get("/readyz").status, plane.get("/readyz").body), (200, "ready\n".to_owned()));
    plane.readiness.fails(Check::NotDraining, "the host was told to stop");
    assert_eq!(plane.get("/readyz").status, 503);
}

#[test]
fn checks_can_be_left_out_by_name() {
    let plane = Plane::new();
    for check in [Check::Configuration, Check::Storage] {
        plane.readiness.holds(check);
    }
    assert_eq!(plane.get("/readyz?exclude=services").status, 503);
    assert_eq!(plane.get("/readyz?exclude=services&exclude=listeners").status, 200);
    let verbose = plane.get("/readyz?exclude=services&verbose=true&exclude=listeners").body;
    assert_eq!(verbose, "[+]configuration ok\n[+]storage ok\n[+]not-draining ok\nready\n");
    for query in ["exclude=nothing", "exclude=", "verbose=yes", "verbose=1", "verbose&verbose"] {
        let answer = plane.get(&format!("/readyz?{query}"));
        assert_eq!((answer.status, answer.problem().as_str()), (400, "bad-request"), "{query}");
    }
    // What is not known is not looked at.
    assert_eq!(plane.get("/readyz?timeout=1&exclude=services&exclude=listeners").status, 200);
}

#[test]
fn every_check_can_be_asked_by_itself() {
    let plane = Plane::new();
    plane.readiness.holds(Check::Storage);
    for (check, status) in Check::ALL.into_iter().zip([503, 200, 503, 503, 200]) {
        assert_eq!(plane.get(&format!("/readyz/{}", check.name())).status, status, "{}", check.name());
    }
    for path in
        ["/readyz/nothing", "/readyz/", "/readyz/storage/", "/readyz/%73torage", "/readyz/%FF", "/readyz/Storage"]
    {
        let answer = plane.get(path);
        assert_eq!((answer.status, answer.problem().as_str()), (404, "no-route"), "{path}");
    }
}

#[test]
fn a_host_is_alive_as_long_as_its_data_plane_moves() {
    let ground = Ground::new();
    let clock = Arc::new(Shifted { real: Arc::clone(&ground.platform.clock), shift: Default::default() });
    let mut state = ground.state();
    state.readiness = Arc::new(Readiness::new(clock.clone()));
    let plane = Plane::with(ground, state);
    let later = |by: Duration| *clock.shift.lock().unwrap() += by;
    later(BEAT_MAX * 2);
    assert_eq!(plane.get("/livez").status, 200, "nobody has said yet that it moves");
    plane.readiness.beat();
    later(BEAT_MAX - Duration::from_secs(1));
    assert_eq!(plane.get("/livez").status, 200);
    later(Duration::from_secs(2));
    let answer = plane.get("/livez");
    assert_eq!((answer.status, answer.body.as_str()), (503, "the data plane has not moved for more than 15 seconds\n"));
    plane.readiness.beat();
    assert_eq!(plane.get("/livez").status, 200);
}
