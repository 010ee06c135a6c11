//! What is granted can be listed and restricted, and secrets stay secret.

use std::collections::BTreeSet;

use super::*;

fn grants() -> Grants {
    Grants {
        keyvalue: BTreeSet::from([BucketName::from_identifier("").expect("a bucket")]),
        calls: BTreeSet::from([ServiceName::parse("orders").expect("a name")]),
        variables: BTreeMap::from([("minutes".to_owned(), "60".to_owned())]),
        secrets: BTreeMap::from([("key".to_owned(), Secret::new("hunter2".to_owned()))]),
        outbound: BTreeSet::from([Outbound::parse("https://API.example.com:443").expect("a host")]),
    }
}

fn asks(lines: &[&str]) -> Asks {
    Asks(lines.iter().map(|line| (*line).to_owned()).collect())
}

#[test]
fn a_secret_is_never_printed() {
    let grants = grants();
    let shown = format!("{grants:?} {grants:#?} {:?}", grants.asks());
    assert!(shown.contains("***") && !shown.contains("hunter2"), "{shown}");
    assert_eq!(grants.secrets.get("key").map(Secret::expose), Some("hunter2"));
}

#[test]
fn what_is_granted_is_a_line_each() {
    let lines =
        ["keyvalue default", "calls orders", "variable minutes", "secret key", "outbound https://api.example.com"];
    assert_eq!(grants().asks(), asks(&lines));
    assert_eq!(Grants::default().asks(), Asks::default());
}

#[test]
fn another_value_asks_for_nothing_more() {
    let mut other = grants();
    other.variables.insert("minutes".to_owned(), "90".to_owned());
    other.secrets.insert("key".to_owned(), Secret::new("other".to_owned()));
    assert!(grants().asks().difference(&other.asks()).is_empty());
}

#[test]
fn only_what_is_approved_is_left() {
    let grants = grants();
    assert_eq!(grants.only(&grants.asks()), grants);
    assert_eq!(grants.only(&Asks::default()), Grants::default());
    for line in grants.asks().0 {
        let one = asks(&[&line]);
        assert_eq!(grants.only(&one).asks(), one);
    }
    // A secret is not approved by a variable of its name, nor is what is not granted.
    assert_eq!(grants.only(&asks(&["variable key", "secret minutes", "calls users"])), Grants::default());
    let left = grants.only(&asks(&["secret key", "calls orders"]));
    assert_eq!((left.secrets.len(), left.calls.len(), left.variables.len()), (1, 1, 0));
}
