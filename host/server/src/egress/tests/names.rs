//! What is resolved, what is judged, and that nothing is connected to that was not.

use std::time::Duration;

use futures::FutureExt as _;
use hostel_sandbox::{Forbidden, OutgoingError, Patience};

use super::upstream::Upstream;
use super::{Scene, eventually, get};

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// Every way to write loopback, or what leads there, that a name may stand for.
const NOT_ANYBODYS: &[&str] = &[
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.168.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:0.0.0.0",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::1",
    "fd00:ec2::254",
    "fe80::1",
    "ff02::1",
];

fn denied(what: Forbidden) -> impl Fn(&OutgoingError) -> bool {
    move |error| matches!(error, OutgoingError::Denied { what: found, .. } if *found == what)
}

#[test]
fn a_name_that_is_not_granted_is_not_even_asked_for() {
    let (scene, canary) = (Scene::new(), Upstream::saying(HELLO));
    scene.dns.says("other.example", &["127.0.0.1"]);
    let outlet = scene.outlet(&[&format!("http://api.example:{}", canary.port)]);
    for host in ["other.example", "localhost", "127.0.0.1", "[::1]", "2130706433", "0x7f.1", "017700000001", "127.1"] {
        let error = scene.get(&outlet, &canary.uri(host)).expect_err(host);
        assert!(denied(Forbidden::Host)(&error) || denied(Forbidden::Address)(&error), "{host}: {error:?}");
    }
    assert_eq!(scene.dns.asked(), [""; 0]);
    assert_eq!(canary.connections(), 0);
}

#[test]
fn a_name_that_stands_for_what_is_not_anybodys_is_refused_and_nothing_is_connected_to() {
    let (scene, canary) = (Scene::new(), Upstream::saying(HELLO));
    let outlet = scene.outlet(&[&format!("http://*.example:{}", canary.port)]);
    for (place, address) in NOT_ANYBODYS.iter().enumerate() {
        let name = format!("n{place}.example");
        // Alone, and hidden among addresses that are anybody's.
        scene.dns.says(&name, &[address]);
        scene.dns.says(&format!("mixed.{name}"), &["192.0.1.1", address, "2606:4700::1"]);
        for name in [name.clone(), format!("mixed.{name}")] {
            let error = scene.get(&outlet, &canary.uri(&name)).expect_err(address);
            assert!(denied(Forbidden::Address)(&error), "{address}: {error:?}");
        }
    }
    assert_eq!(scene.dns.asked().len(), NOT_ANYBODYS.len() * 2);
    assert_eq!(canary.connections(), 0);
    let line = "hostel_egress_denied_total{service=\"asker\",reason=\"address\"}";
    assert_eq!(scene.counted(line), NOT_ANYBODYS.len() as u64 * 2);
    // Each is a failure of the service as well, like one that was refused before anybody was asked.
    let line = "hostel_failures_total{service=\"asker\",reason=\"egress-denied\"}";
    assert_eq!(scene.counted(line), NOT_ANYBODYS.len() as u64 * 2);
}

#[test]
fn the_same_name_is_reached_once_its_network_is_granted() {
    let (scene, upstream) = (Scene::new(), Upstream::saying(HELLO));
    scene.dns.says("api.example", &["127.0.0.1"]);
    let (name, network) = (format!("http://api.example:{}", upstream.port), format!("127.0.0.0/8:{}", upstream.port));
    let both = scene.outlet(&[&name, &format!("http://{network}")]);
    assert_eq!(scene.text(scene.get(&both, &upstream.uri("API.example"))), "hello");
    assert_eq!(upstream.connections(), 1);
    assert_eq!(scene.counted("hostel_egress_requests_total{service=\"asker\",outcome=\"ok\"}"), 1);
    // Neither a network without the name, nor the name with another scheme's network.
    for grants in [vec![format!("http://{network}")], vec![name.clone(), format!("https://{network}")], vec![name]] {
        let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
        let outlet = scene.outlet(&grants);
        scene.get(&outlet, &upstream.uri("api.example")).expect_err("not granted");
    }
    assert_eq!(upstream.connections(), 1);
}

#[test]
fn an_address_is_reached_by_its_network_without_a_question() {
    let (scene, upstream) = (Scene::new(), Upstream::saying(HELLO));
    let outlet = scene.outlet(&[&format!("http://127.0.0.1:{}", upstream.port)]);
    assert_eq!(scene.text(scene.get(&outlet, &upstream.uri("127.0.0.1"))), "hello");
    for host in ["127.0.0.2", "127.1", "0x7f000001", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"] {
        scene.get(&outlet, &upstream.uri(host)).expect_err(host);
    }
    assert_eq!((upstream.connections(), scene.dns.asked().len()), (1, 0));
}

#[test]
fn an_answer_that_changes_is_judged_again_and_never_connected_to_unjudged() {
    let (scene, canary) = (Scene::new(), Upstream::saying(HELLO));
    let outlet = scene.outlet(&[&format!("http://*.example:{}", canary.port)]);
    // First an address that may be anybody's, but was never given to anybody; then loopback.
    scene.dns.says_one_after_the_other("rebinds.example", &[&["3000::1"], &["127.0.0.1"]]);
    let patience = Patience { connect: Some(Duration::from_millis(500)), ..Patience::default() };
    let first = scene.ask(&outlet, get(&canary.uri("rebinds.example")), patience).expect_err("nobody is there");
    assert!(!matches!(first, OutgoingError::Denied { .. }), "{first:?}");
    for _ in 0..20 {
        let error = scene.get(&outlet, &canary.uri("rebinds.example")).expect_err("loopback");
        assert!(denied(Forbidden::Address)(&error), "{error:?}");
    }
    assert_eq!(canary.connections(), 0);
}

#[test]
fn an_answer_is_kept_for_as_long_as_it_says() {
    let (scene, upstream) = (
        Scene::new(),
        Upstream::with(|stream, _| {
            use std::io::Write as _;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            super::upstream::Then::Close
        }),
    );
    let grants = [format!("http://*.example:{}", upstream.port), format!("http://127.0.0.0/8:{}", upstream.port)];
    let outlet = scene.outlet(&[&grants[0], &grants[1]]);
    for name in ["kept.example", "new.example"] {
        scene.dns.says(name, &["127.0.0.1"]);
    }
    for (name, ttl, questions) in [("kept.example", 60, 1), ("new.example", 0, 3)] {
        scene.dns.lasts(ttl);
        for _ in 0..3 {
            scene.text(scene.get(&outlet, &upstream.uri(name)));
        }
        let asked = scene.dns.asked().iter().filter(|asked| *asked == name).count();
        assert_eq!(asked, questions, "{name}");
    }
}

#[test]
fn what_the_resolver_does_not_know_is_said_in_its_own_word() {
    let scene = Scene::new();
    let outlet = scene.outlet(&["http://*.example"]);
    let error = scene.get(&outlet, "http://unknown.example/").expect_err("no such name");
    assert_eq!(error, OutgoingError::Dns { code: Some("NXDOMAIN".to_owned()) });
    scene.dns.says("empty.example", &[]);
    assert!(matches!(scene.get(&outlet, "http://empty.example/"), Err(OutgoingError::Dns { .. })));
    scene.dns.falls_silent();
    let patience = Patience { connect: Some(Duration::from_millis(200)), ..Patience::default() };
    let silent = scene.ask(&outlet, get("http://silent.example/"), patience);
    assert_eq!(silent.expect_err("silence"), OutgoingError::DnsTimeout);
}

#[test]
fn services_whose_names_get_no_answer_leave_questions_to_the_others() {
    let (scene, upstream) = (Scene::new(), Upstream::saying(HELLO));
    scene.dns.ignores(".theirs.example");
    scene.dns.says("api.example", &["127.0.0.1"]);
    let port = upstream.port;
    let theirs: Vec<_> = (0..3).map(|_| scene.outlet(&[&format!("http://*.theirs.example:{port}")])).collect();
    let mut waiting = Vec::new();
    for (place, outlet) in theirs.iter().enumerate() {
        for number in 0..32 {
            let uri = upstream.uri(&format!("n{number}.s{place}.theirs.example"));
            let mut asking = Box::pin(scene.asking(outlet, get(&uri), Patience::default()));
            assert!(asking.as_mut().now_or_never().is_none());
            waiting.push(asking);
        }
    }
    // A share of each, however many they want.
    eventually("their questions are asked", || scene.dns.asked().len() == 12);
    let outlet = scene.outlet(&[&format!("http://api.example:{port}"), &format!("http://127.0.0.1:{port}")]);
    let patience = Patience { connect: Some(Duration::from_secs(1)), ..Patience::default() };
    assert_eq!(scene.text(scene.ask(&outlet, get(&upstream.uri("api.example")), patience)), "hello");
    drop(waiting);
}

#[test]
fn a_name_that_is_known_waits_for_no_question() {
    let (scene, upstream) =
        (Scene::new(), Upstream::saying("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"));
    scene.dns.says("api.example", &["127.0.0.1"]);
    scene.dns.lasts(60);
    let outlet =
        scene.outlet(&[&format!("http://*.example:{}", upstream.port), &format!("http://127.0.0.1:{}", upstream.port)]);
    scene.text(scene.get(&outlet, &upstream.uri("api.example")));
    scene.dns.falls_silent();
    let mut waiting = Vec::new();
    for number in 0..8 {
        let uri = upstream.uri(&format!("n{number}.example"));
        waiting.push(Box::pin(scene.asking(&outlet, get(&uri), Patience::default())));
    }
    assert!(waiting.iter_mut().all(|asking| asking.as_mut().now_or_never().is_none()));
    eventually("its questions are asked", || scene.dns.asked().len() == 5);
    let patience = Patience { connect: Some(Duration::from_secs(1)), ..Patience::default() };
    assert_eq!(scene.text(scene.ask(&outlet, get(&upstream.uri("api.example")), patience)), "hello");
}

#[test]
fn a_name_has_at_most_64_addresses() {
    let (scene, upstream) = (Scene::new(), Upstream::saying(HELLO));
    let grants = [format!("http://*.example:{}", upstream.port), format!("http://127.0.0.0/8:{}", upstream.port)];
    let outlet = scene.outlet(&[&grants[0], &grants[1]]);
    for (count, good) in [(63, true), (64, true), (65, false)] {
        let addresses: Vec<String> = (1..=count).map(|last| format!("127.0.0.{last}")).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let name = format!("n{count}.example");
        scene.dns.says(&name, &addresses);
        let answer = scene.get(&outlet, &upstream.uri(&name));
        assert_eq!(answer.is_ok(), good, "{count}");
        assert!(good || answer.err() == Some(OutgoingError::Dns { code: None }));
    }
}
