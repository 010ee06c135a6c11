//! `hostel deploy`: one service, several, a rehearsal, a condition.

use super::{Ground, hostel, named, said};

#[test]
fn a_component_is_deployed_by_one_command() {
    let ground = Ground::new();
    assert_eq!(ground.serving("users"), "r1");
    let output = said(&["deploy", "users", &ground.component(2), "-C", ground.at()]);
    assert_eq!(output, format!("users: {} is live, instead of {}\n", named(2, 2), named(1, 1)));
    assert_eq!(ground.serving("users"), "r2");
    // The same once more is the same revision.
    let output = said(&["deploy", &format!("users={}", ground.component(2)), "-C", ground.at()]);
    assert_eq!(output, format!("users: {} is live\n", named(2, 2)));
    assert_eq!(ground.serving("users"), "r2");
    let line = ground.process.stderr.line_with(&["hostel::audit", "a change was asked for", "deploy", "users="]);
    assert!(line.contains("who=user ") && line.contains("outcome=\"done\""), "{line}");
}

#[test]
fn a_service_that_the_folder_does_not_name_gets_a_route_of_its_own_name() {
    let mut ground = Ground::new();
    assert_eq!(ground.serving("orders"), "404");
    let output = said(&["deploy", "orders", &ground.component(7), "-C", ground.at()]);
    let first = output.lines().next().unwrap();
    assert_eq!(first, format!("orders: {} is live", named(1, 7)));
    assert_eq!(ground.serving("orders"), "r7");
    // It is there after a restart, too.
    ground.restart();
    assert_eq!((ground.serving("orders"), ground.serving("users")), ("r7".to_owned(), "r1".to_owned()));
}

#[test]
fn several_are_deployed_in_one_swap() {
    let ground = Ground::new();
    let (users, orders) = (ground.component(2), ground.component(3));
    let pairs = [format!("users={users}"), format!("orders={orders}")];
    let output = said(&["deploy", &pairs[0], &pairs[1], "--config", ground.at()]);
    let lines: Vec<&str> = output.lines().filter(|line| !line.starts_with("  ")).collect();
    let expected = [
        format!("orders: {} is live", named(1, 3)),
        format!("users: {} is live, instead of {}", named(2, 2), named(1, 1)),
    ];
    assert_eq!(lines, expected);
    assert_eq!((ground.serving("users"), ground.serving("orders")), ("r2".to_owned(), "r3".to_owned()));
}

#[test]
fn a_rehearsal_says_what_would_be_and_changes_nothing() {
    let ground = Ground::new();
    let component = ground.component(2);
    let output = said(&["deploy", "users", &component, "--dry-run", "-C", ground.at()]);
    assert_eq!(output, format!("users: would be: {} is live, instead of {}\n", named(2, 2), named(1, 1)));
    for what in ["undeploy", "disable"] {
        assert!(said(&[what, "users", "--dry-run", "-C", ground.at()]).starts_with("users: would be: "), "{what}");
    }
    let json = said(&["deploy", "users", &component, "--dry-run", "--json", "-C", ground.at()]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["dry_run"], &json["changes"][0]["change"]), (&true.into(), &"deployed".into()));
    assert_eq!(ground.serving("users"), "r1");
    assert_eq!(ground.shown("users")["version"], 1);
}

#[test]
fn a_change_depends_on_what_was_seen_if_it_is_told_to() {
    let ground = Ground::new();
    let history = said(&["history", "users", "--json", "-C", ground.at()]);
    let history: serde_json::Value = serde_json::from_str(&history).unwrap();
    let seen = history["entries"][0]["version"].to_string();
    said(&["deploy", "users", &ground.component(2), "--if-version", &seen, "-C", ground.at()]);
    let late = hostel(&["deploy", "users", &ground.component(3), "--if-version", &seen, "-C", ground.at()]);
    assert_eq!((late.code, late.stdout.as_str()), (Some(75), ""));
    assert!(late.stderr.contains("it has changed since: version 2 and not 1"), "{}", late.stderr);
    assert_eq!(hostel(&["rollback", "users", "--if-version", "1", "-C", ground.at()]).code, Some(75));
    assert_eq!(ground.serving("users"), "r2");
}

#[test]
fn what_is_asked_for_newly_is_printed() {
    let more = "[service.users]\ncomponent = \"users.wasm\"\nroutes = [\"/users\"]\nkeyvalue = [\"default\"]\n";
    let ground = Ground::with(more);
    let other = std::fs::read(crate::harness::guest::KEYVALUE_P2).unwrap();
    let output = said(&["deploy", "users", &ground.file("kv.wasm", &other), "-C", ground.at()]);
    let mut lines = output.lines();
    assert!(lines.next().unwrap().starts_with("users: r2 ("), "{output}");
    let gained: Vec<&str> = lines.filter_map(|line| line.strip_prefix("  + ")).collect();
    assert!(gained.iter().any(|line| line.starts_with("import wasi:keyvalue/")), "{output}");
    let output = said(&["rollback", "users", "-C", ground.at()]);
    assert!(output.lines().any(|line| line.starts_with("  - import wasi:keyvalue/")), "{output}");
}
