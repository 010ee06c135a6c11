//! Which service a request goes to, by listener, method and path.

use crate::harness::{Harness, Request, eventually, guest};

#[test]
fn the_most_specific_route_wins() {
    let host = Harness::new()
        .service("exact", guest::ECHO_P2)
        .route("GET /users/me")
        .service("template", guest::ECHO_P3)
        .route("/users/{id}")
        .service("prefix", guest::ECHO_P2)
        .route("/users/*")
        .start();
    for (method, path, service) in [
        ("GET", "/users/me", "exact"),
        ("POST", "/users/me", "template"),
        ("GET", "/users/7", "template"),
        ("GET", "/users/7/orders", "prefix"),
        ("GET", "/users", "prefix"),
        ("GET", "/users/", "prefix"),
    ] {
        let answer = host.request(method, path).send();
        assert_eq!(host.log_line_for(answer.id())["service"], service, "{method} {path}");
        // The guest sees the whole path.
        assert_eq!(answer.header("x-echo-path"), Some(path));
    }
}

#[test]
fn what_no_route_leads_to_is_a_404_and_a_wrong_method_a_405() {
    let host = Harness::new().service("hello", guest::HELLO_P2).route("GET /hello").route("PUT /hello").start();
    let nowhere = host.get("/nowhere");
    assert_eq!((nowhere.status, nowhere.problem().as_deref()), (404, Some("no-route")));
    let wrong = host.request("DELETE", "/hello").send();
    assert_eq!((wrong.status, wrong.problem().as_deref()), (405, Some("method-not-allowed")));
    let allow = wrong.header("allow").unwrap_or_default();
    assert!(allow.contains("GET") && allow.contains("PUT"), "{allow}");
    for answer in [nowhere, wrong] {
        let line = host.log_line_for(answer.id());
        assert_eq!((line["status"].as_u64(), &line["service"]), (Some(answer.status.into()), &serde_json::Value::Null));
    }
}

#[test]
fn a_listener_serves_only_the_services_it_names() {
    let host =
        Harness::new().serves("one", guest::HELLO_P2).serves("two", guest::HELLO_P3).listener_for(&["two"]).start();
    let addresses = host.host().addresses();
    let status = |listener: usize, path: &str| Request::new(addresses[listener], "GET", path).send().status;
    assert_eq!([status(0, "/one"), status(0, "/two"), status(1, "/one"), status(1, "/two")], [200, 200, 404, 200]);
}

#[test]
fn a_connection_serves_many_requests_one_after_the_other() {
    let host = Harness::new().serves("p2", guest::ECHO_P2).serves("p3", guest::ECHO_P3).start();
    let mut connection = host.connect();
    for n in 0..20 {
        let path = format!("/{}/{n}", ["p2", "p3"][n % 2]);
        let answer = host.request("POST", &path).body(path.clone()).send_on(&mut connection);
        assert_eq!((answer.status, answer.text()), (200, path));
    }
    // Both at once: answered in their order.
    let requests = [host.request("GET", "/p2/first").bytes(), host.request("GET", "/p3/second").bytes()].concat();
    connection.send(requests);
    assert_eq!(connection.read_answer("GET").header("x-echo-path"), Some("/p2/first"));
    assert_eq!(connection.read_answer("GET").header("x-echo-path"), Some("/p3/second"));
}

#[test]
fn more_connections_than_a_listener_takes_wait_to_be_accepted() {
    let host = Harness::new().listener(|limits| limits.connections = 3).serves("hello", guest::HELLO_P2).start();
    let get = || host.request("GET", "/hello");
    let mut open = [host.connect(), host.connect(), host.connect()];
    for connection in &mut open {
        assert_eq!(get().send_on(connection).status, 200);
    }
    let mut fourth = get().begin();
    for connection in &mut open {
        assert_eq!(get().send_on(connection).status, 200);
    }
    eventually("six were answered", || host.metric("hostel_requests_total{service=\"hello\"}") == Some(6.0));
    assert_eq!(host.metric("hostel_open_connections"), Some(3.0));
    drop(open);
    assert_eq!(fourth.read_answer("GET").status, 200);
}
