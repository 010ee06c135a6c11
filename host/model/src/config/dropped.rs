//! Services that files in the folder make: components without a table, and `NAME.toml` files, which are tables of their own.

use std::collections::BTreeMap;

use toml::de::DeTable;

use super::problem::{Problem, Report, Source};
use super::root::Draft;
use super::section::Section;
use super::service::{self, ServiceDraft};
use super::{DroppedFile, FILE_NAME};
use crate::name::ServiceName;
use crate::plan::ServicePlan;

/// What the file of a component ends with.
const COMPONENT: &str = ".wasm";
/// What the file of a table ends with.
const TABLE: &str = ".toml";

/// Adds a service for each component in `files` that no table names, and for each table among them.
pub(super) fn add(draft: &mut Draft, files: &[DroppedFile], report: &mut Report<'_>) {
    let files: BTreeMap<&str, Option<&Source>> =
        files.iter().map(|file| (file.file_name.as_str(), file.table.as_ref())).collect();
    let components: Vec<&str> = files.keys().copied().filter(|file| file.ends_with(COMPONENT)).collect();
    for (file, table) in &files {
        if let (Some(stem), Some(table)) = (file.strip_suffix(TABLE), *table)
            && *file != FILE_NAME
            && table.name != report.source().name
        {
            let mut own = Report::new(table);
            add_table(draft, &TableFile { file, stem, table }, &components, &mut own, report);
            report.absorb(own);
        }
    }
    for file in components {
        if let Some(stem) = file.strip_suffix(COMPONENT)
            && !draft.services.values().any(|service| is_file(&service.plan.component, file))
        {
            match ServiceName::from_file_stem(stem) {
                Ok(name) => add_component(draft, name, file, report),
                Err(_) => report.push(unusable(report.source(), file, stem, COMPONENT)),
            }
        }
    }
}

/// A `NAME.toml`.
struct TableFile<'f> {
    file: &'f str,
    stem: &'f str,
    table: &'f Source,
}

/// Problems within the file go to `own`.
fn add_table(
    draft: &mut Draft,
    found: &TableFile<'_>,
    components: &[&str],
    own: &mut Report<'_>,
    report: &mut Report<'_>,
) {
    let (table, faults) = DeTable::parse_recoverable(&found.table.text);
    let section = Section::root(table.get_ref());
    let name = ServiceName::from_file_stem(found.stem);
    let beside = name.as_ref().ok().and_then(|name| component_of(name, found.stem, components));
    let named = section.get("component").is_some_and(|component| component.get_ref().as_str().is_some());
    let Ok(name) = name else {
        // Of a component with such a name it is said already that it is not served.
        if named {
            report.push(unusable(found.table, found.file, found.stem, TABLE));
        }
        return;
    };
    if beside.is_none() && !named {
        unattached(draft, found, &name, &section, report);
        return;
    }
    own.faults(&faults);
    if let Some(taken) = draft.services.get(&name) {
        report.push(taken_twice(taken, found.file, report));
        return;
    }
    let service = service::read_file(&section, name.clone(), beside.unwrap_or_default(), &draft.host, own);
    draft.services.insert(name, service);
}

/// The component that lies beside the table of `name`: of the same stem, or of one
/// that means the same name.
fn component_of<'f>(name: &ServiceName, stem: &str, components: &[&'f str]) -> Option<&'f str> {
    let stem_of = |file: &'f str| file.strip_suffix(COMPONENT).unwrap_or(file);
    let same = components.iter().find(|file| stem_of(file) == stem);
    let close = || components.iter().find(|file| ServiceName::from_file_stem(stem_of(file)).as_ref() == Ok(name));
    same.or_else(close).copied()
}

/// A table without a component is one for a component that is not there, or a file
/// of some tool: only what has a key of a service in it is worth a word.
fn unattached(
    draft: &Draft,
    found: &TableFile<'_>,
    name: &ServiceName,
    section: &Section<'_>,
    report: &mut Report<'_>,
) {
    let (file, stem) = (found.file, found.stem);
    let Some(key) = service::KEYS.iter().find(|key| section.get(key).is_some()) else {
        return;
    };
    if let Some(taken) = draft.services.get(name) {
        report.push(taken_twice(taken, file, report));
        return;
    }
    let message = format!("`{file}` does nothing: there is no `{stem}{COMPONENT}` beside it");
    let help = format!("put `{stem}{COMPONENT}` there, or name another file by `component = \"…{COMPONENT}\"`");
    let problem = Problem::warning(found.table, message, help);
    report.push(problem.at(section.key_span(key), "meant for a service"));
}

fn add_component(draft: &mut Draft, name: ServiceName, file: &str, report: &mut Report<'_>) {
    if let Some(taken) = draft.services.get(&name) {
        // Of one that has none it is said already.
        if !taken.plan.component.is_empty() {
            report.push(clash(taken, file, report));
        }
        return;
    }
    let mut plan = ServicePlan {
        routes: vec![service::below(&name)],
        dropped: true,
        ..ServicePlan::new(name.clone(), file.to_owned())
    };
    plan.limits.fit_into(&draft.host);
    let (routes, calls, callers) = (Vec::new(), Vec::new(), Vec::new());
    draft.services.insert(name, ServiceDraft { plan, name: None, routes, calls, callers, memory: None });
}

/// Whether a table means this file of its own folder.
fn is_file(component: &str, file: &str) -> bool {
    let mut component = component;
    while let Some(rest) = component.strip_prefix("./") {
        component = rest.trim_start_matches('/');
    }
    component == file
}

fn unusable(source: &Source, file: &str, stem: &str, ending: &str) -> Problem {
    let help = match (ServiceName::suggest(stem), ending) {
        (Some(name), COMPONENT) => {
            format!("rename it to `{name}{ending}`, or name it as the `component` of a `[service.NAME]`")
        }
        (Some(name), _) => format!("rename it to `{name}{ending}`"),
        (None, _) => format!("rename it to lower-case letters, digits and `-`, as in `users{ending}`"),
    };
    let message = format!("`{file}` is not served: its name cannot be that of a service");
    Problem::warning(source, message, help)
}

fn clash(taken: &ServiceDraft, file: &str, report: &Report<'_>) -> Problem {
    let (name, other) = (&taken.plan.name, &taken.plan.component);
    let message = format!("`{file}` would be service `{name}`, which is made of `{other}`");
    let help = format!("rename `{file}` or move it away, name it as the `component`, or write `drop_in = false`");
    at_service(Problem::error(taken.source(report), message, help), taken)
}

/// Two tables of one service: the other one is `taken`, in `hostel.toml` or in another file.
fn taken_twice(taken: &ServiceDraft, file: &str, report: &Report<'_>) -> Problem {
    let (name, source) = (&taken.plan.name, taken.source(report));
    let message = format!("service `{name}` has two tables, in `{}` and in `{file}`", source.name);
    at_service(Problem::error(source, message, "keep one of them"), taken)
}

fn at_service(problem: Problem, service: &ServiceDraft) -> Problem {
    match service.plan.component_span.clone().or(service.name.clone()) {
        Some(span) => problem.at(span, "the service of that name"),
        None => problem,
    }
}
