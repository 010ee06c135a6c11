//! `hostel history`: what happened to a service, newest first.

use super::Exit;
use super::admin_client::{AskError, Client, Question, exit};
use super::change::of_service;
use super::changed::short;
use super::listing::{listing, print, print_json};
use crate::admin::view::{Change, History, HistoryEntry};
use crate::cli;
use crate::config::Environment;

/// Asks, and shows what comes back.
pub(super) fn history(asked: &cli::History, environment: Environment<'_>) -> Exit {
    exit(answered(asked, environment))
}

fn answered(asked: &cli::History, environment: Environment<'_>) -> Result<Exit, AskError> {
    let cli::History { name, limit, json, whom } = asked;
    let target = format!("{}?limit={limit}", of_service(name, "/history"));
    let answer = Client::of(whom, environment)?.ask(Question::get(target))?;
    let History { entries, service: _ } = answer.read()?;
    if *json {
        print_json(&answer.json)?;
        return Ok(Exit::Clean);
    }
    let header = ["VERSION", "TIME", "CHANGE", "REVISION", "DIGEST", "SHARE", "LIVE SINCE", "BY", "KEPT", "WHY"];
    print(listing(header, entries.iter().map(row).collect()).as_bytes())?;
    Ok(Exit::Clean)
}

fn row(entry: &HistoryEntry) -> [String; 10] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        entry.version.to_string(),
        entry.time.clone(),
        word(entry.change).to_owned(),
        entry.revision.clone(),
        short(&entry.digest),
        or_dash(entry.weight.map(|weight| format!("{weight}%"))),
        or_dash(entry.live.as_ref().map(|live| live.revision.clone())),
        or_dash(entry.by.clone()),
        if entry.kept { "yes" } else { "no" }.to_owned(),
        or_dash(entry.why.clone()),
    ]
}

/// A change in a word.
fn word(change: Change) -> &'static str {
    match change {
        Change::Deployed => "deployed",
        Change::Removed => "removed",
        Change::Candidate => "candidate",
        Change::Promoted => "promoted",
        Change::RolledBack => "rolled-back",
        Change::TakenBack => "taken-back",
        Change::Disabled => "disabled",
        Change::Enabled => "enabled",
        Change::Waiting => "waiting",
        Change::Approved => "approved",
    }
}
