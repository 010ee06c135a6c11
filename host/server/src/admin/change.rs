//! Changes of what is live: each becomes one order to the deployer, which answers with all that changed.
//!
//! Whoever asks may leave before the answer; the order stands all the same, and
//! what came of it is in the log.

use std::collections::BTreeMap;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use hostel_model::digest::{Digest, RevisionNumber};
use hostel_model::name::ServiceName;
use hostel_model::rollout::Weight;
use http::{HeaderMap, Uri};
use tokio::sync::oneshot;

use crate::admin::api::json;
use crate::admin::audit::Audit;
use crate::admin::context::{Context, Params};
use crate::admin::problem::{Problem, sentence};
use crate::admin::question::{flag, json_body, only, seen_version};
use crate::admin::view;
use crate::deploy::{Author, DeployError, Done, Order, What};

pub(super) mod one_service;
mod shown;

/// A change as it is asked for, whatever it is.
pub(super) struct Asked {
    who: Author,
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
    Extension(who): Extension<Author>,
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
            order(&context, Asked { who, uri, headers }, audit, What::Deploy { services, weight }).await
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
            order(&context, Asked { who, uri, headers }, audit, What::Rollback { service, to }).await
        }
        Err(problem) => refused(audit, problem),
    }
}

/// Gives the deployer an order and tells what came of it.
async fn order(context: &Context, asked: Asked, audit: Audit, what: What) -> Result<Response, Problem> {
    let ready = asked.conditions().and_then(|conditions| Ok((conditions, context.deployer()?.clone())));
    let ((dry_run, if_version), deployer) = match ready {
        Ok(ready) => ready,
        Err(problem) => return refused(audit, problem),
    };
    let order = Order { what, by: asked.who, dry_run, if_version };
    let (tell, told) = oneshot::channel();
    // A task of its own: it sees the end even if the client does not.
    context.platform.spawn.task(Box::pin(async move {
        let done = deployer.ask(order).await.map_err(deploy_problem);
        let done = audit.ended(done, |done| if done.dry_run { "rehearsed" } else { "done" });
        // Fails if the client has left.
        let _ = tell.send(done);
    }));
    let done: Done = told.await.map_err(|_panicked| Problem::internal())??;
    Ok(json(&view::Changed::from(&done)))
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

/// What is answered where the deployer refuses.
pub(super) fn deploy_problem(error: DeployError) -> Problem {
    let detail = sentence(&error.to_string());
    match error {
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
