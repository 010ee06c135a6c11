//! Token, host and origin: what a browser or a stranger on this machine cannot get past.

use super::Plane;

#[test]
fn by_tcp_nothing_is_told_without_the_token() {
    let plane = Plane::new();
    let token = plane.token.as_str();
    let wrong = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {}", token.chars().skip(1).collect::<String>()),
        format!("Bearer {token}0"),
        format!("Bearer {}", token.to_uppercase().replace('0', "1")),
        format!("Basic {token}"),
        token.to_owned(),
        format!("Bearer{token}"),
    ];
    for path in ["/v1/status", "/v1/services", "/v1/routes", "/v1/limits", "/metrics", "/openapi.json", "/nothing"] {
        let answer = plane.ask_tcp(&format!("GET {path}"), &[("Host", "127.0.0.1")]);
        assert_eq!((answer.status, answer.problem().as_str()), (401, "unauthenticated"), "{path}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        for value in &wrong {
            let answer = plane.ask_tcp(&format!("GET {path}"), &[("Host", "127.0.0.1"), ("Authorization", value)]);
            assert_eq!(answer.status, 401, "{path} {value}");
        }
    }
    let right = plane.authorization();
    let twice = [("Host", "127.0.0.1"), ("Authorization", right.as_str()), ("Authorization", right.as_str())];
    assert_eq!(plane.ask_tcp("GET /v1/status", &twice).status, 401);
    for value in [&right, &format!("bearer {token}"), &format!("BEARER  {token}")] {
        let answer = plane.ask_tcp("GET /v1/status", &[("Host", "127.0.0.1"), ("Authorization", value)]);
        assert_eq!(answer.status, 200, "{value}");
    }
}

#[test]
fn probes_need_no_token_and_tell_no_more_than_names() {
    let plane = Plane::new();
    let ask = |path: &str| plane.ask_tcp(&format!("GET {path}"), &[("Host", "localhost")]);
    assert_eq!((ask("/livez").status, ask("/livez").body), (200, "ok\n".to_owned()));
    let answer = ask("/readyz");
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body, "not ready: configuration, storage, services, listeners\n");
    assert_eq!(ask("/readyz?exclude=services").status, 503);
    for path in
        ["/readyz?verbose", "/readyz?verbose=false", "/readyz?%76erbose", "/readyz/services", "/livez/", "/readyz/"]
    {
        assert_eq!(ask(path).status, 401, "{path}");
    }
}

#[test]
fn by_tcp_the_host_must_be_this_machine() {
    let plane = Plane::new();
    let authorization = plane.authorization();
    let ask = |line: &str, host: &str| plane.ask_tcp(line, &[("Host", host), ("Authorization", &authorization)]);
    let address = plane.address.to_string();
    let port = plane.address.port();
    for host in [
        "127.0.0.1",
        &address,
        "[::1]",
        "[::1]:9090",
        "192.168.0.7:1",
        "localhost",
        "LocalHost.:80",
        "admin.localhost",
        &format!("localhost:{port}"),
    ] {
        assert_eq!(ask("GET /v1/status", host).status, 200, "{host}");
    }
    for host in [
        "rebound.example",
        "localhost.example",
        "notlocalhost",
        "127.0.0.1.example",
        "1.2.3",
        "[::1].x",
        ".",
        "[::1",
        "localhost:",
        "a@localhost",
    ] {
        let answer = ask("GET /v1/status", host);
        assert!(matches!(answer.status, 400 | 403), "{host}: {}", answer.status);
        answer.problem();
    }
    assert_eq!(ask("GET /v1/status", "rebound.example").problem(), "forbidden");
    // Probes and refusals come after it, too.
    assert_eq!(ask("GET /livez", "rebound.example").status, 403);
    assert_eq!(plane.ask_tcp("GET /livez", &[]).status, 403);
    assert_eq!(plane.ask_tcp("GET /livez", &[("Host", "localhost"), ("Host", "localhost")]).status, 400);
    for target in ["http://rebound.example/livez", "http://127.0.0.1/livez"] {
        assert_eq!(ask(&format!("GET {target}"), "localhost").status, 400, "{target}");
    }
    assert_eq!(ask("GET http://localhost/livez", "localhost").status, 200);
}

#[test]
fn the_unix_socket_takes_any_host() {
    let plane = Plane::new();
    let stream = std::os::unix::net::UnixStream::connect(&plane.socket).unwrap();
    assert_eq!(super::exchange(stream, "GET /v1/status", &[("Host", "hostel")]).status, 200);
    let stream = std::os::unix::net::UnixStream::connect(&plane.socket).unwrap();
    assert_eq!(super::exchange(stream, "GET /v1/status", &[]).status, 200);
}

#[test]
fn pages_of_other_origins_are_refused_on_every_way_in() {
    let plane = Plane::new();
    let authorization = plane.authorization();
    let by_tcp = |name: &str, value: &str| {
        let own = [("Host", "localhost:9090"), ("Authorization", authorization.as_str()), (name, value)];
        plane.ask_tcp("GET /v1/status", &own).status
    };
    let by_unix = |name: &str, value: &str| {
        let stream = std::os::unix::net::UnixStream::connect(&plane.socket).unwrap();
        super::exchange(stream, "GET /v1/status", &[("Host", "localhost:9090"), (name, value)]).status
    };
    for (name, value, status) in [
        ("Origin", "http://localhost:9090", 200),
        ("Origin", "http://LOCALHOST:9090", 200),
        ("Origin", "https://localhost:9090", 403),
        ("Origin", "http://localhost", 403),
        ("Origin", "http://localhost:9091", 403),
        ("Origin", "http://evil.example", 403),
        ("Origin", "null", 403),
        ("Origin", "", 403),
        ("Sec-Fetch-Site", "same-origin", 200),
        ("Sec-Fetch-Site", "none", 200),
        ("Sec-Fetch-Site", "cross-site", 403),
        ("Sec-Fetch-Site", "same-site", 403),
        ("Accept", "text/html", 200),
    ] {
        assert_eq!((by_tcp(name, value), by_unix(name, value)), (status, status), "{name}: {value}");
    }
}

#[test]
fn the_port_of_http_may_be_left_out_of_an_origin() {
    let plane = Plane::new();
    let answer = |host: &str, origin: &str| {
        let stream = std::os::unix::net::UnixStream::connect(&plane.socket).unwrap();
        super::exchange(stream, "GET /livez", &[("Host", host), ("Origin", origin)]).status
    };
    assert_eq!(answer("localhost", "http://localhost:80"), 200);
    assert_eq!(answer("localhost:80", "http://localhost"), 200);
    assert_eq!(answer("localhost:81", "http://localhost"), 403);
}

#[test]
fn whoever_is_denied_is_counted_by_the_reason() {
    let plane = Plane::new();
    let authorization = plane.authorization();
    let counted = |reason: &str| {
        let (text, start) = (plane.get("/metrics").body, format!("hostel_admin_denied_total{{reason=\"{reason}\"}} "));
        text.lines()
            .find_map(|line| line.strip_prefix(&start)?.parse::<u64>().ok())
            .expect("it is shown from the start")
    };
    assert_eq!(["token", "host", "origin"].map(counted), [0, 0, 0]);
    let tcp = |headers: &[(&str, &str)]| plane.ask_tcp("GET /v1/status", headers).status;
    assert_eq!(tcp(&[("Host", "localhost")]), 401);
    assert_eq!(tcp(&[("Host", "localhost"), ("Authorization", "Bearer wrong")]), 401);
    assert_eq!(["token", "host", "origin"].map(counted), [2, 0, 0]);
    assert_eq!(tcp(&[("Host", "rebound.example"), ("Authorization", &authorization)]), 403);
    assert_eq!(plane.ask("GET /v1/status", &[("Origin", "http://evil.example")]).status, 403);
    assert_eq!(["token", "host", "origin"].map(counted), [2, 1, 1]);
    // What is merely wrong, and what is answered, is no denial.
    assert_eq!(tcp(&[("Host", "a@b"), ("Authorization", &authorization)]), 400);
    assert_eq!(tcp(&[("Host", "localhost"), ("Authorization", &authorization)]), 200);
    assert_eq!(["token", "host", "origin"].map(counted), [2, 1, 1]);
}
