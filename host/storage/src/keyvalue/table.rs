//! The tables of the guests' database, and reading them.
//!
//! A key is a triple of service, bucket and key, compared part by part. It is never one joined
//! string: then service `a` with bucket `b-c` and service `a-b` with bucket `c` could meet.

use std::sync::Arc;

use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition};

use crate::database::Layout;

/// Service, bucket and key.
pub(super) type EntryKey = (&'static str, &'static str, &'static str);
/// Version and value.
pub(super) type EntryValue = (u64, &'static [u8]);

/// Everything that guests keep.
pub(super) const ENTRIES: TableDefinition<EntryKey, EntryValue> = TableDefinition::new("entries");
/// Each service's keys and bytes, changed in the transactions that change its entries.
pub(super) const USAGE: TableDefinition<&str, (u64, u64)> = TableDefinition::new("usage");
/// One row: the newest version given out.
pub(super) const VERSIONS: TableDefinition<(), u64> = TableDefinition::new("versions");

pub(crate) const LAYOUT: Layout =
    Layout { name: "guests", version: 1, tables: &[&ENTRIES, &USAGE, &VERSIONS], steps: &[] };

/// Keys of one [`KeyPage`]: at 1 KiB a key a page is at most 1 MiB.
pub(super) const PAGE_KEYS: usize = 1_000;

/// One service's bucket: whose keys an operation sees.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Space {
    pub(super) service: Arc<str>,
    pub(super) bucket: Arc<str>,
}

/// When a value was written: equal only for the very same write, or for two absences.
///
/// Versions count up over all writes of all services and never repeat. So a value that was
/// deleted and set anew has another version even if its bytes are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version(pub(super) u64);

impl Version {
    /// The version of a key that has no value.
    pub const ABSENT: Self = Self(0);
}

/// A value with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// The value, if there is one.
    pub value: Option<Vec<u8>>,
    /// Which write made it.
    pub version: Version,
}

/// A part of a bucket's keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPage {
    /// Up to 1,000 keys in the order of their bytes.
    pub keys: Vec<String>,
    /// Where the next page begins; none after the last.
    pub cursor: Option<String>,
}

/// How much a service keeps, in all its buckets together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Keys.
    pub keys: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

impl Space {
    pub(super) fn key<'a>(&'a self, key: &'a str) -> (&'a str, &'a str, &'a str) {
        (&self.service, &self.bucket, key)
    }
}

/// The table of entries as `transaction` sees it.
pub(super) fn entries(transaction: &ReadTransaction) -> Result<ReadOnlyTable<EntryKey, EntryValue>, redb::Error> {
    Ok(transaction.open_table(ENTRIES)?)
}

/// The value of `key` and its version.
pub(super) fn versioned(
    entries: &impl ReadableTable<EntryKey, EntryValue>,
    space: &Space,
    key: &str,
) -> Result<Versioned, redb::Error> {
    let Some(entry) = entries.get(space.key(key))? else {
        return Ok(Versioned { value: None, version: Version::ABSENT });
    };
    let (version, value) = entry.value();
    Ok(Versioned { value: Some(value.to_vec()), version: Version(version) })
}

/// The first page of keys after `after`.
pub(super) fn page(
    entries: &impl ReadableTable<EntryKey, EntryValue>,
    space: &Space,
    after: Option<&str>,
) -> Result<KeyPage, redb::Error> {
    let mut page = KeyPage::default();
    for row in entries.range(space.key(after.unwrap_or_default())..)? {
        let (row, _) = row?;
        let (service, bucket, key) = row.value();
        if (service, bucket) != (&*space.service, &*space.bucket) {
            break;
        }
        if after == Some(key) {
            continue;
        }
        if page.keys.len() == PAGE_KEYS {
            page.cursor = page.keys.last().cloned();
            break;
        }
        page.keys.push(key.to_owned());
    }
    Ok(page)
}

/// What `service` keeps.
pub(super) fn usage(table: &impl ReadableTable<&'static str, (u64, u64)>, service: &str) -> Result<Usage, redb::Error> {
    let (keys, bytes) = table.get(service)?.map_or((0, 0), |row| row.value());
    Ok(Usage { keys, bytes })
}

/// Every service that keeps something, and how much.
pub(super) fn services(
    table: &impl ReadableTable<&'static str, (u64, u64)>,
) -> Result<Vec<(String, Usage)>, redb::Error> {
    let mut services = Vec::new();
    for row in table.iter()? {
        let (service, usage) = row?;
        let (keys, bytes) = usage.value();
        if keys > 0 {
            services.push((service.value().to_owned(), Usage { keys, bytes }));
        }
    }
    Ok(services)
}

/// The buckets of `service`, and how much is in each.
pub(super) fn buckets(
    entries: &impl ReadableTable<EntryKey, EntryValue>,
    service: &str,
) -> Result<Vec<(String, Usage)>, redb::Error> {
    let mut buckets: Vec<(String, Usage)> = Vec::new();
    for row in entries.range((service, "", "")..)? {
        let (row, entry) = row?;
        let (owner, bucket, key) = row.value();
        if owner != service {
            break;
        }
        if buckets.last().is_none_or(|(last, _)| last != bucket) {
            buckets.push((bucket.to_owned(), Usage::default()));
        }
        if let Some((_, usage)) = buckets.last_mut() {
            usage.keys += 1;
            usage.bytes += key.len() as u64 + entry.value().1.len() as u64;
        }
    }
    Ok(buckets)
}
