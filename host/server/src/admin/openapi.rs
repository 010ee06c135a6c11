//! The document that describes the admin plane, made from the functions that answer and the types they answer with.

use axum::response::Response;
use utoipa::openapi::path::Operation;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr};
use utoipa::{Modify, OpenApi};

use crate::admin::{api, explain, health, view};

#[derive(OpenApi)]
#[openapi(
    info(title = "Hostel, admin plane", description = "Reads the state of a running host. It changes nothing."),
    paths(
        health::livez,
        health::readyz,
        health::readyz_one,
        api::metrics,
        api::status,
        api::services,
        api::all_routes,
        api::all_limits,
        explain::explain,
        document
    ),
    components(schemas(view::Problem)),
    security(("token" = [])),
    tags(
        (name = "health", description = "Probes. The status code is the answer."),
        (name = "metrics", description = "Counters and gauges."),
        (name = "state", description = "What is live, and what holds for it."),
    ),
    modifiers(&Everywhere)
)]
struct Api;

/// What may be answered to any request, whatever it asks for.
const REFUSALS: [(&str, &str); 5] = [
    ("400", "The request or one of its parameters is not valid."),
    ("401", "The token is missing or wrong. Only by TCP."),
    ("403", "The host is not this machine, or the request comes from a page of another origin."),
    ("405", "The path exists, but not for this method; see the header Allow."),
    ("413", "The request has a large body. Nothing here reads one."),
];

struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, document: &mut Document) {
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("What is in `admin.token` in the state folder. Not needed on the Unix socket."));
        if let Some(components) = &mut document.components {
            components.add_security_scheme("token", SecurityScheme::Http(token.build()));
        }
        for item in document.paths.paths.values_mut() {
            if let Some(operation) = &mut item.get {
                add_refusals(operation);
            }
        }
    }
}

fn add_refusals(operation: &mut Operation) {
    for (status, description) in REFUSALS {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response =
            ResponseBuilder::new().description(description).content("application/problem+json", content).build();
        operation.responses.responses.entry(status.to_owned()).or_insert(RefOr::T(response));
    }
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
