//! One write: what it changes, and applying it inside the transaction of its group.
//!
//! Every change is all or nothing: it is judged against the quotas as a whole before its first
//! byte is written, so a refused one leaves no trace in the transaction that it shares with
//! others. What a change reads includes what the changes before it in its group did.

use std::collections::{BTreeMap, BTreeSet};

use hostel_model::limits::KeyValueLimits;
use hostel_model::tenant::ServicePattern;
use redb::{Table, WriteTransaction};

use super::error::KeyValueError;
use super::quota::SharedQuota;
use super::table::{
    ENTRIES, EntryKey, EntryValue, PAGE_KEYS, Space, USAGE, Usage, VERSIONS, Version, Versioned, usage, versioned,
};

/// Bytes that one commit takes away of what is cleared, an entry more or less. Finding an entry
/// reads it, and the writes of guests wait that long.
const CLEARED_BYTES: u64 = 16 * 1024 * 1024;

/// What a caller wants written.
#[derive(Debug)]
pub(super) enum Change {
    Set(BTreeMap<String, Vec<u8>>),
    Delete(BTreeSet<String>),
    /// Adds to the number in decimal text at `key`; no value is zero.
    Increment {
        key: String,
        delta: i64,
    },
    Swap {
        key: String,
        expected: Version,
        value: Vec<u8>,
    },
    /// Deletes the next of all the keys.
    Clear {
        after: Option<String>,
    },
}

/// What a change that was applied tells its caller.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    Number(i64),
    Conflict(Versioned),
    /// What was deleted, and where to go on; nowhere if that was all.
    Cleared {
        usage: Usage,
        cursor: Option<String>,
    },
}

/// What a write must stay within.
#[derive(Clone, Copy)]
pub(super) struct Bounds<'b> {
    /// Of its service.
    pub(super) limits: &'b KeyValueLimits,
    /// Of all services of its tenant.
    pub(super) quota: Option<&'b SharedQuota>,
}

/// The tables of one transaction.
pub(super) struct Tables<'transaction> {
    entries: Table<'transaction, EntryKey, EntryValue>,
    usage: Table<'transaction, &'static str, (u64, u64)>,
    versions: Table<'transaction, (), u64>,
    newest: u64,
    written: u64,
    /// What services keep together, added up for the first write of the transaction that is bound by it.
    sums: Vec<(ServicePattern, u64)>,
}

type Applied = Result<Result<Answer, KeyValueError>, redb::Error>;

impl Change {
    /// Bytes that the change keeps in memory while it waits.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Set(entries) => entries.iter().map(|(key, value)| key.len() + value.len()).sum(),
            Self::Delete(keys) => keys.iter().map(String::len).sum(),
            Self::Increment { key, .. } => key.len(),
            Self::Swap { key, value, .. } => key.len() + value.len(),
            Self::Clear { after } => after.as_ref().map_or(0, String::len),
        }
    }
}

impl<'transaction> Tables<'transaction> {
    /// Opens the tables. No version up to `newest` is given out again, even if the disk has
    /// forgotten the transaction that it was for.
    pub(super) fn open(transaction: &'transaction WriteTransaction, newest: u64) -> Result<Self, redb::Error> {
        let versions = transaction.open_table(VERSIONS)?;
        let stored = redb::ReadableTable::get(&versions, ())?.map_or(0, |row| row.value());
        Ok(Self {
            entries: transaction.open_table(ENTRIES)?,
            usage: transaction.open_table(USAGE)?,
            versions,
            newest: newest.max(stored),
            written: 0,
            sums: Vec::new(),
        })
    }

    /// Applies `change` wholly or, if it is refused, not at all. An outer error is the
    /// database's, and spoils the transaction.
    pub(super) fn apply(&mut self, space: &Space, bounds: Bounds<'_>, change: &Change) -> Applied {
        match change {
            Change::Set(entries) => self.set(space, bounds, entries),
            Change::Delete(keys) => self.delete(space, keys),
            Change::Increment { key, delta } => self.increment(space, bounds, key, *delta),
            Change::Swap { key, expected, value } => self.swap(space, bounds, (key, *expected), value),
            Change::Clear { after } => self.clear(space, after.as_deref()),
        }
    }

    /// Notes the newest version given out; call it last. Returns it with the number of keys
    /// that were written or deleted.
    pub(super) fn finish(mut self) -> Result<(u64, u64), redb::Error> {
        self.versions.insert((), self.newest)?;
        Ok((self.newest, self.written))
    }

    fn set(&mut self, space: &Space, bounds: Bounds<'_>, entries: &BTreeMap<String, Vec<u8>>) -> Applied {
        let before = usage(&self.usage, &space.service)?;
        let mut after = before;
        for (key, value) in entries {
            after = after.with(key, self.value_bytes(space, key)?, value.len());
        }
        if let Err(refused) = self.within(bounds, before, after)? {
            return Ok(Err(refused));
        }
        for (key, value) in entries {
            self.insert(space, key, value)?;
        }
        self.keep_usage(space, after)?;
        Ok(Ok(Answer::Done))
    }

    fn delete(&mut self, space: &Space, keys: &BTreeSet<String>) -> Applied {
        let mut after = usage(&self.usage, &space.service)?;
        for key in keys {
            let Some(removed) = self.entries.remove(space.key(key))?.map(|row| row.value().1.len()) else {
                continue;
            };
            after = after.without(key, removed);
            self.written += 1;
        }
        self.keep_usage(space, after)?;
        Ok(Ok(Answer::Done))
    }

    fn increment(&mut self, space: &Space, bounds: Bounds<'_>, key: &str, delta: i64) -> Applied {
        let stored = versioned(&self.entries, space, key)?.value;
        let Some(number) = stored.as_deref().map_or(Some(0), number) else {
            return Ok(Err(KeyValueError::NotANumber));
        };
        let Some(sum) = number.checked_add(delta) else {
            return Ok(Err(KeyValueError::Overflow));
        };
        let text = sum.to_string().into_bytes();
        let written = self.put(space, bounds, key, &text)?;
        Ok(written.map(|()| Answer::Number(sum)))
    }

    fn swap(&mut self, space: &Space, bounds: Bounds<'_>, (key, expected): (&str, Version), value: &[u8]) -> Applied {
        let stored = versioned(&self.entries, space, key)?;
        if stored.version != expected {
            return Ok(Ok(Answer::Conflict(stored)));
        }
        let written = self.put(space, bounds, key, value)?;
        Ok(written.map(|()| Answer::Done))
    }

    /// Deletes keys after `after` until a commit's worth is gone.
    fn clear(&mut self, space: &Space, after: Option<&str>) -> Applied {
        let (keys, more) = self.next_keys(space, after)?;
        let cursor = if more { keys.last().cloned() } else { None };
        let before = usage(&self.usage, &space.service)?;
        if let Err(refused) = self.delete(space, &keys.into_iter().collect())? {
            return Ok(Err(refused));
        }
        let after = usage(&self.usage, &space.service)?;
        let usage =
            Usage { keys: before.keys.saturating_sub(after.keys), bytes: before.bytes.saturating_sub(after.bytes) };
        Ok(Ok(Answer::Cleared { usage, cursor }))
    }

    /// The keys after `after` that one commit may delete, and whether there are more.
    fn next_keys(&self, space: &Space, after: Option<&str>) -> Result<(Vec<String>, bool), redb::Error> {
        let (mut keys, mut bytes) = (Vec::new(), 0);
        for row in redb::ReadableTable::range(&self.entries, space.key(after.unwrap_or_default())..)? {
            let (row, value) = row?;
            let (service, bucket, key) = row.value();
            if (service, bucket) != (&*space.service, &*space.bucket) {
                break;
            }
            if after == Some(key) {
                continue;
            }
            if keys.len() == PAGE_KEYS || bytes >= CLEARED_BYTES {
                return Ok((keys, true));
            }
            bytes += entry_bytes(key, value.value().1.len());
            keys.push(key.to_owned());
        }
        Ok((keys, false))
    }

    /// Writes one key if the quotas allow it.
    fn put(
        &mut self,
        space: &Space,
        bounds: Bounds<'_>,
        key: &str,
        value: &[u8],
    ) -> Result<Result<(), KeyValueError>, redb::Error> {
        let before = usage(&self.usage, &space.service)?;
        let after = before.with(key, self.value_bytes(space, key)?, value.len());
        if let Err(refused) = self.within(bounds, before, after)? {
            return Ok(Err(refused));
        }
        self.insert(space, key, value)?;
        self.keep_usage(space, after)?;
        Ok(Ok(()))
    }

    fn insert(&mut self, space: &Space, key: &str, value: &[u8]) -> Result<(), redb::Error> {
        self.newest += 1;
        self.entries.insert(space.key(key), (self.newest, value))?;
        self.written += 1;
        Ok(())
    }

    fn keep_usage(&mut self, space: &Space, usage: Usage) -> Result<(), redb::Error> {
        let before = self.usage.insert(&*space.service, (usage.keys, usage.bytes))?.map_or(0, |row| row.value().1);
        for (_, sum) in self.sums.iter_mut().filter(|(services, _)| services.matches(&space.service)) {
            *sum = sum.saturating_sub(before).saturating_add(usage.bytes);
        }
        Ok(())
    }

    /// Whether a service may go from `before` to `after`.
    fn within(
        &mut self,
        bounds: Bounds<'_>,
        before: Usage,
        after: Usage,
    ) -> Result<Result<(), KeyValueError>, redb::Error> {
        if let Err(refused) = within(bounds.limits, before, after) {
            return Ok(Err(refused));
        }
        let grown = after.bytes.saturating_sub(before.bytes);
        let Some((services, limit)) = bounds.quota.and_then(SharedQuota::bound).filter(|_| grown > 0) else {
            return Ok(Ok(()));
        };
        let sum = self.sum(services)?;
        let fits = sum.saturating_add(grown) <= limit.0;
        Ok(if fits { Ok(()) } else { Err(KeyValueError::QuotaShared { limit }) })
    }

    /// Bytes of all `services`.
    fn sum(&mut self, services: ServicePattern) -> Result<u64, redb::Error> {
        if let Some((_, sum)) = self.sums.iter().find(|(known, _)| *known == services) {
            return Ok(*sum);
        }
        let mut sum = 0_u64;
        // In the order of their names, those that begin alike are neighbours.
        for row in redb::ReadableTable::range(&self.usage, services.beginning()..)? {
            let (service, usage) = row?;
            if !services.matches(service.value()) {
                break;
            }
            sum = sum.saturating_add(usage.value().1);
        }
        self.sums.push((services, sum));
        Ok(sum)
    }

    /// Bytes of the value that `key` has now.
    fn value_bytes(&self, space: &Space, key: &str) -> Result<Option<usize>, redb::Error> {
        let row = redb::ReadableTable::get(&self.entries, space.key(key))?;
        Ok(row.map(|row| row.value().1.len()))
    }
}

impl Usage {
    /// After writing `key`, whose value had `old` bytes and now has `new`.
    fn with(self, key: &str, old: Option<usize>, new: usize) -> Self {
        let rest = match old {
            Some(old) => self.without(key, old),
            None => self,
        };
        Self { keys: rest.keys.saturating_add(1), bytes: rest.bytes.saturating_add(entry_bytes(key, new)) }
    }

    /// After deleting `key`, whose value had `old` bytes.
    fn without(self, key: &str, old: usize) -> Self {
        Self { keys: self.keys.saturating_sub(1), bytes: self.bytes.saturating_sub(entry_bytes(key, old)) }
    }
}

fn entry_bytes(key: &str, value: usize) -> u64 {
    key.len() as u64 + value as u64
}

/// Whether a service may go from `before` to `after`. Past a limit that was lowered it may
/// still write what makes its data no larger.
fn within(limits: &KeyValueLimits, before: Usage, after: Usage) -> Result<(), KeyValueError> {
    if after.keys > limits.keys && after.keys > before.keys {
        return Err(KeyValueError::QuotaKeys { limit: limits.keys });
    }
    if after.bytes > limits.bytes.0 && after.bytes > before.bytes {
        return Err(KeyValueError::QuotaBytes { limit: limits.bytes });
    }
    Ok(())
}

/// The number that `increment` understands `value` as.
fn number(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
