//! A revision that asks for more than the one before waits, if it is to.

use super::{Ground, hostel, said};
use crate::harness::guest;

const CAREFUL: &str = "[service.users]\ncomponent = \"users.wasm\"\nroutes = [\"/users\"]\nkeyvalue = [\"default\"]\n\
                       rollout = { require_approval = true }\n";

#[test]
fn what_asks_for_more_waits_until_it_is_approved() {
    let mut ground = Ground::with(CAREFUL);
    // The first revision asks for something for the first time, so it waits, too.
    assert_eq!(ground.serving("users"), "503");
    said(&["approve", "users", "-C", ground.at()]);
    assert_eq!(ground.serving("users"), "r1");
    let file = ground.file("kv.wasm", std::fs::read(guest::KEYVALUE_P2).unwrap());
    let output = said(&["deploy", "users", &file, "-C", ground.at()]);
    let mut lines = output.lines();
    assert!(lines.next().unwrap().ends_with("waits for `hostel approve users`, since it asks for more"), "{output}");
    assert!(lines.any(|line| line.starts_with("  + import wasi:keyvalue/")), "{output}");
    assert_eq!(ground.serving("users"), "r1");
    ground.restart();
    assert_eq!((ground.serving("users").as_str(), &ground.shown("users")["pending"]["revision"]), ("r1", &"r2".into()));
    let text = hostel(&["status", ground.at()]).stdout;
    assert!(text.contains("r2 waits for approval"), "{text}");
    let output = said(&["approve", "users", "-C", ground.at()]);
    assert!(output.contains("is approved and live, instead of r1 ("), "{output}");
    assert_eq!(ground.process.get("/users?op=get&key=a").status, 200);
    assert_eq!(hostel(&["approve", "users", "-C", ground.at()]).code, Some(64));
    // What asks for no more than was approved does not wait.
    said(&["deploy", "users", &ground.component(3), "-C", ground.at()]);
    assert_eq!(ground.serving("users"), "r3");
}
