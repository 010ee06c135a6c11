//! `wasi:keyvalue@0.2.0-draft2`: text cursors, signed `increment`, compare-and-swap.

use hostel_storage::{KeyValueError, Swap};
use wasmtime::component::Resource;

use super::{OpenBucket, PendingSwap, StoreError};
use crate::bindings::wasi::keyvalue0_2_0_draft2::atomics::{self, CasError};
use crate::bindings::wasi::keyvalue0_2_0_draft2::batch;
use crate::bindings::wasi::keyvalue0_2_0_draft2::store::{self, Error, KeyResponse};
use crate::state::InstanceState;

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::AccessDenied => Self::AccessDenied,
            StoreError::Other(text) => Self::Other(text),
        }
    }
}

fn reply<T>(result: Result<T, KeyValueError>) -> wasmtime::Result<Result<T, Error>> {
    Ok(result.map_err(|error| StoreError::from(error).into()))
}

impl store::Host for InstanceState {
    async fn open(&mut self, identifier: String) -> wasmtime::Result<Result<Resource<OpenBucket>, Error>> {
        Ok(self.open_bucket(&identifier)?.map_err(Error::from))
    }
}

impl store::HostBucket for InstanceState {
    async fn get(
        &mut self,
        bucket: Resource<OpenBucket>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        reply(self.bucket(&bucket)?.get(&key))
    }

    async fn set(
        &mut self,
        bucket: Resource<OpenBucket>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        reply(self.bucket(&bucket)?.set(key, value).await)
    }

    async fn delete(&mut self, bucket: Resource<OpenBucket>, key: String) -> wasmtime::Result<Result<(), Error>> {
        reply(self.bucket(&bucket)?.delete(key).await)
    }

    async fn exists(&mut self, bucket: Resource<OpenBucket>, key: String) -> wasmtime::Result<Result<bool, Error>> {
        reply(self.bucket(&bucket)?.exists(&key))
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<OpenBucket>,
        cursor: Option<String>,
    ) -> wasmtime::Result<Result<KeyResponse, Error>> {
        let page = self.bucket(&bucket)?.list_keys(cursor.as_deref());
        reply(page.map(|page| KeyResponse { keys: page.keys, cursor: page.cursor }))
    }

    async fn drop(&mut self, bucket: Resource<OpenBucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl batch::Host for InstanceState {
    async fn get_many(
        &mut self,
        bucket: Resource<OpenBucket>,
        keys: Vec<String>,
    ) -> wasmtime::Result<Result<Vec<(String, Option<Vec<u8>>)>, Error>> {
        reply(self.bucket(&bucket)?.get_many(&keys))
    }

    async fn set_many(
        &mut self,
        bucket: Resource<OpenBucket>,
        pairs: Vec<(String, Vec<u8>)>,
    ) -> wasmtime::Result<Result<(), Error>> {
        reply(self.bucket(&bucket)?.set_many(pairs).await)
    }

    async fn delete_many(
        &mut self,
        bucket: Resource<OpenBucket>,
        keys: Vec<String>,
    ) -> wasmtime::Result<Result<(), Error>> {
        reply(self.bucket(&bucket)?.delete_many(keys).await)
    }
}

impl atomics::Host for InstanceState {
    async fn increment(
        &mut self,
        bucket: Resource<OpenBucket>,
        key: String,
        delta: i64,
    ) -> wasmtime::Result<Result<i64, Error>> {
        reply(self.bucket(&bucket)?.increment(key, delta).await)
    }

    async fn swap(&mut self, cas: Resource<PendingSwap>, value: Vec<u8>) -> wasmtime::Result<Result<(), CasError>> {
        let pending = self.table.delete(cas)?;
        match pending.bucket.swap(pending.key.clone(), pending.version, value).await {
            Ok(Swap::Done) => Ok(Ok(())),
            Ok(Swap::Conflict(now)) => {
                let fresh = PendingSwap { bucket: pending.bucket, key: pending.key, version: now.version };
                Ok(Err(CasError::CasFailed(self.table.push(fresh)?)))
            }
            Err(error) => Ok(Err(CasError::StoreError(StoreError::from(error).into()))),
        }
    }
}

impl atomics::HostCas for InstanceState {
    async fn new(
        &mut self,
        bucket: Resource<OpenBucket>,
        key: String,
    ) -> wasmtime::Result<Result<Resource<PendingSwap>, Error>> {
        let bucket = self.bucket(&bucket)?;
        Ok(self.begin_swap(bucket, key)?.map_err(Error::from))
    }

    async fn current(&mut self, cas: Resource<PendingSwap>) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        let pending = self.table.get_mut(&cas)?;
        // What is read now is what the swap will be held to.
        reply(pending.bucket.read_versioned(&pending.key).map(|now| {
            pending.version = now.version;
            now.value
        }))
    }

    async fn drop(&mut self, cas: Resource<PendingSwap>) -> wasmtime::Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}
