//! TLS: whose certificates are taken, and what is spoken.

use std::time::Duration;

use futures::future::join_all;
use hostel_sandbox::{OutgoingError, Patience};
use http_body_util::BodyExt;

use super::secured_upstream::{Secured, authority, believed};
use super::{Scene, eventually, get, request};

#[test]
fn http_2_is_spoken_on_one_connection_for_many_at_once() {
    let authority = authority();
    let scene = Scene::believing(believed(&authority));
    let server = Secured::start(&scene, &authority, "api.example", &[b"h2", b"http/1.1"]);
    scene.dns.says("api.example", &["127.0.0.1"]);
    let outlet = server.outlet(&scene, 1);
    let headers = [("te", "trailers"), ("connection", "close"), ("host", "evil.example"), ("x-kept", "yes")];
    let uri = server.uri("api.example", "/path?a=b");
    let asked = (0..16).map(|_| scene.asking(&outlet, request("GET", &uri, &headers, ""), Patience::default()));
    let answers = scene.runtime.block_on(join_all(asked));
    for answer in answers {
        let response = answer.unwrap();
        assert_eq!(response.headers()["x-name"], "api.example");
        assert_eq!(response.headers().len(), 1);
        let collected = scene.runtime.block_on(response.into_body().collect()).unwrap();
        assert_eq!(collected.trailers().unwrap().len(), 1);
        let text = String::from_utf8(collected.to_bytes().to_vec()).unwrap();
        assert_eq!(text, format!("GET {uri} te,x-kept"));
    }
    assert_eq!(server.connections(), 1);
    // It counts, and gives way when nobody uses it.
    scene.dns.says("www.example", &["127.0.0.1"]);
    let other = scene.get(&outlet, &server.uri("www.example", "/"));
    assert_eq!(other.err(), Some(OutgoingError::Certificate));
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_stream_of_http_2_that_breaks_off_never_looks_complete() {
    let authority = authority();
    let scene = Scene::believing(believed(&authority));
    let server = Secured::start(&scene, &authority, "api.example", &[b"h2"]);
    scene.dns.says("api.example", &["127.0.0.1"]);
    let outlet = server.outlet(&scene, 32);
    assert!(matches!(
        scene.get(&outlet, &server.uri("api.example", "/resets")),
        Err(OutgoingError::Broken | OutgoingError::Protocol)
    ));
    // The end may be there before the head has been looked at.
    match scene.get(&outlet, &server.uri("api.example", "/breaks-off")) {
        Err(error) => assert!(matches!(error, OutgoingError::Broken | OutgoingError::Protocol)),
        answer => drop(scene.broken(answer)),
    }
    scene.text(scene.get(&outlet, &server.uri("api.example", "/")));
    assert_eq!(server.connections(), 1);
}

#[test]
fn http_1_1_is_spoken_by_tls_where_the_server_wants_it() {
    let authority = authority();
    let scene = Scene::believing(believed(&authority));
    scene.dns.says("api.example", &["127.0.0.1"]);
    for protocols in [&[&b"http/1.1"[..]][..], &[]] {
        let server = Secured::start(&scene, &authority, "api.example", protocols);
        let outlet = server.outlet(&scene, 32);
        for _ in 0..2 {
            let text = scene.text(scene.get(&outlet, &server.uri("api.example", "/x")));
            assert_eq!(text, format!("GET /x HTTP/1.1\r\nhost: api.example:{}\r\n\r\n", server.port));
            eventually("the connection rests", || outlet.pool.len() == 1);
        }
        assert_eq!(server.connections(), 1);
        // Several at once need several, and wait for nobody.
        let uri = server.uri("api.example", "/");
        let asked = (0..8).map(|_| scene.asking(&outlet, get(&uri), Patience::default()));
        let held = scene.runtime.block_on(join_all(asked));
        assert!(held.iter().all(Result::is_ok));
        assert!(server.connections() <= 8);
    }
}

#[test]
fn only_a_certificate_for_the_name_by_an_authority_is_taken() {
    let (ours, theirs) = (authority(), authority());
    let scene = Scene::believing(believed(&ours));
    scene.dns.says("api.example", &["127.0.0.1"]);
    for (authority, name, host, good) in [
        (&ours, "api.example", "api.example", true),
        (&ours, "127.0.0.1", "127.0.0.1", true),
        (&theirs, "api.example", "api.example", false),
        (&ours, "www.example", "api.example", false),
        (&ours, "api.example", "127.0.0.1", false),
        (&ours, "127.0.0.1", "api.example", false),
    ] {
        let server = Secured::start(&scene, authority, name, &[b"http/1.1"]);
        let outlet = server.outlet(&scene, 32);
        let answer = scene.get(&outlet, &server.uri(host, "/"));
        assert_eq!(answer.is_ok(), good, "{name} {host}");
        assert!(good || answer.err() == Some(OutgoingError::Certificate));
    }
}

#[test]
fn a_handshake_that_fails_or_stalls_is_an_error() {
    let authority = authority();
    let scene = Scene::believing(believed(&authority));
    scene.dns.says("api.example", &["127.0.0.1"]);
    // It asks for a protocol that is not offered, and says so.
    let server = Secured::start(&scene, &authority, "api.example", &[b"smtp"]);
    let refused = scene.get(&server.outlet(&scene, 32), &server.uri("api.example", "/"));
    assert_eq!(refused.err(), Some(OutgoingError::TlsAlert { code: 120 }));
    let silent = super::upstream::Upstream::with(|_, _| super::upstream::Then::Next);
    let grants = [format!("https://api.example:{}", silent.port), format!("https://127.0.0.1:{}", silent.port)];
    let outlet = scene.outlet(&[&grants[0], &grants[1]]);
    let patience = Patience { connect: Some(Duration::from_millis(300)), ..Patience::default() };
    let uri = format!("https://api.example:{}/", silent.port);
    assert_eq!(scene.ask(&outlet, get(&uri), patience).err(), Some(OutgoingError::ConnectTimeout));
    eventually("its slot is free", || outlet.places.left() == 32);
}
