//! Changes of what is live: each becomes one order to the deployer, which answers with all that changed.
//!
//! Whoever asks may leave before the answer; the order stands all the same, and
//! what came of it is in the log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use hostel_model::digest::{Digest, RevisionNumber};
use hostel_model::name::ServiceName;
use hostel_model::rollout::Weight;
use hostel_storage::StorageError;
use http::{HeaderMap, Uri};
use tokio::sync::oneshot;

use crate::admin::api::json;
use crate::admin::audit::Audit;
use crate::admin::context::{Context, Params, no_service};
use crate::admin::problem::{Problem, sentence};
use crate::admin::question::{flag, json_body, only, seen_version};
use crate::admin::reach::Reach;
use crate::admin::view;
use crate::deploy::{Author, DeployError, Done, Order, RejectReason, Store, What};
use crate::dispatch::admission::Permit;

pub(super) mod one_service;
mod shown;

/// A change as it is asked for, whatever it is.
pub(super) struct Asked {
    who: Author,
    reach: Reach,
    uri: Uri,
    headers: HeaderMap,
}

/// Puts components in force, all in one swap.
///
/// The components must have been uploaded by `POST /v1/artifacts`. Nothing changes
/// unless all of them can: each is validated, compiled and instantiated once
/// before. Answers once they are live, which may take minutes.
#[utoipa::path(
    post,
    path = "/v1/deployments",
    tag = "changes",
    request_body(content = view::Deployment, content_type = "application/json"),
    responses((status = 200, description = "What changed.", body = view::Changed))
)]
pub(super) async fn deploy(
    State(context): State<Context>,
    (Extension(who), Extension(reach)): (Extension<Author>, Extension<Reach>),
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let deployment = json_body::<view::Deployment>(body, &*context.platform.clock, None).await;
    match deployment.and_then(|deployment| understood(&deployment)) {
        Ok((services, weight)) => {
            let names = services.keys().map(ServiceName::as_str).collect::<Vec<_>>().join(",");
            let about = services.iter().map(|(name, digest)| format!("{name}={}", digest.short()));
            let audit = Audit::of(who, "deploy", names).about(about.collect::<Vec<_>>().join(","));
            match may_deploy(&context, &reach, &services).await {
                Ok(()) => {
                    let asked = Asked { who, reach, uri, headers };
                    order(&context, asked, audit, What::Deploy { services, weight }).await
                }
                Err(problem) => refused(audit, problem),
            }
        }
        Err(problem) => refused(Audit::of(who, "deploy", ""), problem),
    }
}

fn understood(asked: &view::Deployment) -> Result<(BTreeMap<ServiceName, Digest>, Option<Weight>), Problem> {
    let wrong = |error: &dyn std::error::Error| Problem::bad_request(sentence(&error.to_string()));
    let mut services = BTreeMap::new();
    for (name, view::Component { digest }) in &asked.services {
        let name = ServiceName::parse(name).map_err(|error| wrong(&error))?;
        services.insert(name, digest.parse::<Digest>().map_err(|error| wrong(&error))?);
    }
    if services.is_empty() {
        return Err(Problem::bad_request("`services` names none; name one with the digest of its component."));
    }
    let weight = asked.weight.map(|percent| {
        Weight::of(percent).ok_or_else(|| Problem::bad_request("`weight` is a percentage from 1 to 99."))
    });
    Ok((services, weight.transpose()?))
}

/// A tenant deploys its own services, from components that it has brought or that they have had: what it
/// knows of others, a name or a digest, is to it what does not exist.
async fn may_deploy(context: &Context, reach: &Reach, services: &BTreeMap<ServiceName, Digest>) -> Result<(), Problem> {
    if services.keys().any(|service| !reach.includes(service)) {
        return Err(no_service());
    }
    let Some(tenant) = reach.tenant() else {
        return Ok(());
    };
    let now = context.platform.clock.now();
    let brought = |digest: &Digest| context.uploaded.has(&tenant.name, digest, now);
    let unknown = services.iter().filter(|(_, digest)| !brought(digest));
    let mut unknown: BTreeMap<ServiceName, Digest> = unknown.map(|(name, digest)| (name.clone(), *digest)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let (store, within) = (Arc::clone(context.deployer()?.store()), reach.clone());
    let had = context.apart("hostel-journal", move || had_by(&store, &within)).await?;
    let had = had.map_err(|error| Problem::storage(&error))?;
    unknown.retain(|_, digest| !had.contains(digest));
    if unknown.is_empty() {
        return Ok(());
    }
    let missing = unknown.into_iter().map(|(name, digest)| (name, RejectReason::NoArtifact(digest)));
    Err(deploy_problem(DeployError::Rejected(missing.collect()), reach))
}

/// The components of every revision that is kept of services within `reach`.
fn had_by(store: &Store, reach: &Reach) -> Result<BTreeSet<Digest>, StorageError> {
    let mut had = BTreeSet::new();
    for (service, entry) in store.journal.standings()?.into_iter().filter(|(service, _)| reach.includes(service)) {
        had.extend(entry.standing.held().map(|revision| revision.digest));
        had.extend(store.journal.revisions(&service)?.iter().map(|kept| kept.revision.digest));
    }
    Ok(had)
}

/// Goes back.
///
/// From a candidate to what is live, else to what served before, or to the
/// revision that is named. The folder has no say until its file changes.
#[utoipa::path(
    post,
    path = "/v1/services/{name}/rollback",
    tag = "changes",
    params(("name" = String, Path, description = "The service.")),
    request_body(content = Option<view::Rollback>, content_type = "application/json"),
    responses((status = 200, description = "What changed.", body = view::Changed))
)]
pub(super) async fn rollback(
    State(context): State<Context>,
    Extension(who): Extension<Author>,
    params: Params,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let rollback = json_body::<Option<view::Rollback>>(body, &*context.platform.clock, Some(None)).await;
    let to = rollback.and_then(|rollback| {
        let to = rollback.and_then(|rollback| rollback.revision).map(|text| text.parse::<RevisionNumber>()).transpose();
        to.map_err(|error| Problem::bad_request(sentence(&error.to_string())))
    });
    let audit = Audit::of(who, "rollback", params.text("name").to_owned());
    match to.and_then(|to| Ok((params.service()?, to))) {
        Ok((service, to)) => {
            let audit = audit.about(to.map(|to| to.to_string()).unwrap_or_default());
            let asked = Asked { who, reach: params.reach().clone(), uri, headers };
            order(&context, asked, audit, What::Rollback { service, to }).await
        }
        Err(problem) => refused(audit, problem),
    }
}

/// Gives the deployer an order and tells what came of it.
async fn order(context: &Context, asked: Asked, audit: Audit, what: What) -> Result<Response, Problem> {
    let ready = asked.conditions().and_then(|conditions| {
        let deployer = context.deployer()?.clone();
        Ok((conditions, deployer, place(&asked.reach)?))
    });
    let ((dry_run, if_version), deployer, place) = match ready {
        Ok(ready) => ready,
        Err(problem) => return refused(audit, problem),
    };
    let Asked { who, reach, .. } = asked;
    let order = Order { what, by: who, dry_run, if_version };
    let (tell, told) = oneshot::channel();
    // A task of its own: it sees the end even if the client does not.
    context.platform.spawn.task(Box::pin(async move {
        let done = deployer.ask(order).await.map_err(|error| deploy_problem(error, &reach));
        drop(place);
        let done = audit.ended(done, |done| if done.dry_run { "rehearsed" } else { "done" });
        // Fails if the client has left.
        let _ = tell.send(done);
    }));
    let done: Done = told.await.map_err(|_panicked| Problem::internal())??;
    Ok(json(&view::Changed::from(&done)))
}

/// The place of one deployment or upload of a tenant, which has only so many under way: its pipelines must not
/// fill the queue that all others wait in.
pub(super) fn place(reach: &Reach) -> Result<Option<Permit>, Problem> {
    let busy = || {
        Problem::busy(
            "As many deployments and uploads of the tenant are under way as it has `compile_slots`; try again.",
        )
    };
    reach.tenant().map(|tenant| tenant.deployments.for_call().ok_or_else(busy)).transpose()
}

impl Asked {
    /// Whether it is a rehearsal, and what must not have changed.
    fn conditions(&self) -> Result<(bool, Option<u64>), Problem> {
        only(&self.uri, &["dry_run"])?;
        Ok((flag(&self.uri, "dry_run")?, seen_version(&self.headers)?))
    }
}

fn refused(audit: Audit, problem: Problem) -> Result<Response, Problem> {
    audit.ended(Err(problem), |_: &Response| "done")
}

/// What is answered where the deployer refuses, without what is beyond `reach`.
pub(super) fn deploy_problem(mut error: DeployError, reach: &Reach) -> Problem {
    if let DeployError::Rejected(rejected) = &mut error {
        rejected.retain(|(service, _)| reach.includes(service));
        if rejected.is_empty() {
            // A service of somebody else is what cannot be.
            return Problem::busy("Something else on this host keeps it from changing; try again.");
        }
    }
    let detail = sentence(&error.to_string());
    match error {
        // Nobody has to build anything again: whoever asks once more may well be told something else.
        DeployError::Rejected(rejected) if rejected.iter().all(|(_, reason)| reason.is_of_the_moment()) => {
            let reasons: Vec<String> = rejected.iter().map(|(_, reason)| chain(reason)).collect();
            Problem::busy(format!("{detail} {}", sentence(&reasons.join("; "))))
        }
        DeployError::Rejected(rejected) => {
            let reason = |(service, reason): (ServiceName, _)| view::Rejection {
                service: service.to_string(),
                reason: chain(&reason),
            };
            Problem::unprocessable(detail, rejected.into_iter().map(reason).collect())
        }
        DeployError::RouteConflict { .. } => Problem::unprocessable(detail, Vec::new()),
        DeployError::Unchangeable { .. } => Problem::conflict(detail),
        DeployError::NoService(_) | DeployError::NoRevision { .. } => Problem::not_found(detail),
        DeployError::Outdated { .. } => Problem::precondition_failed(detail),
        DeployError::Storage(error) => Problem::storage(&error),
        DeployError::Busy => Problem::busy(detail),
        DeployError::Bug => Problem::internal(),
    }
}

/// An error and what is behind it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text} ({cause})");
        source = cause.source();
    }
    text
}
