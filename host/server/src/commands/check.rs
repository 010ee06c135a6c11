//! `hostel check`: everything `up` would refuse, without touching any state.

use std::path::Path;

use hostel_model::config::Problem;
use hostel_sandbox::check_component;

use super::Exit;
use super::report::{number, say, show};
use crate::config::{Environment, Loaded, load, resolve};
use crate::deploy::DeployRequest;

/// Validates the configuration at `path` and the components it names.
pub(super) fn check(path: &Path, environment: Environment<'_>) -> Exit {
    let mut loaded = load(path);
    let request = resolve(&mut loaded, environment);
    let problems = component_problems(&loaded, &request);
    loaded.problems.extend(problems);
    show(&loaded.problems);
    if !loaded.is_valid() {
        return Exit::Configuration;
    }
    let plan = &loaded.plan;
    let routes: usize = plan.services.iter().map(|service| service.routes.len()).sum();
    say(&format!(
        "{} is fine: {}, {}, {}",
        loaded.source.name,
        number(plan.listeners.len(), "listener"),
        number(plan.services.len(), "service"),
        number(routes, "route"),
    ));
    Exit::Clean
}

/// What is wrong with the components themselves, told by looking, not by compiling.
fn component_problems(loaded: &Loaded, request: &DeployRequest) -> Vec<Problem> {
    let mut problems = Vec::new();
    for service in &request.services {
        if let Err(error) = check_component(&service.bytes) {
            let plan = loaded.plan.services.iter().find(|plan| plan.name == service.name);
            problems.push(super::serve::rejected(loaded, plan, &service.name, &error));
        }
    }
    problems
}
