//! Tests of committing in groups, of the queue's bounds and of closing.

use super::*;
use crate::testing::Fault;
use tokio::task::JoinHandle;

type Outcome = Result<(), KeyValueError>;

/// A writer that is kept in its first commit while others queue behind it.
struct Held {
    scene: Scene,
    first: JoinHandle<Outcome>,
}

impl Held {
    async fn new() -> Self {
        let scene = Scene::new();
        scene.disk.hold();
        let first = set(&scene.bucket_of("first", "", &limits()), "first");
        while !scene.disk.is_syncing() {
            tokio::task::yield_now().await;
        }
        Self { scene, first }
    }

    /// Waits until `count` writes are queued.
    async fn queued(&self, count: u64) {
        while self.scene.keyvalue.gauges().queued < count {
            tokio::task::yield_now().await;
        }
    }
}

fn set(bucket: &Bucket, key: &str) -> JoinHandle<Outcome> {
    let bucket = bucket.clone();
    let key = key.to_owned();
    tokio::spawn(async move { bucket.set(key, b"v".to_vec()).await })
}

#[tokio::test]
async fn what_waits_together_is_committed_together() {
    let held = Held::new().await;
    let bucket = held.scene.bucket();
    let before = held.scene.keyvalue.gauges();
    let tasks: Vec<_> = (0..200).map(|n| set(&bucket, &format!("{n:03}"))).collect();
    held.queued(200).await;
    held.scene.disk.release();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    held.first.await.unwrap().unwrap();
    let after = held.scene.keyvalue.gauges();
    assert_eq!(after.queued, 0);
    assert_eq!(after.commits - before.commits, 2, "the first, and all that waited for it");
    assert_eq!(after.committed_writes - before.committed_writes, 201);
    assert_eq!(bucket.list_keys(None).unwrap().keys.len(), 200);
    let restarted = Scene::from(held.scene.disk.after_power_cut());
    assert_eq!(restarted.bucket().list_keys(None).unwrap().keys.len(), 200);
}

#[tokio::test]
async fn nothing_is_seen_or_acknowledged_before_it_is_durable() {
    let held = Held::new().await;
    let bucket = held.scene.bucket_of("first", "", &limits());
    assert_eq!(bucket.get("first").unwrap(), None);
    assert!(!held.first.is_finished());
    held.scene.disk.release();
    held.first.await.unwrap().unwrap();
    assert_eq!(text(bucket.get("first").unwrap()).as_deref(), Some("v"));
}

#[tokio::test]
async fn a_refused_write_does_not_spoil_its_group() {
    let held = Held::new().await;
    let scene = &held.scene;
    let tight = KeyValueLimits { keys: 3, ..limits() };
    let bucket = scene.bucket_of("tight", "", &tight);
    let roomy = scene.bucket();
    let mut refusable = Vec::new();
    let mut fine = Vec::new();
    for n in 0..5 {
        refusable.push(set(&bucket, &n.to_string()));
        fine.push(set(&roomy, &n.to_string()));
    }
    let conflict = {
        let bucket = roomy.clone();
        tokio::spawn(async move { bucket.swap("0".into(), Version(77), vec![]).await })
    };
    held.queued(11).await;
    scene.disk.release();
    let mut kept = 0;
    for outcome in refusable {
        match outcome.await.unwrap() {
            Ok(()) => kept += 1,
            Err(error) => assert!(matches!(error, KeyValueError::QuotaKeys { limit: 3 })),
        }
    }
    assert_eq!(kept, 3);
    for outcome in fine {
        outcome.await.unwrap().unwrap();
    }
    assert!(matches!(conflict.await.unwrap().unwrap(), Swap::Conflict(_)));
    assert_eq!(bucket.list_keys(None).unwrap().keys.len(), 3);
    assert_eq!(roomy.list_keys(None).unwrap().keys.len(), 5);
}

#[tokio::test]
async fn a_group_that_changes_nothing_is_not_committed() {
    let scene = Scene::new();
    let bucket = scene.bucket();
    bucket.delete("missing".into()).await.unwrap();
    bucket.swap("missing".into(), Version(5), vec![]).await.unwrap();
    assert_eq!(scene.keyvalue.gauges(), Gauges::default());
    scene.disk.fail(Fault::Sync);
    bucket.delete("missing".into()).await.unwrap();
}

#[tokio::test]
async fn a_service_with_its_share_waiting_is_busy_and_others_are_not() {
    let held = Held::new().await;
    let greedy = held.scene.bucket_of("greedy", "", &limits());
    let tasks: Vec<_> = (0..300).map(|n| set(&greedy, &n.to_string())).collect();
    held.queued(256).await;
    let modest = set(&held.scene.bucket(), "k");
    held.queued(257).await;
    held.scene.disk.release();
    let mut busy = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => {}
            Err(KeyValueError::Busy) => busy += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(busy, 44);
    modest.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_full_queue_refuses_whoever_comes() {
    let held = Held::new().await;
    let mut tasks = Vec::new();
    for service in ["a", "b", "c", "d"] {
        let bucket = held.scene.bucket_of(service, "", &limits());
        tasks.extend((0..256).map(|n| set(&bucket, &n.to_string())));
    }
    held.queued(1_024).await;
    let late = held.scene.bucket().set("k".into(), vec![]).await;
    assert!(matches!(late, Err(KeyValueError::Busy)), "{late:?}");
    held.scene.disk.release();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    held.scene.bucket().set("k".into(), vec![]).await.unwrap();
}

#[tokio::test]
async fn a_caller_that_leaves_does_not_take_its_write_back() {
    let held = Held::new().await;
    let bucket = held.scene.bucket();
    let leaving = set(&bucket, "left");
    let staying = set(&bucket, "stayed");
    held.queued(2).await;
    leaving.abort();
    assert!(leaving.await.is_err());
    held.scene.disk.release();
    staying.await.unwrap().unwrap();
    assert_eq!(bucket.list_keys(None).unwrap().keys, ["left", "stayed"]);
}

#[tokio::test]
async fn closing_answers_all_that_waits_and_then_refuses() {
    let held = Held::new().await;
    let scene = &held.scene;
    let bucket = scene.bucket();
    let tasks: Vec<_> = (0..50).map(|n| set(&bucket, &n.to_string())).collect();
    held.queued(50).await;
    let closing = {
        let keyvalue = scene.keyvalue.clone();
        tokio::spawn(async move { keyvalue.close().await })
    };
    tokio::task::yield_now().await;
    assert!(!closing.is_finished());
    scene.disk.release();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    closing.await.unwrap();
    assert!(matches!(bucket.get("1"), Err(KeyValueError::Closed)));
    assert!(matches!(bucket.set("1".into(), vec![]).await, Err(KeyValueError::Closed)));
    scene.keyvalue.close().await;
    let restarted = Scene::on(scene.disk.clone());
    assert_eq!(restarted.bucket().list_keys(None).unwrap().keys.len(), 50);
}

#[tokio::test]
async fn the_writer_ends_with_the_last_handle() {
    let held = Held::new().await;
    let mut ended = held.scene.keyvalue.front.ended.clone();
    let bucket = held.scene.bucket();
    let last = set(&bucket, "last");
    held.queued(1).await;
    let Scene { disk, keyvalue, .. } = held.scene;
    drop((keyvalue, bucket));
    disk.release();
    last.await.unwrap().unwrap();
    held.first.await.unwrap().unwrap();
    assert!(ended.changed().await.is_err());
    let restarted = Scene::on(disk);
    assert!(restarted.bucket().exists("last").unwrap());
}
