//! The resources of the admin plane: which there are, and what each answers.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Router};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Uri};
use serde::Serialize;

use crate::admin::change::{self, one_service};
use crate::admin::context::Context;
use crate::admin::problem::Problem;
use crate::admin::question::etag;
use crate::admin::reach::Reach;
use crate::admin::services::Standings;
use crate::admin::{
    AdminState, artifacts, backup, explain, health, issue, keyvalue, limits, openapi, routes, services, view,
};
use crate::hardening;

/// What Prometheus calls the format of [`crate::metrics`].
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Every resource, and an answer to whoever asks for another.
pub(super) fn router(context: Context) -> Router {
    Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/readyz/{name}", get(health::readyz_one))
        .route("/metrics", get(metrics))
        .route("/v1/status", get(status))
        .route("/v1/services", get(services::services))
        .route("/v1/services/{name}", get(services::service).delete(one_service::undeploy))
        .route("/v1/services/{name}/history", get(services::history))
        .route("/v1/services/{name}/rollback", post(change::rollback))
        .route("/v1/services/{name}/promote", post(one_service::promote))
        .route("/v1/services/{name}/disable", post(one_service::disable))
        .route("/v1/services/{name}/enable", post(one_service::enable))
        .route("/v1/services/{name}/approve", post(one_service::approve))
        .route("/v1/services/{name}/keyvalue", get(keyvalue::buckets).delete(keyvalue::purge))
        .route("/v1/services/{name}/keyvalue/{bucket}", get(keyvalue::keys).delete(keyvalue::purge_bucket))
        .route("/v1/services/{name}/keyvalue/{bucket}/", get(keyvalue::value))
        .route("/v1/services/{name}/keyvalue/{bucket}/{key}", get(keyvalue::value))
        .route("/v1/services/{name}/export", get(keyvalue::transfer::export))
        .route("/v1/services/{name}/import", post(keyvalue::transfer::import))
        .route("/v1/artifacts", post(artifacts::upload))
        .route("/v1/deployments", post(change::deploy))
        .route("/v1/backup", post(backup::backup))
        .route("/v1/tokens", get(issue::list).post(issue::make))
        .route("/v1/tokens/{id}", delete(issue::revoke))
        .route("/v1/routes", get(all_routes))
        .route("/v1/limits", get(all_limits))
        .route("/v1/explain", get(explain::explain))
        .route("/openapi.json", get(openapi::document))
        .fallback(|| async {
            Problem::not_found("There is nothing at this path; `/openapi.json` lists what there is.")
        })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .with_state(context)
}

/// Everything that is counted, as OpenMetrics text for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "metrics",
    responses((status = 200, description = "The metrics.", body = String, content_type = "application/openmetrics-text"))
)]
pub(super) async fn metrics(State(state): State<Arc<AdminState>>) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(OPENMETRICS))], (state.metrics_text)()).into_response()
}

/// How the host stands: version, checks, listeners, services.
///
/// The `ETag` is the version of all services together. A tenant sees its own services.
#[utoipa::path(
    get,
    path = "/v1/status",
    tag = "state",
    responses((status = 200, description = "How it stands.", body = view::Status))
)]
pub(super) async fn status(State(context): State<Context>, Extension(reach): Extension<Reach>) -> Response {
    // A journal that cannot be read is one of the things that this is asked for.
    let standings = Standings::read(&context, &reach).await.ok().flatten();
    let state = &context.state;
    let checks = state.readiness.checks().into_iter();
    let services = standings.as_ref().map(|standings| standings.services(&state.live.load(), &context));
    let answer = json(&view::Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_seconds: state.clock.now().since(state.started).as_secs(),
        ready: state.readiness.is_ready(),
        checks: checks
            .map(|(check, reason)| view::Check { name: check.name().to_owned(), ok: reason.is_none(), reason })
            .collect(),
        listeners: state.served().iter().map(|listener| listener.shown()).collect(),
        connections: reach
            .tenant()
            .is_none()
            .then(|| u64::try_from(state.metrics.connections.get()).unwrap_or_default()),
        platform: view::Platform::of(hardening::kernel(), state.slots.cleaning(), hardening::in_force()),
        services: services.unwrap_or_else(|| services::live_only(&state.live.load(), &context, &reach)),
    });
    match standings {
        Some(standings) => ([etag(standings.version())], answer).into_response(),
        None => answer,
    }
}

/// Every route that is live, listener by listener. A tenant sees its own.
#[utoipa::path(
    get,
    path = "/v1/routes",
    tag = "state",
    responses((status = 200, description = "The routes.", body = view::Routes))
)]
pub(super) async fn all_routes(State(state): State<Arc<AdminState>>, Extension(reach): Extension<Reach>) -> Response {
    json(&view::Routes { routes: routes::routes(&state.live.load(), state.served(), &reach) })
}

/// Every limit in force beside its default, and where its value comes from.
///
/// A tenant sees its own sums and those of its services.
#[utoipa::path(
    get,
    path = "/v1/limits",
    tag = "state",
    responses((status = 200, description = "The limits of the host, its listeners and its services.", body = view::Limits))
)]
pub(super) async fn all_limits(State(state): State<Arc<AdminState>>, Extension(reach): Extension<Reach>) -> Response {
    let snapshot = state.live.load();
    let by_operator = reach.tenant().is_none();
    let own = reach.tenant().map(|tenant| &tenant.name);
    let tenants = snapshot.tenancy.rules().iter().filter(|tenant| own.is_none_or(|own| *own == tenant.name));
    json(&view::Limits {
        host: if by_operator { limits::of_host(&state.host_limits) } else { Vec::new() },
        fixed: limits::fixed(),
        tenants: tenants
            .map(|one| view::LimitsOf { name: one.name.to_string(), limits: limits::of_tenant(&one.limits) })
            .collect(),
        listeners: state
            .served()
            .iter()
            .filter(|_| by_operator)
            .map(|one| view::LimitsOf {
                name: one.address.to_string(),
                limits: limits::of_listener(&one.listener.limits),
            })
            .collect(),
        services: snapshot
            .services
            .values()
            .filter(|one| reach.includes(&one.name))
            .map(|one| view::LimitsOf { name: one.name.to_string(), limits: limits::of_service(&one.settings.limits) })
            .collect(),
    })
}

/// An answer in JSON.
pub(super) fn json<T: Serialize>(value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => {
            ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], Body::from(bytes)).into_response()
        }
        Err(_) => Problem::internal().into_response(),
    }
}

/// Every value that the query of `uri` gives to `name`, in order.
pub(super) fn every<'a>(uri: &'a Uri, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    pairs.filter(move |(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The one value that the query of `uri` gives to `name`, if any.
pub(super) fn one(uri: &Uri, name: &'static str) -> Result<Option<String>, Problem> {
    let mut values = every(uri, name);
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Problem::bad_request(format!("`{name}` may be there once."))),
        (value, None) => Ok(value),
    }
}
