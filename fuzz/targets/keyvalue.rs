//! What guests keep, against a map in memory: the same is found, listed in the same order, counted and refused.
//!
//! Keys of several services and buckets lie beside one another in one table, so this is where a key that is
//! read as another one, or as another service's, would show. The input is a sequence of operations.
#![no_main]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use hostel_model::limits::KeyValueLimits;
use hostel_model::name::{BucketName, ServiceName};
use hostel_model::units::ByteSize;
use hostel_storage::{Bucket, KeyValue, KeyValueError, Swap, Usage};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use tokio::runtime::Runtime;

#[path = "disk.rs"]
mod disk;

/// Names that could be mistaken for one another if they were joined.
const SERVICES: [&str; 3] = ["a", "a-b", "b"];
const BUCKETS: [&str; 3] = ["b", "b-a", "default"];
const OPERATIONS: usize = 24;
/// So low that a short input reaches each of them.
const KEY_BYTES: u64 = 40;
const VALUE_BYTES: u64 = 300;
const BYTES: u64 = 900;
const KEYS: u64 = 8;

type Place = (usize, usize);

struct Storage {
    runtime: Runtime,
    keyvalue: KeyValue,
    _folder: TempDir,
}

fuzz_target!(|bytes: &[u8]| {
    static STORAGE: OnceLock<Storage> = OnceLock::new();
    let storage = STORAGE.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let folder = disk::folder();
        let keyvalue = KeyValue::open(&folder.path().join("guests"), &disk::platform()).expect("a database");
        Storage { runtime, keyvalue, _folder: folder }
    });
    let mut model = Model::default();
    let mut input = Unstructured::new(bytes);
    for _ in 0..OPERATIONS {
        // The input's end is the end of the operations.
        if input.is_empty() || model.operation(&mut input, storage).is_err() {
            break;
        }
    }
    model.compare(storage);
    for service in SERVICES {
        storage.runtime.block_on(storage.keyvalue.purge(&service_name(service), None)).expect("a purge");
    }
    assert_eq!(storage.keyvalue.services().expect("services"), []);
});

fn service_name(name: &str) -> ServiceName {
    ServiceName::parse(name).expect("a name")
}

fn limits() -> KeyValueLimits {
    KeyValueLimits {
        key: ByteSize(KEY_BYTES),
        value: ByteSize(VALUE_BYTES),
        bytes: ByteSize(BYTES),
        keys: KEYS,
        writes: u32::MAX,
    }
}

fn bucket(storage: &Storage, (service, bucket): Place) -> Bucket {
    let name = BucketName::from_identifier(BUCKETS[bucket]).expect("a name");
    storage.keyvalue.bucket(&service_name(SERVICES[service]), &name, &limits())
}

/// What must be there.
#[derive(Clone, Default)]
struct Model(BTreeMap<(&'static str, &'static str, String), Vec<u8>>);

/// Why a write is refused.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    Key,
    Value,
    Quota,
    NoNumber,
    Overflow,
}

fn refusal(error: &KeyValueError) -> Refusal {
    match error {
        KeyValueError::KeyTooLong { .. } => Refusal::Key,
        KeyValueError::ValueTooLarge { .. } => Refusal::Value,
        KeyValueError::QuotaBytes { .. } | KeyValueError::QuotaKeys { .. } => Refusal::Quota,
        KeyValueError::NotANumber => Refusal::NoNumber,
        KeyValueError::Overflow => Refusal::Overflow,
        other => panic!("{other}"),
    }
}

impl Model {
    fn operation(&mut self, input: &mut Unstructured<'_>, storage: &Storage) -> Result<()> {
        let place = (input.int_in_range(0..=2)?, input.int_in_range(0..=2)?);
        let bucket = bucket(storage, place);
        let run = &storage.runtime;
        match input.int_in_range(0..=6)? {
            0 => self.read(&bucket, place, &key(input)?),
            1 => {
                let keys = (0..input.int_in_range(1..=4)?).map(|_| key(input)).collect::<Result<Vec<_>>>()?;
                let deleted = run.block_on(bucket.delete_many(keys.clone())).map_err(|error| refusal(&error));
                let expected = self.delete(place, &keys);
                assert_eq!(deleted, expected, "{keys:?}");
            }
            2 => {
                let (key, delta) = (key(input)?, input.arbitrary::<i64>()?);
                let sum = run.block_on(bucket.increment(key.clone(), delta)).map_err(|error| refusal(&error));
                assert_eq!(sum, self.increment(place, &key, delta), "{key} and {delta}");
            }
            3 => {
                let (key, value, stale) = (key(input)?, value(input)?, input.arbitrary::<bool>()?);
                self.swap(storage, place, (key, value, stale));
            }
            _ => {
                let pair = |input: &mut Unstructured<'_>| Ok((key(input)?, value(input)?));
                let pairs = (0..input.int_in_range(1..=4)?).map(|_| pair(input)).collect::<Result<Vec<_>>>()?;
                let set = run.block_on(bucket.set_many(pairs.clone())).map_err(|error| refusal(&error));
                assert_eq!(set, self.set(place, pairs));
            }
        }
        Ok(())
    }

    fn read(&self, bucket: &Bucket, place: Place, key: &str) {
        let found = bucket.get(key).map_err(|error| refusal(&error));
        let expected = if key.len() as u64 > KEY_BYTES { Err(Refusal::Key) } else { Ok(self.get(place, key).cloned()) };
        assert_eq!(found, expected, "{key}");
        let exists = bucket.exists(key).map_err(|error| refusal(&error));
        assert_eq!(exists, expected.map(|value| value.is_some()), "{key}");
    }

    fn swap(&mut self, storage: &Storage, place: Place, (key, value, stale): (String, Vec<u8>, bool)) {
        let bucket = bucket(storage, place);
        if key.len() as u64 > KEY_BYTES {
            assert!(bucket.read_versioned(&key).is_err());
            return;
        }
        let before = bucket.read_versioned(&key).expect("a short key");
        assert_eq!(before.value.as_ref(), self.get(place, &key));
        let touched = stale && self.set(place, vec![(key.clone(), Vec::new())]).is_ok();
        if stale {
            let set = storage.runtime.block_on(bucket.set(key.clone(), Vec::new()));
            assert_eq!(set.is_ok(), touched, "{key}");
        }
        let swapped = storage.runtime.block_on(bucket.swap(key.clone(), before.version, value.clone()));
        match swapped {
            Ok(Swap::Conflict(current)) => {
                assert!(touched, "{key}: a conflict with nobody");
                assert_eq!(current.value.as_ref(), self.get(place, &key), "{key}");
            }
            Ok(Swap::Done) => {
                assert!(!touched, "{key}: a stale version was taken");
                assert_eq!(self.set(place, vec![(key.clone(), value)]), Ok(()), "{key}");
            }
            Err(error) if touched => assert_eq!(refusal(&error), Refusal::Value, "{key}"),
            Err(error) => assert_eq!(Err(refusal(&error)), self.set(place, vec![(key.clone(), value)]), "{key}"),
        }
    }

    fn get(&self, (service, bucket): Place, key: &str) -> Option<&Vec<u8>> {
        self.0.get(&(SERVICES[service], BUCKETS[bucket], key.to_owned()))
    }

    fn set(&mut self, place: Place, pairs: Vec<(String, Vec<u8>)>) -> std::result::Result<(), Refusal> {
        for (key, value) in &pairs {
            if key.len() as u64 > KEY_BYTES {
                return Err(Refusal::Key);
            }
            if value.len() as u64 > VALUE_BYTES {
                return Err(Refusal::Value);
            }
        }
        let mut next = self.clone();
        for (key, value) in pairs {
            next.0.insert((SERVICES[place.0], BUCKETS[place.1], key), value);
        }
        let (before, after) = (self.usage(place.0), next.usage(place.0));
        if after.keys > KEYS.max(before.keys) || after.bytes > BYTES.max(before.bytes) {
            return Err(Refusal::Quota);
        }
        *self = next;
        Ok(())
    }

    fn delete(&mut self, (service, bucket): Place, keys: &[String]) -> std::result::Result<(), Refusal> {
        if keys.iter().any(|key| key.len() as u64 > KEY_BYTES) {
            return Err(Refusal::Key);
        }
        for key in keys {
            self.0.remove(&(SERVICES[service], BUCKETS[bucket], key.clone()));
        }
        Ok(())
    }

    fn increment(&mut self, place: Place, key: &str, delta: i64) -> std::result::Result<i64, Refusal> {
        if key.len() as u64 > KEY_BYTES {
            return Err(Refusal::Key);
        }
        let number = match self.get(place, key) {
            None => 0,
            Some(value) => {
                std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).ok_or(Refusal::NoNumber)?
            }
        };
        let sum = i64::checked_add(number, delta).ok_or(Refusal::Overflow)?;
        self.set(place, vec![(key.to_owned(), sum.to_string().into_bytes())])?;
        Ok(sum)
    }

    fn usage(&self, service: usize) -> Usage {
        let own = self.0.iter().filter(|((owner, _, _), _)| *owner == SERVICES[service]);
        own.fold(Usage::default(), |usage, ((_, _, key), value)| Usage {
            keys: usage.keys + 1,
            bytes: usage.bytes + (key.len() + value.len()) as u64,
        })
    }

    /// All that is there is what must be there, in the order of its bytes.
    fn compare(&self, storage: &Storage) {
        for service in 0..SERVICES.len() {
            let usage = storage.keyvalue.usage(&service_name(SERVICES[service])).expect("usage");
            assert_eq!(usage, self.usage(service), "{}", SERVICES[service]);
            for name in 0..BUCKETS.len() {
                let bucket = bucket(storage, (service, name));
                let own = self
                    .0
                    .iter()
                    .filter(|((owner, within, _), _)| (*owner, *within) == (SERVICES[service], BUCKETS[name]));
                let own: Vec<(String, Vec<u8>)> =
                    own.map(|((_, _, key), value)| (key.clone(), value.clone())).collect();
                let listed = bucket.list_keys(None).expect("keys");
                assert!(listed.keys.iter().eq(own.iter().map(|(key, _)| key)), "{listed:?} is not {own:?}");
                assert_eq!(listed.cursor, None);
                let found = bucket.get_many(&listed.keys).expect("values");
                let expected = own.into_iter().map(|(key, value)| (key, Some(value)));
                assert!(found.into_iter().eq(expected));
            }
        }
    }
}

/// One of a few keys, so that operations meet, or any text.
fn key(input: &mut Unstructured<'_>) -> Result<String> {
    const USUAL: [&str; 6] = ["", "a", "b", "a-b", "a\0b", "é"];
    let chosen = input.int_in_range(0..=USUAL.len())?;
    match USUAL.get(chosen) {
        Some(key) => Ok((*key).to_owned()),
        None => Ok(input.arbitrary::<&str>()?.to_owned()),
    }
}

/// A number, or any bytes, now and then too many of them.
fn value(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    Ok(match input.int_in_range(0..=3)? {
        0 => input.arbitrary::<i64>()?.to_string().into_bytes(),
        1 => vec![7; input.int_in_range(0..=VALUE_BYTES as usize + 10)?],
        _ => input.arbitrary::<&[u8]>()?.to_vec(),
    })
}
