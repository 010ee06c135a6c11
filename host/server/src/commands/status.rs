//! `hostel status`: how a running host stands, once or again and again.

use std::io::IsTerminal;
use std::time::Duration;

use super::Exit;
use super::admin_client::{Answer, AskError, Client, Question, client, exit};
use super::changed::short;
use super::listing::{is_left, listing, print, print_json};
use super::report::number;
use crate::admin::view::{Breaker, Folder, Scheme, Service, Status};
use crate::cli;
use crate::config::Environment;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Empties a terminal and begins at its top (ECMA-48).
const CLEAR: &str = "\x1b[H\x1b[2J\x1b[3J";

/// Asks, and shows what comes back.
pub(super) fn status(asked: &cli::Status, environment: Environment<'_>) -> Exit {
    let client = match client(&asked.asking, environment) {
        Ok(client) => client,
        Err(error) => return exit(Err(error)),
    };
    exit(if asked.watch { watch(&client, asked.asking.json) } else { once(&client, asked.asking.json) })
}

fn once(client: &Client, json: bool) -> Result<Exit, AskError> {
    let (answer, status) = look(client)?;
    if json {
        print_json(&answer.json)?;
    } else {
        print(shown(&answer, &status).as_bytes())?;
    }
    Ok(Exit::Clean)
}

fn look(client: &Client) -> Result<(Answer, Status), AskError> {
    let answer = client.ask(Question::get("/v1/status"))?;
    let status = answer.read()?;
    Ok((answer, status))
}

/// Until the process is told to end, or nobody looks any more. A host that is gone may come back.
fn watch(client: &Client, json: bool) -> Result<Exit, AskError> {
    let terminal = std::io::stdout().is_terminal() && !json;
    let mut before: Option<String> = None;
    loop {
        let (text, told) = match look(client) {
            Ok((answer, status)) if json => {
                (String::from_utf8_lossy(&answer.json).trim_end().to_owned() + "\n", lasting(status))
            }
            Ok((answer, status)) => (shown(&answer, &status), lasting(status)),
            Err(error) => (format!("{error}\n"), error.to_string()),
        };
        if terminal {
            print(format!("{CLEAR}{text}").as_bytes())?;
        } else if before.as_ref() != Some(&told) {
            // An empty line between two blocks; a line of JSON needs none.
            let gap = if before.is_some() && !json { "\n" } else { "" };
            print(format!("{gap}{text}").as_bytes())?;
        }
        before = Some(told);
        client.clock.pause_thread(LOOK_EVERY);
        // There may be nothing to write for hours.
        if is_left() {
            return Ok(Exit::Clean);
        }
    }
}

/// What of `status` is worth a new block: all but what is counted.
fn lasting(mut status: Status) -> String {
    (status.uptime_seconds, status.connections) = (0, None);
    for service in &mut status.services {
        (service.requests, service.calls, service.failures) = (0, 0, 0);
        if let Some(watch) = &mut service.watch {
            (watch.seconds_left, watch.requests, watch.failures) = (0, 0, 0);
        }
    }
    serde_json::to_string(&status).unwrap_or_default()
}

fn shown(answer: &Answer, status: &Status) -> String {
    let up = humantime::format_duration(Duration::from_secs(status.uptime_seconds));
    let ready = if status.ready { "ready" } else { "not ready" };
    let counted = |count| number(usize::try_from(count).unwrap_or(usize::MAX), "connection");
    let connections = status.connections.map(|count| format!(", {}", counted(count))).unwrap_or_default();
    let mut text = format!("hostel {} at {}: {ready}, up {up}{connections}\n", status.version, answer.place);
    let checks = status.checks.iter().map(|check| {
        let state = check.reason.clone().unwrap_or_else(|| "ok".to_owned());
        [check.name.clone(), state]
    });
    text.push_str(&format!("\n{}", listing(["CHECK", "STATE"], checks.collect())));
    let listeners = status.listeners.iter().map(|listener| {
        let scheme = scheme(listener.scheme);
        let mut note = if listener.h2c { vec!["HTTP/2 without TLS".to_owned()] } else { Vec::new() };
        note.extend(listener.redirect_from.as_ref().map(|from| format!("redirects from {from}")));
        [format!("{scheme}://{}", listener.address), note.join(", ")]
    });
    text.push_str(&format!("\n{}", listing(["LISTENER", "NOTE"], listeners.collect())));
    text.push_str(&format!("\n{}", listing(["PLATFORM", "STATE"], status.platform.lines())));
    let header = ["SERVICE", "REVISION", "DIGEST", "CANDIDATE", "FOLDER", "REQUESTS", "CALLS", "FAILURES", "NOTE"];
    text.push_str(&format!("\n{}", listing(header, status.services.iter().map(row).collect())));
    text
}

fn row(service: &Service) -> [String; 9] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let counted = [service.requests, service.calls, service.failures].map(|count| count.to_string());
    let [requests, calls, failures] = counted;
    let candidate = service.candidate.as_ref().map(|one| format!("{} {}%", one.revision, one.weight));
    [
        service.name.clone(),
        or_dash(service.revision.clone()),
        or_dash(service.digest.as_deref().map(short)),
        or_dash(candidate),
        folder(service.folder).to_owned(),
        requests,
        calls,
        failures,
        note(service),
    ]
}

fn folder(folder: Folder) -> &'static str {
    match folder {
        Folder::None => "none",
        Folder::Missing => "missing",
        Folder::Differs => "differs",
        Folder::Same => "same",
    }
}

/// What is out of the ordinary.
fn note(service: &Service) -> String {
    let candidate_is_open = service.candidate.as_ref().is_some_and(|one| one.breaker == Breaker::Open);
    let watched =
        service.watch.as_ref().map(|watch| format!("{} is watched for {} s more", watch.revision, watch.seconds_left));
    let waits = service.pending.as_ref().map(|pending| format!("{} waits for approval", pending.revision));
    let notes = [
        service.disabled.then(|| "disabled".to_owned()),
        (service.breaker == Breaker::Open).then(|| "breaker is open".to_owned()),
        candidate_is_open.then(|| "breaker of the candidate is open".to_owned()),
        watched,
        waits,
        service.pinned.then(|| "pinned by command".to_owned()),
    ];
    let notes: Vec<String> = notes.into_iter().flatten().collect();
    if notes.is_empty() { "-".to_owned() } else { notes.join(", ") }
}

/// The beginning of a listener's URLs.
pub(super) fn scheme(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    }
}
