//! Changes that need no more than the name of a service.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use hostel_model::name::ServiceName;
use http::{HeaderMap, Uri};

use super::{Asked, order, refused};
use crate::admin::audit::Audit;
use crate::admin::context::{Context, Params};
use crate::admin::problem::Problem;
use crate::admin::view;
use crate::deploy::{Author, What};

/// Lets the candidate serve alone.
#[utoipa::path(
    post,
    path = "/v1/services/{name}/promote",
    tag = "changes",
    params(("name" = String, Path, description = "The service.")),
    responses((status = 200, description = "What changed.", body = view::Changed))
)]
pub(in crate::admin) async fn promote(
    State(context): State<Context>,
    Extension(who): Extension<Author>,
    params: Params,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    of_service(&context, (who, uri, headers), &params, "promote", What::Promote).await
}

/// Takes a service away.
///
/// Requests that have begun are finished. Its revisions and what it keeps stay.
#[utoipa::path(
    delete,
    path = "/v1/services/{name}",
    tag = "changes",
    params(("name" = String, Path, description = "The service.")),
    responses((status = 200, description = "What changed.", body = view::Changed))
)]
pub(in crate::admin) async fn undeploy(
    State(context): State<Context>,
    Extension(who): Extension<Author>,
    params: Params,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    of_service(&context, (who, uri, headers), &params, "undeploy", What::Undeploy).await
}

/// Makes a service answer `not-ready`.
#[utoipa::path(
    post,
    path = "/v1/services/{name}/disable",
    tag = "changes",
    params(("name" = String, Path, description = "The service.")),
    responses((status = 200, description = "What changed.", body = view::Changed))
)]
pub(in crate::admin) async fn disable(
    State(context): State<Context>,
    Extension(who): Extension<Author>,
    params: Params,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    of_service(&context, (who, uri, headers), &params, "disable", What::Disable).await
}

/// Makes a service answer again.
#[utoipa::path(
    post,
    path = "/v1/services/{name}/enable",
    tag = "changes",
    params(("name" = String, Path, description = "The service.")),
    responses((status = 200, description = "What changed.", body = view::Changed))
)]
pub(in crate::admin) async fn enable(
    State(context): State<Context>,
    Extension(who): Extension<Author>,
    params: Params,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    of_service(&context, (who, uri, headers), &params, "enable", What::Enable).await
}

/// Puts in force what waits for approval.
#[utoipa::path(
    post,
    path = "/v1/services/{name}/approve",
    tag = "changes",
    params(("name" = String, Path, description = "The service.")),
    responses((status = 200, description = "What changed.", body = view::Changed))
)]
pub(in crate::admin) async fn approve(
    State(context): State<Context>,
    Extension(who): Extension<Author>,
    params: Params,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    of_service(&context, (who, uri, headers), &params, "approve", What::Approve).await
}

async fn of_service(
    context: &Context,
    (who, uri, headers): (Author, Uri, HeaderMap),
    params: &Params,
    word: &'static str,
    what: impl FnOnce(ServiceName) -> What,
) -> Result<Response, Problem> {
    let asked = Asked { who, reach: params.reach().clone(), uri, headers };
    let audit = Audit::of(who, word, params.text("name").to_owned());
    match params.service() {
        Ok(service) => order(context, asked, audit, what(service)).await,
        Err(problem) => refused(audit, problem),
    }
}
