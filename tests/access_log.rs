//! The access log tells the truth: every byte on the wire by its kind, and every exchange, broken ones too.

mod broken;

use serde_json::Value;

use crate::harness::{Connection, Harness, Request, Running, guest};

fn echoes() -> Running {
    Harness::new()
        .serves("p2", guest::ECHO_P2)
        .serves("p3", guest::ECHO_P3)
        .serves("hello", guest::HELLO_P2)
        .serves("status", guest::ANSWERS_STATUS_P2)
        .route("GET /only-get")
        .start()
}

/// Varied requests, each with its method.
fn exchanges(host: &Running) -> Vec<(&'static str, Request)> {
    let request = |method: &'static str, path: &str| (method, host.request(method, path));
    let mut all = Vec::new();
    for service in ["/p2", "/p3"] {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
            all.push(request(method, &format!("{service}/path?query={method}")));
        }
        for size in [0, 1, 100, 70_000, 300_000] {
            let body = vec![b'b'; size];
            let (method, with_length) = request("POST", service);
            all.push((method, with_length.body(body.clone())));
            let (method, in_chunks) = request("PUT", service);
            all.push((method, in_chunks.header("X-Some-Header", "  padded\t ").chunks(body.chunks(1 + size / 7))));
        }
    }
    for path in ["/hello", "/nowhere", "/nowhere/%C3%BF", "/hello?a=b", "/hello/%22%27"] {
        all.push(request("GET", path));
        all.push(request("HEAD", path));
    }
    all.push(request("POST", "/only-get"));
    for status in [204, 304, 404, 500] {
        all.push(request("GET", &format!("/status?status={status}&body=text")));
    }
    all
}

/// The sum of a message's parts, by the log.
fn parts(bytes: &Value) -> u64 {
    ["line", "headers", "body", "framing"].iter().map(|part| bytes[part].as_u64().unwrap()).sum()
}

#[test]
fn the_bytes_of_every_exchange_are_what_a_raw_client_counts() {
    let host = echoes();
    let all = exchanges(&host);
    assert!(all.len() >= 50, "{}", all.len());
    let mut connection = host.connect();
    let mut counted = [0, 0];
    for (method, request) in &all {
        let before = (connection.sent, connection.received);
        let answer = request.send_on(&mut connection);
        assert!(answer.complete, "{method}");
        let line = host.log_line_for(answer.id());
        let own = [connection.sent - before.0, connection.received - before.1];
        let logged = ["received", "sent"].map(|direction| line[direction]["total"].as_u64().unwrap());
        assert_eq!(own, logged, "{line}");
        assert_eq!([parts(&line["received"]), parts(&line["sent"])], logged, "{line}");
        assert_eq!(line["sent"]["body"], answer.body.len(), "{line}");
        counted[0] += own[0];
        counted[1] += own[1];
    }
    let lines = host.log().json_lines();
    let sum = |direction: &str| lines.iter().map(|line| line[direction]["total"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(counted, [sum("received"), sum("sent")]);
    assert_eq!(lines.len(), all.len());
}

#[test]
fn line_headers_body_and_framing_are_told_apart() {
    let host = echoes();
    let mut connection = host.connect();
    let line_bytes = "POST /p2/x HTTP/1.1\r\n";
    let header_bytes = "Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    let body = "4;ext=1\r\nbody\r\n0\r\n\r\n";
    connection.send([line_bytes, header_bytes, body].concat());
    let answer = connection.read_answer("POST");
    let received = &host.log_line_for(answer.id())["received"];
    assert_eq!(received["line"], line_bytes.len(), "{received}");
    assert_eq!(received["headers"], header_bytes.len(), "{received}");
    assert_eq!((&received["body"], &received["framing"]), (&4.into(), &(body.len() - 4).into()), "{received}");
}

#[test]
fn interim_answers_are_counted_with_the_answer_they_announce() {
    // These read the body before they answer, so that the host asks for it.
    let host = Harness::new()
        .serves("p2", guest::KEYVALUE_P2)
        .keyvalue("")
        .serves("p3", guest::KEYVALUE_P3)
        .keyvalue("")
        .start();
    for service in ["p2", "p3"] {
        let request = host.request("POST", &format!("/{service}?op=set&key=a")).header("Expect", "100-continue");
        let mut connection = request.header("Content-Length", "4").begin();
        let interim = connection.read_head().unwrap();
        assert_eq!(interim.status, 100, "{service}");
        connection.send("body");
        let answer = connection.read_answer("POST");
        assert_eq!((answer.status, answer.json()["result"].as_str()), (200, Some("ok")), "{service}");
        let line = host.log_line_for(answer.id());
        assert_eq!(line["received"]["total"], connection.sent, "{line}");
        assert_eq!(line["sent"]["total"], connection.received, "{line}");
    }
}

#[test]
fn the_rate_is_size_over_time() {
    let host = echoes();
    for service in ["p2", "p3"] {
        let answer = host.request("POST", &format!("/{service}")).body(vec![b'x'; 1_000_000]).send();
        let line = host.log_line_for(answer.id());
        let bytes = line["received"]["total"].as_f64().unwrap() + line["sent"]["total"].as_f64().unwrap();
        let rate = bytes / line["duration_ms"].as_f64().unwrap() * 1_000.0;
        let logged = line["bytes_per_second"].as_f64().unwrap();
        assert!((rate - logged).abs() <= logged / 100.0, "{rate} {line}");
    }
}

#[test]
fn a_line_says_who_what_when_and_how() {
    let host = echoes();
    let mut connection: Connection = host.connect();
    let peer = connection.stream().local_addr().unwrap();
    let answer = host.request("GET", "/p2/deep?secret=hunter2").send_on(&mut connection);
    let line = host.log_line_for(answer.id());
    for (name, value) in [
        ("kind", "request"),
        ("service", "p2"),
        ("revision", "r1"),
        ("route", "/p2/*"),
        ("method", "GET"),
        ("path", "/p2/deep"),
        ("outcome", "ok"),
        ("peer", &peer.to_string()),
    ] {
        assert_eq!(line[name], value, "{line}");
    }
    let time = line["time"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z') && time.contains('T'), "{line}");
    assert!(line["cpu_ms"].as_f64().unwrap() > 0.0 && line["memory_peak_bytes"].as_u64().unwrap() > 0, "{line}");
    assert!(!line.to_string().contains("hunter2"), "{line}");
}

#[test]
fn a_line_is_json_whatever_the_client_sends() {
    let host = echoes();
    let paths: [&[u8]; 7] = [
        b"/p2/\"quoted\"",
        b"/p2/back\\slash",
        b"/p2/{}[]<>^`|",
        b"/p2/\xe4\xbd\xa0\xe5\xa5\xbd",
        b"/p2/\xff\xfe\x80",
        b"/p2/%00%1b[31m%0d%0a{\"outcome\":\"ok\"}",
        b"/p2/\x01\x7f",
    ];
    for path in paths {
        let mut connection = host.connect();
        connection.send([b"GET ".as_slice(), path, b" HTTP/1.1\r\nHost: localhost\r\n\r\n"].concat());
        let status = connection.read_answer("GET").status;
        assert!(matches!(status, 200 | 400), "{status} {}", String::from_utf8_lossy(path));
    }
    crate::harness::eventually("a line for each", || host.log().json_lines().len() == paths.len());
}
