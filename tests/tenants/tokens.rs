//! Tokens end to end: made by the operator's command, used by a tenant's, refused once revoked.

use std::fs;
use std::path::Path;

use super::{ACME, folder};
use crate::deploy::{Said, hostel};
use crate::harness::{Process, guest};

/// Runs `hostel` as somebody who has `token`.
fn with_token(token: &str, arguments: &[&str]) -> Said {
    let mut process = Process::run_with(arguments, &[("HOSTEL_ADMIN_TOKEN", token)]);
    let code = process.wait().code();
    Said { code, stdout: process.stdout.text(), stderr: process.stderr.text() }
}

#[track_caller]
fn fine(said: Said) -> String {
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    said.stdout
}

/// Everything in the state folder, and below it, as text.
fn kept(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text.push_str(&kept(&path));
        } else if path.is_file() {
            text.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap()));
        }
    }
    text
}

#[test]
fn a_tenant_works_with_its_token_and_sees_nothing_of_others() {
    let ground = folder(&format!("{ACME}[tenant.beta]\nservices = \"beta-*\"\n"));
    for name in ["acme-one", "beta-one", "shop"] {
        fs::copy(guest::HELLO_P2, ground.path().join(format!("{name}.wasm"))).unwrap();
    }
    let mut process = Process::up(ground.path());
    let at = ground.path().to_str().unwrap();
    let made = hostel(&["token", "create", "--tenant", "acme", "--name", "ci", "-C", at]);
    let token = made.stdout.trim_end().to_owned();
    assert_eq!((made.code, token.len(), made.stdout.lines().count()), (Some(0), 64, 1), "{}", made.stderr);
    assert!(made.stderr.contains("of tenant `acme`") && !made.stderr.contains(&token), "{}", made.stderr);
    let listed = fine(hostel(&["token", "list", "-C", at]));
    let row = listed.lines().find(|line| line.contains("acme")).unwrap();
    let id = row.split_whitespace().next().unwrap().to_owned();
    assert!(row.contains("ci") && !listed.contains(&token), "{listed}");

    let status = fine(with_token(&token, &["status", "--json", at]));
    assert!(status.contains("acme-one") && !status.contains("beta") && !status.contains("shop"), "{status}");
    let routes = fine(with_token(&token, &["routes", at]));
    assert!(routes.contains("acme-one") && !routes.contains("shop"), "{routes}");
    let url = format!("http://localhost:{}/shop", process.address().port());
    let explained = with_token(&token, &["explain", "GET", &url, at, "--json"]);
    assert_eq!(explained.code, Some(1), "{}{}", explained.stdout, explained.stderr);
    assert!(!explained.stdout.contains("\"service\":\"shop\""), "{}", explained.stdout);
    assert_eq!(hostel(&["explain", "GET", &url, at]).code, Some(0), "the operator is told");
    fine(with_token(&token, &["deploy", "acme-two", guest::HELLO_P3, "-C", at]));
    let request = process.request("GET", "/acme-two").header("Host", "acme.example");
    assert_eq!(request.send().status, 200);
    let history = fine(with_token(&token, &["history", "acme-two", "-C", at]));
    assert!(history.contains(&format!("token {id}")), "{history}");
    for (arguments, words) in [
        (&["deploy", "beta-one", guest::HELLO_P3, "-C", at][..], "no such service"),
        (&["deploy", "shop", guest::HELLO_P3, "-C", at], "no such service"),
        (&["disable", "shop", "-C", at], "no such service"),
        (&["history", "beta-one", "-C", at], "no such service"),
        (&["kv", "list", "shop", "-C", at], "no such service"),
        (&["token", "list", "-C", at], "for the operator"),
        (&["token", "create", "--tenant", "acme", "-C", at], "for the operator"),
        (&["backup", "-", "-C", at], "for the operator"),
    ] {
        let said = with_token(&token, arguments);
        assert!(said.code != Some(0) && said.stderr.contains(words), "{arguments:?}: {}", said.stderr);
        assert!(!said.stdout.contains("shop"), "{arguments:?}: {}", said.stdout);
    }
    // Who changed what is in the log, by the token's id.
    let line = process.stderr.line_with(&["hostel::audit", "deploy", "acme-two="]);
    assert!(line.contains(&format!("who=token {id}")), "{line}");
    let line = process.stderr.line_with(&["hostel::audit", "beyond its reach", "/v1/services/shop/disable"]);
    assert!(line.contains(&format!("who=token {id}")), "{line}");

    // The token outlives the process, and ends by command.
    assert_eq!(process.stop().code(), Some(0));
    let first_log = process.stderr.text();
    let process = Process::up(ground.path());
    fine(with_token(&token, &["status", at]));
    fine(hostel(&["token", "revoke", &id, "-C", at]));
    let said = with_token(&token, &["status", at]);
    assert!(said.code != Some(0) && said.stderr.contains("wants a token that it knows"), "{}", said.stderr);
    assert!(fine(hostel(&["token", "list", "-C", at])).lines().count() == 1);
    for text in [first_log, process.stderr.text(), process.stdout.text(), kept(&ground.path().join(".hostel"))] {
        assert!(!text.contains(&token), "the token is written somewhere");
    }
}
