//! Tenants keep to themselves: no service and no host has two owners, routes name only hosts of their
//! service's owner, and calls from one owner to another are allowed on both sides.

use crate::config::problem::{Problem, Report};
use crate::config::root::Draft;
use crate::config::service::ServiceDraft;
use crate::config::tenant::{TenantDraft, all};
use crate::name::ServiceName;
use crate::route::HostPattern;
use crate::tenant::{RouteOwner, Tenant, Tenants};

pub(super) fn check(draft: &Draft, report: &mut Report<'_>) {
    for (place, one) in draft.tenants.iter().enumerate() {
        for other in draft.tenants.iter().skip(place + 1) {
            services_overlap(one, other, report);
            hosts_overlap(one, other, report);
        }
    }
    if !draft.tenants.is_empty() {
        let tenants = all(&draft.tenants);
        draft.services.values().for_each(|service| routes(service, &tenants, report));
    }
}

fn services_overlap(one: &TenantDraft, other: &TenantDraft, report: &mut Report<'_>) {
    if !one.plan.services.overlaps(&other.plan.services) {
        return;
    }
    let message = format!(
        "tenants `{}` and `{}` own the same services: `{}` and `{}` overlap",
        one.plan.name, other.plan.name, one.plan.services, other.plan.services
    );
    let help = "give one of them another prefix: a service belongs to one tenant";
    report.push(
        Problem::error(report.source(), message, help)
            .at(other.services.clone(), format!("of `{}`", other.plan.name))
            .at(one.services.clone(), format!("of `{}`", one.plan.name)),
    );
}

fn hosts_overlap(one: &TenantDraft, other: &TenantDraft, report: &mut Report<'_>) {
    for host in &one.hosts {
        for theirs in other.hosts.iter().filter(|theirs| theirs.value.overlaps(&host.value)) {
            let message = format!(
                "tenants `{}` and `{}` own the same hosts: `{}` and `{}` overlap",
                one.plan.name, other.plan.name, host.value, theirs.value
            );
            let help = "leave them to one of the two: a host belongs to one tenant";
            report.push(
                Problem::error(report.source(), message, help)
                    .at(theirs.span.clone(), format!("of `{}`", other.plan.name))
                    .at(host.span.clone(), format!("of `{}`", one.plan.name)),
            );
        }
    }
}

fn routes(service: &ServiceDraft, tenants: &Tenants, report: &mut Report<'_>) {
    let name = &service.plan.name;
    for (place, route) in service.plan.routes.iter().enumerate() {
        let (fault, label, help) = match tenants.refuse(name, route) {
            None => continue,
            Some(RouteOwner::NoHost(tenant)) => {
                (format!("names no host, but belongs to tenant `{}`", tenant.name), "for every host", own_host(tenant))
            }
            Some(RouteOwner::NotOwned(tenant)) => {
                (format!("is at a host that tenant `{}` does not own", tenant.name), "another host", own_host(tenant))
            }
            Some(RouteOwner::TakenBy(tenant)) => (
                format!("is at a host of tenant `{}`", tenant.name),
                "the tenant's host",
                format!("give it another host: those of `{}` are for `{}` alone", tenant.name, tenant.services),
            ),
        };
        let message = format!("route `{route}` of service `{name}` {fault}");
        let problem = Problem::error(service.source(report), message, help);
        report.push(match service.routes.get(place).cloned().or(service.name.clone()) {
            Some(span) => problem.at(span, label),
            None => problem,
        });
    }
}

/// What to write instead of a host that is not the tenant's.
fn own_host(tenant: &Tenant) -> String {
    let hosts: Vec<String> = tenant.hosts.iter().map(HostPattern::to_string).collect();
    match hosts.as_slice() {
        [] => format!("add its host to `hosts` of `[tenant.{}]`, or remove the route", tenant.name),
        [first, ..] => {
            let listed = hosts.join("`, `");
            format!("name a host of `{listed}`, as in `{{ path = \"/…\", host = \"{first}\" }}`")
        }
    }
}

/// What one side allows and the other does not is no mistake that keeps a host from starting.
pub(super) fn check_calls(draft: &Draft, report: &mut Report<'_>) {
    let tenants = all(&draft.tenants);
    let owner = |name: &ServiceName| tenants.owner(name).map(|tenant| &tenant.name);
    for service in draft.services.values() {
        let name = &service.plan.name;
        for call in &service.calls {
            let callee = draft.services.get(&call.value);
            if let Some(callee) = callee.filter(|callee| owner(&callee.plan.name) != owner(name))
                && !callee.plan.callers.contains(name)
            {
                let message = format!("service `{name}` may call `{}`, which belongs to another owner", call.value);
                let help = format!("write `callers = [\"{name}\"]` for `{}`; until then such a call fails", call.value);
                let problem = Problem::warning(service.source(report), message, help);
                report.push(problem.at(call.span.clone(), "not allowed there"));
            }
        }
        for caller in &service.callers {
            if owner(&caller.value) == owner(name) {
                let message =
                    format!("`callers` of service `{name}` names `{}`, which has the same owner", caller.value);
                let help = "leave it out: inside one owner `calls` of the caller is enough";
                let problem = Problem::warning(service.source(report), message, help);
                report.push(problem.at(caller.span.clone(), "needs no leave here"));
            } else if !draft.services.contains_key(&caller.value) {
                let message = format!("`callers` of service `{name}` names `{}`, which does not exist", caller.value);
                let help = super::suggestion(draft, caller, "add it, or leave it out here");
                let problem = Problem::warning(service.source(report), message, help);
                report.push(problem.at(caller.span.clone(), "no such service"));
            }
        }
    }
}
