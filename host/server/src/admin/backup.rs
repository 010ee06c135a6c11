//! A backup while the host serves: everything in the state folder as one file that `hostel restore` takes.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hostel_storage::StorageError;
use hostel_storage::backup::{Source, write};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Uri};

use crate::admin::audit::Audit;
use crate::admin::context::Context;
use crate::admin::outflow::outflow;
use crate::admin::problem::Problem;
use crate::admin::question::only;
use crate::deploy::Author;

/// Everything that the host keeps, as a tar archive.
///
/// Every write that was acknowledged before this is asked is in it. Requests are
/// served and changes are made meanwhile. An answer that ends without its last
/// chunk is not whole.
#[utoipa::path(
    post,
    path = "/v1/backup",
    tag = "changes",
    responses((status = 200, description = "The archive.", body = Vec<u8>, content_type = "application/x-tar"))
)]
pub(super) async fn backup(
    State(context): State<Context>,
    Extension(who): Extension<Author>,
    uri: Uri,
) -> Result<Response, Problem> {
    let audit = Audit::of(who, "backup", "");
    let begun = async {
        only(&uri, &[])?;
        let permit = context.backup()?;
        let (store, scratch) = (Arc::clone(context.deployer()?.store()), context.state.scratch.clone());
        let since_1970 = context.platform.clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let at_unix_ms = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
        outflow(&context, "hostel-backup", move |out| {
            let _until_it_is_read = permit;
            let (journal, keyvalue, artifacts) = (&store.journal, &store.keyvalue, &store.artifacts);
            let source = Source { journal, keyvalue, artifacts, scratch: &scratch };
            write(&source, at_unix_ms, out).map(drop).map_err(|error| match error {
                StorageError::Stream { .. } => Problem::busy("The client took nothing, or has left."),
                other => Problem::storage(&other),
            })
        })
        .await
    };
    let body = audit.ended(begun.await, |_| "begun")?;
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("application/x-tar"))], body).into_response())
}
