//! What is right by itself but not together: routes and addresses claimed twice, names nobody has, limits beyond the host's.

use std::ops::Range;

use super::FILE_NAME;
use super::problem::{Problem, Report, Source};
use super::root::Draft;
use super::section::{Item, nearest};
use super::service::ServiceDraft;
use crate::name::ServiceName;
use crate::route::{Conflict, RoutePattern, RouteTable};

mod addresses;
mod tenants;

pub(super) fn check(draft: &Draft, report: &mut Report<'_>) {
    routes(draft, report);
    addresses::check(draft, report);
    tenants::check(draft, report);
    // After a syntax error what seems not to exist may only not have been read.
    if !report.is_broken() {
        calls(draft, report);
        tenants::check_calls(draft, report);
        listeners(draft, report);
        memory(draft, report);
    }
}

/// A route with its service and, if a file has it, its place there.
struct Claim<'d> {
    pattern: &'d RoutePattern,
    service: &'d ServiceDraft,
    source: &'d Source,
    span: Option<Range<usize>>,
}

impl Claim<'_> {
    fn label(&self) -> String {
        format!("claimed by `{}`", self.service.plan.name)
    }

    /// Those of `main` first and those without a place last, so that a conflict
    /// points at a file where it can.
    fn order(&self, main: &Source) -> (bool, bool, &str, usize) {
        let start = self.span.as_ref().map_or(0, |span| span.start);
        (self.span.is_none(), self.source.name != main.name, &self.source.name, start)
    }
}

fn routes(draft: &Draft, report: &mut Report<'_>) {
    let mut claims: Vec<Claim<'_>> = Vec::new();
    for service in draft.services.values() {
        let source = service.source(report);
        for (place, pattern) in service.plan.routes.iter().enumerate() {
            claims.push(Claim { pattern, service, source, span: service.routes.get(place).cloned() });
        }
    }
    let main = report.source();
    claims.sort_by(|one, other| one.order(main).cmp(&other.order(main)));
    let patterns = claims.iter().map(|claim| (claim.pattern.clone(), ())).collect();
    let Err(conflicts) = RouteTable::build(patterns) else {
        return;
    };
    for Conflict { first, second } in conflicts {
        if let (Some(first), Some(second)) = (claims.get(first), claims.get(second)) {
            report.push(conflict(first, second));
        }
    }
}

fn conflict(first: &Claim<'_>, second: &Claim<'_>) -> Problem {
    let (name, other) = (&second.service.plan.name, &first.service.plan.name);
    let mut whose = if name == other { "the same service".to_owned() } else { format!("service `{other}`") };
    let dropped = match &second.span {
        Some(_) => String::new(),
        None => format!(" of the dropped-in `{}`", second.service.plan.component),
    };
    // A picture is of one text: what is in another is told in words.
    let shown = if second.span.is_some() { second } else { first };
    if let Some(span) = &first.span
        && first.source.name != shown.source.name
        && let Some((line, _)) = first.source.line_column(span.start)
    {
        whose.push_str(&format!(", line {line} of `{}`", first.source.name));
    }
    let message = format!("route `{}`{dropped} is the same as `{}` of {whose}", second.pattern, first.pattern);
    let problem = Problem::error(shown.source, message, "give one of them another path, method or host, or remove it");
    [second, first].into_iter().fold(problem, |problem, claim| match claim.span.clone() {
        Some(span) if claim.source.name == shown.source.name => problem.at(span, claim.label()),
        _ => problem,
    })
}

fn calls(draft: &Draft, report: &mut Report<'_>) {
    for service in draft.services.values() {
        for call in &service.calls {
            if !draft.services.contains_key(&call.value) {
                let message =
                    format!("service `{}` may call `{}`, which does not exist", service.plan.name, call.value);
                let help = suggestion(draft, call, "add it, or leave it out here; until then such a call fails");
                let problem = Problem::warning(service.source(report), message, help);
                report.push(problem.at(call.span.clone(), "no such service"));
            }
        }
    }
}

fn listeners(draft: &Draft, report: &mut Report<'_>) {
    for listener in &draft.listeners {
        for service in &listener.services {
            if !draft.services.contains_key(&service.value) {
                let message = format!("a listener names service `{}`, which does not exist", service.value);
                let help = suggestion(draft, service, "add it, or leave it out here");
                report.error(service.span.clone(), "no such service", message, help);
            }
        }
    }
}

fn suggestion(draft: &Draft, name: &Item<ServiceName>, otherwise: &str) -> String {
    match nearest(name.value.as_str(), draft.services.keys().map(ServiceName::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => otherwise.to_owned(),
    }
}

fn memory(draft: &Draft, report: &mut Report<'_>) {
    for service in draft.services.values() {
        let (memory, max) = (service.plan.limits.memory, draft.host.memory_max);
        let Some(span) = service.memory.clone().filter(|_| memory > max) else {
            continue;
        };
        let message =
            format!("service `{}` is given `{memory}` of memory, but `memory_max` is `{max}`", service.plan.name);
        let help = format!("lower it to `{max}`, or write `memory_max = \"{memory}\"` at the top of `{FILE_NAME}`");
        let problem = Problem::error(service.source(report), message, help).at(span, "more than any instance may have");
        report.push(match draft.memory_max.clone() {
            Some(span) if service.plan.source.is_none() => problem.at(span, "the most for any instance"),
            _ => problem,
        });
    }
}
