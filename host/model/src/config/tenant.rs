//! `[tenant.NAME]`: which services and hosts are one owner's, and what they may use together.

use std::num::{NonZeroU8, NonZeroU32};
use std::ops::{Range, RangeInclusive};

use super::problem::Report;
use super::root::{Draft, MEMORY_MIN};
use super::section::{Item, Section};
use crate::limits::Origins;
use crate::name::ServiceName;
use crate::route::HostPattern;
use crate::tenant::{ServicePattern, Tenant, TenantLimits, TenantName, Tenants};
use crate::units::ByteSize;

const KEYS: &[&str] = &["services", "hosts", "memory", "requests", "cpu_share", "storage", "compile_slots"];
/// Those of them that bound something.
const BOUNDS: [&str; 5] = ["memory", "requests", "cpu_share", "storage", "compile_slots"];
const EXAMPLE: &str = "`[tenant.NAME]` above the keys of a tenant";
const SERVICES: &str = "`services = \"acme-*\"`";
const HOSTS: &str = "`hosts = [\"*.acme.example\"]`";

/// More at once is a mistake, whatever the machine.
const COUNT_MAX: u64 = 1_000_000;
/// Percent.
const WHOLE: u64 = 100;
/// Of what is only counted, any number will do.
const ANY_SIZE: RangeInclusive<ByteSize> = ByteSize(0)..=ByteSize(u64::MAX);

/// A tenant whose parts are read but not yet compared with other tenants and with services.
#[derive(Debug)]
pub(super) struct TenantDraft {
    pub(super) plan: Tenant,
    /// Where its services are written.
    pub(super) services: Range<usize>,
    pub(super) hosts: Vec<Item<HostPattern>>,
}

pub(super) fn read(root: &Section<'_>, report: &mut Report<'_>) -> Vec<TenantDraft> {
    let Some(tenants) = root.section("tenant", EXAMPLE, report) else {
        return Vec::new();
    };
    let mut drafts = Vec::new();
    for (name, value) in tenants.entries() {
        let title = tenants.path(name.value);
        let section = Section::of(value, name.span.clone(), title, EXAMPLE, report);
        let parsed = TenantName::parse(name.value);
        if let Err(fault) = &parsed {
            match ServiceName::suggest(name.value) {
                Some(near) => {
                    let message = format!("`{}` cannot be the name of a tenant", name.value);
                    report.error(name.span.clone(), "this one", message, format!("write `[tenant.{near}]`"));
                }
                None => report.refused(name.span.clone(), "tenant", fault),
            }
        }
        // The table of one with a bad name is read all the same, for the mistakes in it.
        let contents = section.and_then(|section| contents(&section, report));
        if let (Ok(name), Some(draft)) = (parsed, contents) {
            drafts.push(draft(name));
        }
    }
    drafts.sort_by(|one, other| one.plan.name.cmp(&other.plan.name));
    drafts
}

/// All that a table says but for the name; nothing if it does not say whose it is.
fn contents(section: &Section<'_>, report: &mut Report<'_>) -> Option<impl FnOnce(TenantName) -> TenantDraft + use<>> {
    section.expect_only(KEYS, report);
    let hosts = section.parsed("hosts", HOSTS, HostPattern::parse, report);
    let limits = limits(section, report);
    if section.get("services").is_none() {
        let message = format!("`{}` is missing", section.path("services"));
        report.missing(section.span(), message, &format!("write {SERVICES}"));
    }
    let services = section.text("services", SERVICES, report)?;
    match ServicePattern::parse(services.value) {
        Ok(pattern) => Some(move |name| TenantDraft {
            plan: Tenant {
                name,
                services: pattern,
                hosts: hosts.iter().map(|host| host.value.clone()).collect(),
                limits,
            },
            services: services.span,
            hosts,
        }),
        Err(fault) => {
            report.refused(services.span, &section.path("services"), &fault);
            None
        }
    }
}

fn limits(section: &Section<'_>, report: &mut Report<'_>) -> TenantLimits {
    let count = |key: &str, most: u64, report: &mut Report<'_>| {
        let found = section.number(key, 1..=most, report)?;
        u32::try_from(found.value).ok().and_then(NonZeroU32::new)
    };
    let share = section.number("cpu_share", 1..=WHOLE, report);
    let mut origins = Origins::default();
    section.note(BOUNDS.map(|key| (key, key)), &mut origins, report);
    TenantLimits {
        memory: section.measure("memory", MEMORY_MIN..=ByteSize(u64::MAX), report).map(|item| item.value),
        requests: count("requests", COUNT_MAX, report),
        cpu_share: share.and_then(|share| u8::try_from(share.value).ok()).and_then(NonZeroU8::new),
        storage: section.measure("storage", ANY_SIZE, report).map(|item| item.value),
        compile_slots: count("compile_slots", COUNT_MAX, report),
        origins,
    }
}

/// Without where they are written.
pub(super) fn all(drafts: &[TenantDraft]) -> Tenants {
    Tenants::of(drafts.iter().map(|draft| draft.plan.clone()).collect())
}

/// A service that says nothing about its routes answers below its name: for a tenant only at the
/// tenant's hosts.
pub(super) fn own_routes(draft: &mut Draft) {
    if draft.tenants.is_empty() {
        return;
    }
    let tenants = all(&draft.tenants);
    for (name, service) in &mut draft.services {
        // Those that are written have places.
        if service.routes.is_empty()
            && !service.plan.routes.is_empty()
            && let Some(tenant) = tenants.owner(name)
        {
            service.plan.routes = tenant.routes_by_name(name);
        }
    }
}
