//! Holds the process to what its configuration names, before it has other threads.

use std::path::{Path, PathBuf};

use hostel_model::plan::{FilePlan, SecretSource};
use hostel_storage::StateFolder;

use super::Exit;
use super::report::fail;
use crate::admin::AdminSettings;
use crate::config::{Environment, Loaded, load};
use crate::hardening::{self, Level, Report, Territory};
use crate::host::StartError;

/// Where a service manager listens that wants to be told how the host stands; one without a
/// path begins with `@`.
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";
/// Where the operator says that the system's authorities are.
const AUTHORITIES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Hardens the process for the configuration at `path`; none if that is so wrong that nothing will be
/// served, which whoever reads it next will say.
///
/// The configuration is read once more afterwards, by those who follow its changes. What was written to it in
/// between is a change like any other: it may name files that need a restart.
pub(super) fn harden(level: Level, path: &Path, environment: Environment<'_>) -> Result<Option<Report>, Exit> {
    let loaded = load(path);
    if !loaded.is_valid() {
        return Ok(None);
    }
    let mut allowed = Territory::nothing();
    if level != Level::Off {
        // Rules are about files that are there.
        StateFolder::open(&loaded.state()).map_err(|error| {
            let error = StartError::Storage(error);
            fail(&error);
            Exit::from(&error)
        })?;
        allowed = territory(&loaded, environment);
    }
    hardening::apply(level, &allowed).map(Some).map_err(|error| {
        fail(&error);
        Exit::Configuration
    })
}

/// Everything that a host of this configuration needs.
fn territory(loaded: &Loaded, environment: Environment<'_>) -> Territory {
    let mut territory = Territory::of_every_host();
    territory.folder(&loaded.root);
    let state = loaded.state();
    territory.state(&state);
    let admin = &loaded.plan.admin;
    territory.socket(&AdminSettings::socket_of(&loaded.root, &state, admin.socket.as_deref()));
    for file in named_files(loaded) {
        territory.file(&file);
    }
    let variables = AUTHORITIES.iter().filter_map(|name| environment(name));
    variables.for_each(|place| territory.file(Path::new(&place)));
    let listeners = loaded.plan.listeners.iter();
    let addresses = listeners
        .flat_map(|listener| [Some(listener.address), listener.tls.as_ref().and_then(|tls| tls.redirect_from)])
        .chain([admin.address]);
    addresses.flatten().for_each(|address| territory.port(address.port()));
    if environment(NOTIFY_SOCKET).is_some_and(|place| place.starts_with('@')) {
        territory.strangers();
    }
    territory
}

/// Every file that the configuration names, wherever it is.
fn named_files(loaded: &Loaded) -> Vec<PathBuf> {
    let plan = &loaded.plan;
    let mut names: Vec<&str> = Vec::new();
    for service in &plan.services {
        names.push(&service.component);
        names.extend(service.secrets.values().filter_map(|secret| match &secret.source {
            SecretSource::File(name) => Some(name.as_str()),
            SecretSource::Env(_) => None,
        }));
    }
    let file = |plan: &FilePlan| plan.path.clone();
    let tls = plan.listeners.iter().filter_map(|listener| listener.tls.as_ref());
    let pairs = tls.flat_map(|tls| {
        let pairs = tls.certificates.iter().flat_map(|pair| [&pair.cert, &pair.key]);
        pairs.chain(&tls.client_ca).map(file).collect::<Vec<_>>()
    });
    let more: Vec<String> = pairs.chain(plan.egress.authorities.iter().map(file)).collect();
    let names = names.into_iter().map(str::to_owned).chain(more);
    // A path that is not relative stays as it is.
    names.map(|name| loaded.root.join(name)).chain(loaded.file.clone()).collect()
}
