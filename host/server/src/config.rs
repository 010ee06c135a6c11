//! From a path on the command line to everything the host needs: the file, its folder, components and secrets.
//!
//! `hostel-model` decides what the text means; this reads what it names. Every
//! problem of one run is reported together, with its place in the file.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use hostel_model::config::{DroppedFile, FILE_NAME, Parsed, Problem, Severity, Source, drop_in_only, parse};
use hostel_model::grant::Secret;
use hostel_model::limits::fixed;
use hostel_model::plan::{Plan, SecretPlan, SecretSource, ServicePlan};

use crate::deploy::{DeployRequest, ServiceRequest};
use crate::host::ListenerSettings;
use crate::tls::{ListenerTls, TlsError};

/// Reads a variable of the environment. A parameter, so that tests need none.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A configuration that was read, with all that is wrong with it.
pub struct Loaded {
    /// The folder that paths are relative to.
    pub root: PathBuf,
    /// The file's text, or nothing where there is none.
    pub source: Source,
    /// What is to be done, as far as it could be understood.
    pub plan: Plan,
    /// Errors and warnings.
    pub problems: Vec<Problem>,
}

impl Loaded {
    /// Whether the host may start with it.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        !self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Where the state is.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.root.join(&self.plan.state)
    }
}

/// Reads the configuration at `path`: a folder, or a file like `hostel.toml`.
#[must_use]
pub fn load(path: &Path) -> Loaded {
    let (root, file) = match place(path) {
        Ok(place) => place,
        Err(problem) => return nothing(path, *problem),
    };
    let dropped = match dropped_files(&root) {
        Ok(dropped) => dropped,
        Err(error) => return nothing(path, unreadable(&root, &error)),
    };
    let Some(file) = file else {
        let source = Source { name: root.join(FILE_NAME).display().to_string(), text: Arc::from("") };
        let parsed = drop_in_only(&dropped);
        let mut loaded = loaded(root, source, parsed);
        if loaded.plan.services.is_empty() && loaded.is_valid() {
            let folder = loaded.root.display().to_string();
            let message = format!("`{folder}` holds neither `{FILE_NAME}` nor a `*.wasm` file");
            let help = "drop a component there, write a `hostel.toml`, or name another folder";
            loaded.problems.push(Problem::error(&loaded.source, message, help));
        }
        return loaded;
    };
    match fs::read_to_string(&file) {
        Ok(text) => {
            let source = Source { name: file.display().to_string(), text: Arc::from(text) };
            let parsed = parse(&source, &dropped);
            loaded(root, source, parsed)
        }
        Err(error) => nothing(path, unreadable(&file, &error)),
    }
}

/// The folder, and the file if there is one.
fn place(path: &Path) -> Result<(PathBuf, Option<PathBuf>), Box<Problem>> {
    let found = fs::metadata(path).map_err(|error| Box::new(unreadable(path, &error)))?;
    if found.is_dir() {
        let file = path.join(FILE_NAME);
        let present = fs::symlink_metadata(&file).is_ok();
        return Ok((path.to_path_buf(), present.then_some(file)));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    Ok((parent.map_or_else(|| PathBuf::from("."), Path::to_path_buf), Some(path.to_path_buf())))
}

fn dropped_files(root: &Path) -> io::Result<Vec<DroppedFile>> {
    let mut dropped = Vec::new();
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(".wasm") && !name.starts_with('.') {
            dropped.push(DroppedFile { file_name: name.into_owned() });
        }
    }
    dropped.sort_by(|one, other| one.file_name.cmp(&other.file_name));
    Ok(dropped)
}

fn loaded(root: PathBuf, source: Source, parsed: Parsed) -> Loaded {
    Loaded { root, source, plan: parsed.plan, problems: parsed.problems }
}

fn nothing(path: &Path, problem: Problem) -> Loaded {
    let source = problem.source.clone();
    let empty = drop_in_only(&[]);
    let mut loaded = loaded(path.to_path_buf(), source, empty);
    loaded.problems = vec![problem];
    loaded
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    let source = Source { name: path.display().to_string(), text: Arc::from("") };
    let (message, help) = match error.kind() {
        io::ErrorKind::NotFound => {
            (format!("`{}` does not exist", path.display()), "name a folder with components, or a `hostel.toml`")
        }
        _ => (format!("`{}` cannot be read: {error}", path.display()), "check its permissions and that it is text"),
    };
    Problem::error(&source, message, help)
}

/// What a plan names, read from its files.
pub struct Resolved {
    /// What to serve.
    pub deploy: DeployRequest,
    /// Where to listen, certificates included.
    pub listeners: Vec<ListenerSettings>,
}

/// Reads components, secrets and certificates; what cannot be read becomes a problem.
pub fn resolve(loaded: &mut Loaded, environment: Environment<'_>) -> Resolved {
    let mut problems = Vec::new();
    let mut services = Vec::new();
    for service in &loaded.plan.services {
        let bytes = read_component(loaded, service).map_err(|problem| problems.push(*problem)).ok();
        let secrets = read_secrets(loaded, service, environment, &mut problems);
        if let Some(bytes) = bytes {
            services.push(ServiceRequest {
                name: service.name.clone(),
                bytes,
                routes: service.routes.clone(),
                grants: service.grants(secrets),
                limits: service.limits.clone(),
                isolation: service.isolation,
            });
        }
    }
    let listeners = loaded.plan.listeners.iter().map(|plan| {
        let tls = plan.tls.as_ref().map(|tls| ListenerTls::load(tls, &loaded.root));
        let tls = tls.transpose().map_err(|error| problems.push(unusable(loaded, &error))).ok().flatten();
        ListenerSettings { plan: plan.clone(), tls }
    });
    let listeners = listeners.collect();
    loaded.problems.extend(problems);
    let reachable = loaded.plan.listeners.iter().map(|listener| listener.services.clone()).collect();
    Resolved { deploy: DeployRequest { services, listeners: reachable }, listeners }
}

/// A certificate that cannot be used, at the place that names it.
fn unusable(loaded: &Loaded, error: &TlsError) -> Problem {
    let text = match std::error::Error::source(error) {
        Some(source) => format!("{error} ({source})"),
        None => error.to_string(),
    };
    // The texts are "what is wrong; what to do".
    let (wrong, remedy) = text.split_once("; ").unwrap_or((text.as_str(), "check the file"));
    problem_at(&loaded.source, error.span().as_ref(), wrong.to_owned(), "this file", remedy.to_owned())
}

/// A problem with a place in the file, or without one for a dropped file.
#[must_use]
pub fn problem_at(source: &Source, span: Option<&Range<usize>>, message: String, label: &str, help: String) -> Problem {
    let problem = Problem::error(source, message, help);
    match span {
        Some(span) => problem.at(span.clone(), label),
        None => problem,
    }
}

fn read_component(loaded: &Loaded, service: &ServicePlan) -> Result<Vec<u8>, Box<Problem>> {
    let path = loaded.root.join(&service.component);
    let wrong = |message: String, label: &str, help: String| {
        Box::new(problem_at(&loaded.source, service.component_span.as_ref(), message, label, help))
    };
    let unreadable = |error: io::Error| {
        let built = service.build.as_ref().map_or_else(
            || "give the path of a component, relative to this file".to_owned(),
            |build| format!("run `hostel dev`, which builds it, or `{}` yourself", build.command),
        );
        match error.kind() {
            io::ErrorKind::NotFound => wrong(
                format!("the component of `{}` is missing: `{}`", service.name, path.display()),
                "no such file",
                built,
            ),
            _ => wrong(
                format!("`{}` cannot be read: {error}", path.display()),
                "this file",
                "check its permissions".to_owned(),
            ),
        }
    };
    let found = fs::metadata(&path).map_err(unreadable)?;
    if found.len() > fixed::COMPONENT_FILE.0 || !found.is_file() {
        let message = format!("`{}` is not a file of at most {}", path.display(), fixed::COMPONENT_FILE);
        return Err(wrong(message, "this file", "strip debug information, or split the service".to_owned()));
    }
    fs::read(&path).map_err(unreadable)
}

fn read_secrets(
    loaded: &Loaded,
    service: &ServicePlan,
    environment: Environment<'_>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Secret> {
    let mut secrets = BTreeMap::new();
    for (key, plan) in &service.secrets {
        match read_secret(&loaded.root, plan, environment) {
            Ok(value) => {
                secrets.insert(key.clone(), Secret::new(value));
            }
            Err((message, help)) => {
                let message = format!("the secret `{key}` of `{}` cannot be read: {message}", service.name);
                problems.push(Problem::error(&loaded.source, message, help).at(plan.span.clone(), "from here"));
            }
        }
    }
    secrets
}

/// A line end at the end of a file is the editor's, not the secret's.
fn read_secret(root: &Path, plan: &SecretPlan, environment: Environment<'_>) -> Result<String, (String, &'static str)> {
    match &plan.source {
        SecretSource::Env(name) => environment(name)
            .ok_or_else(|| (format!("the variable `{name}` is not set"), "set it in the environment of the host")),
        SecretSource::File(name) => fs::read_to_string(root.join(name))
            .map(|text| text.trim_end_matches(['\n', '\r']).to_owned())
            .map_err(|error| {
                (format!("`{name}`: {error}"), "check the path, which is relative to this file, and its permissions")
            }),
    }
}
