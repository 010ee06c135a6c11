//! The table of what is served, printed once everything is.

use comfy_table::presets::{NOTHING, UTF8_FULL_CONDENSED};
use comfy_table::{ContentArrangement, Table};
use std::io::IsTerminal;

use crate::host::Host;

/// Listeners with their routes, services and revisions; lines on a terminal,
/// plain columns elsewhere.
pub(super) fn served(host: &Host) -> String {
    let terminal = std::io::stderr().is_terminal();
    let snapshot = host.snapshot();
    let mut table = Table::new();
    table.load_preset(if terminal { UTF8_FULL_CONDENSED } else { NOTHING });
    table.set_content_arrangement(if terminal { ContentArrangement::Dynamic } else { ContentArrangement::Disabled });
    table.set_header(["LISTENER", "ROUTE", "SERVICE", "REVISION"]);
    for ((address, scheme), routes) in host.addresses().iter().zip(host.schemes()).zip(&snapshot.routes) {
        for route in routes.routes() {
            let compiled = &route.target.compiled;
            table.add_row([
                format!("{scheme}://{address}"),
                route.text.to_string(),
                compiled.name().to_string(),
                compiled.revision.to_string(),
            ]);
        }
    }
    for (name, service) in &snapshot.services {
        let routed =
            snapshot.routes.iter().flat_map(|table| table.routes()).any(|route| route.target.compiled.name() == name);
        if !routed {
            table.add_row([
                "-".to_owned(),
                "(calls only)".to_owned(),
                name.to_string(),
                service.compiled.revision.to_string(),
            ]);
        }
    }
    let text = table.to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}
