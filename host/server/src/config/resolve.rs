//! Reads what a plan names: components, secrets and certificates.
//!
//! A component that cannot be read is left to the deployer, who may have its bytes
//! from before. Beyond that a host that starts wants everything, and one that
//! serves keeps each service as it is of which something cannot be read.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hostel_model::config::{Problem, Severity};
use hostel_model::digest::Digest;
use hostel_model::grant::Secret;
use hostel_model::limits::fixed;
use hostel_model::name::ServiceName;
use hostel_model::plan::{EgressPlan, SecretPlan, SecretSource, ServicePlan};
use hostel_model::units::ByteSize;

use super::files::{Files, Unreadable};
use super::{Environment, Loaded, problem_at};
use crate::deploy::{DeployRequest, ServiceRequest};
use crate::egress::EgressSettings;
use crate::host::ListenerSettings;
use crate::tls::{ListenerTls, TlsError};

/// Bytes of one secret's file: a hundred times a key.
const SECRET_MAX: ByteSize = ByteSize::MIB;

/// What a plan names, read from its files.
pub struct Resolved {
    /// What to serve.
    pub deploy: DeployRequest,
    /// Where to listen, certificates included.
    pub listeners: Vec<ListenerSettings>,
    /// How services reach the outside, authorities included.
    pub egress: EgressSettings,
    /// Why components of the request are not there.
    pub missing: BTreeMap<ServiceName, Problem>,
}

/// What services were told when all of it could be read. Components are left out: they are large.
#[derive(Default)]
pub struct LastGood(BTreeMap<ServiceName, (ServiceRequest, Option<Digest>)>);

impl LastGood {
    /// What `services` were told.
    #[must_use]
    pub fn of(services: &[ServiceRequest]) -> Self {
        let mut last = Self::default();
        services.iter().for_each(|service| last.remember(service));
        last
    }

    fn remember(&mut self, service: &ServiceRequest) {
        // Only what may become unreadable is ever asked for.
        if !service.grants.secrets.is_empty() {
            let digest = service.component.as_ref().map(|component| Digest::of(component));
            self.0.insert(service.name.clone(), (ServiceRequest { component: None, ..service.clone() }, digest));
        }
    }
}

/// Reads components, secrets and certificates; what cannot be read becomes a problem, except for
/// components, whose problems are kept apart.
pub fn resolve(loaded: &mut Loaded, environment: Environment<'_>) -> Resolved {
    let (mut files, mut problems, mut missing) = (Files::default(), Vec::new(), BTreeMap::new());
    let mut services = Vec::new();
    for service in &loaded.plan.services {
        let component = read_component(loaded, service, &mut files);
        let component = component.map_err(|failure| missing.insert(service.name.clone(), *failure.problem)).ok();
        let (secrets, unread) = read_secrets(loaded, service, environment, &mut files);
        problems.extend(unread);
        services.push(request(service, component, secrets));
    }
    let listeners = loaded.plan.listeners.iter().map(|plan| {
        let tls = plan.tls.as_ref().map(|tls| ListenerTls::load(tls, &loaded.root));
        let tls = tls.transpose().map_err(|error| problems.push(unusable(loaded, &error))).ok().flatten();
        ListenerSettings { plan: plan.clone(), tls }
    });
    let listeners = listeners.collect();
    let egress = egress(loaded, &mut problems);
    loaded.problems.extend(problems);
    let reachable = loaded.plan.listeners.iter().map(|listener| listener.services.clone()).collect();
    let deploy = DeployRequest { services, listeners: reachable, tenants: loaded.plan.tenants.clone() };
    Resolved { deploy, listeners, egress, missing }
}

/// Reads components and secrets again while a host serves. What cannot be read is told as a
/// warning, and its service gets what it was told last; of a service that was told nothing yet
/// nothing is said.
pub fn resolve_running(
    loaded: &mut Loaded,
    environment: Environment<'_>,
    files: &mut Files,
    last: &mut LastGood,
) -> Vec<ServiceRequest> {
    let (mut services, mut problems) = (Vec::new(), Vec::new());
    for service in &loaded.plan.services {
        let component = match read_component(loaded, service, files) {
            Ok(component) => Some(component),
            Err(failure) => {
                // It will be read when it is whole.
                problems.extend((!failure.is_unfinished).then_some(*failure.problem));
                None
            }
        };
        let (secrets, unread) = read_secrets(loaded, service, environment, files);
        if unread.is_empty() {
            let request = request(service, component, secrets);
            last.remember(&request);
            services.push(request);
        } else {
            problems.extend(unread);
            services.extend(last.0.get(&service.name).map(|(told, digest)| {
                let same = component.filter(|component| Some(Digest::of(component)) == *digest);
                ServiceRequest { component: same, ..told.clone() }
            }));
        }
    }
    let warnings = problems.into_iter().map(|problem| Problem { severity: Severity::Warning, ..problem });
    loaded.problems.extend(warnings);
    last.0.retain(|name, _| loaded.plan.services.iter().any(|service| service.name == *name));
    services
}

/// Who is asked for names outside, and who is believed there beside those of the system.
fn egress(loaded: &Loaded, problems: &mut Vec<Problem>) -> EgressSettings {
    let EgressPlan { resolvers, authorities } = &loaded.plan.egress;
    let mut settings = EgressSettings { resolvers: resolvers.clone(), ..EgressSettings::default() };
    for file in authorities {
        match crate::tls::authorities(file, &loaded.root) {
            Ok(read) => settings.authorities.roots.extend(read.roots),
            Err(error) => problems.push(unusable(loaded, &error)),
        }
    }
    settings
}

fn request(service: &ServicePlan, component: Option<Arc<[u8]>>, secrets: BTreeMap<String, Secret>) -> ServiceRequest {
    ServiceRequest {
        name: service.name.clone(),
        component,
        routes: service.routes.clone(),
        grants: service.grants(secrets),
        callers: service.callers.clone(),
        limits: service.limits.clone(),
        isolation: service.isolation,
        rollout: service.rollout.clone(),
        dropped: service.dropped,
    }
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

/// Why there is no component.
struct NoComponent {
    problem: Box<Problem>,
    is_unfinished: bool,
}

fn read_component(loaded: &Loaded, service: &ServicePlan, files: &mut Files) -> Result<Arc<[u8]>, NoComponent> {
    let path = loaded.root.join(&service.component);
    files.read(&path, fixed::COMPONENT_FILE).map_err(|reason| {
        let (name, path) = (&service.name, path.display());
        let most = fixed::COMPONENT_FILE;
        let (message, label, help) = match &reason {
            Unreadable::Missing => {
                let help = service.build.as_ref().map_or_else(
                    || "give the path of a component, relative to this file".to_owned(),
                    |build| format!("run `hostel dev`, which builds it, or `{}` yourself", build.command),
                );
                (format!("the component of `{name}` is missing: `{path}`"), "no such file", help)
            }
            Unreadable::TooLarge(_) | Unreadable::NotAFile => {
                let help = "strip debug information, or split the service".to_owned();
                (format!("`{path}` is not a file of at most {most}"), "this file", help)
            }
            Unreadable::Unfinished => {
                (format!("`{path}` is being written"), "this file", "wait until it is whole".to_owned())
            }
            Unreadable::NotText | Unreadable::Io(_) => {
                (format!("`{path}` cannot be read: {reason}"), "this file", "check its permissions".to_owned())
            }
        };
        let problem = problem_at(loaded.source_of(service), service.component_span.as_ref(), message, label, help);
        NoComponent { problem: Box::new(problem), is_unfinished: matches!(reason, Unreadable::Unfinished) }
    })
}

/// The secrets of a service, and what is wrong with those that cannot be read.
fn read_secrets(
    loaded: &Loaded,
    service: &ServicePlan,
    environment: Environment<'_>,
    files: &mut Files,
) -> (BTreeMap<String, Secret>, Vec<Problem>) {
    let (mut secrets, mut problems) = (BTreeMap::new(), Vec::new());
    for (key, plan) in &service.secrets {
        match read_secret(&loaded.root, plan, environment, files) {
            Ok(value) => {
                secrets.insert(key.clone(), Secret::new(value));
            }
            Err((message, help)) => {
                let message = format!("the secret `{key}` of `{}` cannot be read: {message}", service.name);
                let problem = Problem::error(loaded.source_of(service), message, help);
                problems.push(problem.at(plan.span.clone(), "from here"));
            }
        }
    }
    (secrets, problems)
}

/// A line end at the end of a file is the editor's, not the secret's.
fn read_secret(
    root: &Path,
    plan: &SecretPlan,
    environment: Environment<'_>,
    files: &mut Files,
) -> Result<String, (String, &'static str)> {
    match &plan.source {
        SecretSource::Env(name) => environment(name)
            .ok_or_else(|| (format!("the variable `{name}` is not set"), "set it in the environment of the host")),
        SecretSource::File(name) => files
            .read_text(&root.join(name), SECRET_MAX)
            .map(|text| text.trim_end_matches(['\n', '\r']).to_owned())
            .map_err(|error| {
                (format!("`{name}`: {error}"), "check the path, which is relative to this file, and its permissions")
            }),
    }
}
