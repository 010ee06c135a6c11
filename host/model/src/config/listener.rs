//! `[[listener]]`: an address, what may be reached there, and what is asked of those who come.

use std::net::SocketAddr;
use std::ops::Range;

use super::problem::Report;
use super::section::{Item, Section};
use crate::name::ServiceName;
use crate::network::Network;
use crate::plan::ListenerPlan;
use crate::target::{DotSegments, EncodedSlash, PathRules, Slashes, Underscores};

mod limits;
mod tls;

const KEYS: &[&str] = &[
    "address",
    "services",
    "tls",
    "h2c",
    "trusted_proxies",
    "limits",
    "encoded_slash",
    "dot_segments",
    "slashes",
    "headers_with_underscores",
];
const EXAMPLE: &str = "`[[listener]]` above `address = \"127.0.0.1:8080\"`";
const ADDRESS: &str = "`address = \"127.0.0.1:8080\"`";
const SERVICES: &str = "`services = [\"users\"]`";
const TRUSTED_PROXIES: &str = "`trusted_proxies = [\"10.0.0.0/8\"]`";

/// A listener that is not yet compared with others, and whose services may not exist.
#[derive(Debug)]
pub(super) struct ListenerDraft {
    pub(super) plan: ListenerPlan,
    pub(super) services: Vec<Item<ServiceName>>,
    /// Where `tls.redirect_from` is set.
    pub(super) redirect_from: Option<Range<usize>>,
}

/// Those of the file; one without a valid address is reported and left out.
pub(super) fn read(root: &Section<'_>, report: &mut Report<'_>) -> Vec<ListenerDraft> {
    let sections = root.list("listener", EXAMPLE, report).iter();
    let mut listeners = Vec::new();
    for value in sections {
        let section = Section::of(value, value.span(), "listener".to_owned(), EXAMPLE, report);
        listeners.extend(section.and_then(|section| one(&section, report)));
    }
    listeners
}

/// Everything is read whether or not there is an address, for the mistakes in it.
fn one(section: &Section<'_>, report: &mut Report<'_>) -> Option<ListenerDraft> {
    section.expect_only(KEYS, report);
    let services = section.parsed("services", SERVICES, ServiceName::parse, report);
    let names = services.iter().map(|service| service.value.clone()).collect();
    let tls = tls::read(section, report);
    let h2c = h2c(section, report);
    let trusted = section.parsed("trusted_proxies", TRUSTED_PROXIES, Network::parse, report);
    let limits = limits::read(section, report);
    let paths = paths(section, report);
    let underscores = underscores(section, report);
    if section.get("address").is_none() {
        report.missing(section.span(), "a listener has no `address`".to_owned(), &format!("write {ADDRESS}"));
    }
    let Item { value: address, span } = socket_address(section, "address", ADDRESS, report)?;
    let (tls, redirect_from) = tls.map_or((None, None), |tls| (Some(tls.plan), tls.redirect_from));
    let plan = ListenerPlan {
        address,
        services: section.get("services").is_some().then_some(names),
        span: Some(span),
        limits,
        tls,
        h2c,
        trusted_proxies: trusted.into_iter().map(|network| network.value).collect(),
        paths,
        underscores,
    };
    Some(ListenerDraft { plan, services, redirect_from })
}

fn h2c(section: &Section<'_>, report: &mut Report<'_>) -> bool {
    let h2c = section.boolean("h2c", report).unwrap_or(false);
    if h2c && section.get("tls").is_some() {
        let span = section.key_span("h2c");
        let help = "leave `h2c` out: by TLS clients choose HTTP/2 themselves, without TLS nobody comes here";
        report.error(span, "pointless", "a listener has both `tls` and `h2c`", help);
    }
    h2c
}

fn paths(section: &Section<'_>, report: &mut Report<'_>) -> PathRules {
    let encoded_slash = [("reject", EncodedSlash::Reject), ("opaque", EncodedSlash::Opaque)];
    let dot_segments = [("reject", DotSegments::Reject), ("resolve", DotSegments::Resolve)];
    let slashes = [("merge", Slashes::Merge), ("keep", Slashes::Keep), ("reject", Slashes::Reject)];
    PathRules {
        encoded_slash: section.word("encoded_slash", &encoded_slash, report).unwrap_or_default(),
        dot_segments: section.word("dot_segments", &dot_segments, report).unwrap_or_default(),
        slashes: section.word("slashes", &slashes, report).unwrap_or_default(),
    }
}

fn underscores(section: &Section<'_>, report: &mut Report<'_>) -> Underscores {
    let words = [("reject", Underscores::Reject), ("drop", Underscores::Drop), ("keep", Underscores::Keep)];
    section.word("headers_with_underscores", &words, report).unwrap_or_default()
}

/// An address to listen on: `127.0.0.1:8080`.
pub(super) fn socket_address(
    section: &Section<'_>,
    key: &str,
    example: &str,
    report: &mut Report<'_>,
) -> Option<Item<SocketAddr>> {
    let item = section.string(key, example, report)?;
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
