//! `resolver` and `outbound_ca` at the top: whom the host asks for names outside, and whom it believes there.

use std::net::{IpAddr, SocketAddr};

use toml::Spanned;
use toml::de::DeValue;

use super::problem::Report;
use super::section::{Section, string, wrong_type};
use crate::plan::{EgressPlan, FilePlan};

const RESOLVER: &str = "`resolver = \"127.0.0.1:5353\"`";
const OUTBOUND_CA: &str = "`outbound_ca = [\"extra.pem\"]`";

/// Where a resolver listens unless it is said otherwise.
const RESOLVER_PORT: u16 = 53;

pub(super) fn read(root: &Section<'_>, report: &mut Report<'_>) -> EgressPlan {
    EgressPlan { resolvers: resolvers(root, report), authorities: authorities(root, report) }
}

/// One address, or several in the order in which they are asked.
fn resolvers(root: &Section<'_>, report: &mut Report<'_>) -> Vec<SocketAddr> {
    let Some(value) = root.get("resolver") else {
        return Vec::new();
    };
    match value.get_ref() {
        DeValue::String(_) => resolver(value, report).into_iter().collect(),
        DeValue::Array(several) if several.is_empty() => {
            let help = "leave it out to ask whom the system asks";
            report.error(value.span(), "nothing in it", "`resolver` is empty", help);
            Vec::new()
        }
        DeValue::Array(several) => several.iter().filter_map(|value| resolver(value, report)).collect(),
        _ => {
            wrong_type(value, "resolver", "a string or an array", RESOLVER, report);
            Vec::new()
        }
    }
}

fn resolver(value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<SocketAddr> {
    let item = string(value, "resolver", RESOLVER, report)?;
    let alone = || item.value.parse::<IpAddr>().map(|address| SocketAddr::new(address, RESOLVER_PORT));
    let address = item.value.parse().or_else(|_no_port| alone()).ok().filter(is_asked);
    if address.is_none() {
        let message = format!("`{}` is not the address of a resolver", item.value);
        let help = "write an IP address, and a port if it is not 53, as in `127.0.0.1:5353` or `[::1]:5353`";
        report.error(item.span, "this one", message, help);
    }
    address
}

/// A zone, as in `[fe80::1%2]:53`, is lost on the way to whoever asks.
fn is_asked(address: &SocketAddr) -> bool {
    address.port() != 0 && !matches!(address, SocketAddr::V6(address) if address.scope_id() != 0)
}

fn authorities(root: &Section<'_>, report: &mut Report<'_>) -> Vec<FilePlan> {
    let mut files = Vec::new();
    for value in root.list("outbound_ca", OUTBOUND_CA, report) {
        let Some(item) = string(value, "outbound_ca", OUTBOUND_CA, report) else {
            continue;
        };
        if item.value.trim().is_empty() {
            let help = format!("write {OUTBOUND_CA}");
            report.error(item.span, "nothing in it", "`outbound_ca` names a file without a name", help);
        } else {
            files.push(FilePlan { path: item.value.to_owned(), span: Some(item.span) });
        }
    }
    files
}
