//! A bucket of `wasi:keyvalue`.

use std::cell::OnceCell;

use super::bindings::wasi::keyvalue0_2_0_draft2::atomics::{self, Cas, CasError};
use super::bindings::wasi::keyvalue0_2_0_draft2::store::{self as keyvalue, Bucket, Error};
use crate::store::{Store, StoreError, Swap};

/// One bucket, opened when it is first used: a request that is refused before costs nothing.
pub struct WasiStore {
    name: &'static str,
    bucket: OnceCell<Bucket>,
}

impl WasiStore {
    /// The bucket of that name.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, bucket: OnceCell::new() }
    }

    fn bucket(&self, key: &str) -> Result<&Bucket, StoreError> {
        if let Some(bucket) = self.bucket.get() {
            return Ok(bucket);
        }
        let opened = keyvalue::open(self.name).map_err(|error| self.failed(key, error))?;
        Ok(self.bucket.get_or_init(|| opened))
    }

    fn failed(&self, key: &str, error: Error) -> StoreError {
        match error {
            Error::NoSuchStore | Error::AccessDenied => StoreError::NotGranted { bucket: self.name.to_owned() },
            Error::Other(reason) => StoreError::Failed { key: key.to_owned(), reason },
        }
    }
}

impl Store for WasiStore {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.bucket(key)?.get(key).map_err(|error| self.failed(key, error))
    }

    fn next(&self, key: &str) -> Result<u64, StoreError> {
        let next = atomics::increment(self.bucket(key)?, key, 1).map_err(|error| self.failed(key, error))?;
        u64::try_from(next)
            .map_err(|_| StoreError::Damaged { key: key.to_owned(), reason: format!("counter is `{next}`") })
    }

    fn swap(&self, key: &str, expected: Option<&[u8]>, value: &[u8]) -> Result<Swap, StoreError> {
        let failed = |error| self.failed(key, error);
        let cas = Cas::new(self.bucket(key)?, key).map_err(failed)?;
        let current = cas.current().map_err(failed)?;
        if current.as_deref() != expected {
            return Ok(Swap::Changed(current));
        }
        match atomics::swap(cas, value) {
            Ok(()) => Ok(Swap::Done),
            Err(CasError::CasFailed(newer)) => Ok(Swap::Changed(newer.current().map_err(failed)?)),
            Err(CasError::StoreError(error)) => Err(failed(error)),
        }
    }
}
