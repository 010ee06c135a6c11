//! Connections that are over, about to rest or left by others never stand in the way of those that are wanted.

use std::sync::Arc;

use hostel_sandbox::OutgoingError;
use http_body_util::BodyExt;
use rustls::RootCertStore;

use super::upstream::Upstream;
use super::{Scene, eventually};
use crate::egress::Outlet;

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
/// A body that is announced and does not come.
const BEGUN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel";

fn grants(upstream: &Upstream) -> [String; 2] {
    [format!("http://127.0.0.1:{}", upstream.port), format!("http://127.0.0.2:{}", upstream.port)]
}

fn to(scene: &Scene, upstream: &Upstream, connections: u32) -> Arc<Outlet> {
    let grants = grants(upstream);
    scene.outlet_of(&[&grants[0], &grants[1]], connections)
}

#[test]
fn one_connection_is_enough_for_one_request_after_the_other() {
    let (scene, upstream) = (Scene::new(), Upstream::saying(HELLO));
    let outlet = to(&scene, &upstream, 1);
    for _ in 0..1_000 {
        assert_eq!(scene.text(scene.get(&outlet, &upstream.uri("127.0.0.1"))), "hello");
    }
    // Now and then one does not come to rest in time on a busy machine, and is closed.
    assert!(upstream.connections() <= 20, "{}", upstream.connections());
}

#[test]
fn a_response_that_is_dropped_leaves_its_place_to_the_next() {
    let (scene, upstream) = (Scene::new(), Upstream::saying(BEGUN));
    let outlet = to(&scene, &upstream, 1);
    for _ in 0..200 {
        drop(scene.get(&outlet, &upstream.uri("127.0.0.1")).expect("nothing is in use"));
    }
    assert_eq!(upstream.connections(), 200);
}

#[test]
fn ninety_nine_of_a_hundred_connections_are_there_and_the_hundred_and_first_is_not() {
    let (scene, upstream) = (Scene::new(), Upstream::saying(BEGUN));
    let outlet = to(&scene, &upstream, 100);
    let mut held: Vec<_> =
        (0..99).map(|_| scene.get(&outlet, &upstream.uri("127.0.0.1")).expect("within the limit")).collect();
    held.push(scene.get(&outlet, &upstream.uri("127.0.0.1")).expect("the last"));
    assert_eq!(scene.get(&outlet, &upstream.uri("127.0.0.1")).err(), Some(OutgoingError::Limit));
    assert_eq!((upstream.connections(), outlet.places.left()), (100, 0));
}

#[test]
fn services_have_half_of_the_connections_of_the_process_at_most() {
    let (scene, upstream) = (Scene::of(RootCertStore::empty(), 8, None), Upstream::saying(BEGUN));
    let outlets: Vec<_> = (0..5).map(|_| to(&scene, &upstream, 32)).collect();
    let ask = |outlet| scene.get(outlet, &upstream.uri("127.0.0.1"));
    let held: Vec<_> = outlets[..4].iter().map(|outlet| ask(outlet).expect("within the share")).collect();
    assert_eq!(ask(&outlets[4]).err(), Some(OutgoingError::Limit));
    // Those who ask the host have the others.
    assert_eq!(scene.descriptors.available_permits(), 4);
    assert_eq!(scene.counted("hostel_egress_open_connections"), 4);
    drop(held);
    eventually("all are free", || scene.descriptors.available_permits() == 8);
    assert_eq!(scene.counted("hostel_egress_open_connections"), 0);
}

#[test]
fn at_the_limit_of_the_process_a_service_gives_up_what_it_has_resting() {
    let (scene, upstream) = (Scene::of(RootCertStore::empty(), 2, None), Upstream::saying(HELLO));
    let outlet = to(&scene, &upstream, 32);
    for host in ["127.0.0.1", "127.0.0.2", "127.0.0.1"] {
        let uri = upstream.uri(host);
        let answer = scene.get(&outlet, &uri);
        // Nobody listens at the second address, which takes a connection to find out.
        match host {
            "127.0.0.1" => assert_eq!(scene.text(answer), "hello"),
            _ => assert_eq!(answer.err(), Some(OutgoingError::Refused)),
        }
    }
    assert_eq!(upstream.connections(), 2);
}

#[test]
fn a_policy_that_replaces_another_closes_what_that_has_resting_once_it_is_used() {
    let (scene, upstream) = (Scene::new(), Upstream::saying(BEGUN));
    let whole = Upstream::saying(HELLO);
    let names = [&upstream, &whole].map(|upstream| format!("http://127.0.0.1:{}", upstream.port));
    let old = scene.outlet_of(&[&names[0], &names[1]], 2);
    let long = scene.get(&old, &upstream.uri("127.0.0.1")).expect("a long answer");
    scene.text(scene.get(&old, &whole.uri("127.0.0.1")));
    eventually("a connection rests", || old.pool.len() == 1);
    // Some are made and never used, as by a deployment that fails: that changes nothing.
    let never = scene.outlet_after(&[&names[0]], 2, Some(&old));
    let new = scene.outlet_after(&[&names[0], &names[1], "http://more.example"], 2, Some(&never));
    assert_eq!((old.pool.len(), old.places.left()), (1, 0));
    let held = scene.get(&new, &upstream.uri("127.0.0.1")).expect("one of two is not in use");
    assert_eq!(old.pool.len(), 0);
    // What the old one still does ends with it.
    drop(long);
    scene.text(scene.get(&old, &whole.uri("127.0.0.1")));
    eventually("its connection is closed", || whole.closed() == 2);
    assert_eq!(old.pool.len(), 0);
    drop(held);
    // And it takes nothing away from its successor.
    scene.text(scene.get(&new, &whole.uri("127.0.0.1")));
    eventually("a connection rests", || new.pool.len() == 1);
    scene.text(scene.get(&old, &whole.uri("127.0.0.1")));
    never.expire_idle(scene.platform.clock.now());
    old.expire_idle(scene.platform.clock.now());
    assert_eq!(new.pool.len(), 1);
}

#[test]
fn a_body_is_read_to_its_end_under_a_policy_that_was_replaced() {
    let (scene, upstream) = (Scene::new(), Upstream::saying(HELLO));
    let old = to(&scene, &upstream, 2);
    let answer = scene.get(&old, &upstream.uri("127.0.0.1")).unwrap();
    let new = scene.outlet_after(&[&grants(&upstream)[0]], 2, Some(&old));
    new.expire_idle(scene.platform.clock.now());
    let body = scene.runtime.block_on(answer.into_body().collect()).unwrap();
    assert_eq!(body.to_bytes(), "hello");
    eventually("its connection is closed", || upstream.closed() == 1 && old.places.left() == 2);
}
