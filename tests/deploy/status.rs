//! `hostel status`: how services stand beside what the folder holds, and again whenever that changes.

use super::{Ground, hostel, said};
use crate::harness::Process;

/// The columns of a service in the plain table.
fn row(text: &str, service: &str) -> Vec<String> {
    let line = text.lines().find(|line| line.split_whitespace().next() == Some(service));
    line.unwrap_or_else(|| panic!("{service}: {text}")).split_whitespace().map(str::to_owned).collect()
}

#[test]
fn status_shows_what_serves_and_what_the_folder_holds() {
    let ground = Ground::new();
    let text = said(&["status", ground.at()]);
    let header = text.lines().find(|line| line.trim_start().starts_with("SERVICE")).unwrap();
    let columns: Vec<&str> = header.split_whitespace().collect();
    let expected = ["SERVICE", "REVISION", "DIGEST", "CANDIDATE", "FOLDER", "REQUESTS", "CALLS", "FAILURES", "NOTE"];
    assert_eq!(columns, expected);
    let digest = super::short(&super::code(1));
    assert_eq!(row(&text, "users"), ["users", "r1", &digest, "-", "same", "0", "0", "0", "-"]);
    said(&["deploy", "users", &ground.component(2), "--weight", "25", "-C", ground.at()]);
    let shown = row(&said(&["status", ground.at()]), "users");
    assert_eq!(shown[..6], ["users", "r1", &digest, "r2", "25%", "same"], "{shown:?}");
    assert!(shown.join(" ").contains("r2 is watched for") && shown.join(" ").contains("pinned by command"));
    said(&["promote", "users", "-C", ground.at()]);
    let shown = row(&said(&["status", ground.at()]), "users");
    assert_eq!((shown[1].as_str(), shown[4].as_str()), ("r2", "differs"));
    said(&["deploy", "orders", &ground.component(3), "-C", ground.at()]);
    assert_eq!(row(&said(&["status", ground.at()]), "orders")[4], "none");
    said(&["disable", "users", "-C", ground.at()]);
    assert!(said(&["status", ground.at()]).contains("disabled"));
    let routes = said(&["routes", ground.at()]);
    assert!(routes.lines().any(|line| line.contains("/users/*") && line.ends_with("r2")), "{routes}");
}

#[test]
fn a_watch_prints_a_block_for_each_change() {
    let ground = Ground::new();
    let watch = Process::run(["status", "--watch", ground.at()]);
    watch.stdout.line_with(&["users", "r1", "same"]);
    // Requests alone are no change.
    for _ in 0..10 {
        ground.serving("users");
    }
    said(&["deploy", "users", &ground.component(2), "-C", ground.at()]);
    watch.stdout.line_with(&["users", "r2", "differs"]);
    said(&["rollback", "users", "-C", ground.at()]);
    watch.stdout.line_with(&["users", "r1", "same", "pinned by command"]);
    let blocks = watch.stdout.text().matches("hostel 0.").count();
    assert_eq!(blocks, 3, "{}", watch.stdout.text());
    // The host may go away and come back.
    let mut ground = ground;
    ground.restart();
    let gone = || watch.stdout.text().contains("no host answers at");
    crate::harness::eventually("a new block", || gone() || watch.stdout.text().matches("hostel 0.").count() > 3);
    let json = hostel(&["status", "--json", ground.at()]).stdout;
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{json}");
}
