//! TLS: which certificate is shown, what may be asked over it, and what guests see of it.

use http::Request;

use super::echoes;
use crate::harness::{Authority, Http2, Running, eventually, secured, shown};

const NAMES: &[&[&str]] = &[&["a.example", "also.example"], &["*.wild.example"], &["exact.wild.example"]];

fn host(authority: &Authority) -> Running {
    let tls = authority.plan(NAMES);
    echoes().listener_plan(|plan| plan.tls = Some(tls)).start()
}

#[test]
fn a_certificate_is_chosen_by_the_name_that_is_asked_for() {
    let authority = Authority::new();
    let host = host(&authority);
    for (name, first) in [
        (Some("a.example"), "a.example"),
        (Some("A.Example"), "a.example"),
        (Some("also.example"), "a.example"),
        (Some("x.wild.example"), "*.wild.example"),
        (Some("exact.wild.example"), "exact.wild.example"),
        // Nothing fits: the first.
        (Some("wild.example"), "a.example"),
        (Some("y.x.wild.example"), "a.example"),
        (Some("unknown.example"), "a.example"),
        (None, "a.example"),
    ] {
        assert_eq!(shown(host.address(), name), authority.certificate(first), "{name:?}");
    }
}

fn get(host: &str) -> String {
    format!("GET /p2/x HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

/// What `Host` may say over a connection that was made for a name, in HTTP/1.1 and HTTP/2.
const ASKED: &[(Option<&str>, &str, u16)] = &[
    (Some("a.example"), "a.example", 200),
    (Some("a.example"), "A.EXAMPLE.", 200),
    (Some("a.example"), "a.example:8443", 200),
    // Also in the certificate that was shown.
    (Some("a.example"), "also.example", 200),
    (Some("x.wild.example"), "y.wild.example", 200),
    // In the one shown, though another would have been.
    (Some("x.wild.example"), "exact.wild.example", 200),
    (Some("a.example"), "x.wild.example", 421),
    (Some("a.example"), "exact.wild.example", 421),
    (Some("a.example"), "other.example", 421),
    (Some("a.example"), "127.0.0.1", 421),
    (Some("x.wild.example"), "a.example", 421),
    (Some("x.wild.example"), "y.x.wild.example", 421),
    (Some("exact.wild.example"), "x.wild.example", 421),
    // Nobody said for whom the connection is.
    (None, "a.example", 200),
    (None, "other.example", 200),
    // What was asked for is what is meant, whatever certificate there was.
    (Some("unknown.example"), "unknown.example", 200),
];

#[test]
fn a_connection_is_only_for_what_its_certificate_covers() {
    let authority = Authority::new();
    let host = host(&authority);
    for (name, asked, status) in ASKED {
        let text = secured(host.address(), Authority::client(&[]), *name, get(asked).as_bytes()).unwrap();
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{name:?} {asked}: {text}");
        if *status == 421 {
            assert!(text.contains("urn:hostel:problem:misdirected"), "{text}");
        }
    }
    let misdirected = ASKED.iter().filter(|(.., status)| *status == 421).count() as u64;
    assert_eq!(host.failures("", "misdirected"), misdirected);
}

#[test]
fn a_misdirected_request_of_http_2_leaves_the_connection_to_others() {
    let authority = Authority::new();
    let host = host(&authority);
    for name in ["a.example", "x.wild.example", "exact.wild.example"] {
        let mut client = Http2::over_tls(host.address(), Authority::client(&["h2"]).into(), name);
        for (_, asked, status) in ASKED.iter().filter(|(for_name, ..)| *for_name == Some(name)) {
            let request = Request::builder().uri(format!("https://{asked}/p3/x")).body(()).unwrap();
            let outcome = client.send(request);
            assert!(outcome.error.is_none(), "{name} {asked}: {outcome:?}");
            assert_eq!(outcome.answer.status, *status, "{name} {asked}");
            assert_eq!(
                outcome.answer.problem().as_deref(),
                (*status == 421).then_some("misdirected"),
                "{name} {asked}"
            );
        }
    }
}

#[test]
fn a_guest_sees_that_it_was_asked_over_tls() {
    let authority = Authority::new();
    let host = host(&authority);
    let port = host.address().port().to_string();
    for service in ["p2", "p3"] {
        let request = format!(
            "GET /{service} HTTP/1.1\r\nHost: a.example:443\r\nX-Forwarded-Proto: http\r\nConnection: close\r\n\r\n"
        );
        let text =
            secured(host.address(), Authority::client(&["http/1.1"]), Some("a.example"), request.as_bytes()).unwrap();
        for line in [
            "x-echo-scheme: https",
            "x-echo-authority: a.example\r\n",
            "x-echo-header-x-forwarded-proto: https",
            "x-echo-header-x-forwarded-host: a.example\r\n",
            &format!("x-echo-header-x-forwarded-port: {port}"),
        ] {
            assert!(text.contains(line), "{service}: {line} is not in {text}");
        }
        let mut client = Http2::over_tls(host.address(), Authority::client(&["h2", "http/1.1"]).into(), "a.example");
        let request = Request::builder().uri(format!("https://a.example/{service}")).body(()).unwrap();
        let answer = client.send(request).answer;
        let told =
            ["x-echo-scheme", "x-echo-authority", "x-echo-header-x-forwarded-proto"].map(|name| answer.header(name));
        assert_eq!(told, [Some("https"), Some("a.example"), Some("https")], "{service}");
        assert_eq!(host.log_line_for(answer.id())["protocol"], "HTTP/2");
        // The scheme must be that of the connection.
        let request = Request::builder().uri(format!("http://a.example/{service}")).body(()).unwrap();
        assert_eq!(client.send(request).answer.status, 400, "{service}");
    }
    let absolute = "GET http://a.example/p2 HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    let text = secured(host.address(), Authority::client(&[]), Some("a.example"), absolute.as_bytes()).unwrap();
    assert!(text.starts_with("HTTP/1.1 400 "), "{text}");
    let absolute = absolute.replace("http:", "https:");
    let text = secured(host.address(), Authority::client(&[]), Some("a.example"), absolute.as_bytes()).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
}

#[test]
fn a_client_must_show_a_certificate_where_one_is_required() {
    let (authority, other) = (Authority::new(), Authority::new());
    let mut tls = authority.plan(NAMES);
    tls.client_ca = Some(authority.file_of_authority());
    let host = echoes().listener_plan(|plan| plan.tls = Some(tls)).start();
    let ask = |config| secured(host.address(), config, Some("a.example"), get("a.example").as_bytes());
    let text = ask(authority.client_with_certificate()).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    assert!(ask(Authority::client(&[])).is_err(), "without one");
    assert!(ask(other.client_with_certificate()).is_err(), "one of somebody else");
    eventually("one request was logged", || host.log().json_lines().len() == 1);
    // Counted once the socket is closed, which is all that its client sees.
    eventually("each was counted", || host.metric("hostel_tls_handshakes_failed_total") == Some(2.0));
}

#[test]
fn what_is_no_handshake_is_closed() {
    let authority = Authority::new();
    let host = host(&authority);
    for bytes in [get("a.example").as_bytes(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0\0\0\0\0\0\0\0"] {
        let mut connection = host.connect();
        connection.send(bytes);
        // At most an alert of TLS.
        let mut said = Vec::new();
        loop {
            let bytes = connection.read_raw(1_024);
            if bytes.is_empty() {
                break;
            }
            said.extend(bytes);
        }
        assert!(said.is_empty() || said[0] == 0x15, "{said:?}");
    }
    assert!(host.log().json_lines().is_empty());
    // Counted once the socket is closed, which is all that its client sees.
    eventually("each was counted", || host.metric("hostel_tls_handshakes_failed_total") == Some(3.0));
}

#[test]
fn a_connection_ends_with_the_goodbye_of_tls_whatever_was_asked_on_it() {
    let authority = Authority::new();
    let host = host(&authority);
    for (head, status) in [
        ("GET /p2 HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n", 200),
        ("GET /p2 HTTP/1.1\r\nHost: a.example\r\nConnection: close, upgrade\r\nUpgrade: websocket\r\n", 200),
        ("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n", 405),
        ("GET /p2 HTTP/1.1\r\nHost: a.example\r\nX : y\r\n", 400),
    ] {
        // What is cut off without it may be half an answer, and is an error of this client.
        let bytes = format!("{head}\r\n");
        let text = secured(host.address(), Authority::client(&[]), Some("a.example"), bytes.as_bytes());
        let text = text.unwrap_or_else(|error| panic!("{head}: {error}"));
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {text}");
    }
}

#[test]
fn a_refusal_over_tls_is_as_good_as_any() {
    let authority = Authority::new();
    let host = host(&authority);
    for (head, status) in [
        ("GET /p2 HTTP/1.1\r\nHost: a.example\r\nX : y\r\n\r\n", 400),
        ("GET /p2/../x HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
        ("POST /p2 HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400),
        ("POST /p2 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 99999999\r\n\r\n", 413),
    ] {
        let bytes = format!("{head}{}", super::SMUGGLED);
        let text = secured(host.address(), Authority::client(&[]), Some("a.example"), bytes.as_bytes()).unwrap();
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {text}");
        assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{head}: {text}");
    }
    super::assert_nothing_smuggled(&host);
}
