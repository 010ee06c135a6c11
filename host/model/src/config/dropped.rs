//! Components that lie in the folder without a table: each a service of its own, named by its file.

use crate::name::ServiceName;
use crate::plan::ServicePlan;
use crate::route::{Methods, PathPattern, RoutePattern};

use super::DroppedFile;
use super::problem::{Problem, Report};
use super::root::Draft;
use super::service::ServiceDraft;

/// What the file of a component ends with.
const EXTENSION: &str = ".wasm";

/// Adds a service for each component in `files` that no table names.
pub(super) fn add(draft: &mut Draft, files: &[DroppedFile], report: &mut Report<'_>) {
    let mut names: Vec<&str> = files.iter().map(|file| file.file_name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for file in names {
        if let Some(stem) = file.strip_suffix(EXTENSION)
            && !draft.services.values().any(|service| is_file(&service.plan.component, file))
        {
            match ServiceName::from_file_stem(stem) {
                Ok(name) => add_one(draft, name, file, report),
                Err(_) => report.push(unusable(file, stem, report)),
            }
        }
    }
}

fn add_one(draft: &mut Draft, name: ServiceName, file: &str, report: &mut Report<'_>) {
    if let Some(taken) = draft.services.get(&name) {
        report.push(clash(taken, file, report));
        return;
    }
    let route = RoutePattern { methods: Methods::any(), host: None, path: PathPattern::below_name(&name) };
    let mut plan =
        ServicePlan { routes: vec![route], dropped: true, ..ServicePlan::new(name.clone(), file.to_owned()) };
    plan.limits.memory = plan.limits.memory.min(draft.host.memory_max);
    draft.services.insert(name, ServiceDraft { plan, name: None, routes: Vec::new(), calls: Vec::new(), memory: None });
}

/// Whether a table means this file of its own folder.
fn is_file(component: &str, file: &str) -> bool {
    let mut component = component;
    while let Some(rest) = component.strip_prefix("./") {
        component = rest.trim_start_matches('/');
    }
    component == file
}

fn unusable(file: &str, stem: &str, report: &Report<'_>) -> Problem {
    let help = match ServiceName::suggest(stem) {
        Some(name) => format!("rename it to `{name}{EXTENSION}`, or name it as the `component` of a `[service.NAME]`"),
        None => format!("rename it to lower-case letters, digits and `-`, as in `users{EXTENSION}`"),
    };
    let message = format!("`{file}` is not served: its name cannot be that of a service");
    Problem::warning(report.source(), message, help)
}

fn clash(taken: &ServiceDraft, file: &str, report: &Report<'_>) -> Problem {
    let (name, other) = (&taken.plan.name, &taken.plan.component);
    let message = format!("`{file}` would be service `{name}`, which is made of `{other}`");
    let help = format!("rename `{file}` or move it away, name it as the `component`, or write `drop_in = false`");
    let problem = Problem::error(report.source(), message, help);
    match taken.plan.component_span.clone().or(taken.name.clone()) {
        Some(span) => problem.at(span, "the service of that name"),
        None => problem,
    }
}
