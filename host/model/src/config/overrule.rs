//! What a command line and the environment say about the bounds of the host, over what the file says.
//!
//! Flags come before variables, and variables before the file. Only bounds that
//! depend on the machine can be given here: one folder is served by a small
//! container and by a large one. What services may use belongs to their folder.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::Problem;
use super::problem::Source;
use super::root::{BUDGETS, DRAINS, INSTANCES};
use super::section::Measure;
use crate::limits::{HostLimits, Origin};
use crate::units::ByteSize;

/// The words of a command line about the bounds of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFlags {
    /// Of `--memory-budget`.
    pub memory_budget: Option<String>,
    /// Of `--instances`.
    pub instances: Option<String>,
    /// Of `--drain`.
    pub drain: Option<String>,
}

/// One bound: its key in the file, its flag and its variable.
struct Name {
    key: &'static str,
    flag: &'static str,
    variable: &'static str,
}

const BUDGET: Name = Name { key: "memory_budget", flag: "--memory-budget", variable: "HOSTEL_MEMORY_BUDGET" };
const COUNT: Name = Name { key: "instances", flag: "--instances", variable: "HOSTEL_INSTANCES" };
const DRAIN: Name = Name { key: "drain", flag: "--drain", variable: "HOSTEL_DRAIN" };

/// Puts what `flags` and the `environment` say in the place of what `host` has, and
/// returns what is wrong with it. A variable that is empty says nothing.
#[must_use]
pub fn overrule(
    host: &mut HostLimits,
    flags: &HostFlags,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let said = |name: &Name, flag: &Option<String>| {
        let variable = || environment(name.variable).filter(|text| !text.is_empty());
        let flag = flag.clone().map(|text| (text, Origin::Flag(name.flag)));
        flag.or_else(|| variable().map(|text| (text, Origin::Environment(name.variable))))
    };
    if let Some((text, origin)) = said(&BUDGET, &flags.memory_budget)
        && let Some(budget) = keep(&mut problems, measure::<ByteSize>(&text, &origin, &BUDGETS))
    {
        host.memory_budget = Some(budget);
        host.origins.set(BUDGET.key, origin);
    }
    if let Some((text, origin)) = said(&COUNT, &flags.instances)
        && let Some(count) = keep(&mut problems, count(&text, &origin, &INSTANCES))
    {
        host.instances = count;
        host.origins.set(COUNT.key, origin);
    }
    if let Some((text, origin)) = said(&DRAIN, &flags.drain)
        && let Some(drain) = keep(&mut problems, measure(&text, &origin, &DRAINS))
    {
        host.drain = drain;
        host.origins.set(DRAIN.key, origin);
    }
    problems
}

fn keep<T>(problems: &mut Vec<Problem>, read: Result<T, Problem>) -> Option<T> {
    read.map_err(|problem| problems.push(problem)).ok()
}

fn measure<M: Measure>(text: &str, origin: &Origin, range: &RangeInclusive<M>) -> Result<M, Problem> {
    let most = || format!("give `{}` to `{}`", range.start().show(), range.end().show());
    match M::read(text) {
        Ok(value) if range.contains(&value) => Ok(value),
        Ok(value) => Err(wrong(text, origin, &format!("`{}` is out of range", value.show()), most())),
        Err(fault) => {
            let fault = fault.to_string();
            let (message, help) = fault.rsplit_once("; ").unwrap_or((&fault, "give another value"));
            Err(wrong(text, origin, message, help.to_owned()))
        }
    }
}

fn count(text: &str, origin: &Origin, range: &RangeInclusive<u64>) -> Result<u32, Problem> {
    let number = text.parse::<u64>().ok().filter(|number| range.contains(number));
    number.and_then(|number| u32::try_from(number).ok()).ok_or_else(|| {
        let help = format!("give a whole number from {} to {}", range.start(), range.end());
        wrong(text, origin, &format!("`{text}` is out of range"), help)
    })
}

/// A problem with what was said, shown in the words in which it was said.
fn wrong(text: &str, origin: &Origin, message: &str, help: String) -> Problem {
    let source = Source { name: origin.to_string(), text: Arc::from(text) };
    Problem::error(&source, format!("`{origin}`: {message}"), help).at(0..text.len(), "this one")
}
