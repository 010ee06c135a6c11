//! The way back, by itself or by name, and services that are taken away or switched off.

use super::{Ground, hostel, named, said};

#[test]
fn a_rollback_leads_to_what_served_before_and_back_again() {
    let mut ground = Ground::new();
    for revision in [2, 3] {
        said(&["deploy", "users", &ground.component(revision), "-C", ground.at()]);
    }
    let output = said(&["rollback", "users", "-C", ground.at()]);
    assert_eq!(output, format!("users: {} is live, {} is given up\n", named(2, 2), named(3, 3)));
    assert_eq!(ground.serving("users"), "r2");
    let output = said(&["rollback", "users", "r1", "-C", ground.at()]);
    assert_eq!(output, format!("users: {} is live, {} is given up\n", named(1, 1), named(2, 2)));
    assert_eq!(ground.serving("users"), "r1");
    said(&["rollback", "users", "-C", ground.at()]);
    assert_eq!(ground.serving("users"), "r2");
    // What is rolled back stays rolled back, although the folder holds another file.
    ground.restart();
    assert_eq!(ground.serving("users"), "r2");
    let shown = ground.shown("users");
    assert_eq!((&shown["folder"], &shown["pinned"]), (&"differs".into(), &true.into()));
    // Its file takes effect again once it is another one.
    std::fs::write(ground.folder().join("users.wasm"), super::code(4)).unwrap();
    crate::harness::eventually("the folder's file takes effect", || ground.serving("users") == "r4");
    let shown = ground.shown("users");
    assert_eq!((&shown["folder"], &shown["pinned"]), (&"same".into(), &false.into()));
}

#[test]
fn where_there_is_no_way_back_is_said() {
    let ground = Ground::new();
    for (arguments, code, words) in [
        (vec!["rollback", "users"], 64, "nothing served before the live revision; name a revision"),
        (vec!["rollback", "users", "r9"], 64, "no revision r9 to go back to; `hostel history users`"),
        (vec!["rollback", "users", "9"], 64, "`9` is not a revision"),
        (vec!["rollback", "nobody"], 64, "no service `nobody`; `hostel status`"),
        (vec!["promote", "users"], 64, "no revision shares its requests; deploy one with `--weight`"),
        (vec!["approve", "users"], 64, "nothing waits for approval"),
        (vec!["history", "nobody"], 64, "there is no such service"),
    ] {
        let said = hostel(&[arguments.as_slice(), &["-C", ground.at()]].concat());
        assert_eq!((said.code, said.stdout.as_str()), (Some(code), ""), "{arguments:?}: {}", said.stderr);
        assert!(said.stderr.contains(words), "{arguments:?}: {}", said.stderr);
    }
    assert_eq!(ground.serving("users"), "r1");
    let line = ground.process.stderr.line_with(&["hostel::audit", "promote", "outcome=\"refused\""]);
    assert!(line.contains("no revision shares its requests"), "{line}");
}

#[test]
fn a_service_is_taken_away_and_brought_back() {
    let mut ground = Ground::new();
    let output = said(&["undeploy", "users", "-C", ground.at()]);
    assert_eq!(output, format!("users: gone; the last revision was {}\n", named(1, 1)));
    assert_eq!(ground.serving("users"), "404");
    assert_eq!(hostel(&["disable", "users", "-C", ground.at()]).code, Some(64));
    ground.restart();
    assert_eq!(ground.serving("users"), "404", "its file does not bring it back");
    said(&["deploy", "users", &ground.component(5), "-C", ground.at()]);
    assert_eq!(ground.serving("users"), "r5");
    assert_eq!(ground.shown("users")["revision"], "r2", "numbers count on");
}

#[test]
fn a_service_that_is_disabled_is_not_ready_until_it_is_enabled() {
    let mut ground = Ground::new();
    let output = said(&["disable", "users", "-C", ground.at()]);
    let expected = format!("users: disabled; {} answers nothing until `hostel enable users`\n", named(1, 1));
    assert_eq!(output, expected);
    let answer = ground.process.get("/users");
    assert_eq!((answer.status, answer.problem().as_deref()), (503, Some("not-ready")));
    ground.restart();
    assert_eq!(ground.serving("users"), "503");
    assert_eq!(said(&["enable", "users", "-C", ground.at()]), format!("users: enabled; {} answers\n", named(1, 1)));
    assert_eq!(ground.serving("users"), "r1");
}

#[test]
fn a_history_tells_who_did_what() {
    let ground = Ground::new();
    said(&["deploy", "users", &ground.component(2), "-C", ground.at()]);
    said(&["rollback", "users", "-C", ground.at()]);
    said(&["disable", "users", "-C", ground.at()]);
    let text = said(&["history", "users", "-C", ground.at()]);
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0].join(" "), "VERSION TIME CHANGE REVISION DIGEST SHARE LIVE SINCE BY KEPT WHY");
    let events: Vec<[&str; 3]> = rows[1..].iter().map(|row| [row[0], row[2], row[3]]).collect();
    let expected =
        [["4", "disabled", "r1"], ["3", "rolled-back", "r2"], ["2", "deployed", "r2"], ["1", "deployed", "r1"]];
    assert_eq!(events, expected, "{text}");
    let user = format!("user {}", rustix::process::geteuid().as_raw());
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1..4].iter().all(|line| line.contains(&user)), "{text}");
    assert!(lines[4].contains("folder") && lines[4].contains("yes"), "{text}");
    let one = said(&["history", "users", "-n", "1", "-C", ground.at()]);
    assert_eq!(one.lines().count(), 2);
}
