//! Where each value comes from: a line of a file, a flag, a variable, or nobody.

use std::time::Duration;

use super::{files, plan, service, shown, source, valid};
use crate::config::{DroppedFile, HostFlags, overrule, parse};
use crate::limits::{HostLimits, Limits, Origin};
use crate::units::ByteSize;

const TEXT: &str = r#"version = 1
drain = "7s"
memory_max = "32MiB"

[[listener]]
address = "127.0.0.1:1"
limits = { idle = "3s", header_block = "4KiB" }

[service.users]
component = "users.wasm"
[service.users.limits]
cpu = "1s"
keyvalue = { bytes = "1MiB", writes = 7 }
response_body = "none"

[service.orders]
component = "orders.wasm"
limits.memory = "16MiB"
"#;

fn line(origin: &Origin) -> String {
    origin.to_string()
}

#[test]
fn what_is_written_comes_from_its_line() {
    let plan = plan(TEXT);
    let of = |key| line(&plan.host.origins.of(key));
    assert_eq!([of("drain"), of("memory_max"), of("instances")], ["hostel.toml:2", "hostel.toml:3", "default"]);
    let listener = &plan.listeners.first().expect("one").limits.origins;
    let of = |key| line(&listener.of(key));
    // The smaller block made the line smaller.
    let expected = ["hostel.toml:7", "hostel.toml:7", "hostel.toml:7", "default"];
    assert_eq!([of("idle"), of("header_block"), of("request_line"), of("streams")], expected);
    let users = &service(&plan, "users").limits.origins;
    let of = |key| line(&users.of(key));
    assert_eq!([of("cpu"), of("response_body"), of("deadline")], ["hostel.toml:12", "hostel.toml:14", "default"]);
    let expected = ["hostel.toml:13", "hostel.toml:13", "default"];
    assert_eq!([of("keyvalue.bytes"), of("keyvalue.writes"), of("keyvalue.keys")], expected);
    // What every instance may have made the default smaller; what is written stands.
    assert_eq!(of("memory"), "hostel.toml:3");
    assert_eq!(line(&service(&plan, "orders").limits.origins.of("memory")), "hostel.toml:18");
}

#[test]
fn what_a_file_of_its_own_says_comes_from_that_file() {
    let mut dropped = files(&["users.wasm"]);
    let mut table = source("[limits]\ncpu = \"1s\"\n");
    table.name = "users.toml".to_owned();
    dropped.push(DroppedFile { file_name: "users.toml".to_owned(), table: Some(table) });
    let plan = valid(&parse(&source("version = 1\nmemory_max = \"16MiB\"\n"), &dropped));
    let limits = &service(&plan, "users").limits;
    assert_eq!(line(&limits.origins.of("cpu")), "users.toml:2");
    assert_eq!((limits.memory, line(&limits.origins.of("memory"))), (ByteSize::mib(16), "hostel.toml:2".to_owned()));
}

#[test]
fn a_value_on_another_line_is_the_same_value_in_another_place() {
    let [one, other] = [TEXT.to_owned(), format!("# a line more\n{TEXT}")].map(|text| plan(&text));
    let [one, other] = [&one, &other].map(|plan| &service(plan, "users").limits);
    assert_eq!(one, other);
    assert!(one.origins.is_as(&one.origins.clone()) && !one.origins.is_as(&other.origins));
    assert_ne!(*one, Limits::default());
}

#[test]
fn flags_come_before_variables_and_variables_before_the_file() {
    let environment = |name: &str| {
        let set = [("HOSTEL_INSTANCES", "5"), ("HOSTEL_DRAIN", "9s"), ("HOSTEL_MEMORY_BUDGET", "")];
        set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    let mut host = plan(TEXT).host;
    let flags = HostFlags { drain: Some("1s".to_owned()), ..HostFlags::default() };
    assert_eq!(shown(&overrule(&mut host, &flags, &environment)), Vec::<String>::new());
    assert_eq!((host.drain, host.instances, host.memory_budget), (Duration::from_secs(1), 5, None));
    let of = |key| line(&host.origins.of(key));
    assert_eq!([of("drain"), of("instances"), of("memory_budget")], ["--drain", "HOSTEL_INSTANCES", "default"]);
    let flags = HostFlags { memory_budget: Some("1GiB".to_owned()), ..HostFlags::default() };
    assert_eq!(shown(&overrule(&mut host, &flags, &|_| None)), Vec::<String>::new());
    let budget = (host.memory_budget, host.origins.of("memory_budget"));
    assert_eq!(budget, (Some(ByteSize::GIB), Origin::Flag("--memory-budget")));
}

#[test]
fn what_a_flag_or_a_variable_may_not_say_is_refused_and_changes_nothing() {
    let mut host = HostLimits::default();
    let environment = |name: &str| (name == "HOSTEL_INSTANCES").then(|| "many".to_owned());
    let flags = HostFlags { memory_budget: Some("1KiB".to_owned()), instances: None, drain: Some("soon".to_owned()) };
    let problems = shown(&overrule(&mut host, &flags, &environment));
    assert_eq!(problems.len(), 3, "{problems:?}");
    for (problem, words) in problems.iter().zip([
        "1: `--memory-budget`: `1KiB` is out of range; give `64KiB` to",
        "1: `HOSTEL_INSTANCES`: `many` is out of range; give a whole number from 1 to 10000",
        "1: `--drain`: ",
    ]) {
        assert!(problem.starts_with(words), "{problem}");
    }
    assert_eq!(host, HostLimits::default());
    assert!(host.origins.is_as(&HostLimits::default().origins));
}
