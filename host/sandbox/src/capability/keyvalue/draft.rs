//! `wasi:keyvalue@0.2.0-draft`: numeric cursors, unsigned `increment`, no compare-and-swap.

use hostel_storage::KeyValueError;
use wasmtime::component::Resource;

use super::{OpenBucket, STOPS, StoreError};
use crate::bindings::wasi::keyvalue0_2_0_draft::store::{self, Error, KeyResponse};
use crate::bindings::wasi::keyvalue0_2_0_draft::{atomics, batch};
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

    /// A cursor is the place, counted from one, of the key at which an earlier
    /// listing of this handle stopped.
    async fn list_keys(
        &mut self,
        bucket: Resource<OpenBucket>,
        cursor: Option<u64>,
    ) -> wasmtime::Result<Result<KeyResponse, Error>> {
        let open = self.table.get_mut(&bucket)?;
        let after = match cursor
            .map(|place| place.checked_sub(1).and_then(|index| open.stops.get(usize::try_from(index).ok()?)))
        {
            None => None,
            Some(Some(key)) => Some(key.clone()),
            Some(None) => return Ok(Err(Error::Other("the cursor is not one that this bucket gave out".to_owned()))),
        };
        let page = match open.bucket.list_keys(after.as_deref()) {
            Ok(page) => page,
            Err(error) => return reply(Err(error)),
        };
        if page.cursor.is_some() && open.stops.len() >= STOPS {
            return Ok(Err(Error::Other("too many listings of one handle; open the bucket again".to_owned())));
        }
        let cursor = page.cursor.map(|stop| {
            open.stops.push(stop);
            open.stops.len() as u64
        });
        Ok(Ok(KeyResponse { keys: page.keys, cursor }))
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
    ) -> wasmtime::Result<Result<Vec<Option<(String, Vec<u8>)>>, Error>> {
        reply(
            self.bucket(&bucket)?
                .get_many(&keys)
                .map(|pairs| pairs.into_iter().map(|(key, value)| value.map(|value| (key, value))).collect()),
        )
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
    /// Numbers are stored signed, as the second draft has them; what does not
    /// fit is an error and changes nothing.
    async fn increment(
        &mut self,
        bucket: Resource<OpenBucket>,
        key: String,
        delta: u64,
    ) -> wasmtime::Result<Result<u64, Error>> {
        let Ok(delta) = i64::try_from(delta) else {
            return Ok(Err(Error::Other(format!("the delta `{delta}` is over 2^63 - 1"))));
        };
        let sum = match self.bucket(&bucket)?.increment(key, delta).await {
            Ok(sum) => sum,
            Err(error) => return reply(Err(error)),
        };
        Ok(u64::try_from(sum)
            .map_err(|_negative| Error::Other("the sum is below zero; read it with `0.2.0-draft2`".to_owned())))
    }
}
