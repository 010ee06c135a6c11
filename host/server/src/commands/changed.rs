//! What changed, for people: a line for each service, and below it what it asks for now.

use std::collections::BTreeMap;

use super::listing::{print, print_json};
use crate::admin::view::{Change, Changed, Revision, ServiceChange};
use crate::commands::admin_client::{Answer, AskError};

/// As much of a digest as people compare.
pub(super) fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

/// A revision as people name it: `r3 (0123456789ab)`.
pub(super) fn named(revision: &str, digest: &str) -> String {
    format!("{revision} ({})", short(digest))
}

/// Prints what changed, and gives it back.
pub(super) fn show(answer: &Answer, json: bool) -> Result<Changed, AskError> {
    let changed: Changed = answer.read()?;
    let printed = if json { print_json(&answer.json) } else { print(told(&changed).as_bytes()) };
    match printed {
        // It is changed all the same, and somebody may wait for what comes of it.
        Err(error) if error.is_left() => {}
        printed => printed?,
    }
    Ok(changed)
}

fn told(changed: &Changed) -> String {
    let mut text = String::new();
    if changed.changes.is_empty() {
        text.push_str("nothing changes: that is how it stands already\n");
    }
    for change in &changed.changes {
        let would = if changed.dry_run { "would be: " } else { "" };
        text.push_str(&format!("{}: {would}{}\n", change.service, words(change)));
        // Both are sorted; what is gained comes first.
        let lines: BTreeMap<(bool, &str), char> = change
            .gained
            .iter()
            .map(|line| ((false, line.as_str()), '+'))
            .chain(change.lost.iter().map(|line| ((true, line.as_str()), '-')))
            .collect();
        for ((_, line), sign) in lines {
            text.push_str(&format!("  {sign} {line}\n"));
        }
    }
    text
}

fn words(change: &ServiceChange) -> String {
    let revision = named(&change.revision, &change.digest);
    let named = |other: &Revision| named(&other.revision, &other.digest);
    let before = change.from.as_ref().filter(|from| from.revision != change.revision).map(named);
    let instead = before.as_ref().map(|before| format!(", instead of {before}")).unwrap_or_default();
    let rest = before.map(|before| format!(", {before} the rest")).unwrap_or_default();
    let share = change.weight.map(|weight| format!("{weight} % of the requests"));
    match change.change {
        Change::Deployed => format!("{revision} is live{instead}"),
        Change::Promoted => format!("{revision} is live, alone{instead}"),
        Change::Candidate => format!("{revision} gets {}{rest}", share.unwrap_or_else(|| "a share".to_owned())),
        Change::RolledBack => match &change.live {
            Some(live) => format!("{} is live, {revision} is given up", named(live)),
            None => format!("{revision} is given up"),
        },
        Change::TakenBack => format!("{revision} is taken back"),
        Change::Removed => format!("gone; the last revision was {revision}"),
        Change::Disabled => format!("disabled; {revision} answers nothing until `hostel enable {}`", change.service),
        Change::Enabled => format!("enabled; {revision} answers"),
        Change::Waiting => format!("{revision} waits for `hostel approve {}`, since it asks for more", change.service),
        Change::Approved => match share {
            Some(share) => format!("{revision} is approved and gets {share}{rest}"),
            None => format!("{revision} is approved and live{instead}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(change: Change) -> ServiceChange {
        let revision = |number: &str, digit: &str| Revision { revision: number.to_owned(), digest: digit.repeat(64) };
        ServiceChange {
            service: "users".to_owned(),
            change,
            revision: "r4".to_owned(),
            digest: "4".repeat(64),
            from: Some(revision("r3", "3")),
            live: Some(revision("r2", "2")),
            weight: None,
            gained: Vec::new(),
            lost: Vec::new(),
        }
    }

    fn text(changes: Vec<ServiceChange>, dry_run: bool) -> String {
        told(&Changed { version: 9, dry_run, changes })
    }

    #[test]
    fn each_change_has_its_words() {
        let said = |one: Change| text(vec![change(one)], false);
        assert_eq!(said(Change::Deployed), "users: r4 (444444444444) is live, instead of r3 (333333333333)\n");
        assert_eq!(said(Change::Promoted), "users: r4 (444444444444) is live, alone, instead of r3 (333333333333)\n");
        assert_eq!(said(Change::RolledBack), "users: r2 (222222222222) is live, r4 (444444444444) is given up\n");
        assert_eq!(said(Change::TakenBack), "users: r4 (444444444444) is taken back\n");
        assert_eq!(said(Change::Removed), "users: gone; the last revision was r4 (444444444444)\n");
        assert_eq!(
            said(Change::Disabled),
            "users: disabled; r4 (444444444444) answers nothing until `hostel enable users`\n"
        );
        assert_eq!(said(Change::Enabled), "users: enabled; r4 (444444444444) answers\n");
        assert_eq!(
            said(Change::Waiting),
            "users: r4 (444444444444) waits for `hostel approve users`, since it asks for more\n"
        );
        assert_eq!(
            said(Change::Approved),
            "users: r4 (444444444444) is approved and live, instead of r3 (333333333333)\n"
        );
        let share = ServiceChange { weight: Some(10), ..change(Change::Candidate) };
        let expected = "users: r4 (444444444444) gets 10 % of the requests, r3 (333333333333) the rest\n";
        assert_eq!(text(vec![share], false), expected);
    }

    #[test]
    fn what_is_asked_for_newly_is_listed_before_what_is_not_any_more() {
        let mut first = change(Change::Deployed);
        first.gained = vec!["calls orders".to_owned(), "import wasi:keyvalue/store".to_owned()];
        first.lost = vec!["keyvalue default".to_owned()];
        first.from = None;
        let expected = "users: would be: r4 (444444444444) is live\n  + calls orders\n  \
                        + import wasi:keyvalue/store\n  - keyvalue default\n";
        assert_eq!(text(vec![first], true), expected);
        assert_eq!(text(Vec::new(), true), "nothing changes: that is how it stands already\n");
    }
}
