//! Tests of compare-and-swap.

use super::*;

#[tokio::test]
async fn a_swap_succeeds_only_on_what_was_read() {
    let bucket = Scene::new().bucket();
    let absent = bucket.read_versioned("k").unwrap();
    assert_eq!(absent, Versioned { value: None, version: Version::ABSENT });
    let outcome = bucket.swap("k".into(), absent.version, b"1".to_vec()).await.unwrap();
    assert_eq!(outcome, Swap::Done);

    let first = bucket.read_versioned("k").unwrap();
    assert_eq!(first.value.as_deref(), Some(&b"1"[..]));
    let Swap::Conflict(current) = bucket.swap("k".into(), absent.version, vec![]).await.unwrap() else {
        panic!("a value that is there was taken for absent");
    };
    assert_eq!(current, first);
    let outcome = bucket.swap("k".into(), current.version, b"2".to_vec()).await.unwrap();
    assert_eq!(outcome, Swap::Done);
    assert_eq!(text(bucket.get("k").unwrap()).as_deref(), Some("2"));
}

#[tokio::test]
async fn the_same_bytes_written_again_are_another_version() {
    let scene = Scene::new();
    let bucket = scene.bucket();
    bucket.set("k".into(), b"same".to_vec()).await.unwrap();
    let mut seen = vec![bucket.read_versioned("k").unwrap().version];
    for deleted in [false, true, true] {
        if deleted {
            bucket.delete("k".into()).await.unwrap();
        }
        bucket.set("k".into(), b"same".to_vec()).await.unwrap();
        for old in &seen {
            let outcome = bucket.swap("k".into(), *old, vec![]).await.unwrap();
            assert!(matches!(outcome, Swap::Conflict(_)), "{outcome:?}");
        }
        seen.push(bucket.read_versioned("k").unwrap().version);
    }
    let outcome = bucket.swap("k".into(), seen[3], vec![]).await.unwrap();
    assert_eq!(outcome, Swap::Done);
}

#[tokio::test]
async fn versions_go_on_after_a_restart() {
    let scene = Scene::new();
    let bucket = scene.bucket();
    bucket.set("k".into(), b"1".to_vec()).await.unwrap();
    bucket.set("gone".into(), b"1".to_vec()).await.unwrap();
    let old = bucket.read_versioned("gone").unwrap().version;
    bucket.delete("gone".into()).await.unwrap();

    let restarted = Scene::from(scene.disk.after_kill());
    let bucket = restarted.bucket();
    bucket.set("gone".into(), b"1".to_vec()).await.unwrap();
    let outcome = bucket.swap("gone".into(), old, vec![]).await.unwrap();
    assert!(matches!(outcome, Swap::Conflict(_)), "{outcome:?}");
}

#[tokio::test]
async fn sixty_four_swappers_of_one_key_lose_nothing() {
    let scene = Scene::new();
    let bucket = scene.bucket();
    let tasks: Vec<_> = (0..64).map(|_| tokio::spawn(add_one(bucket.clone()))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(text(bucket.get("n").unwrap()).as_deref(), Some("64"));
}

/// Adds one the way a guest does: read, compute, swap, again from the conflict's value.
async fn add_one(bucket: Bucket) {
    let mut current = bucket.read_versioned("n").unwrap();
    loop {
        let number: u64 = text(current.value).map_or(0, |text| text.parse().unwrap());
        let next = (number + 1).to_string().into_bytes();
        match bucket.swap("n".into(), current.version, next).await {
            Ok(Swap::Done) => return,
            Ok(Swap::Conflict(newer)) => current = newer,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn of_two_swaps_in_one_group_one_wins() {
    let scene = Scene::new();
    let bucket = scene.bucket();
    scene.disk.hold();
    let first = tokio::spawn(hold_up(bucket.clone()));
    while !scene.disk.is_syncing() {
        tokio::task::yield_now().await;
    }
    let swaps: Vec<_> = ["x", "y"]
        .map(|value| {
            let bucket = bucket.clone();
            tokio::spawn(async move { bucket.swap("k".into(), Version::ABSENT, value.into()).await.unwrap() })
        })
        .into();
    while scene.keyvalue.gauges().queued < 2 {
        tokio::task::yield_now().await;
    }
    scene.disk.release();
    let mut conflicts = 0;
    for swap in swaps {
        if let Swap::Conflict(current) = swap.await.unwrap() {
            assert_eq!(current, bucket.read_versioned("k").unwrap());
            conflicts += 1;
        }
    }
    assert_eq!(conflicts, 1);
    first.await.unwrap();
}

async fn hold_up(bucket: Bucket) {
    bucket.set("first".into(), vec![]).await.unwrap();
}
