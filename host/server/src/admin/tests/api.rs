//! The resources: their formats, their errors, and the document that describes them.

use std::collections::BTreeSet;
use std::sync::Arc;

use hostel_model::config::{Severity, Source, parse};
use hostel_model::limits::{HostLimits, Limits, ListenerLimits, Origin};
use hostel_model::units::ByteSize;

use super::{Ground, Plane, listener, tls_listener};
use crate::admin::limits::{of_host, of_listener, of_service};
use crate::admin::readiness::Check;
use crate::admin::view;

/// Every path that is only read, with parameters that are valid.
const PATHS: [&str; 10] = [
    "/livez",
    "/readyz",
    "/readyz/not-draining",
    "/metrics",
    "/v1/status",
    "/v1/services",
    "/v1/routes",
    "/v1/limits",
    "/v1/explain?method=GET&url=http://localhost/",
    "/openapi.json",
];

/// Every other method and path, as the document has it.
const CHANGING: [(&str, &str); 22] = [
    ("get", "/v1/services/{name}"),
    ("delete", "/v1/services/{name}"),
    ("get", "/v1/services/{name}/history"),
    ("post", "/v1/services/{name}/rollback"),
    ("post", "/v1/services/{name}/promote"),
    ("post", "/v1/services/{name}/disable"),
    ("post", "/v1/services/{name}/enable"),
    ("post", "/v1/services/{name}/approve"),
    ("get", "/v1/services/{name}/keyvalue"),
    ("delete", "/v1/services/{name}/keyvalue"),
    ("get", "/v1/services/{name}/keyvalue/{bucket}"),
    ("delete", "/v1/services/{name}/keyvalue/{bucket}"),
    ("get", "/v1/services/{name}/keyvalue/{bucket}/{key}"),
    ("get", "/v1/services/{name}/export"),
    ("post", "/v1/services/{name}/import"),
    ("post", "/v1/artifacts"),
    ("post", "/v1/deployments"),
    ("post", "/v1/backup"),
    ("get", "/v1/tokens"),
    ("post", "/v1/tokens"),
    ("delete", "/v1/tokens/{id}"),
    ("get", "/openapi.json"),
];

#[test]
fn only_get_and_head_are_taken_and_the_others_are_told_so() {
    let plane = Plane::new();
    for path in PATHS {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "QUERY"] {
            let answer = plane.ask(&format!("{method} {path}"), &[]);
            assert_eq!((answer.status, answer.problem().as_str()), (405, "method-not-allowed"), "{method} {path}");
            assert_eq!(answer.header("allow"), Some("GET,HEAD"), "{method} {path}");
        }
        let (head, get) = (plane.ask(&format!("HEAD {path}"), &[]), plane.get(path));
        assert_eq!((head.status, head.body.as_str()), (get.status, ""), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        assert_eq!(get.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(get.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
}

#[test]
fn what_is_not_there_is_a_problem() {
    let plane = Plane::new();
    for path in ["/", "/v1", "/v1/", "/v1/services/", "/v2/services", "/metrics/x", "*", "//livez", "/livez/%2e"] {
        let answer = plane.get(path);
        assert_eq!((answer.status, answer.problem().as_str()), (404, "no-route"), "{path}");
    }
}

#[test]
fn metrics_are_open_metrics() {
    let plane = Plane::new();
    let answer = plane.get("/metrics");
    let expected = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.header("content-type"), Some(expected));
    assert!(answer.body.ends_with("# EOF\n"), "{}", answer.body);
    let version = env!("CARGO_PKG_VERSION");
    assert!(answer.body.contains(&format!("hostel_build_info{{version=\"{version}\"}} 1")), "{}", answer.body);
    assert!(answer.body.contains("\nhostel_tls_handshakes_failed_total 0\n"), "{}", answer.body);
}

#[test]
fn what_the_edge_counts_is_shown() {
    let metrics = crate::metrics::Metrics::new();
    metrics.connections_refused("address").inc();
    metrics.tls_handshakes_failed.inc();
    metrics.certificate_not_after("127.0.0.1:8443".parse().unwrap()).set(1_900_000_000);
    let text = metrics.text(Default::default());
    for line in [
        "hostel_connections_refused_total{reason=\"address\"} 1",
        "hostel_tls_handshakes_failed_total 1",
        "hostel_tls_certificate_not_after_timestamp_seconds{listener=\"127.0.0.1:8443\"} 1900000000",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}:\n{text}");
    }
}

#[test]
fn a_host_that_starts_has_a_status() {
    let plane = Plane::new();
    let answer = plane.get("/v1/status");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let status: view::Status = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((status.version.as_str(), status.ready), (env!("CARGO_PKG_VERSION"), false));
    assert_eq!((status.listeners.len(), status.services.len(), status.connections), (0, 0, Some(0)));
    assert_eq!(status.checks[1].reason.as_deref(), Some("not yet"));
    assert_eq!((status.checks[4].ok, &status.checks[4].reason), (true, &None));
}

#[test]
fn listeners_are_shown_once_the_host_has_them() {
    let plane = Plane::new();
    let tls = tls_listener("0.0.0.0:8443", "0.0.0.0:8080", |plan| plan.limits.connections = 7);
    assert!(plane.listeners.set(vec![listener("127.0.0.1:80"), tls]).is_ok());
    let status = plane.get("/v1/status").json();
    let expected = serde_json::json!([
        { "address": "127.0.0.1:80", "scheme": "http", "h2c": false },
        { "address": "0.0.0.0:8443", "scheme": "https", "h2c": false, "redirect_from": "0.0.0.0:8080" },
    ]);
    assert_eq!(status["listeners"], expected);
    let limits = plane.get("/v1/limits").json();
    let of_tls = limits["listeners"][1]["limits"].as_array().unwrap();
    let connections = of_tls.iter().find(|limit| limit["name"] == "connections").unwrap();
    let expected = serde_json::json!({
        "name": "connections", "unit": "count", "text": "7", "value": 7, "default_text": "10000", "default_value": 10000,
        "origin": { "from": "default" },
    });
    assert_eq!(connections, &expected);
}

#[test]
fn limits_are_told_in_words_and_numbers() {
    let mut limits =
        Limits { memory: ByteSize::mib(96), cpu: std::time::Duration::from_millis(1_500), ..Limits::default() };
    limits.origins.set("memory", Origin::File { file: Arc::from("a.toml"), line: 7 });
    let shown = serde_json::to_value(of_service(&limits)).unwrap();
    let one = |name: &str| shown.as_array().unwrap().iter().find(|limit| limit["name"] == name).unwrap().clone();
    let memory = serde_json::json!({
        "name": "memory", "unit": "bytes", "text": "96MiB", "value": 100_663_296,
        "default_text": "64MiB", "default_value": 67_108_864, "origin": { "from": "file", "file": "a.toml", "line": 7 },
    });
    assert_eq!(one("memory"), memory);
    let cpu = serde_json::json!({
        "name": "cpu", "unit": "seconds", "text": "1500ms", "value": 1.5, "default_text": "200ms", "default_value": 0.2,
        "origin": { "from": "default" },
    });
    assert_eq!(one("cpu"), cpu);
    let body = serde_json::json!({
        "name": "response_body", "unit": "bytes", "text": "none", "default_text": "none",
        "origin": { "from": "default" },
    });
    assert_eq!(one("response_body"), body);
    let budget = of_host(&HostLimits::default()).into_iter().find(|limit| limit.name == "memory_budget").unwrap();
    assert_eq!((budget.value, budget.text.as_str()), (None, "half of the machine's"));
}

/// Limits as lines of `hostel.toml`; without one that has no value there.
fn lines(limits: Vec<view::Limit>) -> String {
    let written = limits.into_iter().filter(|limit| limit.value.is_some() || limit.text == "none").map(|limit| {
        let is_number = limit.text.bytes().all(|byte| byte.is_ascii_digit());
        let value = if is_number { limit.text } else { format!("\"{}\"", limit.text) };
        format!("{} = {value}\n", limit.name)
    });
    written.collect()
}

#[test]
fn the_names_of_limits_are_the_keys_of_the_configuration() {
    let (host, listener, service) = (HostLimits::default(), ListenerLimits::default(), Limits::default());
    let text = format!(
        "version = 1\n{}[[listener]]\naddress = \"127.0.0.1:8080\"\n[listener.limits]\n{}\
         [service.users]\ncomponent = \"users.wasm\"\n[service.users.limits]\n{}",
        lines(of_host(&host)),
        lines(of_listener(&listener)),
        lines(of_service(&service)),
    );
    let source = Source { name: "hostel.toml".to_owned(), text: Arc::from(text.as_str()) };
    let parsed = parse(&source, &[]);
    let errors: Vec<_> = parsed.problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}\n{text}");
    assert_eq!(parsed.plan.host, host);
    assert_eq!(parsed.plan.listeners[0].limits, listener);
    assert_eq!(parsed.plan.services[0].limits, service);
}

#[test]
fn a_panic_costs_one_answer() {
    let ground = Ground::new();
    let mut state = ground.state();
    state.metrics_text = Box::new(|| panic!("on purpose"));
    let plane = Plane::with(ground, state);
    for _ in 0..3 {
        let answer = plane.get("/metrics");
        assert_eq!((answer.status, answer.problem().as_str()), (500, "internal"));
    }
    assert_eq!(plane.get("/livez").status, 200);
}

#[test]
fn the_document_describes_every_resource_and_every_refusal() {
    let plane = Plane::new();
    let document = plane.get("/openapi.json").json();
    let paths = document["paths"].as_object().unwrap();
    let described: BTreeSet<&str> = paths.keys().map(String::as_str).collect();
    let served: BTreeSet<&str> = PATHS.iter().map(|path| path.split('?').next().unwrap()).collect();
    let served = served.iter().map(|path| path.replace("not-draining", "{name}")).collect::<Vec<_>>();
    let changing = CHANGING.iter().map(|(_, path)| *path);
    assert_eq!(described, served.iter().map(String::as_str).chain(changing).collect());
    for path in PATHS {
        let answer = plane.get(path);
        let key = path.split('?').next().unwrap().replace("not-draining", "{name}");
        let response = &document["paths"][&key]["get"]["responses"][answer.status.to_string()];
        let content_type = answer.header("content-type").unwrap().split(';').next().unwrap().to_owned();
        assert!(response["content"][&content_type].is_object(), "{path}: {} {content_type}: {response}", answer.status);
        for status in ["400", "401", "403", "405", "413"] {
            let responses = &document["paths"][&key]["get"]["responses"];
            assert!(responses[status]["content"]["application/problem+json"].is_object(), "{path}: {status}");
        }
    }
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
}

#[test]
fn what_is_said_of_changes_is_what_holds_for_them() {
    let document = Plane::new().get("/openapi.json").json();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            described.insert((method.clone(), path.clone()));
            let changes = operation["tags"] == serde_json::json!(["changes"]);
            for status in ["404", "409", "412", "422", "503", "507"] {
                let response = &operation["responses"][status];
                let told = response["content"]["application/problem+json"].is_object();
                assert!(told || !changes, "{method} {path}: {status}");
            }
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let has = |name: &str| parameters.iter().any(|one| one["name"] == name);
            let is_order = changes && !["/v1/artifacts", "/v1/backup"].contains(&path.as_str());
            assert_eq!((has("dry_run"), has("If-Match")), (is_order, is_order), "{method} {path}");
            for name in ["name", "bucket", "key"].iter().filter(|name| path.contains(&format!("{{{name}}}"))) {
                assert!(has(name), "{method} {path}: {name}");
            }
        }
    }
    for (method, path) in CHANGING {
        assert!(described.remove(&(method.to_owned(), path.to_owned())), "{method} {path} is not described");
    }
    assert!(described.iter().all(|(method, _)| method == "get"), "{described:?}");
}

#[test]
fn the_document_names_the_checks_that_there_are() {
    let plane = Plane::new();
    let document = plane.get("/openapi.json").json();
    let names: Vec<&str> = Check::ALL.map(Check::name).to_vec();
    let one = &document["paths"]["/readyz/{name}"]["get"]["parameters"][0]["schema"]["enum"];
    assert_eq!(one, &serde_json::json!(names));
    let parameters = document["paths"]["/readyz"]["get"]["parameters"].as_array().unwrap();
    let exclude = parameters.iter().find(|parameter| parameter["name"] == "exclude").unwrap();
    assert_eq!(exclude["schema"]["items"]["enum"], serde_json::json!(names));
    assert_eq!(exclude["required"], false);
    let verbose = parameters.iter().find(|parameter| parameter["name"] == "verbose").unwrap();
    assert_eq!(verbose["schema"]["enum"], serde_json::json!(["true", "false", ""]));
}

#[test]
fn everything_that_the_document_refers_to_is_in_it() {
    let document = Plane::new().get("/openapi.json").json();
    let text = document.to_string();
    let mut count = 0;
    for rest in text.split("\"#/components/schemas/").skip(1) {
        let name = rest.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
        count += 1;
    }
    assert!(count > 50, "{count}");
}
