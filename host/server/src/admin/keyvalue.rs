//! What services keep, for their operator: buckets, keys, values, and taking them away.
//!
//! The operator may read all of it, whatever limits hold for the service now, and
//! whether or not the service is deployed.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hostel_model::limits::KeyValueLimits;
use hostel_model::name::{BucketName, ServiceName};
use hostel_model::units::ByteSize;
use hostel_storage::{Bucket, BucketUsage, KeyPage, KeyValue, KeyValueError};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Uri};

use crate::admin::api::{json, one};
use crate::admin::audit::Audit;
use crate::admin::context::{Context, Params};
use crate::admin::problem::{Problem, sentence};
use crate::admin::question::{no_version, only};
use crate::admin::view;
use crate::deploy::Author;

pub(super) mod transfer;

/// The limits of the operator: none. What was written under other limits must be readable.
const UNLIMITED: KeyValueLimits = KeyValueLimits {
    key: ByteSize(u64::MAX),
    value: ByteSize(u64::MAX),
    bytes: ByteSize(u64::MAX),
    keys: u64::MAX,
    writes: u32::MAX,
};

/// The buckets of a service.
#[utoipa::path(
    get,
    path = "/v1/services/{name}/keyvalue",
    tag = "keyvalue",
    params(("name" = String, Path, description = "The service.")),
    responses((status = 200, description = "The buckets that hold anything.", body = view::Buckets))
)]
pub(super) async fn buckets(State(context): State<Context>, params: Params) -> Result<Response, Problem> {
    let service = params.service()?;
    let buckets = read(&context, &service, |service, keyvalue| keyvalue.buckets(service)).await?;
    let shown = |BucketUsage { bucket, usage }: &BucketUsage| view::Bucket {
        name: bucket.to_string(),
        keys: usage.keys,
        bytes: usage.bytes,
    };
    let buckets = buckets.iter().map(shown).collect();
    Ok(json(&view::Buckets { service: service.to_string(), buckets }))
}

/// The keys of a bucket, page by page.
#[utoipa::path(
    get,
    path = "/v1/services/{name}/keyvalue/{bucket}",
    tag = "keyvalue",
    params(
        ("name" = String, Path, description = "The service."),
        ("bucket" = String, Path, description = "The bucket."),
        ("prefix" = inline(Option<String>), Query, description = "Only keys that begin so."),
        ("cursor" = inline(Option<String>), Query, description = "Where the page before ended."),
    ),
    responses((status = 200, description = "Up to a thousand keys.", body = view::Keys))
)]
pub(super) async fn keys(State(context): State<Context>, params: Params, uri: Uri) -> Result<Response, Problem> {
    let (service, bucket) = (params.service()?, params.bucket()?);
    let (prefix, cursor) = (one(&uri, "prefix")?.unwrap_or_default(), one(&uri, "cursor")?);
    let look = move |service: &ServiceName, keyvalue: &KeyValue| {
        page(&keyvalue.bucket(service, &bucket, &UNLIMITED), &prefix, cursor.as_deref())
    };
    let KeyPage { keys, cursor } = read(&context, &service, look).await?;
    Ok(json(&view::Keys { keys, cursor }))
}

/// The keys of `bucket` that begin with `prefix` and come after `cursor`.
fn page(bucket: &Bucket, prefix: &str, cursor: Option<&str>) -> Result<KeyPage, KeyValueError> {
    // Nothing that begins with the prefix comes before it but the prefix itself.
    let after = cursor.or((!prefix.is_empty()).then_some(prefix));
    let mut page = bucket.list_keys(after)?;
    let fitting = page.keys.iter().take_while(|key| key.starts_with(prefix)).count();
    if fitting < page.keys.len() {
        page.keys.truncate(fitting);
        page.cursor = None;
    }
    if cursor.is_none() && !prefix.is_empty() && bucket.exists(prefix)? {
        page.keys.insert(0, prefix.to_owned());
    }
    Ok(page)
}

/// The value of a key.
///
/// Of the empty key, too: then the path ends with `/`.
#[utoipa::path(
    get,
    path = "/v1/services/{name}/keyvalue/{bucket}/{key}",
    tag = "keyvalue",
    params(
        ("name" = String, Path, description = "The service."),
        ("bucket" = String, Path, description = "The bucket."),
        ("key" = String, Path, description = "The key, with `%2F` for a `/`."),
    ),
    responses(
        (status = 200, description = "Its bytes.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "It has none.", body = view::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn value(State(context): State<Context>, params: Params) -> Result<Response, Problem> {
    let (service, bucket, key) = (params.service()?, params.bucket()?, params.text("key").to_owned());
    let look =
        move |service: &ServiceName, keyvalue: &KeyValue| keyvalue.bucket(service, &bucket, &UNLIMITED).get(&key);
    match read(&context, &service, look).await? {
        Some(value) => {
            let kind = HeaderValue::from_static("application/octet-stream");
            Ok(([(CONTENT_TYPE, kind)], Body::from(value)).into_response())
        }
        None => Err(Problem::not_found("The key has no value.")),
    }
}

/// Takes away all that a service keeps.
///
/// Whether or not the service is deployed: its next request finds nothing.
#[utoipa::path(
    delete,
    path = "/v1/services/{name}/keyvalue",
    tag = "keyvalue",
    params(
        ("name" = String, Path, description = "The service."),
        ("confirm" = String, Query, description = "The name of the service once more."),
    ),
    responses((status = 200, description = "It is gone.", body = view::Purged))
)]
pub(super) async fn purge(
    State(context): State<Context>,
    Extension(who): Extension<Author>,
    params: Params,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    purged(&context, who, &params, None, (&uri, &headers)).await
}

/// Takes away all that a service keeps in one bucket.
#[utoipa::path(
    delete,
    path = "/v1/services/{name}/keyvalue/{bucket}",
    tag = "keyvalue",
    params(
        ("name" = String, Path, description = "The service."),
        ("bucket" = String, Path, description = "The bucket."),
        ("confirm" = String, Query, description = "The name of the service once more."),
    ),
    responses((status = 200, description = "It is gone.", body = view::Purged))
)]
pub(super) async fn purge_bucket(
    State(context): State<Context>,
    Extension(who): Extension<Author>,
    params: Params,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    match params.bucket() {
        Ok(bucket) => purged(&context, who, &params, Some(bucket), (&uri, &headers)).await,
        Err(problem) => {
            Audit::of(who, "kv purge", params.text("name").to_owned()).ended(Err(problem), |_: &Response| "done")
        }
    }
}

async fn purged(
    context: &Context,
    who: Author,
    params: &Params,
    bucket: Option<BucketName>,
    (uri, headers): (&Uri, &HeaderMap),
) -> Result<Response, Problem> {
    let about = bucket.as_ref().map(ToString::to_string).unwrap_or_default();
    let audit = Audit::of(who, "kv purge", params.text("name").to_owned()).about(about);
    let purged = async {
        only(uri, &["confirm"])?;
        no_version(headers)?;
        let service = params.service()?;
        let again = |what: &str| format!("{what}, which cannot be undone; confirm it with `confirm={service}`.");
        match one(uri, "confirm")? {
            None => return Err(Problem::bad_request(again("This deletes data"))),
            Some(name) if name != service.as_str() => {
                return Err(Problem::conflict(again("This deletes the data of another service than `confirm` names")));
            }
            Some(_) => {}
        }
        let buckets = match bucket {
            Some(bucket) => vec![bucket],
            None => {
                let found = read(context, &service, |service, keyvalue| keyvalue.buckets(service)).await?;
                found.into_iter().map(|found| found.bucket).collect()
            }
        };
        let keyvalue = &context.deployer()?.store().keyvalue;
        let (mut keys, mut bytes) = (0, 0);
        for bucket in buckets {
            let gone = keyvalue.purge(&service, Some(&bucket)).await.map_err(|error| problem_of(&error))?;
            (keys, bytes) = (keys + gone.keys, bytes + gone.bytes);
        }
        Ok(view::Purged { keys, bytes })
    };
    Ok(json(&audit.ended(purged.await, |_| "done")?))
}

/// What `look` finds, on a thread that a slow disk may hold up.
async fn read<T: Send + 'static, E: Into<KeyValueError> + Send + 'static>(
    context: &Context,
    service: &ServiceName,
    look: impl FnOnce(&ServiceName, &KeyValue) -> Result<T, E> + Send + 'static,
) -> Result<T, Problem> {
    let store = Arc::clone(context.deployer()?.store());
    let service = service.clone();
    let found = context.apart("hostel-keyvalue", move || look(&service, &store.keyvalue)).await?;
    found.map_err(|error| problem_of(&error.into()))
}

/// What is answered where the storage refuses or fails.
fn problem_of(error: &KeyValueError) -> Problem {
    let detail = sentence(&error.to_string());
    match error {
        KeyValueError::DiskFull(error) | KeyValueError::Failed(error) => Problem::storage(error),
        KeyValueError::Busy | KeyValueError::Closed => Problem::busy(detail),
        KeyValueError::KeyTooLong { .. }
        | KeyValueError::ValueTooLarge { .. }
        | KeyValueError::QuotaBytes { .. }
        | KeyValueError::QuotaShared { .. }
        | KeyValueError::QuotaKeys { .. }
        | KeyValueError::WriteRate { .. }
        | KeyValueError::ReadTooLarge { .. }
        | KeyValueError::NotANumber
        | KeyValueError::Overflow => Problem::conflict(detail),
    }
}
