//! `wasi:keyvalue` over the buckets a service was granted, in both drafts that toolchains use.
//!
//! A bucket can only be one that deployment put into the service's parts, under
//! the service's own name: no identifier a guest passes can name another's.
//! The drafts differ in cursors, in the sign of `increment` and in having
//! compare-and-swap; each file below `keyvalue/` translates one of them.

use hostel_model::name::BucketName;
use hostel_storage::{Bucket, KeyValueError, Version};
use wasmtime::component::Resource;

use crate::state::InstanceState;

mod draft;
mod draft2;

/// A bucket that a guest has opened.
pub struct OpenBucket {
    bucket: Bucket,
    /// Keys at which a listing stopped; the first draft's cursors are places in here.
    stops: Vec<String>,
}

/// Listings of one handle that may be under way; their places are kept.
const STOPS: usize = 1_024;

/// A compare-and-swap that a guest has begun. It holds no value: a guest may
/// begin many, and values are large.
pub struct PendingSwap {
    bucket: Bucket,
    key: String,
    version: Version,
}

/// Why an operation failed, in the words that both drafts share.
pub(crate) enum StoreError {
    AccessDenied,
    Other(String),
}

impl From<KeyValueError> for StoreError {
    fn from(error: KeyValueError) -> Self {
        Self::Other(error.to_string())
    }
}

impl InstanceState {
    /// Opens a bucket by its identifier; empty means `default`. Whether one
    /// that was not granted exists is not told.
    fn open_bucket(&mut self, identifier: &str) -> wasmtime::Result<Result<Resource<OpenBucket>, StoreError>> {
        let granted =
            BucketName::from_identifier(identifier).ok().and_then(|name| self.parts.buckets.get(&name).cloned());
        let Some(bucket) = granted else {
            self.log.refused("call-denied", &format!("the bucket `{identifier}` is not granted; add it to `keyvalue`"));
            return Ok(Err(StoreError::AccessDenied));
        };
        Ok(Ok(self.table.push(OpenBucket { bucket, stops: Vec::new() })?))
    }

    fn bucket(&self, handle: &Resource<OpenBucket>) -> wasmtime::Result<Bucket> {
        Ok(self.table.get(handle)?.bucket.clone())
    }

    /// Reads a key and remembers its version, to swap it later.
    fn begin_swap(
        &mut self,
        bucket: Bucket,
        key: String,
    ) -> wasmtime::Result<Result<Resource<PendingSwap>, StoreError>> {
        let seen = match bucket.read_versioned(&key) {
            Ok(seen) => seen,
            Err(error) => return Ok(Err(error.into())),
        };
        let pending = PendingSwap { bucket, key, version: seen.version };
        Ok(Ok(self.table.push(pending)?))
    }
}
