//! Tests of guests' data, by theme; this file has what they share.

mod durability;
mod group;
mod isolation;
mod operation;
mod operator;
mod quota;
mod swap;

use hostel_model::units::ByteSize;

use super::*;
use crate::testing::{Disk, HandClock, platform};

/// A database on a disk in memory.
struct Scene {
    disk: Disk,
    clock: Arc<HandClock>,
    keyvalue: KeyValue,
}

impl Scene {
    fn new() -> Self {
        Self::on(Disk::default())
    }

    fn on(disk: Disk) -> Self {
        let clock = Arc::new(HandClock::default());
        let keyvalue = KeyValue::start(Path::new("disk"), Box::new(disk.clone()), &platform(&clock)).unwrap();
        Self { disk, clock, keyvalue }
    }

    /// The database that opens on `image`.
    fn from(image: Vec<u8>) -> Self {
        Self::on(Disk::holding(image))
    }

    fn bucket(&self) -> Bucket {
        self.bucket_with(&limits())
    }

    fn bucket_with(&self, limits: &KeyValueLimits) -> Bucket {
        self.bucket_of("users", "default", limits)
    }

    fn bucket_of(&self, service: &str, bucket: &str, limits: &KeyValueLimits) -> Bucket {
        let bucket = BucketName::from_identifier(bucket).unwrap();
        self.keyvalue.bucket(&service_name(service), &bucket, limits)
    }

    fn usage(&self) -> (u64, u64) {
        let usage = self.keyvalue.usage(&service_name("users")).unwrap();
        (usage.keys, usage.bytes)
    }
}

fn service_name(name: &str) -> ServiceName {
    ServiceName::parse(name).unwrap()
}

/// Limits of which only the sizes of key and value are ever in the way.
fn limits() -> KeyValueLimits {
    KeyValueLimits {
        key: ByteSize::kib(1),
        value: ByteSize::mib(1),
        bytes: ByteSize::GIB,
        keys: 1_000_000,
        writes: 1_000_000,
    }
}

fn entry(key: &str, value: &str) -> (String, Vec<u8>) {
    (key.to_owned(), value.as_bytes().to_vec())
}

fn text(value: Option<Vec<u8>>) -> Option<String> {
    value.map(|bytes| String::from_utf8(bytes).unwrap())
}
