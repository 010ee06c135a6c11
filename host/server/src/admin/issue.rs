//! Making, listing and revoking tokens of tenants: the operator's alone.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hostel_model::failure::Failure;
use hostel_model::tenant::TenantName;
use http::{HeaderMap, StatusCode, Uri};

use crate::admin::api::json;
use crate::admin::audit::Audit;
use crate::admin::context::{Context, Params};
use crate::admin::problem::Problem;
use crate::admin::question::{json_body, no_version, only};
use crate::admin::tokens::{Issued, NAME_LETTERS_MAX, NotMade, TOKENS_MAX};
use crate::admin::view;
use crate::deploy::Author;

/// Makes a token for a tenant.
///
/// The answer is the only place where it is ever shown. It sees and changes what is
/// the tenant's, by TCP and on the Unix socket.
#[utoipa::path(
    post,
    path = "/v1/tokens",
    tag = "tokens",
    request_body(content = view::NewToken, content_type = "application/json"),
    responses((status = 201, description = "The token.", body = view::MadeToken))
)]
pub(super) async fn make(
    State(context): State<Context>,
    Extension(who): Extension<Author>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let asked = json_body::<view::NewToken>(body, &*context.platform.clock, None).await;
    let tenant = asked.as_ref().map(|asked| asked.tenant.clone()).unwrap_or_default();
    let audit = Audit::of(who, "token create", "").about(tenant);
    let made = async {
        only(&uri, &[])?;
        no_version(&headers)?;
        let (tenant, name) = understood(&context, asked?)?;
        let (tokens, random) = (Arc::clone(&context.tokens), Arc::clone(&context.platform.random));
        let since_1970 = context.platform.clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let at_unix_ms = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
        let made = context.apart("hostel-tokens", move || tokens.make(tenant, name, at_unix_ms, &*random)).await?;
        made.map_err(|error| match error {
            NotMade::TooMany => Problem::conflict(format!("There are {TOKENS_MAX} tokens; revoke one first.")),
            NotMade::Storage(error) => Problem::storage(&error),
        })
    };
    let made = made.await;
    let id = made.as_ref().map(|(issued, _)| format!("{} {}", issued.tenant, issued.id));
    let audit = match id {
        Ok(id) => audit.about(id),
        Err(_) => audit,
    };
    let (issued, token) = audit.ended(made, |_| "done")?;
    let view::Token { id, tenant, name, created } = shown(&issued);
    Ok((StatusCode::CREATED, json(&view::MadeToken { id, tenant, name, created, token })).into_response())
}

fn understood(context: &Context, asked: view::NewToken) -> Result<(TenantName, Option<String>), Problem> {
    // Before the first deployment nobody knows which tenants there are.
    context.deployer()?;
    let none = "There is no such tenant; add it to the configuration as `[tenant.NAME]`.";
    let tenant = TenantName::parse(&asked.tenant).ok();
    let tenant = tenant.filter(|name| context.state.live.load().tenancy.tenant(name).is_some());
    let tenant = tenant.ok_or_else(|| Problem::not_found(none))?;
    let name = asked.name.filter(|name| !name.is_empty());
    let fits = |name: &String| name.chars().count() <= NAME_LETTERS_MAX && !name.chars().any(char::is_control);
    if name.as_ref().is_some_and(|name| !fits(name)) {
        let detail = format!("`name` is what people call the token: at most {NAME_LETTERS_MAX} letters on one line.");
        return Err(Problem::bad_request(detail));
    }
    Ok((tenant, name))
}

/// The tokens of all tenants, without the tokens.
#[utoipa::path(
    get,
    path = "/v1/tokens",
    tag = "tokens",
    responses((status = 200, description = "In the order in which they were made.", body = view::Tokens))
)]
pub(super) async fn list(State(context): State<Context>) -> Response {
    json(&view::Tokens { tokens: context.tokens.all().iter().map(shown).collect() })
}

/// Takes a token back.
///
/// It is refused from then on, whoever has it.
#[utoipa::path(
    delete,
    path = "/v1/tokens/{id}",
    tag = "tokens",
    params(("id" = String, Path, description = "The token's id.")),
    responses((status = 200, description = "What it was.", body = view::Token))
)]
pub(super) async fn revoke(
    State(context): State<Context>,
    Extension(who): Extension<Author>,
    params: Params,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = params.text("id").to_owned();
    let audit = Audit::of(who, "token revoke", "").about(id.clone());
    let revoked = async {
        only(&uri, &[])?;
        no_version(&headers)?;
        let tokens = Arc::clone(&context.tokens);
        let revoked = context.apart("hostel-tokens", move || tokens.revoke(&id)).await?;
        let none = || Problem::of(Failure::NoRoute, "There is no such token; `/v1/tokens` lists those that there are.");
        revoked.map_err(|error| Problem::storage(&error))?.ok_or_else(none)
    };
    let revoked = audit.ended(revoked.await, |_| "done")?;
    Ok(json(&shown(&revoked)))
}

fn shown(issued: &Issued) -> view::Token {
    view::Token {
        id: issued.id.to_string(),
        tenant: issued.tenant.to_string(),
        name: issued.name.clone(),
        created: humantime::format_rfc3339_millis(view::moment(issued.created_unix_ms)).to_string(),
    }
}
