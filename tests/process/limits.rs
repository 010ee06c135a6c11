//! Each limit is told with its value and where that comes from, by `hostel check` and by a host that runs.

use std::path::Path;

use serde_json::{Value, json};

use super::{folder, write};
use crate::harness::{Process, eventually, guest};
use crate::reload::admin::Admin;

const TEXT: &str = r#"version = 1
instances = 20
drain = "7s"

[[listener]]
address = "127.0.0.1:0"
limits = { idle = "3s" }

[service.hello]
component = "hello.wasm"
routes = ["/hello"]
limits = { cpu = "1s", keyvalue = { writes = 7 } }
"#;

/// The limit `name` of one of the groups that `limits` has.
#[track_caller]
fn limit<'v>(limits: &'v Value, name: &str) -> &'v Value {
    let found = limits.as_array().and_then(|limits| limits.iter().find(|limit| limit["name"] == name));
    found.unwrap_or_else(|| panic!("no limit {name} in {limits}"))
}

#[track_caller]
fn is(limits: &Value, name: &str, text: &str, origin: &Value) {
    let limit = limit(limits, name);
    assert_eq!((&limit["text"], &limit["origin"]), (&json!(text), origin), "{name}");
}

/// What both say of the folder with [`TEXT`], of which these bounds were given otherwise.
#[track_caller]
fn is_told(limits: &Value, file: &Path) {
    let at = |line: usize| json!({ "from": "file", "file": file.display().to_string(), "line": line });
    let default = json!({ "from": "default" });
    let host = &limits["host"];
    is(host, "instances", "9", &json!({ "from": "environment", "name": "HOSTEL_INSTANCES" }));
    is(host, "drain", "1s", &json!({ "from": "flag", "name": "--drain" }));
    is(host, "memory_max", "128MiB", &default);
    // Nobody said how much, so that the machine decides.
    let budget = limit(host, "memory_budget");
    assert!(budget["value"].as_u64().is_some_and(|bytes| bytes > 1 << 20), "{budget}");
    assert_eq!((&budget["origin"], &budget["default_text"]), (&default, &json!("half of the machine's")));
    let listener = &limits["listeners"][0]["limits"];
    is(listener, "idle", "3s", &at(7));
    is(listener, "streams", "100", &default);
    let service = &limits["services"][0];
    assert_eq!(service["name"], "hello");
    is(&service["limits"], "cpu", "1s", &at(12));
    is(&service["limits"], "keyvalue.writes", "7", &at(12));
    is(&service["limits"], "deadline", "10s", &default);
    let fixed = json!({ "from": "fixed" });
    is(&limits["fixed"], "compile_cpu", "1m", &fixed);
    is(&limits["fixed"], "compile_memory", "2GiB", &fixed);
    is(&limits["fixed"], "hostcall", "4MiB", &fixed);
}

#[test]
fn every_limit_is_told_with_its_origin_by_check_and_by_the_host() {
    let folder = folder(&[("hello.wasm", guest::HELLO_P2)], "");
    write(folder.path(), TEXT);
    let file = folder.path().join("hostel.toml");
    let path = folder.path().display().to_string();
    let variables = [("HOSTEL_INSTANCES", "9"), ("HOSTEL_DRAIN", "3s")];
    let mut check = Process::run_with(["check", "--json", "--drain", "1s", &path], &variables);
    assert_eq!(check.wait().code(), Some(0), "{}", check.stderr.text());
    let checked: Value = serde_json::from_str(&check.stdout.text()).unwrap();
    is_told(&checked["limits"], &file);
    assert!(checked["platform"]["kernel"].is_string(), "{checked}");

    let mut host = Process::run_with(["up", "--drain", "1s", &path], &variables);
    host.serves();
    let admin = Admin::at(&folder.path().join(".hostel/admin.sock"));
    is_told(&admin.json("/v1/limits"), &file);
    // What stands on another line now is told to stand there.
    write(folder.path(), &TEXT.replace("[service.hello]", "# a line more\n[service.hello]"));
    eventually("the new line is told", || {
        let limits = admin.json("/v1/limits");
        let cpu = limit(&limits["services"][0]["limits"], "cpu");
        cpu["origin"]["line"] == 13 && cpu["text"] == "1s"
    });
    assert_eq!(host.get("/hello").status, 200);
    assert_eq!(host.stop().code(), Some(0));
}

#[test]
fn check_tells_people_every_limit_in_columns() {
    let folder = folder(&[("hello.wasm", guest::HELLO_P2)], "");
    write(folder.path(), TEXT);
    let mut check = Process::run(["check", folder.path().to_str().unwrap()]);
    assert_eq!(check.wait().code(), Some(0));
    let text = check.stderr.text();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let file = folder.path().join("hostel.toml");
    let at = |line: usize| format!("{}:{line}", file.display());
    for row in [
        ["host", "drain", "7s", &at(3)],
        ["127.0.0.1:0", "idle", "3s", &at(7)],
        ["hello", "cpu", "1s", &at(12)],
        ["everything", "compile_wall", "2m", "fixed"],
    ] {
        assert!(rows.iter().any(|found| *found == row), "{row:?} is not in\n{text}");
    }
    // What is as usual is told once.
    assert!(rows.iter().any(|row| *row == ["each", "service", "deadline", "10s", "default"]), "{text}");
    assert!(!rows.iter().any(|row| row.starts_with(&["hello", "deadline"])), "{text}");
    assert_eq!(check.stdout.text(), "");
}

#[test]
fn a_bound_that_cannot_be_is_refused_by_check_and_up() {
    let folder = folder(&[("hello.wasm", guest::HELLO_P2)], "");
    let path = folder.path().to_str().unwrap();
    for command in ["check", "up"] {
        let mut process = Process::run_with([command, "--instances", "0", path], &[("HOSTEL_MEMORY_BUDGET", "much")]);
        assert_eq!(process.wait().code(), Some(64));
        let text = process.stderr.text();
        assert!(text.contains("--instances") && text.contains("HOSTEL_MEMORY_BUDGET"), "{text}");
        assert!(text.contains("2 errors"), "{text}");
    }
}
