//! The limits that a configuration comes to, in columns: each value with where it comes from.

use hostel_model::limits::{HostLimits, Limits, ListenerLimits};
use hostel_model::plan::Plan;

use crate::admin::limits::{fixed, of_host, of_listener, of_service, of_tenant};
use crate::admin::view::{self, Limit, LimitsOf, OriginKind};

/// All that hold for `plan`, with the bounds of the `host` as they come out on this machine.
pub(super) fn of_plan(host: &HostLimits, plan: &Plan) -> view::Limits {
    let listeners = plan.listeners.iter();
    let services = plan.services.iter();
    view::Limits {
        host: of_host(host),
        fixed: fixed(),
        tenants: plan
            .tenants
            .iter()
            .map(|one| LimitsOf { name: one.name.to_string(), limits: of_tenant(&one.limits) })
            .collect(),
        listeners: listeners
            .map(|one| LimitsOf { name: one.address.to_string(), limits: of_listener(&one.limits) })
            .collect(),
        services: services
            .map(|one| LimitsOf { name: one.name.to_string(), limits: of_service(&one.limits) })
            .collect(),
    }
}

/// A line for each. What every listener and every service has unless something else is said is told
/// once, and of each by itself what was said: a folder may hold hundreds of services.
pub(super) fn lines(limits: &view::Limits) -> Vec<[String; 4]> {
    let mut lines = Vec::new();
    add(&mut lines, "host", &limits.host);
    for tenant in &limits.tenants {
        add(&mut lines, &format!("tenant {}", tenant.name), &tenant.limits);
    }
    add(&mut lines, "each listener", &of_listener(&ListenerLimits::default()));
    for listener in &limits.listeners {
        add(&mut lines, &listener.name, &said(listener));
    }
    add(&mut lines, "each service", &of_service(&Limits::default()));
    for service in &limits.services {
        add(&mut lines, &service.name, &said(service));
    }
    add(&mut lines, "everything", &limits.fixed);
    lines
}

fn said(of: &LimitsOf) -> Vec<Limit> {
    of.limits.iter().filter(|limit| limit.origin.from != OriginKind::Default).cloned().collect()
}

fn add(lines: &mut Vec<[String; 4]>, of: &str, limits: &[Limit]) {
    lines.extend(
        limits.iter().map(|limit| [of.to_owned(), limit.name.clone(), limit.text.clone(), limit.origin.to_string()]),
    );
}
