//! `[tenant.NAME]`: what it says, and every rule that its services, hosts and calls are held to.

use std::num::{NonZeroU8, NonZeroU32};

use super::{files, plan, read, service, shown, source, valid};
use crate::config::{DroppedFile, Source, parse};
use crate::limits::Origins;
use crate::name::ServiceName;
use crate::tenant::{ServicePattern, Tenant, TenantLimits};
use crate::units::ByteSize;

const ACME: &str = r#"version = 1
[tenant.acme]
services = "acme-*"
hosts = ["*.acme.example"]
memory = "1GiB"
requests = 32
cpu_share = 20
storage = "5GiB"
compile_slots = 1
"#;

/// What is wrong with a file that begins with [`ACME`], of which the next line is the tenth.
fn wrong(rest: &str) -> Vec<String> {
    shown(&read(&format!("{ACME}{rest}")).problems)
}

#[test]
fn a_tenant_owns_names_and_hosts_and_sums() {
    let plan = plan(ACME);
    let [tenant]: [Tenant; 1] = plan.tenants.iter().cloned().collect::<Vec<_>>().try_into().expect("one");
    assert_eq!((tenant.name.as_str(), tenant.services), ("acme", ServicePattern::Prefix("acme-".to_owned())));
    assert_eq!(tenant.hosts.iter().map(ToString::to_string).collect::<Vec<_>>(), ["*.acme.example"]);
    let expected = TenantLimits {
        memory: Some(ByteSize::GIB),
        requests: NonZeroU32::new(32),
        cpu_share: NonZeroU8::new(20),
        storage: Some(ByteSize(5 << 30)),
        compile_slots: NonZeroU32::new(1),
        // Two are equal wherever they are written.
        origins: Origins::default(),
    };
    assert_eq!(tenant.limits, expected);
    let origin = |key: &str| tenant.limits.origins.of(key).to_string();
    assert!(
        origin("memory").starts_with("hostel.toml:") && origin("memory") != origin("requests"),
        "{}",
        origin("memory")
    );
    assert_eq!(origin("deadline"), "default");
}

#[test]
fn what_a_tenant_does_not_say_has_no_bound() {
    let plan = plan("version = 1\n[tenant.a]\nservices = \"a\"\n");
    let tenant = plan.tenants.iter().next().expect("one");
    assert_eq!((tenant.hosts.len(), &tenant.limits), (0, &TenantLimits::default()));
    assert!(super::plan("version = 1\n").tenants.is_empty());
}

#[test]
fn every_mistake_in_a_table_has_its_place_and_its_remedy() {
    let number = "which is out of range; write a whole number from 1 to";
    for (line, problem) in [
        ("", "2: `tenant.b.services` is missing; write `services = \"acme-*\"`"),
        (
            "services = 5",
            "3: `tenant.b.services` must be a string, but this is an integer; write `services = \"acme-*\"`",
        ),
        (
            "services = \"*\"",
            "3: `tenant.b.services`: `*` is every service, the operator's too; write a prefix before it, as in `acme-*`",
        ),
        (
            "services = \"b*c\"",
            "3: `tenant.b.services`: `b*c` has a `*` that is not at its end; write a name, or a prefix as in `acme-*`",
        ),
        (
            "services = \"b_*\"",
            "3: `tenant.b.services`: name `b_` has `_` in it; use only lower-case letters, digits and `-`",
        ),
        ("services = \"b\"\nhost = []", "4: unknown key `tenant.b.host`; did you mean `hosts`?"),
        (
            "services = \"b\"\nhosts = \"b.example\"",
            "4: `tenant.b.hosts` must be an array, but this is a string; write `hosts = [\"*.acme.example\"]`",
        ),
        ("services = \"b\"\nhosts = [\"*\"]", "4: `tenant.b.hosts`: host `*` is every host; leave `host` out"),
        (
            "services = \"b\"\nmemory = \"1KiB\"",
            "4: `tenant.b.memory` is `1KiB`, which is out of range; write `\"64KiB\"` to `\"18446744073709551615B\"`",
        ),
        ("services = \"b\"\nrequests = 0", &format!("4: `tenant.b.requests` is `0`, {number} 1000000")),
        ("services = \"b\"\ncpu_share = 101", &format!("4: `tenant.b.cpu_share` is `101`, {number} 100")),
        ("services = \"b\"\ncpu_share = 0", &format!("4: `tenant.b.cpu_share` is `0`, {number} 100")),
        (
            "services = \"b\"\nstorage = 5",
            "4: `tenant.b.storage` must be a string, but this is an integer; write a number and a unit, as in `\"64MiB\"`",
        ),
        ("services = \"b\"\ncompile_slots = 0", &format!("4: `tenant.b.compile_slots` is `0`, {number} 1000000")),
    ] {
        let found = shown(&read(&format!("version = 1\n[tenant.b]\n{line}\n")).problems);
        assert_eq!(found, [problem], "{line}");
    }
    let named = shown(&read("version = 1\n[tenant.B_b]\nservices = \"b\"\n").problems);
    assert_eq!(named, ["2: `B_b` cannot be the name of a tenant; write `[tenant.b-b]`"]);
    let none = shown(&read("version = 1\ntenant = 5\n").problems);
    assert_eq!(
        none,
        ["2: `tenant` must be a table, but this is an integer; write `[tenant.NAME]` above the keys of a tenant"]
    );
}

#[test]
fn no_service_and_no_host_has_two_owners() {
    assert_eq!(
        wrong("[tenant.eu]\nservices = \"acme-eu-*\"\n"),
        [
            "11: tenants `acme` and `eu` own the same services: `acme-*` and `acme-eu-*` overlap; give one of them another prefix: a service belongs to one tenant"
        ]
    );
    assert_eq!(
        wrong("[tenant.eu]\nservices = \"eu-*\"\nhosts = [\"eu.example\", \"shop.acme.example\"]\n"),
        [
            "12: tenants `acme` and `eu` own the same hosts: `*.acme.example` and `shop.acme.example` overlap; leave them to one of the two: a host belongs to one tenant"
        ]
    );
    assert_eq!(wrong("[tenant.eu]\nservices = \"eu-*\"\nhosts = [\"acme.example\"]\n"), Vec::<String>::new());
    let parsed = read(&format!("{ACME}[tenant.eu]\nservices = \"acme-eu\"\n"));
    let labels: Vec<_> = parsed.problems[0].labels.iter().map(|(_, label)| label.as_str()).collect();
    assert_eq!(labels, ["of `eu`", "of `acme`"], "both places are pointed at");
}

#[test]
fn a_route_names_only_hosts_of_its_services_owner() {
    let routes = |service: &str, route: &str| {
        wrong(&format!("[service.{service}]\ncomponent = \"x.wasm\"\nroutes = [{route}]\n"))
    };
    let own = "{ path = \"/x\", host = \"a.acme.example\" }";
    assert_eq!(routes("acme-users", own), Vec::<String>::new());
    let named = "name a host of `*.acme.example`, as in `{ path = \"/…\", host = \"*.acme.example\" }`";
    assert_eq!(
        routes("acme-users", "\"GET /x\""),
        [format!("12: route `GET /x` of service `acme-users` names no host, but belongs to tenant `acme`; {named}")]
    );
    assert_eq!(
        routes("acme-users", "{ path = \"/x\", host = \"beta.example\" }"),
        [format!(
            "12: route `beta.example/x` of service `acme-users` is at a host that tenant `acme` does not own; {named}"
        )]
    );
    let alone = "give it another host: those of `acme` are for `acme-*` alone";
    assert_eq!(
        routes("users", own),
        [format!("12: route `a.acme.example/x` of service `users` is at a host of tenant `acme`; {alone}")]
    );
    assert_eq!(
        routes("users", "{ path = \"/x\", host = \"*.example\" }"),
        [format!("12: route `*.example/x` of service `users` is at a host of tenant `acme`; {alone}")]
    );
    assert_eq!(routes("users", "\"/x\", { path = \"/x\", host = \"shop.example\" }"), Vec::<String>::new());
    let without_hosts =
        "version = 1\n[tenant.b]\nservices = \"b\"\n[service.b]\ncomponent = \"x.wasm\"\nroutes = [\"/x\"]\n";
    assert_eq!(
        shown(&read(without_hosts).problems),
        [
            "6: route `/x` of service `b` names no host, but belongs to tenant `b`; add its host to `hosts` of `[tenant.b]`, or remove the route"
        ]
    );
}

#[test]
fn what_is_dropped_in_answers_at_the_hosts_of_its_tenant() {
    let table = Source { name: "acme-orders.toml".to_owned(), text: "keyvalue = [\"default\"]".into() };
    let mut dropped = files(&["acme-users.wasm", "acme-orders.wasm", "users.wasm"]);
    dropped.push(DroppedFile { file_name: "acme-orders.toml".to_owned(), table: Some(table) });
    let parsed = parse(&source(ACME), &dropped);
    assert_eq!(shown(&parsed.problems), Vec::<String>::new());
    let plan = valid(&parsed);
    let routes = |name: &str| service(&plan, name).routes.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(routes("acme-users"), ["*.acme.example/acme-users/*"]);
    assert_eq!(routes("acme-orders"), ["*.acme.example/acme-orders/*"]);
    assert_eq!(routes("users"), ["/users/*"]);
    assert_eq!(service(&plan, "acme-orders").keyvalue.len(), 1);
}

#[test]
fn a_route_in_a_file_of_its_own_is_shown_there() {
    let table = Source { name: "acme-users.toml".to_owned(), text: "\nroutes = [\"/x\"]".into() };
    let mut dropped = files(&["acme-users.wasm"]);
    dropped.push(DroppedFile { file_name: "acme-users.toml".to_owned(), table: Some(table) });
    let parsed = parse(&source(ACME), &dropped);
    let [problem] = parsed.problems.as_slice() else { panic!("{:?}", shown(&parsed.problems)) };
    assert_eq!((problem.source.name.as_str(), problem.line_column()), ("acme-users.toml", Some((2, 11))));
}

/// Two services of one tenant, one of another, one of the operator.
fn calling(one: &str, orders: &str, other: &str, users: &str) -> String {
    let service = |name: &str, keys: &str| format!("[service.{name}]\ncomponent = \"{name}.wasm\"\n{keys}\n");
    let beta = "[tenant.beta]\nservices = \"beta-*\"\n";
    let services = [("acme-one", one), ("acme-orders", orders), ("beta-one", other), ("users", users)];
    format!("{ACME}{beta}{}", services.map(|(name, keys)| service(name, keys)).concat())
}

#[test]
fn a_call_to_another_owner_is_allowed_on_both_sides() {
    let to_beta = "calls = [\"acme-orders\", \"beta-one\"]";
    let leave = "callers = [\"acme-one\"]";
    let parsed = read(&calling(to_beta, "", leave, ""));
    assert_eq!(shown(&parsed.problems), Vec::<String>::new());
    let plan = valid(&parsed);
    let callers: Vec<&ServiceName> = service(&plan, "beta-one").callers.iter().collect();
    assert_eq!(callers.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["acme-one"]);
    assert_eq!(
        shown(&read(&calling(to_beta, "", "", "")).problems),
        [
            "14: warning: service `acme-one` may call `beta-one`, which belongs to another owner; write `callers = [\"acme-one\"]` for `beta-one`; until then such a call fails"
        ]
    );
    assert_eq!(
        shown(&read(&calling("", "", "", "calls = [\"acme-orders\"]")).problems),
        [
            "23: warning: service `users` may call `acme-orders`, which belongs to another owner; write `callers = [\"users\"]` for `acme-orders`; until then such a call fails"
        ],
        "the operator's services need leave as well"
    );
}

#[test]
fn leave_that_means_nothing_is_a_warning() {
    assert_eq!(
        shown(&read(&calling("", "callers = [\"acme-one\"]", "", "")).problems),
        [
            "17: warning: `callers` of service `acme-orders` names `acme-one`, which has the same owner; leave it out: inside one owner `calls` of the caller is enough"
        ]
    );
    assert_eq!(
        shown(&read(&calling("", "callers = [\"beta-two\"]", "", "")).problems),
        [
            "17: warning: `callers` of service `acme-orders` names `beta-two`, which does not exist; did you mean `beta-one`?"
        ]
    );
    assert_eq!(
        shown(&read("version = 1\n[service.a]\ncomponent = \"a.wasm\"\ncallers = [\"b\"]\n").problems),
        [
            "4: warning: `callers` of service `a` names `b`, which has the same owner; leave it out: inside one owner `calls` of the caller is enough"
        ],
        "without tenants all of them are the operator's"
    );
    assert_eq!(
        wrong("[service.a]\ncomponent = \"a.wasm\"\ncallers = [\"B\"]\n"),
        ["12: `service.a.callers`: name `B` has `B` in it; use only lower-case letters, digits and `-`"]
    );
}
