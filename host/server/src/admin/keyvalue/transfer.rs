//! All that a service keeps as lines of JSON, out and in.
//!
//! An export is not a snapshot: what is written while it runs may be in it or not,
//! but no value is torn. An import writes as the service itself would, within its
//! quotas, and only its rate is not asked about.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hostel_model::limits::KeyValueLimits;
use hostel_model::name::{BucketName, ServiceName};
use hostel_storage::{Bucket, BucketUsage, KeyValue, KeyValueError, SharedQuota};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Uri};

use super::{UNLIMITED, problem_of};
use crate::admin::api::json;
use crate::admin::audit::Audit;
use crate::admin::context::{Context, Params};
use crate::admin::outflow::{Outflow, outflow};
use crate::admin::problem::Problem;
use crate::admin::question::{linger, no_version, only, piece};
use crate::admin::view;
use crate::deploy::Author;

/// What one line of JSON after another is called.
const LINES: &str = "application/jsonl";
/// Bytes of a line: the largest key and value that a guest can hand over, in Base64.
const LINE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Keys that are written together, so that they share the syncs of the disk.
const BATCH_KEYS: usize = 256;
/// Bytes that are written together.
const BATCH_BYTES: usize = 1024 * 1024;
/// Between two tries while the writer has too much to do.
const PAUSE: Duration = Duration::from_millis(20);
/// Tries until the writer is taken to be stuck.
const TRIES_MAX: u32 = 500;

/// All that a service keeps, a line for each key.
///
/// What is written meanwhile may be in it or not.
#[utoipa::path(
    get,
    path = "/v1/services/{name}/export",
    tag = "keyvalue",
    params(("name" = String, Path, description = "The service.")),
    responses((status = 200, description = "One object in each line.", body = view::ExportedValue, content_type = "application/jsonl"))
)]
pub(in crate::admin) async fn export(State(context): State<Context>, params: Params) -> Result<Response, Problem> {
    let service = params.service()?;
    let (permit, store) = (context.transfer()?, Arc::clone(context.deployer()?.store()));
    let body = outflow(&context, "hostel-export", move |out| {
        let _until_it_is_read = permit;
        lines(&store.keyvalue, &service, out)
    })
    .await?;
    Ok(([(CONTENT_TYPE, HeaderValue::from_static(LINES))], body).into_response())
}

fn lines(keyvalue: &KeyValue, service: &ServiceName, out: &mut Outflow) -> Result<(), Problem> {
    let failed = |error: KeyValueError| problem_of(&error);
    let gone = |_| Problem::busy("The client took nothing, or has left.");
    for BucketUsage { bucket: name, .. } in keyvalue.buckets(service).map_err(|error| failed(error.into()))? {
        let bucket = keyvalue.bucket(service, &name, &UNLIMITED);
        let mut after: Option<String> = None;
        loop {
            let page = bucket.list_keys(after.as_deref()).map_err(failed)?;
            for key in page.keys {
                // It may have been deleted meanwhile.
                if let Some(value) = bucket.get(&key).map_err(failed)? {
                    out.write_all(line(&name, &key, &value).as_bytes()).map_err(gone)?;
                }
            }
            after = page.cursor;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(())
}

fn line(bucket: &BucketName, key: &str, value: &[u8]) -> String {
    // Neither a bucket's name nor Base64 has anything that JSON would escape.
    let (key, value) = (STANDARD.encode(key), STANDARD.encode(value));
    format!("{{\"bucket\":\"{bucket}\",\"key\":\"{key}\",\"value\":\"{value}\"}}\n")
}

/// Writes keys and values, as an export has them.
///
/// In pieces, each of them durable before the next: where a line is wrong or a
/// quota is reached, what came before it is there.
#[utoipa::path(
    post,
    path = "/v1/services/{name}/import",
    tag = "keyvalue",
    params(("name" = String, Path, description = "The service.")),
    request_body(content = Option<view::ExportedValue>, content_type = "application/jsonl", description = "One object in each line."),
    responses((status = 200, description = "All of it is written.", body = view::Imported))
)]
pub(in crate::admin) async fn import(
    State(context): State<Context>,
    Extension(who): Extension<Author>,
    params: Params,
    uri: Uri,
    headers: HeaderMap,
    mut body: Body,
) -> Result<Response, Problem> {
    let audit = Audit::of(who, "kv import", params.text("name").to_owned());
    let imported = async {
        only(&uri, &[])?;
        no_version(&headers)?;
        let _permit = context.transfer()?;
        let service = params.service()?;
        let mut import = Import::of(&context, &service)?;
        let done = import.all(&mut body).await;
        done.map_err(|problem| import.so_far(problem)).map(|()| import.written)
    };
    let imported = imported.await;
    if imported.is_err() {
        linger(&mut body, &*context.platform.clock).await;
    }
    let keys = audit.ended(imported, |_| "done")?;
    Ok(json(&view::Imported { keys }))
}

/// Lines on their way into a service's buckets.
struct Import<'a> {
    context: &'a Context,
    keyvalue: KeyValue,
    service: ServiceName,
    limits: KeyValueLimits,
    /// What all services of its tenant may keep together.
    quota: Option<Arc<SharedQuota>>,
    /// What is to be written together, by the buckets it is for.
    waiting: BTreeMap<BucketName, Vec<(String, Vec<u8>)>>,
    waiting_keys: usize,
    waiting_bytes: usize,
    line: u64,
    written: u64,
}

impl<'a> Import<'a> {
    fn of(context: &'a Context, service: &ServiceName) -> Result<Self, Problem> {
        let keyvalue = context.deployer()?.store().keyvalue.clone();
        let snapshot = context.state.live.load();
        let limits = snapshot.services.get(service).map(|live| live.settings.limits.keyvalue.clone());
        Ok(Self {
            context,
            keyvalue,
            service: service.clone(),
            limits: limits.unwrap_or_default(),
            quota: snapshot.tenancy.owner(service).map(|tenant| Arc::clone(tenant.share.quota())),
            waiting: BTreeMap::new(),
            waiting_keys: 0,
            waiting_bytes: 0,
            line: 0,
            written: 0,
        })
    }

    async fn all(&mut self, body: &mut Body) -> Result<(), Problem> {
        let mut rest: Vec<u8> = Vec::new();
        while let Some(data) = piece(body, &*self.context.platform.clock).await? {
            let mut parts = data.split(|byte| *byte == b'\n');
            // What follows the last line end is the beginning of a line.
            let last = parts.next_back().unwrap_or_default();
            for part in parts {
                rest.extend_from_slice(part);
                self.take(&rest).await?;
                rest.clear();
            }
            rest.extend_from_slice(last);
            if rest.len() > LINE_BYTES_MAX {
                self.line += 1;
                let detail = format!("Line {} has more than {LINE_BYTES_MAX} bytes.", self.line);
                return Err(Problem::too_large(detail));
            }
        }
        self.take(&rest).await?;
        self.write().await
    }

    async fn take(&mut self, line: &[u8]) -> Result<(), Problem> {
        self.line += 1;
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let wrong = |what: &str| Problem::bad_request(format!("Line {} is wrong: {what}.", self.line));
        let found: view::ExportedValue = serde_json::from_slice(line).map_err(|error| wrong(&format!("{error}")))?;
        let bucket = BucketName::from_identifier(&found.bucket).map_err(|error| wrong(&error.to_string()))?;
        let key = STANDARD.decode(&found.key).ok().and_then(|key| String::from_utf8(key).ok());
        let key = key.ok_or_else(|| wrong("`key` is not UTF-8 in Base64"))?;
        let value = STANDARD.decode(&found.value).map_err(|_| wrong("`value` is not Base64"))?;
        self.waiting_keys += 1;
        self.waiting_bytes += key.len() + value.len();
        self.waiting.entry(bucket).or_default().push((key, value));
        if self.waiting_keys >= BATCH_KEYS || self.waiting_bytes >= BATCH_BYTES {
            self.write().await?;
        }
        Ok(())
    }

    /// Writes what waits; durable when it returns.
    async fn write(&mut self) -> Result<(), Problem> {
        (self.waiting_keys, self.waiting_bytes) = (0, 0);
        for (name, entries) in std::mem::take(&mut self.waiting) {
            // The rate protects the disk from many guests, not from its operator.
            let bucket = self.keyvalue.bucket(&self.service, &name, &self.limits).unpaced();
            let bucket = bucket.sharing(self.quota.clone());
            let keys = entries.len() as u64;
            self.set(&bucket, entries).await?;
            self.written += keys;
        }
        Ok(())
    }

    async fn set(&self, bucket: &Bucket, entries: Vec<(String, Vec<u8>)>) -> Result<(), Problem> {
        let clock = &self.context.platform.clock;
        for _ in 0..TRIES_MAX {
            match bucket.set_many(entries.clone()).await {
                Err(KeyValueError::Busy) => clock.sleep_until(clock.now().after(PAUSE)).await,
                done => return done.map_err(|error| problem_of(&error)),
            }
        }
        Err(problem_of(&KeyValueError::Busy))
    }

    /// `problem` with what was done before it.
    fn so_far(&self, problem: Problem) -> Problem {
        problem.after(&format!("Keys written before that: {}.", self.written))
    }
}
