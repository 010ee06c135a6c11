//! `[[listener]]`: an address, and which services may be reached there.

use std::net::SocketAddr;

use super::problem::Report;
use super::section::{Item, Section};
use crate::name::ServiceName;
use crate::plan::ListenerPlan;

const EXAMPLE: &str = "`[[listener]]` above `address = \"127.0.0.1:8080\"`";
const ADDRESS: &str = "`address = \"127.0.0.1:8080\"`";
const SERVICES: &str = "`services = [\"users\"]`";

/// A listener whose services are not yet known to exist.
#[derive(Debug)]
pub(super) struct ListenerDraft {
    pub(super) plan: ListenerPlan,
    pub(super) services: Vec<Item<ServiceName>>,
}

/// Those of the file; one without a valid address is reported and left out.
pub(super) fn read(root: &Section<'_>, report: &mut Report<'_>) -> Vec<ListenerDraft> {
    let mut listeners = Vec::new();
    for value in root.list("listener", EXAMPLE, report) {
        let Some(section) = Section::of(value, value.span(), "listener".to_owned(), EXAMPLE, report) else {
            continue;
        };
        section.expect_only(&["address", "services"], report);
        let services = section.parsed("services", SERVICES, ServiceName::parse, report);
        if let Some(Item { value: address, span }) = address(&section, report) {
            let limited = section.get("services").is_some();
            let names = services.iter().map(|service| service.value.clone()).collect();
            let plan =
                ListenerPlan { services: limited.then_some(names), span: Some(span), ..ListenerPlan::all(address) };
            listeners.push(ListenerDraft { plan, services });
        }
    }
    listeners
}

fn address(section: &Section<'_>, report: &mut Report<'_>) -> Option<Item<SocketAddr>> {
    if section.get("address").is_none() {
        report.missing(section.span(), "a listener has no `address`".to_owned(), &format!("write {ADDRESS}"));
    }
    let item = section.string("address", ADDRESS, report)?;
    let Ok(value) = item.value.parse() else {
        let message = format!("`{}` is not an address to listen on", item.value);
        report.error(item.span, "this one", message, remedy(item.value));
        return None;
    };
    Some(Item { value, span: item.span })
}

/// What is usually written instead of an address, and the address for it.
fn remedy(text: &str) -> String {
    let all = "for every network of this machine, or `127.0.0.1` in front for this machine only";
    match text.rsplit_once(':') {
        Some(("" | "*", port)) if port.parse::<u16>().is_ok() => format!("write `0.0.0.0:{port}` {all}"),
        Some(("localhost", port)) if port.parse::<u16>().is_ok() => format!("write `127.0.0.1:{port}`"),
        _ if text.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_ipv4()) => {
            format!("add the port, as in `{text}:8080`")
        }
        _ => "write an IP address and a port from 0 to 65535, as in `127.0.0.1:8080` or `[::1]:8080`".to_owned(),
    }
}
