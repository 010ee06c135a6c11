//! What would happen to a request, told before it is made.

use hostel_model::plan::ListenerPlan;
use hostel_model::route::{Route, RoutePattern, RouteTable};
use hostel_model::target::DotSegments;

use super::{Plane, listener, tls_listener};
use crate::admin::ServedListener;
use crate::admin::explain::{Asked, judge};
use crate::admin::view::{self, Explanation, Outcome};

fn table(routes: &[(&str, Option<&str>, &'static str)]) -> RouteTable<&'static str> {
    let routes = routes.iter().map(|(text, host, service)| {
        let mut pattern = RoutePattern::parse(text).unwrap();
        pattern.host = host.map(|host| hostel_model::route::HostPattern::parse(host).unwrap());
        (pattern, *service)
    });
    RouteTable::build(routes.collect()).unwrap()
}

fn show(route: &Route<&'static str>, listener: &ServedListener) -> view::Route {
    view::Route {
        listener: listener.address.to_string(),
        scheme: view::Scheme::Http,
        pattern: route.text.to_string(),
        host: None,
        path: route.pattern.path.to_string(),
        methods: None,
        service: route.target.to_owned(),
        revision: Some("r1".to_owned()),
    }
}

fn two_listeners() -> Vec<ServedListener> {
    vec![listener("127.0.0.1:8080"), tls_listener("0.0.0.0:8443", "0.0.0.0:8081", |_| {})]
}

#[track_caller]
fn explained(method: &str, url: &str) -> Explanation {
    let shop = [
        ("GET /users", None, "users"),
        ("/users/*", None, "below"),
        ("GET /users/{id}", None, "one"),
        ("POST /users/{id}", Some("shop.example"), "shop"),
        ("/files/*", Some("*.example"), "files"),
    ];
    let tables = [table(&shop), table(&[("/secure", None, "secure")])];
    judge(&Asked::of(method, url).unwrap(), &two_listeners(), &tables, &show)
}

#[test]
fn the_route_that_wins_is_told_and_the_others_say_why_not() {
    let explanation = explained("GET", "http://localhost:8080/users/7?x=1#top");
    assert_eq!(explanation.outcome, Outcome::Route);
    assert_eq!(explanation.route.unwrap().service, "one");
    assert_eq!(explanation.listener.as_deref(), Some("127.0.0.1:8080"));
    assert_eq!((explanation.host.as_deref(), explanation.path.as_deref()), (Some("localhost"), Some("/users/7")));
    let reasons: Vec<(&str, bool, &str)> =
        explanation.considered.iter().map(|one| (one.service.as_str(), one.wins, one.reason.as_str())).collect();
    let expected = [
        ("shop", false, "is for another host"),
        ("files", false, "is for another host"),
        ("users", false, "is for other paths"),
        ("one", true, "takes the request"),
        (
            "below",
            false,
            "would take the request, but the winner says more about the path: \
             one path comes before a template, a template before a prefix",
        ),
    ];
    assert_eq!(reasons, expected);
}

#[test]
fn head_takes_what_get_takes() {
    let explanation = explained("HEAD", "http://localhost:8080/users");
    assert_eq!(explanation.route.unwrap().service, "users");
}

#[test]
fn a_request_that_no_route_takes_is_told_why() {
    let explanation = explained("PUT", "http://localhost:8080/users");
    assert_eq!(explanation.outcome, Outcome::Route, "the prefix takes it");
    let explanation = explained("DELETE", "http://localhost:8080/");
    assert_eq!(
        (explanation.outcome, explanation.reason.as_str()),
        (Outcome::NoRoute, "no route takes this host and path")
    );
    assert!(explanation.considered.iter().all(|one| !one.wins));
    let tables = [table(&[("GET /users", None, "users")])];
    let asked = Asked::of("PUT", "http://localhost/users").unwrap();
    let explanation = judge(&asked, &[listener("127.0.0.1:8080")], &tables, &show);
    assert_eq!(explanation.outcome, Outcome::MethodNotAllowed);
    assert!(explanation.reason.ends_with("they take GET, HEAD"), "{}", explanation.reason);
    assert_eq!(explanation.considered[0].reason, "is for other methods");
}

#[test]
fn the_listener_is_that_of_the_port_else_of_the_scheme_else_the_first() {
    let listener = |url: &str| explained("GET", url).listener.unwrap();
    assert_eq!(listener("http://localhost:8080/"), "127.0.0.1:8080");
    assert_eq!(listener("https://localhost:8443/"), "0.0.0.0:8443");
    assert_eq!(listener("https://localhost/"), "0.0.0.0:8443");
    assert_eq!(listener("http://localhost/"), "127.0.0.1:8080");
    assert_eq!(listener("http://localhost:9999/"), "127.0.0.1:8080");
    let refused = explained("GET", "http://localhost:8081/a%2Fb");
    assert_eq!((refused.outcome, refused.listener.as_deref()), (Outcome::Refused, Some("0.0.0.0:8443")));
    let redirected = explained("GET", "http://localhost:8081/users");
    assert_eq!(redirected.outcome, Outcome::Redirect);
    assert!(redirected.reason.contains("`https` at `0.0.0.0:8443`"), "{}", redirected.reason);
}

#[test]
fn what_is_refused_before_any_route_is_explained_too() {
    for url in [
        "http://local host:8080/",
        "http:///users",
        "http://user@localhost:8080/users",
        "http://localhost:x/",
        "http://localhost:8080/a%2Fb",
        "http://localhost:8080/a/../b",
        "http://localhost:8080/a\\b",
        "http://localhost:8080/%zz",
        "http://localhost:8080/a<b",
        "http://localhost:8080/users?%0",
    ] {
        let explanation = explained("GET", url);
        assert_eq!(explanation.outcome, Outcome::Refused, "{url}: {}", explanation.reason);
        assert!(explanation.route.is_none() && explanation.considered.is_empty(), "{url}");
        assert!(explanation.reason.len() > 10, "{url}: {}", explanation.reason);
    }
    assert_eq!(explained("TRACE", "http://localhost:8080/users").outcome, Outcome::Refused);
}

#[test]
fn dot_segments_lead_to_the_path_without_them_where_they_are_resolved() {
    let mut plan = ListenerPlan::all("127.0.0.1:8080".parse().unwrap());
    plan.paths.dot_segments = DotSegments::Resolve;
    let listeners = [ServedListener::of(&plan, 0, plan.address, None)];
    let tables = [table(&[("/users", None, "users")])];
    let explained = |method| {
        let asked = Asked::of(method, "http://localhost:8080/a/../users?x=1").unwrap();
        judge(&asked, &listeners, &tables, &show)
    };
    let told = explained("GET");
    assert_eq!((told.outcome, told.path.as_deref()), (Outcome::Redirect, Some("/users")));
    assert!(told.reason.ends_with("told to ask for `/users?x=1`"), "{}", told.reason);
    let served = explained("POST");
    assert_eq!((served.outcome, served.path.as_deref()), (Outcome::Route, Some("/users")));
}

#[test]
fn nothing_is_known_before_the_host_listens() {
    let plane = Plane::new();
    let explanation = plane.get("/v1/explain?method=GET&url=http://localhost/users").json();
    assert_eq!(explanation["outcome"], "no-listener");
    assert_eq!(explanation["considered"], serde_json::json!([]));
    assert!(explanation.get("route").is_none());
}

#[test]
fn parameters_that_are_missing_doubled_or_wrong_are_refused() {
    let plane = Plane::new();
    let long = format!("method=GET&url=http://localhost/{}", "a".repeat(2_000));
    for query in [
        "",
        "method=GET",
        "url=http://localhost/",
        "method=&url=http://localhost/",
        "method=G%20T&url=http://localhost/",
        "method=GET&url=",
        "method=GET&url=/users",
        "method=GET&url=ftp://localhost/",
        "method=GET&method=GET&url=http://localhost/",
        "method=GET&url=http://a/&url=http://a/",
        &long,
    ] {
        let answer = plane.get(&format!("/v1/explain?{query}"));
        assert_eq!((answer.status, answer.problem().as_str()), (400, "bad-request"), "{query}");
    }
    let escaped = plane.get("/v1/explain?method=%21&url=http%3A%2F%2Flocalhost%2Fa%252Fb%00%FF&other=1");
    assert_eq!(escaped.status, 200);
}
