//! Tests of restarts, kills, power cuts and failing disks.

use std::fs;
use std::io::ErrorKind;

use super::*;
use crate::testing::Fault;

#[tokio::test]
async fn data_and_usage_are_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("guests.redb");
    let platform = platform(&Arc::new(HandClock::default()));
    let users = service_name("users");
    let open = || KeyValue::open(&path, &platform).unwrap();
    let bucket = |keyvalue: &KeyValue| keyvalue.bucket(&users, &BucketName::from_identifier("").unwrap(), &limits());

    let keyvalue = open();
    let in_use = KeyValue::open(&path, &platform).unwrap_err();
    assert!(matches!(in_use, StorageError::InUse { .. }), "{in_use:?}");
    assert!(in_use.to_string().contains("another host uses this state folder"));
    bucket(&keyvalue).set("k".into(), b"value".to_vec()).await.unwrap();
    keyvalue.close().await;

    let keyvalue = open();
    assert_eq!(text(bucket(&keyvalue).get("k").unwrap()).as_deref(), Some("value"));
    assert_eq!(keyvalue.usage(&users).unwrap(), Usage { keys: 1, bytes: 6 });
    keyvalue.close().await;
}

#[tokio::test]
async fn a_killed_host_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("guests.redb");
    let clock = Arc::new(HandClock::default());
    let keyvalue = KeyValue::open(&path, &platform(&clock)).unwrap();
    let default = BucketName::from_identifier("").unwrap();
    let users = service_name("users");
    let bucket = keyvalue.bucket(&users, &default, &limits());
    for n in 1..=10 {
        bucket.set(format!("{n}"), vec![7; 1_000 * n]).await.unwrap();
        // What a process leaves that is killed now: the file as it is, not closed.
        let copy = folder.path().join(format!("copy{n}"));
        fs::copy(&path, &copy).unwrap();
        let copied = KeyValue::open(&copy, &platform(&clock)).unwrap();
        let found = copied.bucket(&users, &default, &limits());
        for key in 1..=n {
            assert_eq!(found.get(&key.to_string()).unwrap(), Some(vec![7; 1_000 * key]));
        }
        assert_eq!(copied.usage(&users).unwrap(), keyvalue.usage(&users).unwrap());
        copied.close().await;
    }
}

#[tokio::test]
async fn whatever_unsynced_writes_a_power_cut_loses_what_was_acknowledged_stays() {
    let scene = Scene::new();
    let bucket = scene.bucket();
    scene.disk.record();
    for round in 1..=12_u64 {
        bucket.increment("n".into(), 1).await.unwrap();
        let entries = vec![entry("a", &round.to_string()), entry("b", &round.to_string())];
        bucket.set_many(entries).await.unwrap();
        let mut images = scene.disk.recorded();
        assert!(images.len() >= 12, "two commits of two syncs, three images each");
        // These were taken during the round; one more was after its last acknowledgement.
        for (image, at_least) in
            images.drain(..).map(|image| (image, round - 1)).chain([(scene.disk.after_power_cut(), round)])
        {
            check_image(image, at_least, round).await;
        }
    }
}

/// The image opens, is whole, and holds every round up to `at_least`.
async fn check_image(image: Vec<u8>, at_least: u64, at_most: u64) {
    let scene = Scene::from(image);
    let bucket = scene.bucket();
    let number = |key: &str| -> u64 { text(bucket.get(key).unwrap()).map_or(0, |text| text.parse().unwrap()) };
    for key in ["n", "a", "b"] {
        let found = number(key);
        assert!((at_least..=at_most).contains(&found), "{key}: {found}, not {at_least}");
    }
    assert_eq!(number("a"), number("b"), "a batch is torn");
    let keys = bucket.list_keys(None).unwrap().keys;
    let values = bucket.get_many(&keys).unwrap();
    let bytes: usize = values.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum();
    assert_eq!(scene.usage(), (keys.len() as u64, bytes as u64));
    bucket.set("after".into(), vec![]).await.unwrap();
    scene.keyvalue.close().await;
}

#[tokio::test]
async fn a_failing_disk_is_a_typed_error_and_no_false_acknowledgement() {
    for (fault, full) in [
        (Fault::Write(ErrorKind::Other), false),
        (Fault::Write(ErrorKind::StorageFull), true),
        (Fault::Sync, false),
        (Fault::PanicOnSync, false),
    ] {
        let scene = Scene::new();
        let bucket = scene.bucket();
        bucket.set("k".into(), b"old".to_vec()).await.unwrap();
        scene.disk.fail(fault);
        let error = bucket.set("k".into(), b"new".to_vec()).await.unwrap_err();
        match &error {
            KeyValueError::DiskFull(_) => assert!(full, "{fault:?}"),
            KeyValueError::Failed(_) => assert!(!full, "{fault:?}"),
            other => panic!("{fault:?}: {other:?}"),
        }
        assert_eq!(error.is_full(), full);
        assert!(!error.to_string().contains("disk`"), "{error}");
        scene.disk.fail(Fault::None);
        let durable = Scene::from(scene.disk.after_power_cut());
        let found = text(bucket.get("k").unwrap());
        assert_eq!(found.as_deref(), Some("old"), "{fault:?}");
        assert_eq!(found, text(durable.bucket().get("k").unwrap()), "{fault:?}");
    }
}

#[tokio::test]
async fn writing_goes_on_without_a_restart_once_the_disk_is_well() {
    for fault in [Fault::Write(ErrorKind::Other), Fault::Write(ErrorKind::StorageFull), Fault::Sync, Fault::Read] {
        let scene = Scene::new();
        let bucket = scene.bucket();
        bucket.set("k".into(), b"1".to_vec()).await.unwrap();
        scene.disk.fail(fault);
        for _ in 0..3 {
            // Reading may be served from memory; writing never can.
            if fault != Fault::Read {
                bucket.set("k".into(), b"lost".to_vec()).await.unwrap_err();
            }
            let _maybe = bucket.get("k");
        }
        scene.disk.fail(Fault::None);
        bucket.set("l".into(), b"2".to_vec()).await.unwrap();
        let found = Scene::from(scene.disk.after_power_cut());
        assert_eq!(text(found.bucket().get("k").unwrap()).as_deref(), Some("1"));
        assert_eq!(text(found.bucket().get("l").unwrap()).as_deref(), Some("2"));
        assert_eq!(found.usage(), (2, 4));
    }
}

#[tokio::test]
async fn a_version_that_the_disk_forgot_is_not_given_out_again() {
    let scene = Scene::new();
    let bucket = scene.bucket();
    bucket.set("k".into(), b"1".to_vec()).await.unwrap();
    let before = bucket.read_versioned("k").unwrap().version;
    scene.disk.fail(Fault::Sync);
    bucket.set("k".into(), b"2".to_vec()).await.unwrap_err();
    scene.disk.fail(Fault::None);
    bucket.set("k".into(), b"3".to_vec()).await.unwrap();
    let after = bucket.read_versioned("k").unwrap().version;
    assert!(after.0 > before.0 + 1, "{before:?} {after:?}");
}

#[tokio::test]
async fn what_is_no_database_of_guests_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let platform = platform(&Arc::new(HandClock::default()));
    let letter = folder.path().join("letter");
    fs::write(&letter, b"dear reader").unwrap();
    let error = KeyValue::open(&letter, &platform).unwrap_err();
    assert!(matches!(error, StorageError::NotADatabase { .. }), "{error:?}");
    let control = folder.path().join("control");
    drop(crate::Journal::open(&control).unwrap());
    let error = KeyValue::open(&control, &platform).unwrap_err();
    assert!(matches!(error, StorageError::Format { .. }), "{error:?}");
    assert!(KeyValue::open(&folder.path().join("no/such"), &platform).is_err());
}
