//! A bucket as a service uses it: whole entities under one key each, changed only by compare-and-swap.
//!
//! Every write is one key, and one key is written completely or not at all. What needs two keys
//! must be so ordered that whoever comes after a crash can finish it; the services say how.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Times a change is tried anew because somebody else was faster. Each failure means that another
/// request got its change in, so this bounds the work behind one hot key, not progress.
const ATTEMPTS: usize = 64;

/// Why state could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The operator did not grant the bucket.
    #[error("bucket `{bucket}` may not be opened; list it under `keyvalue`")]
    NotGranted {
        /// The bucket asked for.
        bucket: String,
    },
    /// The host could not do it; a write that failed so was not acknowledged.
    #[error("key `{key}` could not be read or written: {reason}")]
    Failed {
        /// The key.
        key: String,
        /// The host's reason.
        reason: String,
    },
    /// Others changed the key faster, every time.
    #[error("key `{key}` was changed by others {ATTEMPTS} times in a row")]
    Contended {
        /// The key.
        key: String,
    },
    /// What is stored is not what this service stores there.
    #[error("value of key `{key}` cannot be read: {reason}")]
    Damaged {
        /// The key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// How a compare-and-swap went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swap {
    /// The value was written and is durable.
    Done,
    /// Nothing was written; this is the value now.
    Changed(Option<Vec<u8>>),
}

/// A bucket.
pub trait Store {
    /// The value of `key`.
    ///
    /// # Errors
    /// [`StoreError::NotGranted`] and [`StoreError::Failed`].
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Adds one to the counter `key` and returns the sum: the first is 1, and none is returned twice.
    ///
    /// # Errors
    /// As [`Store::get`].
    fn next(&self, key: &str) -> Result<u64, StoreError>;

    /// Writes `value` if the key still has the value `expected`, none meaning that it does not exist.
    ///
    /// # Errors
    /// As [`Store::get`]; then it is unknown whether the value was written.
    fn swap(&self, key: &str, expected: Option<&[u8]>, value: &[u8]) -> Result<Swap, StoreError>;
}

/// How creating an entity went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created<T> {
    /// It is there now.
    New,
    /// This was there before, and still is.
    Exists(T),
}

/// What to do with an entity that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<R> {
    /// Leave it as it is stored.
    Keep(R),
    /// Store it as it was changed.
    Write(R),
}

/// Reads the entity under `key`.
///
/// # Errors
/// As [`Store::get`], and [`StoreError::Damaged`].
pub fn read<T: DeserializeOwned>(store: &dyn Store, key: &str) -> Result<Option<T>, StoreError> {
    store.get(key)?.map(|bytes| decode(key, &bytes)).transpose()
}

/// Writes an entity under `key` unless there is one.
///
/// # Errors
/// Every [`StoreError`].
pub fn create<T: Serialize + DeserializeOwned>(
    store: &dyn Store,
    key: &str,
    entity: &T,
) -> Result<Created<T>, StoreError> {
    let value = encode(key, entity)?;
    for _ in 0..ATTEMPTS {
        match store.swap(key, None, &value)? {
            Swap::Done => return Ok(Created::New),
            Swap::Changed(Some(bytes)) => return Ok(Created::Exists(decode(key, &bytes)?)),
            Swap::Changed(None) => {}
        }
    }
    Err(StoreError::Contended { key: key.to_owned() })
}

/// Changes the entity under `key`: `decide` looks at it as it is now, and again if somebody else was faster.
///
/// None means that there is no such entity.
///
/// # Errors
/// Every [`StoreError`].
pub fn change<T, R>(
    store: &dyn Store,
    key: &str,
    mut decide: impl FnMut(&mut T) -> Change<R>,
) -> Result<Option<R>, StoreError>
where
    T: Serialize + DeserializeOwned,
{
    let mut current = store.get(key)?;
    for _ in 0..ATTEMPTS {
        let Some(bytes) = current else {
            return Ok(None);
        };
        let mut entity: T = decode(key, &bytes)?;
        let result = match decide(&mut entity) {
            Change::Keep(result) => return Ok(Some(result)),
            Change::Write(result) => result,
        };
        match store.swap(key, Some(&bytes), &encode(key, &entity)?)? {
            Swap::Done => return Ok(Some(result)),
            Swap::Changed(now) => current = now,
        }
    }
    Err(StoreError::Contended { key: key.to_owned() })
}

fn decode<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes)
        .map_err(|error| StoreError::Damaged { key: key.to_owned(), reason: error.to_string() })
}

fn encode<T: Serialize>(key: &str, entity: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(entity).map_err(|error| StoreError::Failed { key: key.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests;
