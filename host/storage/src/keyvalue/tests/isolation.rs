//! Tests that a service reaches only its own keys.

use super::*;

/// Pairs of service and bucket whose names, joined, could meet.
const TWINS: [(&str, &str); 8] =
    [("a", "b-c"), ("a-b", "c"), ("a", "b"), ("a", "b.c"), ("ab", "c"), ("a", "bc"), ("b", "a"), ("a-b-c", "")];

#[tokio::test]
async fn another_service_or_bucket_never_sees_a_key() {
    let scene = Scene::new();
    let buckets = TWINS.map(|(service, bucket)| scene.bucket_of(service, bucket, &limits()));
    for (n, bucket) in buckets.iter().enumerate() {
        for key in ["k", "", "b-c", "c"] {
            bucket.set(key.into(), format!("{n}").into()).await.unwrap();
        }
    }
    for (n, bucket) in buckets.iter().enumerate() {
        assert_eq!(bucket.list_keys(None).unwrap().keys, ["", "b-c", "c", "k"], "{n}");
        assert_eq!(bucket.list_keys(Some("c")).unwrap().keys, ["k"], "{n}");
        assert_eq!(text(bucket.get("k").unwrap()), Some(n.to_string()));
        bucket.delete("k".into()).await.unwrap();
        bucket.set(format!("own{n}"), vec![]).await.unwrap();
    }
    for (n, bucket) in buckets.iter().enumerate() {
        let own = format!("own{n}");
        assert_eq!(bucket.list_keys(None).unwrap().keys, ["", "b-c", "c", &own]);
        for other in (0..TWINS.len()).filter(|other| *other != n) {
            assert!(!bucket.exists(&format!("own{other}")).unwrap());
        }
    }
}

#[tokio::test]
async fn one_services_usage_and_rate_are_not_anothers() {
    let scene = Scene::new();
    let tight = KeyValueLimits { keys: 1, writes: 1, ..limits() };
    let first = scene.bucket_of("a", "b", &tight);
    let second = scene.bucket_of("a-b", "", &tight);
    for bucket in [&first, &second] {
        bucket.set("k".into(), vec![1]).await.unwrap();
        let refused = bucket.set("l".into(), vec![]).await;
        assert!(matches!(refused, Err(KeyValueError::QuotaKeys { limit: 1 })), "{refused:?}");
        let refused = bucket.set("k".into(), vec![]).await;
        assert!(matches!(refused, Err(KeyValueError::WriteRate { limit: 1 })), "{refused:?}");
    }
}

#[tokio::test]
async fn the_buckets_of_a_service_share_its_rate() {
    let scene = Scene::new();
    let tight = KeyValueLimits { writes: 3, ..limits() };
    let buckets = ["x", "y"].map(|bucket| scene.bucket_of("a", bucket, &tight));
    for n in 0..6 {
        buckets[n % 2].set("k".into(), vec![]).await.unwrap();
    }
    for bucket in &buckets {
        assert!(matches!(bucket.delete("k".into()).await, Err(KeyValueError::WriteRate { .. })));
    }
    scene.clock.advance(std::time::Duration::from_millis(334));
    buckets[0].set("k".into(), vec![]).await.unwrap();
    assert!(buckets[1].set("k".into(), vec![]).await.is_err());
}
