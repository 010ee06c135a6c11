//! `hostel dev`: runs the build commands that the services name.

use std::path::Path;
use std::process::{Command, Stdio};

use hostel_model::plan::{BuildPlan, ServicePlan};

use super::Exit;
use super::report::{say, show};
use crate::config::{Loaded, load, problem_at};

/// The Rust target that components are built for.
const TARGET: &str = "wasm32-wasip2";

/// Builds every service that has a `build` command.
pub(super) fn build_all(path: &Path) -> Result<(), Exit> {
    let mut loaded = load(path);
    if !loaded.is_valid() {
        show(&loaded.problems);
        return Err(Exit::Configuration);
    }
    install_target(&loaded)?;
    let services = loaded.plan.services.clone();
    for service in &services {
        if let Some(build) = &service.build {
            say(&format!("building `{}`: {}", service.name, build.command));
            if let Err(reason) = run(&loaded.root, build) {
                failed(&mut loaded, service, build, &reason);
            }
        }
    }
    if loaded.is_valid() {
        return Ok(());
    }
    show(&loaded.problems);
    Err(Exit::Configuration)
}

fn run(root: &Path, build: &BuildPlan) -> Result<(), String> {
    let folder = build.directory.as_ref().map_or_else(|| root.to_path_buf(), |directory| root.join(directory));
    let status = Command::new("sh")
        .arg("-c")
        .arg(&build.command)
        .current_dir(&folder)
        .stdin(Stdio::null())
        // Standard output is for the access log alone.
        .stdout(std::io::stderr())
        .status()
        .map_err(|error| format!("it cannot be run in `{}`: {error}", folder.display()))?;
    if status.success() { Ok(()) } else { Err(format!("it ended with {status}")) }
}

fn failed(loaded: &mut Loaded, service: &ServicePlan, build: &BuildPlan, reason: &str) {
    let message = format!("the build of `{}` failed: {reason}", service.name);
    let help = format!("read its output above; it was `{}`", build.command);
    let problem =
        problem_at(loaded.source_of(service), service.component_span.as_ref(), message, "to make this file", help);
    loaded.problems.push(problem);
}

/// Installs the target where rustup is and lacks it. Without rustup the build
/// commands must see to it themselves.
fn install_target(loaded: &Loaded) -> Result<(), Exit> {
    let builds = loaded.plan.services.iter().filter_map(|service| service.build.as_ref());
    // rustup answers for the toolchain of the folder it is asked in.
    let Some(build) = builds.into_iter().find(|build| build.command.contains("cargo")) else {
        return Ok(());
    };
    let folder = build.directory.as_ref().map_or_else(|| loaded.root.clone(), |directory| loaded.root.join(directory));
    let rustup =
        |arguments: &[&str]| Command::new("rustup").args(arguments).current_dir(&folder).stdin(Stdio::null()).output();
    let Ok(installed) = rustup(&["target", "list", "--installed"]) else {
        return Ok(());
    };
    if String::from_utf8_lossy(&installed.stdout).lines().any(|line| line.trim() == TARGET) {
        return Ok(());
    }
    say(&format!("installing the Rust target `{TARGET}`"));
    match rustup(&["target", "add", TARGET]) {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            say(&format!(
                "error: `rustup target add {TARGET}` failed; run it yourself\n{}",
                String::from_utf8_lossy(&output.stderr)
            ));
            Err(Exit::Configuration)
        }
        Err(error) => {
            say(&format!("error: `rustup target add {TARGET}` cannot be run: {error}; run it yourself"));
            Err(Exit::Io)
        }
    }
}
