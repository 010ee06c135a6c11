//! `[service.NAME]`: what one service is made of, what leads to it, and how it is kept.

use std::num::NonZeroU32;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::problem::{Report, Source};
use super::section::{Item, Section, string, wrong_type};
use super::{grants, limit, rollout};
use crate::limits::HostLimits;
use crate::name::ServiceName;
use crate::plan::{BuildPlan, Isolation, ServicePlan};
use crate::route::{HostPattern, Methods, PathPattern, RouteError, RoutePattern};

/// The keys of a service.
pub(super) const KEYS: &[&str] = &[
    "component",
    "build",
    "routes",
    "keyvalue",
    "variables",
    "secrets",
    "calls",
    "callers",
    "outbound",
    "limits",
    "isolation",
    "rollout",
];
const COMPONENT: &str = "`component = \"users.wasm\"`";
const ROUTES: &str = "`routes = [\"GET /users\"]`";
const CALLERS: &str = "`callers = [\"orders\"]`";
const BUILD: &str = "`build = { command = \"…\" }`";
const ISOLATION: &str = "`isolation = \"request\"` or `isolation = { reuse = 100 }`";

/// The most requests that one instance may serve: beyond it a new one costs nothing.
const REUSE_MAX: u64 = 1_000_000;

/// A service whose parts are read but not yet checked against other services.
#[derive(Debug)]
pub(super) struct ServiceDraft {
    pub(super) plan: ServicePlan,
    /// Where `hostel.toml` names it; `None` if a file in the folder makes it.
    pub(super) name: Option<Range<usize>>,
    /// Where each of its routes is written.
    pub(super) routes: Vec<Range<usize>>,
    pub(super) calls: Vec<Item<ServiceName>>,
    pub(super) callers: Vec<Item<ServiceName>>,
    /// Where `limits.memory` is set.
    pub(super) memory: Option<Range<usize>>,
}

impl ServiceDraft {
    /// The text that its places are in.
    pub(super) fn source<'d>(&'d self, report: &Report<'d>) -> &'d Source {
        self.plan.source.as_ref().unwrap_or(report.source())
    }
}

pub(super) fn read(
    section: &Section<'_>,
    name: ServiceName,
    host: &HostLimits,
    report: &mut Report<'_>,
) -> ServiceDraft {
    if section.get("component").is_none() {
        report.missing(
            section.span(),
            format!("`{}` is missing", section.path("component")),
            &format!("write {COMPONENT}"),
        );
    }
    let mut draft = contents(section, name, host, report);
    draft.name = Some(section.span());
    draft
}

/// The same from a file of its own, whose text `report` is about. Two things are
/// taken for granted there: the component that lies beside it, and routes.
pub(super) fn read_file(
    section: &Section<'_>,
    name: ServiceName,
    beside: &str,
    host: &HostLimits,
    report: &mut Report<'_>,
) -> ServiceDraft {
    let mut draft = contents(section, name, host, report);
    draft.plan.source = Some(report.source().clone());
    if draft.plan.component.is_empty() {
        beside.clone_into(&mut draft.plan.component);
        draft.plan.dropped = section.get("component").is_none();
    }
    if section.get("routes").is_none() {
        draft.plan.routes = vec![below(&draft.plan.name)];
    }
    draft
}

/// What leads to a service that says nothing about it: every path below its name.
pub(super) fn below(name: &ServiceName) -> RoutePattern {
    RoutePattern { methods: Methods::any(), host: None, path: PathPattern::below_name(name) }
}

fn contents(section: &Section<'_>, name: ServiceName, host: &HostLimits, report: &mut Report<'_>) -> ServiceDraft {
    section.expect_only(KEYS, report);
    let mut plan = ServicePlan::new(name, String::new());
    // A smaller pool makes smaller instances; only a limit that was written down can be wrong.
    plan.limits.fit_into(host);
    if let Some(component) = section.text("component", COMPONENT, report) {
        component.value.clone_into(&mut plan.component);
        plan.component_span = Some(component.span);
    }
    plan.build = build(section, report);
    plan.isolation = isolation(section, report);
    plan.rollout = rollout::read(section, report);
    let memory = limit::read(section, &mut plan.limits, report);
    let calls = grants::read(section, &mut plan, report);
    let callers = section.parsed("callers", CALLERS, ServiceName::parse, report);
    plan.callers = callers.iter().map(|caller| caller.value.clone()).collect();
    let mut routes = Vec::new();
    for value in section.list("routes", ROUTES, report) {
        if let Some(pattern) = route(value, &section.path("routes"), report) {
            plan.routes.push(pattern);
            routes.push(value.span());
        }
    }
    ServiceDraft { plan, name: None, routes, calls, callers, memory }
}

fn build(section: &Section<'_>, report: &mut Report<'_>) -> Option<BuildPlan> {
    let build = section.section("build", BUILD, report)?;
    build.expect_only(&["command", "directory"], report);
    let directory = build.text("directory", "`directory = \"guests\"`", report);
    if build.get("command").is_none() {
        report.missing(build.span(), format!("`{}` is missing", build.path("command")), &format!("write {BUILD}"));
    }
    let command = build.text("command", BUILD, report)?;
    Some(BuildPlan {
        command: command.value.to_owned(),
        directory: directory.map(|directory| directory.value.to_owned()),
    })
}

fn isolation(section: &Section<'_>, report: &mut Report<'_>) -> Isolation {
    let Some(value) = section.get("isolation") else {
        return Isolation::Request;
    };
    if value.get_ref().is_table() {
        let Some(table) = section.section("isolation", ISOLATION, report) else {
            return Isolation::Request;
        };
        table.expect_only(&["reuse"], report);
        if table.get("reuse").is_none() {
            report.missing(
                table.span(),
                format!("`{}` is missing", table.path("reuse")),
                &format!("write {ISOLATION}"),
            );
        }
        let count = table.number("reuse", 1..=REUSE_MAX, report);
        let count = count.and_then(|count| u32::try_from(count.value).ok()).and_then(NonZeroU32::new);
        return count.map_or(Isolation::Request, Isolation::Reuse);
    }
    if let Some(text) = section.string("isolation", ISOLATION, report)
        && text.value != "request"
    {
        let message = format!("`{}` is `{}`, which is no way to isolate", section.path("isolation"), text.value);
        report.error(text.span, "this one", message, format!("write {ISOLATION}"));
    }
    Isolation::Request
}

/// One element of `routes`: a string, or a table with `path`, `methods` and `host`.
fn route(value: &Spanned<DeValue<'_>>, path: &str, report: &mut Report<'_>) -> Option<RoutePattern> {
    match value.get_ref() {
        DeValue::String(text) => understood(RoutePattern::parse(text), value.span(), path, report),
        DeValue::Table(_) => {
            let section = Section::of(value, value.span(), path.to_owned(), ROUTES, report)?;
            section.expect_only(&["path", "methods", "host"], report);
            if section.get("path").is_none() {
                report.missing(section.span(), "a route has no `path`".to_owned(), "write `{ path = \"/users\" }`");
            }
            let methods = methods(&section, report);
            let host = section.string("host", "`host = \"shop.example\"`", report);
            let host =
                host.map(|host| understood(HostPattern::parse(host.value), host.span, &section.path("host"), report));
            let path = section.string("path", "`path = \"/users\"`", report)?;
            let path = understood(PathPattern::parse(path.value), path.span, &section.path("path"), report)?;
            Some(RoutePattern { methods: methods?, host: host.map_or(Some(None), |host| host.map(Some))?, path })
        }
        _ => {
            wrong_type(value, path, "a string or a table", "`\"GET /users\"` or `{ path = \"/users\" }`", report);
            None
        }
    }
}

fn methods(section: &Section<'_>, report: &mut Report<'_>) -> Option<Methods> {
    const METHODS: &str = "`methods = [\"GET\", \"POST\"]`";
    let Some(value) = section.get("methods") else {
        return Some(Methods::any());
    };
    let names: Option<Vec<&str>> = section
        .list("methods", METHODS, report)
        .iter()
        .map(|name| string(name, &section.path("methods"), METHODS, report).map(|item| item.value))
        .collect();
    value.get_ref().as_array()?;
    understood(Methods::of(names?), value.span(), &section.path("methods"), report)
}

fn understood<T>(result: Result<T, RouteError>, span: Range<usize>, key: &str, report: &mut Report<'_>) -> Option<T> {
    result.map_err(|fault| report.refused(span, key, &fault)).ok()
}
