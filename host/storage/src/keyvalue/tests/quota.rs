//! Tests of quotas, at 99 % and past them.

use hostel_model::tenant::ServicePattern;

use super::*;

fn tight(bytes: u64, keys: u64) -> KeyValueLimits {
    KeyValueLimits { bytes: ByteSize(bytes), keys, ..limits() }
}

fn full(outcome: Result<(), KeyValueError>) -> &'static str {
    let error = outcome.unwrap_err();
    assert!(error.is_full(), "{error:?}");
    match error {
        KeyValueError::QuotaBytes { .. } => "bytes",
        KeyValueError::QuotaKeys { .. } => "keys",
        KeyValueError::QuotaShared { .. } => "shared",
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn bytes_of_keys_and_values_count_to_the_last() {
    let scene = Scene::new();
    let bucket = scene.bucket_with(&tight(1_000, 1_000));
    bucket.set("k".into(), vec![0; 989]).await.unwrap();
    assert_eq!(scene.usage(), (1, 990));
    bucket.set("j".into(), vec![0; 9]).await.unwrap();
    assert_eq!(scene.usage(), (2, 1_000));
    assert_eq!(full(bucket.set("i".into(), vec![]).await), "bytes");
    assert_eq!(full(bucket.set("j".into(), vec![0; 10]).await), "bytes");
    assert_eq!(full(bucket.increment("n".into(), 1).await.map(drop)), "bytes");
    let swap = bucket.swap("i".into(), Version::ABSENT, vec![]).await;
    assert_eq!(full(swap.map(drop)), "bytes");
    assert_eq!(scene.usage(), (2, 1_000));
    bucket.set("j".into(), vec![1; 9]).await.unwrap();
    bucket.set("j".into(), vec![]).await.unwrap();
    bucket.set("i".into(), vec![0; 8]).await.unwrap();
    assert_eq!(scene.usage(), (3, 1_000));
}

#[tokio::test]
async fn keys_count_to_the_last() {
    let scene = Scene::new();
    let bucket = scene.bucket_with(&tight(1_000_000, 100));
    let keys = |range: std::ops::Range<u32>| range.map(|n| (n.to_string(), vec![])).collect();
    bucket.set_many(keys(0..99)).await.unwrap();
    assert_eq!(full(bucket.set_many(keys(99..101)).await), "keys");
    bucket.set_many(keys(90..100)).await.unwrap();
    assert_eq!(scene.usage().0, 100);
    assert_eq!(full(bucket.set("x".into(), vec![]).await), "keys");
    bucket.set("0".into(), vec![1]).await.unwrap();
    bucket.delete("0".into()).await.unwrap();
    bucket.set("x".into(), vec![]).await.unwrap();
    assert_eq!(full(bucket.set("0".into(), vec![]).await), "keys");
}

#[tokio::test]
async fn a_batch_past_the_quota_leaves_nothing() {
    let scene = Scene::new();
    let bucket = scene.bucket_with(&tight(10, 10));
    bucket.set("a".into(), vec![0; 4]).await.unwrap();
    let batch = vec![entry("a", ""), entry("b", "1"), entry("c", "1234567")];
    assert_eq!(full(bucket.set_many(batch).await), "bytes");
    assert_eq!(bucket.list_keys(None).unwrap().keys, ["a"]);
    assert_eq!(bucket.get("a").unwrap(), Some(vec![0; 4]));
    assert_eq!(scene.usage(), (1, 5));
    // What one key gives back another of the same batch may use.
    let batch = vec![entry("a", ""), entry("b", "12345678")];
    bucket.set_many(batch).await.unwrap();
    assert_eq!(scene.usage(), (2, 10));
}

#[tokio::test]
async fn quotas_are_sums_over_the_buckets_of_a_service() {
    let scene = Scene::new();
    let limits = tight(100, 3);
    let [one, two] = ["one", "two"].map(|bucket| scene.bucket_of("users", bucket, &limits));
    one.set("k".into(), vec![0; 49]).await.unwrap();
    two.set("k".into(), vec![0; 49]).await.unwrap();
    assert_eq!(scene.usage(), (2, 100));
    assert_eq!(full(one.set("k".into(), vec![0; 50]).await), "bytes");
    two.set("k".into(), vec![]).await.unwrap();
    one.set("k".into(), vec![0; 50]).await.unwrap();
    one.set("l".into(), vec![]).await.unwrap();
    assert_eq!(full(two.set("l".into(), vec![]).await), "keys");
}

#[tokio::test]
async fn a_service_over_a_lowered_limit_may_still_shrink() {
    let scene = Scene::new();
    let entries = vec![entry("a", "12345"), entry("b", "12345")];
    scene.bucket().set_many(entries).await.unwrap();
    let bucket = scene.bucket_with(&tight(6, 1));
    assert_eq!(full(bucket.set("a".into(), vec![0; 6]).await), "bytes");
    assert_eq!(full(bucket.set("c".into(), vec![]).await), "keys");
    bucket.set("a".into(), vec![0; 5]).await.unwrap();
    bucket.set("a".into(), vec![0; 1]).await.unwrap();
    bucket.delete("b".into()).await.unwrap();
    assert_eq!(scene.usage(), (1, 2));
}

#[tokio::test]
async fn a_batch_counts_each_of_its_writes_against_the_rate() {
    let scene = Scene::new();
    let bucket = scene.bucket_with(&KeyValueLimits { writes: 10, ..limits() });
    let batch = |count: usize| vec![entry("same", "1"); count];
    assert!(matches!(bucket.set_many(batch(21)).await, Err(KeyValueError::WriteRate { .. })));
    bucket.set_many(batch(19)).await.unwrap();
    let keys = vec!["a".to_owned(), "b".to_owned()];
    assert!(matches!(bucket.delete_many(keys).await, Err(KeyValueError::WriteRate { limit: 10 })));
    bucket.increment("n".into(), 1).await.unwrap();
    let error = bucket.delete("n".into()).await.unwrap_err();
    assert!(error.is_full());
    scene.clock.advance(std::time::Duration::from_secs(1));
    bucket.set_many(batch(10)).await.unwrap();
}

fn shared(services: &str, bytes: u64) -> Arc<SharedQuota> {
    Arc::new(SharedQuota::new(ServicePattern::parse(services).unwrap(), Some(ByteSize(bytes))))
}

/// The bucket of `service`, which shares `quota`.
fn sharing(scene: &Scene, service: &str, quota: &Arc<SharedQuota>) -> Bucket {
    scene.bucket_of(service, "default", &limits()).sharing(Some(Arc::clone(quota)))
}

#[tokio::test]
async fn services_of_a_tenant_share_its_bytes_to_the_last() {
    let scene = Scene::new();
    let quota = shared("acme-*", 100);
    let [one, two] = ["acme-one", "acme-two"].map(|service| sharing(&scene, service, &quota));
    // Neither of these is the tenant's, though one is a neighbour in the table.
    for other in ["acme", "acmf"] {
        scene.bucket_of(other, "default", &limits()).set("k".into(), vec![0; 500]).await.unwrap();
    }
    one.set("k".into(), vec![0; 49]).await.unwrap();
    two.set("k".into(), vec![0; 48]).await.unwrap();
    assert_eq!(full(two.set("l".into(), vec![0; 1]).await), "shared");
    two.set("l".into(), vec![]).await.unwrap();
    assert_eq!(full(one.set("k".into(), vec![0; 50]).await), "shared");
    assert_eq!(full(one.increment("n".into(), 1).await.map(drop)), "shared");
    let swap = two.swap("m".into(), Version::ABSENT, vec![]).await;
    assert_eq!(full(swap.map(drop)), "shared");
    one.delete("k".into()).await.unwrap();
    two.set("m".into(), vec![0; 49]).await.unwrap();
    assert_eq!(full(one.set("k".into(), vec![]).await), "shared");
}

/// All of them may come into one commit, which adds up once.
#[tokio::test]
async fn writes_that_are_committed_together_share_what_is_left() {
    let scene = Scene::new();
    let quota = shared("acme-*", 10);
    let services: Vec<_> = (0..30).map(|n| sharing(&scene, &format!("acme-{n}"), &quota)).collect();
    let mut writes = tokio::task::JoinSet::new();
    for bucket in services {
        writes.spawn(async move { bucket.set("k".into(), vec![]).await });
    }
    let outcomes = writes.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 10);
    let kept: u64 = scene.keyvalue.services().unwrap().iter().map(|(_, usage)| usage.bytes).sum();
    assert_eq!(kept, 10);
}

#[tokio::test]
async fn a_tenant_whose_quota_changes_keeps_what_it_has() {
    let scene = Scene::new();
    let quota = shared("acme-*", 100);
    let bucket = sharing(&scene, "acme-one", &quota);
    bucket.set("k".into(), vec![0; 99]).await.unwrap();
    let services = || ServicePattern::parse("acme-*").unwrap();
    quota.change(services(), Some(ByteSize(10)));
    assert_eq!(full(bucket.set("l".into(), vec![]).await), "shared");
    bucket.set("k".into(), vec![0; 98]).await.unwrap();
    assert_eq!(full(bucket.set("k".into(), vec![0; 99]).await), "shared");
    assert_eq!(bucket.get("k").unwrap().unwrap().len(), 98);
    quota.change(services(), None);
    bucket.set("k".into(), vec![0; 500]).await.unwrap();
    // What was written under another owner's name counts for whoever owns it now.
    quota.change(ServicePattern::parse("acme-o*").unwrap(), Some(ByteSize(501)));
    assert_eq!(full(bucket.set("l".into(), vec![]).await), "shared");
}
