//! The services: how each stands by the journal, with what is counted of it, and what happened to it.
//!
//! How a service stands and the version of that come from one look at the journal,
//! so that a client which changes what it has seen cannot have seen something else.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hostel_model::name::ServiceName;
use hostel_model::standing::Standing;
use hostel_storage::{Entry, Journal, StorageError};
use http::Uri;

use crate::admin::api::{json, one};
use crate::admin::context::{Context, Params, no_service};
use crate::admin::problem::Problem;
use crate::admin::question::etag;
use crate::admin::reach::Reach;
use crate::admin::standing::shown_service;
use crate::admin::view;
use crate::live::{LiveService, Snapshot};

/// Entries of a history unless it is said how many: what fits on a screen.
const HISTORY_USUAL: usize = 20;
/// Entries of a history at most: more are not kept.
const HISTORY_MAX: usize = 1_000;

/// How every service stands that whoever asks may see, by the journal.
pub(super) struct Standings {
    entries: BTreeMap<ServiceName, Entry>,
    version: u64,
}

impl Standings {
    /// From the journal, as far as `reach`; nothing before the first deployment.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub(super) async fn read(context: &Context, reach: &Reach) -> Result<Option<Self>, Problem> {
        let Ok(deployer) = context.deployer() else {
            return Ok(None);
        };
        let store = Arc::clone(deployer.store());
        let reach = reach.clone();
        let read = context.apart("hostel-journal", move || Self::of(&store.journal, &reach)).await?;
        read.map(Some).map_err(|error| Problem::storage(&error))
    }

    fn of(journal: &Journal, reach: &Reach) -> Result<Self, StorageError> {
        let mut entries = journal.standings()?;
        entries.retain(|service, _| reach.includes(service));
        // The newest entry is the newest of its service.
        let version = entries.values().map(|entry| entry.sequence).max().unwrap_or_default();
        Ok(Self { entries, version })
    }

    /// The version of all services together.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The services of `snapshot` and those that wait to be in one.
    pub(super) fn services(&self, snapshot: &Snapshot, context: &Context) -> Vec<view::Service> {
        let present = |standing: &Standing| standing.live.is_some() || standing.pending.is_some();
        let entries = self.entries.iter().filter(|(_, entry)| present(&entry.standing));
        let now = context.platform.clock.now();
        entries.map(|(name, entry)| shown_service(name, &entry.standing, entry.sequence, snapshot, now)).collect()
    }
}

/// The services of `snapshot`, where the journal cannot be read.
pub(super) fn live_only(snapshot: &Snapshot, context: &Context, reach: &Reach) -> Vec<view::Service> {
    let now = context.platform.clock.now();
    let shown = |(name, service): (_, &Arc<LiveService>)| shown_service(name, &service.standing, 0, snapshot, now);
    snapshot.services.iter().filter(|(name, _)| reach.includes(name)).map(shown).collect()
}

/// Every service; to a tenant its own.
///
/// The `ETag` is the version of all services together: what `If-Match` names when
/// several are deployed at once.
#[utoipa::path(
    get,
    path = "/v1/services",
    tag = "state",
    responses((status = 200, description = "The services, ordered by name.", body = view::Services))
)]
pub(super) async fn services(
    State(context): State<Context>,
    Extension(reach): Extension<Reach>,
) -> Result<Response, Problem> {
    let Some(standings) = Standings::read(&context, &reach).await? else {
        return Ok(json(&view::Services { services: Vec::new() }));
    };
    let services = standings.services(&context.state.live.load(), &context);
    Ok(([etag(standings.version())], json(&view::Services { services })).into_response())
}

/// One service.
///
/// The `ETag` is its version: what `If-Match` names when it is changed.
#[utoipa::path(
    get,
    path = "/v1/services/{name}",
    tag = "state",
    params(("name" = String, Path, description = "The service.")),
    responses(
        (status = 200, description = "How it stands.", body = view::Service),
        (status = 404, description = "It was never there.", body = view::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn service(State(context): State<Context>, params: Params) -> Result<Response, Problem> {
    let name = params.service()?;
    let store = Arc::clone(context.deployer()?.store());
    let asked = name.clone();
    let latest = context.apart("hostel-journal", move || store.journal.latest(&asked)).await?;
    let entry = latest.map_err(|error| Problem::storage(&error))?.ok_or_else(no_service)?;
    let (snapshot, now) = (context.state.live.load(), context.platform.clock.now());
    let service = shown_service(&name, &entry.standing, entry.sequence, &snapshot, now);
    Ok(([etag(entry.sequence)], json(&service)).into_response())
}

/// What happened to a service, newest first.
#[utoipa::path(
    get,
    path = "/v1/services/{name}/history",
    tag = "state",
    params(
        ("name" = String, Path, description = "The service."),
        ("limit" = inline(Option<u32>), Query, description = "How many entries at most; 20 if it is not there.", minimum = 1, maximum = 1000),
    ),
    responses(
        (status = 200, description = "What happened.", body = view::History),
        (status = 404, description = "The service was never there.", body = view::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn history(State(context): State<Context>, params: Params, uri: Uri) -> Result<Response, Problem> {
    let name = params.service()?;
    let most =
        match one(&uri, "limit")? {
            None => HISTORY_USUAL,
            Some(text) => text.parse().ok().filter(|most| (1..=HISTORY_MAX).contains(most)).ok_or_else(|| {
                Problem::bad_request(format!("`limit` is a number of entries, from 1 to {HISTORY_MAX}."))
            })?,
        };
    let store = Arc::clone(context.deployer()?.store());
    let asked = name.clone();
    let found = context.apart("hostel-journal", move || told(&store.journal, &asked, most)).await?;
    let entries = found.map_err(|error| Problem::storage(&error))?;
    if entries.is_empty() {
        return Err(no_service());
    }
    Ok(json(&view::History { service: name.to_string(), entries }))
}

fn told(journal: &Journal, service: &ServiceName, most: usize) -> Result<Vec<view::HistoryEntry>, StorageError> {
    let kept = journal.revisions(service)?;
    let kept = |entry: &Entry| kept.iter().any(|one| one.revision.number == entry.revision);
    let entries = journal.history(service, most)?;
    Ok(entries.iter().map(|entry| shown_entry(entry, kept(entry))).collect())
}

fn shown_entry(entry: &Entry, kept: bool) -> view::HistoryEntry {
    // Whether the entry gave the revision a share, or it had one already.
    let candidate = entry.standing.candidate.filter(|candidate| candidate.revision.number == entry.revision);
    let pending = entry.standing.pending.filter(|pending| pending.revision.number == entry.revision);
    let weight = candidate.map(|one| one.weight).or_else(|| pending.and_then(|one| one.weight));
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    view::HistoryEntry {
        version: entry.sequence,
        time: humantime::format_rfc3339_millis(view::moment(entry.at_unix_ms)).to_string(),
        change: entry.change.into(),
        revision: entry.revision.to_string(),
        digest: entry.digest.to_string(),
        weight: weight.map(|weight| weight.percent()),
        live: entry.standing.live.map(Into::into),
        by: said(&entry.by),
        why: said(&entry.why),
        kept,
    }
}
