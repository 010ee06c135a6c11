//! Which connections there are: how many, whose, and for how long.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use hostel_sandbox::{OutgoingError, Patience};
use http_body_util::BodyExt;

use super::upstream::{Then, Upstream};
use super::{Scene, eventually, get, pause, request};
use crate::egress::Outlet;

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
/// A body that is announced and does not come.
const BEGUN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel";

fn to(scene: &Scene, upstream: &Upstream, connections: u32) -> Arc<Outlet> {
    scene.dns.says("api.example", &["127.0.0.1"]);
    let (name, network) =
        (format!("http://api.example:{}", upstream.port), format!("http://127.0.0.1:{}", upstream.port));
    scene.outlet_of(&[&name, &network], connections)
}

#[test]
fn a_connection_is_used_again_once_its_response_was_read() {
    let (scene, upstream) = (Scene::new(), Upstream::saying(HELLO));
    let outlet = to(&scene, &upstream, 1);
    for _ in 0..10 {
        assert_eq!(scene.text(scene.get(&outlet, &upstream.uri("api.example"))), "hello");
        eventually("the connection rests", || outlet.pool.len() == 1);
    }
    assert_eq!((upstream.connections(), scene.dns.asked().len()), (1, 1));
    // What is read of another key makes another one, for which the first gives way.
    assert_eq!(scene.text(scene.get(&outlet, &upstream.uri("127.0.0.1"))), "hello");
    eventually("the first is closed", || upstream.closed() == 1);
    assert_eq!(upstream.connections(), 2);
}

#[test]
fn services_and_policies_share_no_connection() {
    let (scene, upstream) = (Scene::new(), Upstream::saying(HELLO));
    let (one, other) = (to(&scene, &upstream, 32), to(&scene, &upstream, 32));
    for outlet in [&one, &other] {
        scene.text(scene.get(outlet, &upstream.uri("api.example")));
        eventually("the connection rests", || outlet.pool.len() == 1);
    }
    assert_eq!(upstream.connections(), 2);
    // The same grants and limit are the same way out; others are another, under the same limit.
    let name = format!("http://api.example:{}", upstream.port);
    let network = format!("http://127.0.0.1:{}", upstream.port);
    assert!(Arc::ptr_eq(&one, &scene.outlet_after(&[&network, &name], 32, Some(&one))));
    let wider = scene.outlet_after(&[&network, &name, "https://more.example"], 32, Some(&one));
    assert!(!Arc::ptr_eq(&one, &wider) && one.places.are(&wider.places));
    assert!(!one.places.are(&scene.outlet_after(&[&network, &name], 31, Some(&one)).places));
    drop(one);
    eventually("what belonged to the old policy is closed", || upstream.closed() == 1);
}

#[test]
fn past_the_limit_a_request_is_refused_until_one_is_over() {
    let (scene, upstream) = (Scene::new(), Upstream::saying(BEGUN));
    let outlet = to(&scene, &upstream, 4);
    let held: Vec<_> =
        (0..4).map(|_| scene.get(&outlet, &upstream.uri("api.example")).expect("within the limit")).collect();
    let refused = scene.get(&outlet, &upstream.uri("api.example")).expect_err("past it");
    assert_eq!(refused, OutgoingError::Limit);
    assert_eq!(upstream.connections(), 4);
    // Whoever drops a response gives its connection back, at once and whatever it was doing.
    drop(held);
    eventually("all are closed", || upstream.closed() == 4);
    eventually("all may be made again", || outlet.places.left() == 4);
    scene.get(&outlet, &upstream.uri("api.example")).expect("there is room again");
    assert_eq!(
        scene.get(&to(&scene, &upstream, 0), &upstream.uri("api.example")).expect_err("none"),
        OutgoingError::Limit
    );
}

#[test]
fn the_process_has_a_limit_as_well() {
    let (scene, upstream) = (Scene::new(), Upstream::saying(BEGUN));
    let outlet = to(&scene, &upstream, 32);
    let taken = scene.descriptors.try_acquire_many(999).unwrap();
    let held = scene.get(&outlet, &upstream.uri("api.example")).expect("one is left");
    assert_eq!(scene.get(&outlet, &upstream.uri("api.example")).expect_err("none"), OutgoingError::Limit);
    drop((held, taken));
    eventually("all are free", || scene.descriptors.available_permits() == 1_000);
}

#[test]
fn a_guest_that_leaves_takes_its_connection_with_it() {
    let (scene, upstream) = (Scene::new(), Upstream::with(|_, _| Then::Next));
    let outlet = to(&scene, &upstream, 32);
    let asking = scene.asking(&outlet, get(&upstream.uri("api.example")), Patience::default());
    scene.runtime.block_on(async {
        let asking = std::pin::pin!(asking);
        let soon = scene.platform.clock.sleep_until(scene.platform.clock.now().after(Duration::from_millis(300)));
        assert!(matches!(futures::future::select(asking, soon).await, futures::future::Either::Right(_)));
    });
    eventually("the connection is closed", || upstream.closed() == 1);
    eventually("its slot is free", || outlet.places.left() == 32);
}

#[test]
fn a_connection_that_was_closed_meanwhile_costs_no_request() {
    // Each connection serves one request, and closes a moment later without having said so.
    let (scene, upstream) = (
        Scene::new(),
        Upstream::with(|stream, _| {
            let _ = stream.write_all(HELLO.as_bytes());
            Then::Close
        }),
    );
    let outlet = to(&scene, &upstream, 32);
    for count in 1..=20 {
        assert_eq!(scene.text(scene.get(&outlet, &upstream.uri("api.example"))), "hello");
        eventually("the server has closed", || upstream.closed() == count);
        pause();
    }
    assert_eq!(upstream.connections(), 20);
}

#[test]
fn connections_that_rest_too_long_are_closed() {
    let (scene, upstream) = (Scene::new(), Upstream::saying(HELLO));
    let outlet = to(&scene, &upstream, 32);
    scene.text(scene.get(&outlet, &upstream.uri("api.example")));
    eventually("the connection rests", || outlet.pool.len() == 1);
    let now = scene.platform.clock.now();
    outlet.expire_idle(now);
    assert_eq!(outlet.pool.len(), 1);
    outlet.expire_idle(now.after(Duration::from_secs(31)));
    assert_eq!(outlet.pool.len(), 0);
    eventually("it is closed", || upstream.closed() == 1);
}

#[test]
fn where_nobody_listens_is_told_from_where_nobody_answers() {
    let scene = Scene::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    scene.dns.says("api.example", &["127.0.0.1"]);
    scene.dns.says("both.example", &["127.0.0.2", "127.0.0.1"]);
    let upstream = Upstream::saying(HELLO);
    let grants =
        [free, upstream.port].map(|port| [format!("http://*.example:{port}"), format!("http://127.0.0.0/8:{port}")]);
    let grants: Vec<&str> = grants.iter().flatten().map(String::as_str).collect();
    let outlet = scene.outlet(&grants);
    let refused = scene.get(&outlet, &format!("http://api.example:{free}/"));
    assert_eq!(refused.expect_err("nobody listens"), OutgoingError::Refused);
    // The next address of a name is tried.
    assert_eq!(scene.text(scene.get(&outlet, &upstream.uri("both.example"))), "hello");
    let silent = Upstream::with(|stream, _| {
        let _ = stream.read(&mut [0]);
        Then::Close
    });
    let outlet = to(&scene, &silent, 32);
    let patience = Patience { first_byte: Some(Duration::from_millis(200)), ..Patience::default() };
    let waited = scene.ask(&outlet, get(&silent.uri("api.example")), patience);
    assert_eq!(waited.expect_err("no answer"), OutgoingError::ResponseTimeout);
}

#[test]
fn no_time_a_guest_can_name_is_a_panic() {
    let (scene, upstream) = (Scene::new(), Upstream::saying(HELLO));
    let outlet = to(&scene, &upstream, 32);
    let for_ever = Some(Duration::from_nanos(u64::MAX));
    for (connect, first_byte, between_bytes) in [
        (for_ever, for_ever, for_ever),
        (Some(Duration::MAX), Some(Duration::MAX), Some(Duration::MAX)),
        (None, None, Some(Duration::ZERO)),
    ] {
        let patience = Patience { connect, first_byte, between_bytes };
        let answer = scene.ask(&outlet, get(&upstream.uri("api.example")), patience);
        let body = scene.runtime.block_on(answer.expect("an answer").into_body().collect());
        // Without any patience the body may be there in time, or not.
        assert!(body.is_ok() || between_bytes == Some(Duration::ZERO));
    }
    let other = to(&scene, &upstream, 32);
    let none = Some(Duration::ZERO);
    for (connect, first_byte) in [(none, None), (None, none), (none, none)] {
        let patience = Patience { connect, first_byte, between_bytes: none };
        let sent = request("POST", &upstream.uri("api.example"), &[], "body");
        // What is there at once is there in time.
        let answer = scene.ask(&other, sent, patience);
        let in_time = matches!(
            answer,
            Ok(_) | Err(OutgoingError::DnsTimeout | OutgoingError::ConnectTimeout | OutgoingError::ResponseTimeout)
        );
        assert!(in_time, "{:?}", answer.err());
    }
}
