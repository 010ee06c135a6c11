//! Reads `hostel.toml`: every mistake in one run, each with its place and its remedy, or a [`Plan`].
//!
//! Two stages. The text becomes a table in which every value knows its place,
//! even after a syntax error; then each part is read by hand into typed values
//! and checked against the others. No stage stops at the first mistake, so a
//! value that could not be read is replaced by its default and reading goes on;
//! the plan is only given out if nothing was wrong.

use std::sync::Arc;

use toml::de::DeTable;

use crate::plan::{ADDRESS_DEFAULT, ListenerPlan, Plan};

pub use overrule::{HostFlags, overrule};
pub use problem::{Problem, Severity, Source};

mod problem;
mod section;

mod root;

mod overrule;

mod listener;

mod admin;

mod egress;

mod service;

mod tenant;

mod grants;

mod limit;

mod rollout;

mod consistency;
mod dropped;
#[cfg(test)]
mod tests;

/// The name of the file in a folder.
pub const FILE_NAME: &str = "hostel.toml";

/// A file found in the folder of `hostel.toml`. Two kinds count:
///
/// * `NAME.wasm` is the component of a service, unless a table names it;
/// * `NAME.toml` holds what a table `[service.NAME]` would hold, except that its
///   `component` is the `NAME.wasm` beside it unless it says otherwise, and that
///   without `routes` the service answers below `/NAME`, as it does without the
///   file. `routes = []` closes it to the outside. What is neither beside a
///   component nor names one is left alone: tools keep files of that kind too.
///
/// `hostel.toml` itself is never a `NAME.toml`, nor is the file that is read in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedFile {
    /// Its name without a folder, such as `users.wasm` or `users.toml`.
    pub file_name: String,
    /// The text of a `NAME.toml`, under the name by which problems show it; `None`
    /// for any other file. A `NAME.toml` that cannot be read is an error of whoever
    /// reads it: left out, its service would lose what it is granted.
    pub table: Option<Source>,
}

/// What came of reading.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What to run, as far as it could be understood: complete if there is no
    /// error, else good for finding what else is wrong.
    pub plan: Plan,
    /// All that was found: what is in the file in its order, then the same for each other file.
    pub problems: Vec<Problem>,
}

impl Parsed {
    /// Whether the plan is complete and may be run.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        !self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }
}

/// Reads the text of a `hostel.toml` that lies beside the files `dropped`.
#[must_use]
pub fn parse(source: &Source, dropped: &[DroppedFile]) -> Parsed {
    let (table, faults) = DeTable::parse_recoverable(&source.text);
    let mut report = problem::Report::new(source);
    report.faults(&faults);
    let mut draft = root::read(table.get_ref(), &mut report);
    if draft.drop_in {
        dropped::add(&mut draft, dropped, &mut report);
    }
    tenant::own_routes(&mut draft);
    consistency::check(&draft, &mut report);
    finish(draft, report)
}

/// Makes a plan for a folder without `hostel.toml`: each of `dropped` is a service
/// of its own on 127.0.0.1:8080, with default limits and no grants unless its `NAME.toml` says otherwise.
#[must_use]
pub fn drop_in_only(dropped: &[DroppedFile]) -> Parsed {
    let source = Source { name: FILE_NAME.to_owned(), text: Arc::from("") };
    let mut report = problem::Report::new(&source);
    let mut draft = root::Draft::default();
    dropped::add(&mut draft, dropped, &mut report);
    consistency::check(&draft, &mut report);
    finish(draft, report)
}

fn finish(draft: root::Draft, report: problem::Report<'_>) -> Parsed {
    let problems = report.into_problems();
    let mut listeners: Vec<ListenerPlan> = draft.listeners.into_iter().map(|listener| listener.plan).collect();
    if listeners.is_empty() {
        listeners.push(ListenerPlan::all(ADDRESS_DEFAULT));
    }
    let plan = Plan {
        state: draft.state,
        drop_in: draft.drop_in,
        listeners,
        admin: draft.admin,
        services: draft.services.into_values().map(|service| service.plan).collect(),
        host: draft.host,
        egress: draft.egress,
        tenants: tenant::all(&draft.tenants),
    };
    Parsed { plan, problems }
}
