//! The top of the file: its version, the bounds of the host, and the tables below.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::de::DeTable;

use super::listener::{self, ListenerDraft};
use super::problem::Report;
use super::section::{Item, Section};
use super::service::{self, ServiceDraft};
use super::tenant::{self, TenantDraft};
use super::{admin, egress};
use crate::limits::HostLimits;
use crate::name::{NameError, ServiceName};
use crate::plan::{AdminPlan, EgressPlan, STATE_DEFAULT};
use crate::units::ByteSize;

/// The version of the file that this host understands.
const VERSION: u64 = 1;

/// How many instances there may be: each reserves some GiB of address space on either engine,
/// and a process has 128 TiB.
pub(super) const INSTANCES: RangeInclusive<u64> = 1..=10_000;

/// The least memory that means anything: one page of a guest.
pub(super) const MEMORY_MIN: ByteSize = ByteSize::kib(64);

/// The most memory of one instance: what 32-bit addresses reach.
const MEMORY_MAX: ByteSize = ByteSize(4 << 30);

/// What all instances together may be given; more than the machine has is what it has.
pub(super) const BUDGETS: RangeInclusive<ByteSize> = MEMORY_MIN..=ByteSize(u64::MAX);

/// Longer than an hour nobody waits for a host to stop.
pub(super) const DRAINS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_hours(1);

/// The keys at the top.
const KEYS: &[&str] = &[
    "version",
    "state",
    "drop_in",
    "memory_max",
    "memory_budget",
    "instances",
    "drain",
    "resolver",
    "outbound_ca",
    "listener",
    "admin",
    "tenant",
    "service",
];

/// Those of them that are bounds of the host.
const HOST_KEYS: [&str; 4] = ["memory_max", "memory_budget", "instances", "drain"];

/// A plan whose parts are read but not yet checked against each other.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) state: String,
    pub(super) drop_in: bool,
    pub(super) listeners: Vec<ListenerDraft>,
    /// Whether nothing is said about listening, so that the default holds.
    pub(super) listens_by_default: bool,
    pub(super) admin: AdminPlan,
    /// Where `admin.address` is set.
    pub(super) admin_address: Option<Range<usize>>,
    pub(super) services: BTreeMap<ServiceName, ServiceDraft>,
    /// In the order of their names.
    pub(super) tenants: Vec<TenantDraft>,
    pub(super) host: HostLimits,
    pub(super) egress: EgressPlan,
    /// Where `memory_max` is set.
    pub(super) memory_max: Option<Range<usize>>,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            state: STATE_DEFAULT.to_owned(),
            drop_in: true,
            listeners: Vec::new(),
            listens_by_default: true,
            admin: AdminPlan::default(),
            admin_address: None,
            services: BTreeMap::new(),
            tenants: Vec::new(),
            host: HostLimits::default(),
            egress: EgressPlan::default(),
            memory_max: None,
        }
    }
}

pub(super) fn read(table: &DeTable<'_>, report: &mut Report<'_>) -> Draft {
    let root = Section::root(table);
    root.expect_only(KEYS, report);
    version(&root, report);
    let mut draft = Draft::default();
    if let Some(state) = root.text("state", "`state = \".hostel\"`", report) {
        draft.state = state.value.to_owned();
    }
    if let Some(drop_in) = root.boolean("drop_in", report) {
        draft.drop_in = drop_in;
    }
    host_limits(&root, &mut draft, report);
    draft.egress = egress::read(&root, report);
    draft.listeners = listener::read(&root, report);
    draft.listens_by_default = root.get("listener").is_none() && !report.is_broken();
    (draft.admin, draft.admin_address) = admin::read(&root, report);
    draft.tenants = tenant::read(&root, report);
    services(&root, &mut draft, report);
    draft
}

fn version(root: &Section<'_>, report: &mut Report<'_>) {
    if root.get("version").is_none() {
        report.missing(0..0, "`version` is missing".to_owned(), "write `version = 1` as the first line");
    } else if let Some(version) = root.number("version", 0..=u64::MAX, report)
        && version.value != VERSION
    {
        let message = format!("`version` is `{}`, which this host does not understand", version.value);
        report.error(version.span, "this one", message, format!("write `version = {VERSION}`"));
    }
}

fn host_limits(root: &Section<'_>, draft: &mut Draft, report: &mut Report<'_>) {
    if let Some(max) = root.measure("memory_max", MEMORY_MIN..=MEMORY_MAX, report) {
        draft.host.memory_max = max.value;
        draft.memory_max = Some(max.span);
    }
    if let Some(budget) = root.measure("memory_budget", BUDGETS, report) {
        draft.host.memory_budget = Some(budget.value);
    }
    if let Some(instances) = root.number("instances", INSTANCES, report) {
        draft.host.instances = u32::try_from(instances.value).unwrap_or(u32::MAX);
    }
    if let Some(drain) = root.measure("drain", DRAINS, report) {
        draft.host.drain = drain.value;
    }
    root.note(HOST_KEYS.map(|key| (key, key)), &mut draft.host.origins, report);
}

fn services(root: &Section<'_>, draft: &mut Draft, report: &mut Report<'_>) {
    const EXAMPLE: &str = "`[service.NAME]` above the keys of a service";
    let Some(services) = root.section("service", EXAMPLE, report) else {
        return;
    };
    for (name, value) in services.entries() {
        let title = services.path(name.value);
        let section = Section::of(value, name.span.clone(), title, EXAMPLE, report);
        match ServiceName::parse(name.value) {
            Ok(parsed) => {
                if let Some(section) = section {
                    draft.services.insert(parsed.clone(), service::read(&section, parsed, &draft.host, report));
                }
            }
            Err(fault) => {
                refuse_name(&name, &fault, report);
                // Its table is read all the same, for the mistakes in it.
                if let (Some(section), Ok(stand_in)) = (section, ServiceName::parse("unnamed")) {
                    service::read(&section, stand_in, &draft.host, report);
                }
            }
        }
    }
}

fn refuse_name(name: &Item<&str>, fault: &NameError, report: &mut Report<'_>) {
    match ServiceName::suggest(name.value) {
        Some(near) => {
            let message = format!("`{}` cannot be the name of a service, which is also a host name", name.value);
            report.error(name.span.clone(), "this one", message, format!("write `[service.{near}]`"));
        }
        None => report.refused(name.span.clone(), "service", fault),
    }
}
