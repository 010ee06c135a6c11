//! What an upstream gets and what a guest gets: the host's word for the host, and nothing about one hop.

use hostel_sandbox::{Forbidden, OutgoingError, Patience};

use super::upstream::{Then, Upstream};
use super::{Scene, request};
use std::io::Write as _;

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: x-secret, keep-alive\r\nX-Secret: 1\r\n\
                     Keep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nTrailer: x-checksum\r\nHostel-Caller: me\r\n\
                     X-Forwarded-For: 1.2.3.4\r\nX-Request-Id: 5\r\nX-Real-Ip: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\n\
                     Proxy-Status: me\r\nSet-Cookie: a=b\r\nX-Kept: yes\r\n\r\nhello";

fn outlet(scene: &Scene, upstream: &Upstream) -> std::sync::Arc<crate::egress::Outlet> {
    scene.dns.says("api.example", &["127.0.0.1"]);
    let port = upstream.port;
    scene.outlet(&[&format!("http://api.example:{port}"), &format!("http://127.0.0.0/8:{port}")])
}

#[test]
fn the_host_says_who_is_asked_and_only_what_is_meant_for_them_is_sent() {
    let (scene, upstream) = (Scene::new(), Upstream::saying(HELLO));
    let outlet = outlet(&scene, &upstream);
    let headers = [
        ("host", "evil.example"),
        ("connection", "x-named, close"),
        ("x-named", "1"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAAA"),
        ("transfer-encoding", "chunked"),
        ("proxy-authorization", "Basic eA=="),
        ("proxy-connection", "close"),
        ("expect", "100-continue"),
        ("hostel-caller", "admin"),
        ("hostel-user", "root"),
        ("x-forwarded-for", "1.2.3.4"),
        ("forwarded", "for=1.2.3.4"),
        ("x-real-ip", "1.2.3.4"),
        ("x-request-id", "6"),
        ("authorization", "Bearer token"),
        ("content-type", "text/plain"),
        ("x-kept", "yes"),
        ("x_kept", "yes"),
        ("hostel_caller", "admin"),
        ("x_forwarded_for", "1.2.3.4"),
        ("x_request-id", "6"),
    ];
    let uri = format!("http://API.example:{}/path?a=b", upstream.port);
    let answer = scene.ask(&outlet, request("POST", &uri, &headers, "body"), Patience::default()).unwrap();
    let mut lines: Vec<String> = upstream.heads()[0].lines().map(str::to_owned).collect();
    assert_eq!(lines.remove(0), "POST /path?a=b HTTP/1.1");
    lines.sort();
    let host = format!("host: api.example:{}", upstream.port);
    assert_eq!(
        lines,
        [
            "",
            "authorization: Bearer token",
            "body",
            "content-length: 4",
            "content-type: text/plain",
            &host,
            "x-kept: yes",
            "x_kept: yes"
        ]
    );
    let mut names: Vec<&str> = answer.headers().keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "set-cookie", "x-kept"]);
}

#[test]
fn a_path_is_sent_as_it_is_and_never_as_an_address() {
    let (scene, upstream) = (Scene::new(), Upstream::saying(HELLO));
    let outlet = outlet(&scene, &upstream);
    let base = format!("http://127.0.0.1:{}", upstream.port);
    for (path, line) in [
        ("", "GET / HTTP/1.1"),
        ("/?a=b", "GET /?a=b HTTP/1.1"),
        ("/a/../b", "GET /a/../b HTTP/1.1"),
        ("//evil.example/", "GET //evil.example/ HTTP/1.1"),
        ("/http://evil.example/", "GET /http://evil.example/ HTTP/1.1"),
    ] {
        scene.text(scene.ask(&outlet, request("GET", &format!("{base}{path}"), &[], ""), Patience::default()));
        assert_eq!(upstream.heads().last().unwrap().lines().next(), Some(line));
        let host = format!("host: 127.0.0.1:{}", upstream.port);
        assert!(upstream.heads().last().unwrap().lines().any(|line| line == host));
    }
    let refused = scene.ask(&outlet, request("GET", &format!("{base}?a=b"), &[], ""), Patience::default());
    assert!(matches!(refused, Err(OutgoingError::Denied { what: Forbidden::Uri, .. })));
}

#[test]
fn trailers_are_cleaned_both_ways() {
    use bytes::Bytes;
    use futures::stream;
    use http_body::Frame;
    use http_body_util::{BodyExt, StreamBody};

    let (scene, upstream) = (
        Scene::new(),
        Upstream::with(|stream, _| {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum, hostel-user\r\n\r\n";
            let rest = "2\r\nhi\r\n0\r\nx-sum: 1\r\nhostel-user: root\r\nx-forwarded-for: 1.2.3.4\r\ncontent-length: 9\r\n\r\n";
            let _ = stream.write_all(format!("{head}{rest}").as_bytes());
            Then::Next
        }),
    );
    let outlet = outlet(&scene, &upstream);
    let mut trailers = http::HeaderMap::new();
    for name in ["x-sum", "hostel-user", "x-forwarded-for", "host", "transfer-encoding"] {
        trailers.append(name, http::HeaderValue::from_static("1"));
    }
    let frames = [Ok(Frame::data(Bytes::from_static(b"hi"))), Ok(Frame::trailers(trailers))];
    let body = StreamBody::new(stream::iter(frames)).boxed_unsync();
    let mut sent = request("POST", &upstream.uri("api.example"), &[], "");
    sent.headers_mut().insert("trailer", http::HeaderValue::from_static("x-sum, hostel-user"));
    let sent = sent.map(|_| body);
    let answer = scene.ask(&outlet, sent, Patience::default()).unwrap();
    let collected = scene.runtime.block_on(answer.into_body().collect()).unwrap();
    let names: Vec<&str> = collected.trailers().unwrap().keys().map(http::HeaderName::as_str).collect();
    assert_eq!(names, ["x-sum"]);
    let head = upstream.heads()[0].to_ascii_lowercase();
    assert!(!head.contains("hostel-user") && !head.contains("x-forwarded-for"), "{head}");
}

/// A body that tells nobody how long it is, which begins when `begins` is ready.
fn of_unknown_length(
    begins: impl Future<Output = ()> + Send + 'static,
    pieces: &[&'static str],
) -> hostel_sandbox::IncomingBody {
    use futures::{StreamExt as _, stream};
    use http_body_util::BodyExt as _;

    let pieces = pieces.to_vec();
    let frames = stream::once(begins).flat_map(move |()| stream::iter(pieces.clone()));
    let frames = frames.map(|piece| Ok(http_body::Frame::data(bytes::Bytes::from(piece))));
    http_body_util::StreamBody::new(frames).boxed_unsync()
}

#[test]
fn a_get_with_a_body_of_unknown_length_is_sent_whole() {
    let (scene, upstream) = (Scene::new(), Upstream::saying(HELLO));
    let outlet = outlet(&scene, &upstream);
    let (uri, clock) = (upstream.uri("api.example"), std::sync::Arc::clone(&scene.platform.clock));
    let _timers = scene.runtime.enter();
    for (method, pieces, late, sent) in [
        ("GET", &["", "some", "thing"][..], false, Some("4\r\nsome\r\n5\r\nthing\r\n0\r\n\r\n")),
        ("HEAD", &["some"][..], false, Some("4\r\nsome\r\n0\r\n\r\n")),
        // Nobody knows in time that it has one.
        ("GET", &["late"][..], true, Some("4\r\nlate\r\n0\r\n\r\n")),
        // One without says nothing of a body, as ever.
        ("GET", &[][..], false, None),
        ("GET", &[""][..], false, None),
    ] {
        let waits = if late { std::time::Duration::from_millis(500) } else { std::time::Duration::ZERO };
        let begins = clock.sleep_until(clock.now().after(waits));
        let asked = request(method, &uri, &[], "").map(|_| of_unknown_length(begins, pieces));
        scene.ask(&outlet, asked, Patience::default()).expect("an answer");
        let said = upstream.heads().pop().unwrap();
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        assert_eq!(head.contains("transfer-encoding: chunked"), sent.is_some(), "{said}");
        assert_eq!(body, sent.unwrap_or_default(), "{method} {pieces:?}");
    }
}
