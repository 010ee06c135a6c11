//! The guests' database as the host opens it, and everything that is in it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use hostel::platform::real_platform;
use hostel_model::limits::KeyValueLimits;
use hostel_model::name::{BucketName, ServiceName};
use hostel_storage::{Bucket, KeyValue, StateFolder, Usage};
use tokio::runtime::{Builder, Runtime};

/// Keys with their values.
pub type Entries = BTreeMap<String, Vec<u8>>;

/// All that was found, by service and bucket.
#[derive(Debug, Default)]
pub struct Found {
    pub buckets: BTreeMap<(String, String), Entries>,
    /// What does not fit together whatever was written.
    pub faults: Vec<String>,
}

/// Threads for tasks, as the host has them.
pub fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("there must be threads")
}

/// Opens the database in the state folder, as the host does when it starts.
pub fn open(state: &Path, runtime: &Runtime) -> Result<KeyValue, String> {
    let folder = StateFolder::open(state).map_err(|error| described(&error))?;
    KeyValue::open(&folder.guests(), &real_platform(runtime.handle().clone())).map_err(|error| described(&error))
}

/// A bucket in which any number of keys may be written in a second; how fast that goes is up to the disk here.
pub fn bucket(keyvalue: &KeyValue, service: &str, bucket: &str) -> Bucket {
    let limits = KeyValueLimits { writes: u32::MAX, ..KeyValueLimits::default() };
    let service = ServiceName::parse(service).expect("the name must be one of a service");
    keyvalue.bucket(&service, &BucketName::from_identifier(bucket).expect("the name must be one of a bucket"), &limits)
}

/// Opens the database, reads all of it and closes it. The time is that from the opening to the end of the first read.
pub fn look(state: &Path, runtime: &Runtime) -> Result<(Found, Duration), String> {
    let began = Instant::now();
    let keyvalue = open(state, runtime)?;
    let services = keyvalue.services().map_err(|error| described(&error))?;
    let recovery = began.elapsed();
    let mut found = Found::default();
    for (service, usage) in services {
        read(&keyvalue, &service, usage, &mut found)?;
    }
    runtime.block_on(keyvalue.close());
    Ok((found, recovery))
}

fn read(keyvalue: &KeyValue, service: &ServiceName, usage: Usage, found: &mut Found) -> Result<(), String> {
    let mut counted = Usage::default();
    for row in keyvalue.buckets(service).map_err(|error| described(&error))? {
        let entries = entries(&bucket(keyvalue, service.as_str(), row.bucket.as_str()))?;
        let bytes = entries.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum();
        let own = Usage { keys: entries.len() as u64, bytes };
        if own != row.usage {
            found.faults.push(format!("bucket {} of {service}: counted {:?}, read {own:?}", row.bucket, row.usage));
        }
        counted = Usage { keys: counted.keys + own.keys, bytes: counted.bytes + own.bytes };
        found.buckets.insert((service.to_string(), row.bucket.to_string()), entries);
    }
    if counted != usage {
        found.faults.push(format!("{service}: its quota says {usage:?}, there is {counted:?}"));
    }
    Ok(())
}

fn entries(bucket: &Bucket) -> Result<Entries, String> {
    let mut entries = Entries::new();
    let mut after: Option<String> = None;
    loop {
        let page = bucket.list_keys(after.as_deref()).map_err(|error| described(&error))?;
        for key in page.keys {
            let value = bucket.get(&key).map_err(|error| described(&error))?;
            entries.insert(key.clone(), value.ok_or_else(|| format!("{key} is listed and has no value"))?);
        }
        match page.cursor {
            Some(cursor) => after = Some(cursor),
            None => return Ok(entries),
        }
    }
}

/// An error with what is behind it, on one line.
pub fn described(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text.replace('\n', " ")
}
