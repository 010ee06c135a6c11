//! `hostel status`: how a running host stands.

use std::time::Duration;

use super::Exit;
use super::admin_client::{Answer, AskError, ask};
use super::listing::{listing, print, print_json};
use super::report::{fail, number};
use crate::admin::view::{Scheme, Status};
use crate::cli::Asking;
use crate::config::Environment;

/// Asks, and shows what comes back.
pub(super) fn status(asking: &Asking, environment: Environment<'_>) -> Exit {
    match answered(asking, environment) {
        Ok(()) => Exit::Clean,
        Err(error) => {
            fail(&error);
            Exit::from(&error)
        }
    }
}

fn answered(asking: &Asking, environment: Environment<'_>) -> Result<(), AskError> {
    let answer = ask(asking, environment, "/v1/status")?;
    let status = answer.read()?;
    if asking.json {
        print_json(&answer.json);
    } else {
        print(shown(&answer, &status).as_bytes());
    }
    Ok(())
}

fn shown(answer: &Answer, status: &Status) -> String {
    let up = humantime::format_duration(Duration::from_secs(status.uptime_seconds));
    let ready = if status.ready { "ready" } else { "not ready" };
    let connections = number(usize::try_from(status.connections).unwrap_or(usize::MAX), "connection");
    let mut text = format!("hostel {} at {}: {ready}, up {up}, {connections}\n", status.version, answer.place);
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
    let services = status.services.iter().map(|service| {
        let counted = [service.requests, service.calls, service.failures].map(|count| count.to_string());
        let [requests, calls, failures] = counted;
        [service.name.clone(), service.revision.clone(), short(&service.digest), requests, calls, failures]
    });
    let header = ["SERVICE", "REVISION", "DIGEST", "REQUESTS", "CALLS", "FAILURES"];
    text.push_str(&format!("\n{}", listing(header, services.collect())));
    text
}

/// As much of a digest as people compare.
fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

/// The beginning of a listener's URLs.
pub(super) fn scheme(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    }
}
