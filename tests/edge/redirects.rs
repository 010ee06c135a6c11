//! A second, plain address of a TLS listener: it answers nothing but where to go instead.

use std::net::{SocketAddr, TcpListener};

use super::echoes;
use crate::harness::{Authority, Connection, Request, Running};

/// An address that was free a moment ago.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn host(authority: &Authority) -> (Running, SocketAddr) {
    let from = free();
    let mut tls = authority.plan(&[&["a.example"]]);
    tls.redirect_from = Some(from);
    (echoes().listener_plan(|plan| plan.tls = Some(tls)).start(), from)
}

#[test]
fn every_request_is_sent_on_by_tls() {
    let authority = Authority::new();
    let (host, from) = host(&authority);
    let port = host.address().port();
    for (method, target, field, location) in [
        ("GET", "/p2?q=1", "a.example", format!("https://a.example:{port}/p2?q=1")),
        ("GET", "/p2", "A.Example.:8080", format!("https://a.example:{port}/p2")),
        ("POST", "/anything", "b.example", format!("https://b.example:{port}/anything")),
        ("GET", "http://b.example/x", "a.example", format!("https://b.example:{port}/x")),
        ("HEAD", "//evil/%41", "a.example", format!("https://a.example:{port}/evil/A")),
        ("DELETE", "/", "[::1]", format!("https://[::1]:{port}/")),
    ] {
        let answer = Request::new(from, method, target).header("Host", field).send();
        assert_eq!((answer.status, answer.header("location")), (308, Some(location.as_str())), "{method} {target}");
        assert!(answer.body.is_empty() && answer.complete, "{answer:?}");
        let line = host.log_line_for(answer.id());
        assert_eq!((&line["status"], &line["outcome"]), (&308.into(), &"ok".into()), "{line}");
        assert!(line["service"].is_null(), "{line}");
    }
    assert_eq!(host.levels().instances_started, 0);
}

#[test]
fn what_is_no_request_is_not_sent_on() {
    let authority = Authority::new();
    let (_host, from) = host(&authority);
    for head in [
        "GET /../x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: u@evil\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
        "GET /%0d%0aSet-Cookie:x HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let mut connection = Connection::to(from);
        connection.send(head);
        let answer = connection.read_answer("GET");
        assert_eq!((answer.status, answer.header("location")), (400, None), "{head}");
        assert!(connection.is_closed_by_host(), "{head}");
    }
    let answer = Request::new(from, "TRACE", "/").send();
    assert_eq!((answer.status, answer.header("location")), (405, None));
}
