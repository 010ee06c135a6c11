//! What a file means, and that every mistake in it is found in one run, each with its place and its remedy.

mod dropped;
mod listener;
mod mistake;
mod origin;
mod rollout;
mod shown;
mod table;
mod tenant;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use super::{DroppedFile, Parsed, Problem, Severity, Source, parse};
use crate::plan::{BuildPlan, Isolation, Plan, SecretSource, ServicePlan};
use crate::units::ByteSize;

fn source(text: &str) -> Source {
    Source { name: "hostel.toml".to_owned(), text: text.into() }
}

fn read(text: &str) -> Parsed {
    parse(&source(text), &[])
}

fn files(names: &[&str]) -> Vec<DroppedFile> {
    names.iter().map(|name| DroppedFile { file_name: (*name).to_owned(), table: None }).collect()
}

/// The plan of a file without any error.
fn valid(parsed: &Parsed) -> Plan {
    assert!(parsed.is_valid(), "{:#?}", shown(&parsed.problems));
    parsed.plan.clone()
}

/// The plan of a file without any problem.
fn plan(text: &str) -> Plan {
    let parsed = read(text);
    assert_eq!(shown(&parsed.problems), Vec::<String>::new());
    valid(&parsed)
}

/// `3: what is wrong; what to do`, with `warning` in front where it is one.
fn shown(problems: &[Problem]) -> Vec<String> {
    let show = |problem: &Problem| {
        let line = problem.line_column().map_or("-".to_owned(), |(line, _)| line.to_string());
        let warning = if problem.severity == Severity::Warning { "warning: " } else { "" };
        format!("{line}: {warning}{}; {}", problem.message, problem.help)
    };
    problems.iter().map(show).collect()
}

fn service<'p>(plan: &'p Plan, name: &str) -> &'p ServicePlan {
    plan.services.iter().find(|service| service.name.as_str() == name).expect(name)
}

const FULL: &str = r#"
version = 1
state = "data"
drop_in = false
memory_max = "256MiB"
memory_budget = "1GiB"
instances = 64
drain = "5s"
resolver = ["127.0.0.1:5353", "::1"]
outbound_ca = ["extra.pem", "more/ca.pem"]

[[listener]]
address = "127.0.0.1:5000"
services = ["users"]

[[listener]]
address = "[::1]:5001"
tls = { certificates = [{ cert = "a.pem", key = "a.key" }, { cert = "b.pem", key = "b.key" }], client_ca = "ca.pem", redirect_from = "[::1]:5002" }
trusted_proxies = ["10.0.0.0/8", "::1"]
encoded_slash = "opaque"
dot_segments = "resolve"
slashes = "keep"
headers_with_underscores = "drop"
limits = { header_block = "64KiB", header_read = "5s", connections = 100, body_rate = 0 }

[admin]
socket = "admin/socket"
address = "127.0.0.1:9090"

[service.users]
component = "target/users.wasm"
build = { command = "cargo build", directory = "guests" }
routes = ["POST /register", "GET /user/{id}", { path = "/files/*", methods = ["PUT", "GET"], host = "*.Shop.example" }]
keyvalue = ["", "cache"]
variables = { token_minutes = "60", "empty name" = "" }
secrets = { signing_key = { file = "key" }, other = { env = "OTHER" } }
calls = ["orders"]
isolation = { reuse = 100 }

[service.users.rollout]
watch = "90s"
margin = { failures = "0.25%", p99 = 1.5 }
sticky = "cookie"
require_approval = true
keep = { revisions = 3, bytes = "64MiB" }
breaker = { failures = 5, within = "1m", open = "500ms..1h" }

[service.users.limits]
memory = "96MiB"
table_elements = 1_000
cpu = "2s"
deadline = "1.5s"
after_response = "0s"
concurrency = 8
queue_wait = "10ms"
queue_length = 0
request_body = "1KiB"
response_body = "2KiB"
stall = "1m"
log_request = "3KiB"
log_second = "4KiB"
depth = 32
calls = 0
connections = 1
keyvalue = { key = "64B", value = "2MiB", bytes = "1GiB", keys = 7, writes = 0x10 }

[service.orders]
component = "orders.wasm"
limits.response_body = "none"
isolation = "request"
outbound = ["https://API.example.com", "http://10.0.0.0/8:8080", "https://api.example.com:443"]
"#;

#[test]
fn everything_that_may_be_written_is_read() {
    let plan = plan(FULL);
    assert_eq!((plan.state.as_str(), plan.drop_in), ("data", false));
    assert_eq!((plan.host.memory_max, plan.host.memory_budget), (ByteSize::mib(256), Some(ByteSize::GIB)));
    assert_eq!((plan.host.instances, plan.host.drain), (64, Duration::from_secs(5)));

    let [first, second] = plan.listeners.as_slice() else { panic!("two listeners") };
    assert_eq!(first.address.to_string(), "127.0.0.1:5000");
    assert_eq!(first.services.iter().flatten().map(AsRef::as_ref).collect::<Vec<&str>>(), ["users"]);
    assert_eq!((second.address.to_string().as_str(), &second.services), ("[::1]:5001", &None));

    let users = service(&plan, "users");
    assert_eq!(FULL.get(users.component_span.clone().expect("it is written")), Some("\"target/users.wasm\""));
    assert_eq!((users.component.as_str(), users.dropped), ("target/users.wasm", false));
    let build = BuildPlan { command: "cargo build".to_owned(), directory: Some("guests".to_owned()) };
    assert_eq!(users.build, Some(build));
    let routes: Vec<String> = users.routes.iter().map(ToString::to_string).collect();
    assert_eq!(routes, ["POST /register", "GET /user/{id}", "GET,PUT *.shop.example/files/*"]);
    assert_eq!(users.keyvalue.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["cache", "default"]);
    assert_eq!(users.variables.get("token_minutes").map(String::as_str), Some("60"));
    assert_eq!(users.variables.len(), 2);
    let secrets: Vec<_> = users.secrets.values().map(|secret| secret.source.clone()).collect();
    assert_eq!(secrets, [SecretSource::Env("OTHER".to_owned()), SecretSource::File("key".to_owned())]);
    assert_eq!(users.calls.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["orders"]);
    assert_eq!(users.isolation, Isolation::Reuse(NonZeroU32::new(100).expect("not zero")));
    assert_eq!(users.grants(BTreeMap::new()).calls, users.calls);

    let outbound: Vec<String> = service(&plan, "orders").outbound.iter().map(ToString::to_string).collect();
    assert_eq!(outbound, ["http://10.0.0.0/8:8080", "https://api.example.com"]);
    let resolvers: Vec<String> = plan.egress.resolvers.iter().map(ToString::to_string).collect();
    assert_eq!(resolvers, ["127.0.0.1:5353", "[::1]:53"]);
    let authorities: Vec<_> = plan.egress.authorities.iter().map(|file| FULL.get(file.span.clone()?)).collect();
    assert_eq!(authorities, [Some("\"extra.pem\""), Some("\"more/ca.pem\"")]);
}

#[test]
fn a_resolver_may_be_written_alone() {
    let resolvers = |text: &str| {
        let plan = plan(&format!("version = 1\n{text}\n"));
        plan.egress.resolvers.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(resolvers("resolver = \"10.0.0.2\""), ["10.0.0.2:53"]);
    assert_eq!(resolvers("resolver = \"[::1]:5353\""), ["[::1]:5353"]);
    assert_eq!(resolvers("resolver = \"::1\""), ["[::1]:53"]);
    assert_eq!(resolvers(""), Vec::<String>::new());
}

#[test]
fn every_limit_that_is_written_replaces_its_default() {
    let plan = plan(FULL);
    let limits = &service(&plan, "users").limits;
    assert_eq!(limits.memory, ByteSize::mib(96));
    assert_eq!((limits.table_elements, limits.concurrency.get(), limits.queue_length), (1_000, 8, 0));
    assert_eq!((limits.cpu, limits.deadline), (Duration::from_secs(2), Duration::from_millis(1_500)));
    assert_eq!((limits.after_response, limits.queue_wait), (Duration::ZERO, Duration::from_millis(10)));
    assert_eq!((limits.request_body, limits.response_body), (ByteSize::kib(1), Some(ByteSize::kib(2))));
    assert_eq!(limits.stall, Duration::from_mins(1));
    assert_eq!((limits.log_request, limits.log_second), (ByteSize::kib(3), ByteSize::kib(4)));
    assert_eq!((limits.depth, limits.calls, limits.connections), (32, 0, 1));
    let store = &limits.keyvalue;
    assert_eq!((store.key, store.value, store.bytes), (ByteSize(64), ByteSize::mib(2), ByteSize::GIB));
    assert_eq!((store.keys, store.writes), (7, 16));
    assert_eq!(service(&plan, "orders").limits, crate::limits::Limits::default());
}

#[test]
fn what_is_not_written_has_its_default() {
    let plan = plan("version = 1\n[service.a]\ncomponent = \"a.wasm\"\n");
    assert_eq!((plan.state.as_str(), plan.drop_in, plan.host), (".hostel", true, crate::limits::HostLimits::default()));
    assert_eq!(
        plan.listeners.iter().map(|listener| listener.address.to_string()).collect::<Vec<_>>(),
        ["127.0.0.1:8080"]
    );
    let [service] = plan.services.as_slice() else { panic!("one service") };
    let span = service.component_span.clone();
    let bare = ServicePlan { component_span: span, ..ServicePlan::new(service.name.clone(), "a.wasm".to_owned()) };
    assert_eq!(*service, bare);
}

#[test]
fn a_smaller_pool_makes_the_default_memory_smaller() {
    let parsed = parse(
        &source("version = 1\nmemory_max = \"16MiB\"\n[service.a]\ncomponent = \"a.wasm\"\n"),
        &files(&["b.wasm"]),
    );
    let plan = valid(&parsed);
    assert!(plan.services.iter().all(|service| service.limits.memory == ByteSize::mib(16)));
}

#[test]
fn listeners_on_port_0_do_not_collide() {
    let listener = "[[listener]]\naddress = \"127.0.0.1:0\"\n";
    assert_eq!(plan(&format!("version = 1\n{listener}{listener}")).listeners.len(), 2);
}

#[test]
fn a_file_that_is_all_mistakes_is_told_of_in_time() {
    let source = Source { name: "hostel.toml".to_owned(), text: "= \n".repeat(50_000).into() };
    let parsed = parse(&source, &[]);
    assert!((1..=101).contains(&parsed.problems.len()), "{}", parsed.problems.len());
}
