//! `hostel check`: everything `up` would refuse, without touching any state, and what the machine offers.

use std::io::IsTerminal as _;

use hostel_model::config::{Problem, overrule};
use hostel_model::limits::HostLimits;
use hostel_sandbox::Sandbox;
use hostel_sandbox::swap::Cleaning;
use serde::Serialize;

use super::admin_client::exit;
use super::compile::compile_with;
use super::listing::{drawn, print_json};
use super::report::{fail, number, say, show};
use super::{Exit, limits, start_platform};
use crate::admin::view::{self, Platform};
use crate::cli::Check;
use crate::config::{Environment, Loaded, Resolved, load, resolve};
use crate::deploy::DeployRequest;
use crate::hardening::{self, Level};
use crate::host::StartError;
use crate::machine::memory_budget;

/// What is told of a configuration that is fine, in JSON.
#[derive(Serialize)]
struct Checked {
    /// What the machine offers.
    platform: Platform,
    /// Every limit that would hold.
    limits: view::Limits,
}

/// Validates the configuration and the components it names.
pub(super) fn check(asked: &Check, environment: Environment<'_>) -> Exit {
    let mut loaded = load(&asked.target.path);
    loaded.problems.extend(overrule(&mut loaded.plan.host, &asked.bounds.words(), environment));
    let Resolved { deploy: request, missing, .. } = resolve(&mut loaded, environment);
    loaded.problems.extend(missing.into_values());
    match component_problems(&loaded, &request) {
        Ok(problems) => loaded.problems.extend(problems),
        Err(error) => {
            show(&loaded.problems);
            fail(&error);
            return Exit::from(&error);
        }
    }
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
    let platform = Platform::of(hardening::kernel(), Cleaning::of_machine(), None);
    let host = HostLimits { memory_budget: Some(memory_budget(&plan.host)), ..plan.host.clone() };
    let checked = Checked { platform, limits: limits::of_plan(&host, plan) };
    if asked.json {
        return match serde_json::to_vec_pretty(&checked) {
            Ok(json) => exit(print_json(&json).map(|()| Exit::Clean)),
            Err(error) => {
                fail(&error);
                Exit::Bug
            }
        };
    }
    let terminal = std::io::stderr().is_terminal();
    say(drawn(["PLATFORM", "STATE"], checked.platform.lines(), terminal).trim_end());
    say(drawn(["OF", "LIMIT", "VALUE", "ORIGIN"], limits::lines(&checked.limits), terminal).trim_end());
    Exit::Clean
}

/// What is wrong with the components themselves: each is compiled and linked as
/// `up` would, and then forgotten.
fn component_problems(loaded: &Loaded, request: &DeployRequest) -> Result<Vec<Problem>, StartError> {
    let mut problems = Vec::new();
    if request.services.is_empty() {
        return Ok(problems);
    }
    let (_data_plane, platform) = start_platform()?;
    let sandbox = Sandbox::start(&loaded.plan.host, 0, compile_with(Level::On), &platform)?;
    for service in &request.services {
        if let Some(component) = &service.component
            && let Err(error) = sandbox.check(component)
        {
            let plan = loaded.plan.services.iter().find(|plan| plan.name == service.name);
            problems.push(super::serve::rejected(loaded, plan, &service.name, &error));
        }
    }
    Ok(problems)
}
