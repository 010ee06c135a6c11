//! The table of what is served, printed once everything is.

use std::io::IsTerminal;

use super::listing::drawn;
use crate::host::Host;
use crate::live::LiveService;

/// Listeners with their routes, services and revisions, for standard error.
pub(super) fn served(host: &Host) -> String {
    let snapshot = host.snapshot();
    let mut rows = Vec::new();
    for ((address, scheme), routes) in host.addresses().iter().zip(host.schemes()).zip(&snapshot.routes) {
        if routes.routes().next().is_none() {
            let nothing = ["(nothing yet)", "-", "-"].map(str::to_owned);
            let [route, service, revision] = nothing;
            rows.push([format!("{scheme}://{address}"), route, service, revision]);
        }
        rows.extend(routes.routes().map(|route| row(format!("{scheme}://{address}"), &route.text, &route.target)));
    }
    for (name, service) in &snapshot.services {
        let routed = snapshot.routes.iter().flat_map(|table| table.routes()).any(|route| route.target.name == *name);
        if !routed {
            rows.push(row("-".to_owned(), "(calls only)", service));
        }
    }
    let text = drawn(["LISTENER", "ROUTE", "SERVICE", "REVISION"], rows, std::io::stderr().is_terminal());
    text.trim_end().to_owned()
}

fn row(listener: String, route: &str, service: &LiveService) -> [String; 4] {
    let mut revision = service.standing.live.map_or_else(|| "-".to_owned(), |live| live.to_string());
    if let Some((candidate, weight)) = &service.candidate {
        revision.push_str(&format!(", {} for {weight}", candidate.compiled.revision));
    }
    [listener, route.to_owned(), service.name.to_string(), revision]
}
