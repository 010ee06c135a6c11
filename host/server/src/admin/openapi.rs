//! The document that describes the admin plane, made from the functions that answer and the types they answer with.

use axum::response::Response;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr, Required};
use utoipa::{Modify, OpenApi};

use crate::admin::change::{self, one_service};
use crate::admin::keyvalue::{self, transfer};
use crate::admin::question::VERSION_TAG;
use crate::admin::{api, artifacts, backup, explain, health, issue, services, view};

#[derive(OpenApi)]
#[openapi(
    info(title = "Hostel, admin plane", description = "Tells how a running host stands, and changes what it serves."),
    paths(
        health::livez,
        health::readyz,
        health::readyz_one,
        api::metrics,
        api::status,
        services::services,
        services::service,
        services::history,
        api::all_routes,
        api::all_limits,
        explain::explain,
        artifacts::upload,
        change::deploy,
        change::rollback,
        one_service::promote,
        one_service::undeploy,
        one_service::disable,
        one_service::enable,
        one_service::approve,
        backup::backup,
        issue::list,
        issue::make,
        issue::revoke,
        keyvalue::buckets,
        keyvalue::keys,
        keyvalue::value,
        keyvalue::purge,
        keyvalue::purge_bucket,
        transfer::export,
        transfer::import,
        document
    ),
    components(schemas(view::Problem, view::Component)),
    security(("token" = [])),
    tags(
        (name = "health", description = "Probes. The status code is the answer."),
        (name = "metrics", description = "Counters and gauges."),
        (name = "state", description = "What is live, and what holds for it."),
        (name = "changes", description = "What is to be live. Each change is one line in the log, done or refused."),
        (name = "tokens", description = "Tokens of tenants. The operator's alone."),
        (name = "keyvalue", description = "What services keep."),
    ),
    modifiers(&Everywhere)
)]
struct Api;

/// A status with what it means.
type Refusal = (&'static str, &'static str);

/// What may be answered to any request, whatever it asks for.
const REFUSALS: [Refusal; 5] = [
    ("400", "The request or one of its parameters is not valid."),
    ("401", "The token is missing or wrong. On the Unix socket only if one is sent."),
    (
        "403",
        "The host is not this machine, the request comes from a page of another origin, or a tenant asks for what is the operator's.",
    ),
    ("405", "The path exists, but not for this method; see the header Allow."),
    ("413", "The body is larger than what is read here."),
];
/// What may be answered where the deployer or the storage is asked.
const OF_STORAGE: [Refusal; 3] = [
    ("404", "There is nothing of that name."),
    ("503", "The host is starting or ending, too much waits already, or the storage failed."),
    ("507", "The disk is full, or what was uploaded and not deployed takes all the room there is for that."),
];
/// What may be answered to a change.
const OF_CHANGES: [Refusal; 3] = [
    ("409", "The change contradicts how things stand."),
    ("412", "It has changed since; `If-Match` names an older version."),
    ("422", "It cannot be deployed, for each of the reasons in `problems`."),
];
/// Orders to the deployer: they can be rehearsed, and depend on a version.
const ORDERS: [&str; 7] = ["deploy", "rollback", "promote", "undeploy", "disable", "enable", "approve"];

struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, document: &mut Document) {
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "What is in `admin.token` in the state folder, or a token of a tenant. Not needed on the Unix socket.",
        ));
        if let Some(components) = &mut document.components {
            components.add_security_scheme("token", SecurityScheme::Http(token.build()));
        }
        for (path, item) in &mut document.paths.paths {
            for operation in [&mut item.get, &mut item.post, &mut item.delete].into_iter().flatten() {
                add_refusals(operation, &REFUSALS);
                let tags = operation.tags.iter().flatten().map(String::as_str).collect::<Vec<_>>();
                let (changes, keyvalue) = (tags.contains(&"changes"), tags.contains(&"keyvalue"));
                if changes || keyvalue || path.starts_with("/v1/services") || path.starts_with("/v1/tokens") {
                    add_refusals(operation, &OF_STORAGE);
                }
                if changes || keyvalue {
                    add_refusals(operation, &OF_CHANGES);
                }
                if operation.operation_id.as_deref().is_some_and(|id| ORDERS.contains(&id)) {
                    add_conditions(operation);
                }
            }
        }
    }
}

fn add_refusals(operation: &mut Operation, refusals: &[Refusal]) {
    for (status, description) in refusals {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response =
            ResponseBuilder::new().description(*description).content("application/problem+json", content).build();
        operation.responses.responses.entry((*status).to_owned()).or_insert(RefOr::T(response));
    }
}

fn add_conditions(operation: &mut Operation) {
    let parameter = |name: &str, place, schema: ObjectBuilder, description: &str| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(schema))
            .build()
    };
    let flag = ObjectBuilder::new().schema_type(Type::Boolean);
    let tag = ObjectBuilder::new().schema_type(Type::String).pattern(Some(VERSION_TAG)).examples(["\"12\""]);
    let rehearsal = "Find out what would happen, and change nothing.";
    let version = "The `ETag` of the service as it was seen, or of all services where several are deployed.";
    operation.parameters.get_or_insert_default().extend([
        RefOr::T(parameter("dry_run", ParameterIn::Query, flag, rehearsal)),
        RefOr::T(parameter("If-Match", ParameterIn::Header, tag, version)),
    ]);
}

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "state",
    responses((status = 200, description = "An OpenAPI document.", body = Object))
)]
pub(super) async fn document() -> Response {
    api::json(&Api::openapi())
}
