//! Components on their way to the disk: taken piece by piece, refused at the first sign of being none.
//!
//! The disk is written to by a thread of the upload's own, which gets the pieces
//! through a short queue: a slow disk slows the client, and nobody else.

use std::pin::pin;
use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures::future::{Either, select};
use hostel_model::digest::Digest;
use hostel_model::limits::fixed;
use hostel_model::platform::{Clock, Monotonic};
use hostel_storage::StorageError;
use http::{HeaderMap, StatusCode, Uri};
use tokio::sync::mpsc;

use crate::admin::api::json;
use crate::admin::audit::Audit;
use crate::admin::change::place;
use crate::admin::context::Context;
use crate::admin::problem::{Problem, sentence};
use crate::admin::question::{declared_length, linger, only, piece};
use crate::admin::reach::Reach;
use crate::admin::view;
use crate::deploy::{Author, Store};

pub(super) mod room;

/// Pieces that wait for the disk.
const PIECES_WAITING: usize = 4;
/// Time for a whole upload: 64 MiB through a line of one megabit a second.
const UPLOAD_TIME: std::time::Duration = std::time::Duration::from_mins(10);
/// How a component begins: `\0asm`, version 13, layer 1.
const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";
/// How a core module begins.
const MODULE: [u8; 8] = *b"\0asm\x01\0\0\0";
/// How native code begins that wasmtime has made: it is an ELF file.
const NATIVE: [u8; 4] = *b"\x7fELF";

/// What goes through the queue.
enum Piece {
    Data(Bytes),
    /// All of it was sent. A queue that just ends is an upload that broke off.
    End,
}

/// Takes a component.
///
/// It is on the disk when this answers, and is deployed by `POST /v1/deployments`.
/// Whether it can be a service is found out then; only what is no component at all
/// is refused here. One that nobody deploys is taken away after an hour; all of
/// them together may take a gibibyte.
#[utoipa::path(
    post,
    path = "/v1/artifacts",
    tag = "changes",
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "The component, of at most 64 MiB."),
    responses((status = 201, description = "It is kept.", body = view::Artifact))
)]
pub(super) async fn upload(
    State(context): State<Context>,
    (Extension(who), Extension(reach)): (Extension<Author>, Extension<Reach>),
    uri: Uri,
    headers: HeaderMap,
    mut body: Body,
) -> Result<Response, Problem> {
    let audit = Audit::of(who, "upload", "");
    let too_large_by_its_own_words = declared_length(&headers).is_some_and(|bytes| bytes > fixed::COMPONENT_FILE.0);
    let taken = if too_large_by_its_own_words {
        Err(too_large())
    } else {
        match place(&reach) {
            Ok(_until_it_is_kept) => take(&context, &uri, &headers, &mut body).await,
            Err(problem) => Err(problem),
        }
    };
    if taken.is_err() && !too_large_by_its_own_words {
        linger(&mut body, &*context.platform.clock).await;
    }
    let audit = audit.about(taken.as_ref().map(|(digest, _)| digest.short()).unwrap_or_default());
    let (digest, bytes) = audit.ended(taken, |_| "done")?;
    if let Some(tenant) = reach.tenant() {
        context.uploaded.note(&tenant.name, digest, context.platform.clock.now());
    }
    let answer = json(&view::Artifact { digest: digest.to_string(), bytes });
    Ok((StatusCode::CREATED, answer).into_response())
}

async fn take(context: &Context, uri: &Uri, headers: &HeaderMap, body: &mut Body) -> Result<(Digest, u64), Problem> {
    only(uri, &[])?;
    let (permit, store) = (context.upload()?, Arc::clone(context.deployer()?.store()));
    // One of unknown length may become as large as any.
    let claim = room::claim(context, declared_length(headers).unwrap_or(fixed::COMPONENT_FILE.0)).await?;
    let (pieces, waiting) = mpsc::channel(PIECES_WAITING);
    let kept = context.apart("hostel-upload", move || {
        let _until_it_is_written = (permit, claim);
        keep(&store, waiting)
    });
    let clock = &*context.platform.clock;
    let passed = pass_on(body, &pieces, clock).await;
    if passed.is_ok() {
        // Fails only if the disk has failed, which the thread says below.
        let _ = pieces.send(Piece::End).await;
    }
    drop(pieces);
    let kept = kept.await;
    passed?;
    let kept = kept?.map_err(|error| match error {
        StorageError::TooLarge { .. } => too_large(),
        other => Problem::storage(&other),
    });
    kept?.ok_or_else(Problem::internal)
}

/// Hands the body on piece by piece, once its beginning is that of a component.
async fn pass_on(body: &mut Body, pieces: &mpsc::Sender<Piece>, clock: &dyn Clock) -> Result<(), Problem> {
    let until = clock.now().after(UPLOAD_TIME);
    let (mut beginning, mut bytes) = (Vec::new(), 0_u64);
    loop {
        let failed_disk = pin!(pieces.closed());
        let data = match select(pin!(next(body, until, clock)), failed_disk).await {
            Either::Left((data, _)) => data?,
            // What comes is of no use any more; the thread says why.
            Either::Right(_) => return Ok(()),
        };
        let Some(mut data) = data else {
            return is_component(&beginning);
        };
        bytes += data.len() as u64;
        if bytes > fixed::COMPONENT_FILE.0 {
            return Err(too_large());
        }
        if beginning.len() < COMPONENT.len() {
            beginning.extend_from_slice(&data);
            if beginning.len() < COMPONENT.len() {
                continue;
            }
            is_component(&beginning)?;
            data = Bytes::copy_from_slice(&beginning);
        }
        // Fails only if the disk has failed, which is seen at the next piece.
        let _ = pieces.send(Piece::Data(data)).await;
    }
}

async fn next(body: &mut Body, until: Monotonic, clock: &dyn Clock) -> Result<Option<Bytes>, Problem> {
    let next = piece(body, clock).await?;
    if clock.now() > until {
        let minutes = UPLOAD_TIME.as_secs() / 60;
        return Err(Problem::bad_request(format!("The upload took longer than {minutes} minutes.")));
    }
    Ok(next)
}

/// Writes what comes through the queue; nothing is kept of what breaks off.
fn keep(store: &Store, mut pieces: mpsc::Receiver<Piece>) -> Result<Option<(Digest, u64)>, StorageError> {
    let mut upload = store.artifacts.begin()?;
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Data(data)) => upload.write(&data)?,
            Some(Piece::End) => return upload.finish().map(Some),
            None => return Ok(None),
        }
    }
}

/// Whether a file that begins so can be a component.
fn is_component(beginning: &[u8]) -> Result<(), Problem> {
    let reason = if beginning.starts_with(&COMPONENT) {
        return Ok(());
    } else if beginning.is_empty() {
        "the file is empty; send a component"
    } else if beginning.starts_with(&NATIVE) {
        "this is precompiled native code, not a component; deploy the `.wasm` file it was made from"
    } else if beginning.starts_with(&MODULE) {
        "this is a core WebAssembly module, not a component; build it for `wasm32-wasip2`, \
         or wrap it with `wasm-tools component new`"
    } else {
        "this is not a WebAssembly component (it does not begin like one); build it for `wasm32-wasip2`"
    };
    Err(Problem::unprocessable(sentence(reason), Vec::new()))
}

fn too_large() -> Problem {
    Problem::too_large(format!(
        "A component has at most {}; strip debug information or split the service.",
        fixed::COMPONENT_FILE
    ))
}
