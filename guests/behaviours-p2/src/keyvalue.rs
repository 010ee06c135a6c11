//! Operations on buckets as a query tells them, and their results as JSON.

use crate::host::wasi::keyvalue0_2_0_draft as draft;
use crate::host::wasi::keyvalue0_2_0_draft2 as draft2;
use crate::json;
use crate::query::Query;
use draft2::atomics::{Cas, CasError};

/// An error is JSON too.
type Outcome = Result<String, String>;

/// Does `op` on `key` in `bucket`. A value is the query's `value`, else the body.
///
/// Results are `{"result": …}`, errors `{"error": "access-denied"}` or
/// `{"error": "other", "text": …}`.
pub fn answer(query: &Query, body: Vec<u8>) -> String {
    let value = query.get("value").map_or(body, |value| value.into());
    let outcome = if query.has("draft") { older(query, &value) } else { newer(query, &value) };
    outcome.map_or_else(|error| error, |result| json::object([("result", result)]))
}

fn named(name: &str) -> String {
    json::object([("error", json::text(name))])
}

/// What both versions have word for word, though to Rust their types differ.
macro_rules! common {
    ($version:ident, $error:ident, $operation:ident) => {
        fn $error(error: $version::store::Error) -> String {
            match error {
                $version::store::Error::NoSuchStore => named("no-such-store"),
                $version::store::Error::AccessDenied => named("access-denied"),
                $version::store::Error::Other(text) => {
                    json::object([("error", json::text("other")), ("text", json::text(&text))])
                }
            }
        }

        fn $operation(bucket: &$version::store::Bucket, query: &Query, value: &[u8]) -> Outcome {
            let key = query.text("key");
            match query.text("op") {
                "open" => Ok(json::text("ok")),
                "get" => bucket.get(key).map(|value| json::optional(value, |value| json::bytes(&value))),
                "set" => bucket.set(key, value).map(|()| json::text("ok")),
                "delete" => bucket.delete(key).map(|()| json::text("ok")),
                "exists" => bucket.exists(key).map(|found| found.to_string()),
                "increment" => {
                    $version::atomics::increment(bucket, key, query.number("delta", 1)).map(|value| value.to_string())
                }
                "set_many" => $version::batch::set_many(bucket, &pairs(query)).map(|()| json::text("ok")),
                "delete_many" => $version::batch::delete_many(bucket, &keys(query)).map(|()| json::text("ok")),
                _ => return Err(named("unknown op")),
            }
            .map_err($error)
        }
    };
}

common!(draft, older_error, older_common);
common!(draft2, newer_error, newer_common);

fn older(query: &Query, value: &[u8]) -> Outcome {
    let bucket = draft::store::open(query.text("bucket")).map_err(older_error)?;
    match query.text("op") {
        "list" => {
            let cursor = query.get("cursor").and_then(|cursor| cursor.parse().ok());
            let page = bucket.list_keys(cursor).map_err(older_error)?;
            Ok(listed(page.keys, page.cursor.map(|cursor| cursor.to_string())))
        }
        "get_many" => {
            let found = draft::batch::get_many(&bucket, &keys(query)).map_err(older_error)?;
            let pair = |(key, value): (String, Vec<u8>)| json::list([json::text(&key), json::bytes(&value)]);
            Ok(json::list(found.into_iter().map(|found| json::optional(found, pair))))
        }
        _ => older_common(&bucket, query, value),
    }
}

fn newer(query: &Query, value: &[u8]) -> Outcome {
    let bucket = draft2::store::open(query.text("bucket")).map_err(newer_error)?;
    match query.text("op") {
        "list" => {
            let page = bucket.list_keys(query.get("cursor")).map_err(newer_error)?;
            Ok(listed(page.keys, page.cursor.map(|cursor| json::text(&cursor))))
        }
        "get_many" => {
            let found = draft2::batch::get_many(&bucket, &keys(query)).map_err(newer_error)?;
            Ok(json::list(found.into_iter().map(|(key, value)| {
                json::list([json::text(&key), json::optional(value, |value| json::bytes(&value))])
            })))
        }
        "cas" => compare_and_swap(&bucket, query, value),
        _ => newer_common(&bucket, query, value),
    }
}

/// Swaps in `value`; with `between`, another write comes first and the swap must fail.
fn compare_and_swap(bucket: &draft2::store::Bucket, query: &Query, value: &[u8]) -> Outcome {
    let key = query.text("key");
    let cas = Cas::new(bucket, key).map_err(newer_error)?;
    let before = cas.current().map_err(newer_error)?;
    if let Some(between) = query.get("between") {
        bucket.set(key, between.as_bytes()).map_err(newer_error)?;
    }
    let shown = |value: Option<Vec<u8>>| json::optional(value, |value| json::bytes(&value));
    match draft2::atomics::swap(cas, value) {
        Ok(()) => Ok(json::object([("before", shown(before))])),
        Err(CasError::StoreError(error)) => Err(newer_error(error)),
        Err(CasError::CasFailed(newer)) => {
            let current = newer.current().map_err(newer_error)?;
            Err(json::object([("error", json::text("cas-failed")), ("current", shown(current))]))
        }
    }
}

fn listed(keys: Vec<String>, cursor: Option<String>) -> String {
    let keys = json::list(keys.iter().map(|key| json::text(key)));
    json::object([("keys", keys), ("cursor", json::optional(cursor, |cursor| cursor))])
}

fn keys(query: &Query) -> Vec<String> {
    query.all("key").map(str::to_owned).collect()
}

/// `pair=key:value`, as often as wanted.
fn pairs(query: &Query) -> Vec<(String, Vec<u8>)> {
    let pairs = query.all("pair").filter_map(|pair| pair.split_once(':'));
    pairs.map(|(key, value)| (key.to_owned(), value.into())).collect()
}
