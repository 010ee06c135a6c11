//! What a service may do with one of its buckets.
//!
//! Reads happen on the caller's thread, on a snapshot of all that was ever acknowledged. Writes
//! go to the writer's thread and return when they are durable. Dropping the future of a write
//! does not take the write back.

use std::sync::Arc;

use hostel_model::limits::KeyValueLimits;
use hostel_model::units::ByteSize;
use redb::ReadTransaction;

use super::Front;
use super::admission::Admission;
use super::change::{Answer, Change};
use super::error::KeyValueError;
use super::quota::SharedQuota;
use super::table::{self, KeyPage, Space, Version, Versioned};

/// Values that one [`Bucket::get_many`] returns at most, or one value if that may be larger:
/// a request names a value in a few bytes, so without a bound a small one asks for gigabytes.
const READ_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A service's keys under one name. It cannot name those of another service or bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    front: Arc<Front>,
    admission: Arc<Admission>,
    space: Space,
    limits: KeyValueLimits,
    /// What all services of its tenant may keep together.
    quota: Option<Arc<SharedQuota>>,
    /// Whether writes count against the service's rate.
    paced: bool,
}

/// A key that was asked for, with its value if it has one.
pub type KeyedValue = (String, Option<Vec<u8>>);

/// How a [`Bucket::swap`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swap {
    /// The new value is in place.
    Done,
    /// Somebody else wrote since; this is what is there now.
    Conflict(Versioned),
}

impl Bucket {
    pub(super) fn new(front: Arc<Front>, admission: Arc<Admission>, space: Space, limits: KeyValueLimits) -> Self {
        Self { front, admission, space, limits, quota: None, paced: true }
    }

    /// The same keys for whoever runs the host: what is written so does not count against the
    /// service's rate, nor wait among its writes. Its quotas hold.
    #[must_use]
    pub fn unpaced(self) -> Self {
        Self { admission: Arc::default(), paced: false, ..self }
    }

    /// The same keys, of a service that shares `quota` with others.
    #[must_use]
    pub fn sharing(self, quota: Option<Arc<SharedQuota>>) -> Self {
        Self { quota, ..self }
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// The key is too long, or the storage failed.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        Ok(self.read_versioned(key)?.value)
    }

    /// Whether `key` has a value.
    ///
    /// # Errors
    /// As [`Bucket::get`].
    pub fn exists(&self, key: &str) -> Result<bool, KeyValueError> {
        self.check_key(key)?;
        self.read(|transaction| {
            let entries = table::entries(transaction)?;
            Ok(entries.get(self.space.key(key))?.is_some())
        })
    }

    /// A page of keys in the order of their bytes: those after `after`, or the first.
    ///
    /// # Errors
    /// The storage failed.
    pub fn list_keys(&self, after: Option<&str>) -> Result<KeyPage, KeyValueError> {
        self.read(|transaction| table::page(&table::entries(transaction)?, &self.space, after))
    }

    /// The values of `keys` in the order asked, all from one moment.
    ///
    /// # Errors
    /// As [`Bucket::get`], and [`KeyValueError::ReadTooLarge`].
    pub fn get_many(&self, keys: &[String]) -> Result<Vec<KeyedValue>, KeyValueError> {
        for key in keys {
            self.check_key(key)?;
        }
        let limit = READ_BYTES_MAX.max(self.limits.value.0);
        let found = self.read(|transaction| {
            let entries = table::entries(transaction)?;
            let mut left = limit;
            let mut found = Vec::with_capacity(keys.len());
            for key in keys {
                let value = table::versioned(&entries, &self.space, key)?.value;
                let bytes = value.as_ref().map_or(0, |value| value.len() as u64);
                let Some(rest) = left.checked_sub(bytes) else {
                    return Ok(None);
                };
                left = rest;
                found.push((key.clone(), value));
            }
            Ok(Some(found))
        })?;
        found.ok_or(KeyValueError::ReadTooLarge { limit: ByteSize(limit) })
    }

    /// The value of `key` with the version that [`Bucket::swap`] asks for.
    ///
    /// # Errors
    /// As [`Bucket::get`].
    pub fn read_versioned(&self, key: &str) -> Result<Versioned, KeyValueError> {
        self.check_key(key)?;
        self.read(|transaction| table::versioned(&table::entries(transaction)?, &self.space, key))
    }

    /// Gives `key` the value `value`.
    ///
    /// # Errors
    /// Any [`KeyValueError`] of writing; nothing was written unless it is
    /// [`KeyValueError::Failed`] or [`KeyValueError::DiskFull`].
    pub async fn set(&self, key: String, value: Vec<u8>) -> Result<(), KeyValueError> {
        self.set_many(vec![(key, value)]).await
    }

    /// Gives all the keys their values, or none; of two values for one key the last counts.
    /// Counts as one write for each pair.
    ///
    /// # Errors
    /// As [`Bucket::set`].
    pub async fn set_many(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), KeyValueError> {
        for (key, value) in &entries {
            self.check_key(key)?;
            self.check_value(value)?;
        }
        let writes = entries.len();
        let change = Change::Set(entries.into_iter().collect());
        self.write(writes, change).await.map(drop)
    }

    /// Takes the value of `key` away; having none is no error.
    ///
    /// # Errors
    /// As [`Bucket::set`].
    pub async fn delete(&self, key: String) -> Result<(), KeyValueError> {
        self.delete_many(vec![key]).await
    }

    /// Takes the values of all `keys` away. Counts as one write for each key.
    ///
    /// # Errors
    /// As [`Bucket::set`].
    pub async fn delete_many(&self, keys: Vec<String>) -> Result<(), KeyValueError> {
        for key in &keys {
            self.check_key(key)?;
        }
        let writes = keys.len();
        let change = Change::Delete(keys.into_iter().collect());
        self.write(writes, change).await.map(drop)
    }

    /// Adds `delta` to the number that `key` holds, and returns the sum.
    ///
    /// The value is decimal text such as `-12`, so that a guest can `set` and `get` it in the
    /// plainest way. A key without a value counts from zero.
    ///
    /// # Errors
    /// [`KeyValueError::NotANumber`], [`KeyValueError::Overflow`], or as [`Bucket::set`].
    pub async fn increment(&self, key: String, delta: i64) -> Result<i64, KeyValueError> {
        self.check_key(&key)?;
        match self.write(1, Change::Increment { key, delta }).await? {
            Answer::Number(sum) => Ok(sum),
            Answer::Done | Answer::Conflict(_) | Answer::Cleared { .. } => Err(KeyValueError::Closed),
        }
    }

    /// Gives `key` the value `value` if nobody has written it since `expected` was read.
    ///
    /// # Errors
    /// As [`Bucket::set`]; a conflict is no error.
    pub async fn swap(&self, key: String, expected: Version, value: Vec<u8>) -> Result<Swap, KeyValueError> {
        self.check_key(&key)?;
        self.check_value(&value)?;
        let change = Change::Swap { key, expected, value };
        match self.write(1, change).await? {
            Answer::Done => Ok(Swap::Done),
            Answer::Conflict(current) => Ok(Swap::Conflict(current)),
            Answer::Number(_) | Answer::Cleared { .. } => Err(KeyValueError::Closed),
        }
    }

    async fn write(&self, writes: usize, change: Change) -> Result<Answer, KeyValueError> {
        if writes == 0 {
            return Ok(Answer::Done);
        }
        if self.paced {
            self.admission.pay(self.front.now(), writes as u64, self.limits.writes)?;
        }
        let place = self.admission.enter(change.bytes())?;
        self.front.write(&self.space, (&self.limits, self.quota.as_ref()), change, place).await
    }

    fn read<T>(&self, look: impl Fn(&ReadTransaction) -> Result<T, redb::Error>) -> Result<T, KeyValueError> {
        Ok(self.front.database.read(look)?)
    }

    fn check_key(&self, key: &str) -> Result<(), KeyValueError> {
        if key.len() as u64 <= self.limits.key.0 {
            return Ok(());
        }
        Err(KeyValueError::KeyTooLong { length: key.len(), limit: self.limits.key })
    }

    fn check_value(&self, value: &[u8]) -> Result<(), KeyValueError> {
        if value.len() as u64 <= self.limits.value.0 {
            return Ok(());
        }
        Err(KeyValueError::ValueTooLarge { length: value.len(), limit: self.limits.value })
    }
}
