//! Tests of what whoever runs the host does with guests' data.

use super::*;

fn name(bucket: &str) -> BucketName {
    BucketName::from_identifier(bucket).unwrap()
}

fn usage(keys: u64, bytes: u64) -> Usage {
    Usage { keys, bytes }
}

fn buckets(scene: &Scene, service: &str) -> Vec<(String, Usage)> {
    let found = scene.keyvalue.buckets(&service_name(service)).unwrap();
    found.into_iter().map(|found| (found.bucket.to_string(), found.usage)).collect()
}

async fn fill(bucket: &Bucket, keys: usize, value: usize) {
    let entries = (0..keys).map(|n| (format!("{n:05}"), vec![b'v'; value])).collect();
    bucket.set_many(entries).await.unwrap();
}

#[tokio::test]
async fn buckets_and_services_are_told_with_what_is_in_them() {
    let scene = Scene::new();
    assert_eq!(scene.keyvalue.services().unwrap(), []);
    fill(&scene.bucket_of("users", "", &limits()), 3, 10).await;
    fill(&scene.bucket_of("users", "sessions", &limits()), 2, 0).await;
    fill(&scene.bucket_of("users-old", "default", &limits()), 1, 1).await;
    let gone = scene.bucket_of("gone", "x", &limits());
    fill(&gone, 1, 1).await;
    gone.delete("00000".into()).await.unwrap();

    let expected = [("default".to_owned(), usage(3, 45)), ("sessions".to_owned(), usage(2, 10))];
    assert_eq!(buckets(&scene, "users"), expected);
    assert_eq!(buckets(&scene, "user"), []);
    assert_eq!(buckets(&scene, "gone"), []);
    let services = [(service_name("users"), usage(5, 55)), (service_name("users-old"), usage(1, 6))];
    assert_eq!(scene.keyvalue.services().unwrap(), services);
}

#[tokio::test]
async fn purging_a_bucket_takes_all_of_it_and_nothing_else() {
    let scene = Scene::new();
    let sessions = scene.bucket_of("users", "sessions", &limits());
    fill(&sessions, 2_345, 7).await;
    sessions.set(String::new(), b"of the empty key".to_vec()).await.unwrap();
    fill(&scene.bucket(), 2, 3).await;
    fill(&scene.bucket_of("orders", "sessions", &limits()), 4, 3).await;
    let before = scene.keyvalue.gauges().commits;

    let users = service_name("users");
    let removed = scene.keyvalue.purge(&users, Some(&name("sessions"))).await.unwrap();
    assert_eq!(removed, usage(2_346, 2_345 * 12 + 16));
    assert_eq!(scene.keyvalue.gauges().commits - before, 3, "a thousand keys in one commit");
    assert_eq!(sessions.list_keys(None).unwrap(), KeyPage::default());
    assert_eq!(scene.usage(), (2, 16));
    assert_eq!(buckets(&scene, "orders"), [("sessions".to_owned(), usage(4, 32))]);
    assert_eq!(scene.keyvalue.purge(&users, Some(&name("sessions"))).await.unwrap(), usage(0, 0));

    let after = Scene::from(scene.disk.after_power_cut());
    assert_eq!(after.usage(), (2, 16));
    assert_eq!(buckets(&after, "users").len(), 1);
}

#[tokio::test]
async fn purging_a_service_takes_all_its_buckets() {
    let scene = Scene::new();
    for (service, bucket) in [("users", "a"), ("users", "b"), ("users", ""), ("users-old", "a"), ("user", "a")] {
        fill(&scene.bucket_of(service, bucket, &limits()), 3, 5).await;
    }
    let removed = scene.keyvalue.purge(&service_name("users"), None).await.unwrap();
    assert_eq!(removed, usage(9, 90));
    assert_eq!(buckets(&scene, "users"), []);
    let left: Vec<_> = scene.keyvalue.services().unwrap().into_iter().map(|(service, _)| service.to_string()).collect();
    assert_eq!(left, ["user", "users-old"]);
}

#[tokio::test]
async fn one_commit_of_a_purge_takes_little_where_values_are_large() {
    let scene = Scene::new();
    let bucket = scene.bucket();
    for n in 0..40 {
        bucket.set(format!("{n:02}"), vec![0; 1024 * 1024]).await.unwrap();
    }
    let before = scene.keyvalue.gauges().commits;
    let removed = scene.keyvalue.purge(&service_name("users"), None).await.unwrap();
    assert_eq!(removed.keys, 40);
    assert_eq!(scene.keyvalue.gauges().commits - before, 3, "16 MiB in one commit");
    assert_eq!(scene.usage(), (0, 0));
}

#[tokio::test]
async fn an_operators_writes_do_not_count_against_the_rate_but_against_the_quota() {
    let scene = Scene::new();
    let limits = KeyValueLimits { writes: 1, keys: 100, ..limits() };
    let guest = scene.bucket_with(&limits);
    guest.set_many(vec![entry("a", "1"), entry("b", "1")]).await.unwrap();
    assert!(matches!(guest.set("c".into(), vec![]).await, Err(KeyValueError::WriteRate { .. })));
    let operator = scene.bucket_with(&limits).unpaced();
    let entries = |range: std::ops::Range<u32>| range.map(|n| (n.to_string(), vec![])).collect();
    operator.set_many(entries(0..90)).await.unwrap();
    let refused = operator.set_many(entries(90..100)).await.unwrap_err();
    assert!(matches!(refused, KeyValueError::QuotaKeys { limit: 100 }), "{refused:?}");
    assert_eq!(scene.usage().0, 92);
    assert!(matches!(guest.set("c".into(), vec![]).await, Err(KeyValueError::WriteRate { .. })));
    scene.clock.advance(std::time::Duration::from_secs(1));
    guest.set("c".into(), vec![]).await.unwrap();
}

#[tokio::test]
async fn a_purge_on_a_failing_disk_is_an_error_and_can_be_repeated() {
    let scene = Scene::new();
    fill(&scene.bucket(), 1_500, 1).await;
    scene.disk.fail(crate::testing::Fault::Sync);
    let users = service_name("users");
    let error = scene.keyvalue.purge(&users, None).await.unwrap_err();
    assert!(matches!(error, KeyValueError::Failed(_)), "{error:?}");
    scene.disk.fail(crate::testing::Fault::None);
    assert_eq!(scene.keyvalue.purge(&users, None).await.unwrap().keys, 1_500);
    scene.keyvalue.close().await;
    assert!(matches!(scene.keyvalue.purge(&users, None).await, Err(KeyValueError::Closed)));
}
