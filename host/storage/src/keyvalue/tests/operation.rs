//! Tests of the single operations.

use super::*;

/// Keys that a careless store would mix up, cut short or refuse.
const STRANGE_KEYS: [&str; 12] = [
    "",
    " ",
    "\0",
    "a\0b",
    "../x",
    "/etc/passwd",
    "\u{202e}txt.exe",
    "\u{feff}",
    "\u{10ffff}",
    "'; drop table entries; --",
    "\r\nset-cookie: x",
    "e\u{301}",
];

#[tokio::test]
async fn what_was_set_is_got_overwritten_and_deleted() {
    let bucket = Scene::new().bucket();
    assert_eq!(bucket.get("k").unwrap(), None);
    assert!(!bucket.exists("k").unwrap());
    for value in [&b""[..], b"one", &[0, 255, 10], b"two"] {
        bucket.set("k".into(), value.to_vec()).await.unwrap();
        assert_eq!(bucket.get("k").unwrap().as_deref(), Some(value));
        assert!(bucket.exists("k").unwrap());
    }
    for _ in 0..2 {
        bucket.delete("k".into()).await.unwrap();
        assert_eq!(bucket.get("k").unwrap(), None);
        assert!(!bucket.exists("k").unwrap());
    }
}

#[tokio::test]
async fn strange_keys_are_keys_like_any_other() {
    let scene = Scene::new();
    let bucket = scene.bucket();
    let longest = "k".repeat(1_024);
    let keys: Vec<&str> = STRANGE_KEYS.into_iter().chain([longest.as_str()]).collect();
    for key in &keys {
        bucket.set((*key).to_owned(), key.as_bytes().to_vec()).await.unwrap();
    }
    for key in &keys {
        assert_eq!(bucket.get(key).unwrap().as_deref(), Some(key.as_bytes()), "{key:?}");
    }
    let mut sorted = keys.clone();
    sorted.sort_unstable();
    let page = bucket.list_keys(None).unwrap();
    assert_eq!(page.keys, sorted);
    for key in &keys {
        bucket.delete((*key).to_owned()).await.unwrap();
    }
    assert_eq!(scene.usage(), (0, 0));
}

#[tokio::test]
async fn a_key_or_value_past_its_limit_is_refused_everywhere() {
    let scene = Scene::new();
    let bucket = scene.bucket();
    let long = "k".repeat(1_025);
    let refusals = [
        bucket.get(&long).map(drop),
        bucket.exists(&long).map(drop),
        bucket.read_versioned(&long).map(drop),
        bucket.get_many(std::slice::from_ref(&long)).map(drop),
        bucket.set(long.clone(), vec![]).await,
        bucket.set_many(vec![entry("a", "1"), (long.clone(), vec![])]).await,
        bucket.delete(long.clone()).await,
        bucket.delete_many(vec!["a".into(), long.clone()]).await,
        bucket.increment(long.clone(), 1).await.map(drop),
        bucket.swap(long.clone(), Version::ABSENT, vec![]).await.map(drop),
    ];
    for (n, refusal) in refusals.into_iter().enumerate() {
        let error = refusal.unwrap_err();
        assert!(matches!(error, KeyValueError::KeyTooLong { length: 1_025, .. }), "{n}: {error:?}");
        assert!(!error.to_string().contains("kkk"));
        assert!(error.to_string().contains("`1KiB`"), "{error}");
    }
    let mib = 1 << 20;
    bucket.set("k".into(), vec![1; mib]).await.unwrap();
    for refusal in [
        bucket.set("k".into(), vec![1; mib + 1]).await,
        bucket.swap("k".into(), Version::ABSENT, vec![1; mib + 1]).await.map(drop),
    ] {
        let error = refusal.unwrap_err();
        assert!(matches!(error, KeyValueError::ValueTooLarge { .. }), "{error:?}");
    }
    assert_eq!(scene.usage(), (1, 1 + mib as u64));
}

#[tokio::test]
async fn keys_are_listed_a_thousand_at_a_time_without_gap_or_repetition() {
    let scene = Scene::new();
    for (count, sizes) in [
        (0, vec![0]),
        (999, vec![999]),
        (1_000, vec![1_000]),
        (1_001, vec![1_000, 1]),
        (2_000, vec![1_000, 1_000]),
        (2_345, vec![1_000, 1_000, 345]),
    ] {
        let bucket = scene.bucket_of("users", &format!("b{count}"), &limits());
        let keys: Vec<String> = (0..count).map(|n| format!("{n:05}")).collect();
        let entries = keys.iter().map(|key| (key.clone(), vec![])).collect();
        bucket.set_many(entries).await.unwrap();
        let mut pages = vec![bucket.list_keys(None).unwrap()];
        while let Some(cursor) = pages.last().and_then(|page| page.cursor.clone()) {
            pages.push(bucket.list_keys(Some(&cursor)).unwrap());
        }
        let found: Vec<usize> = pages.iter().map(|page| page.keys.len()).collect();
        assert_eq!(found, sizes);
        assert_eq!(pages.into_iter().flat_map(|page| page.keys).collect::<Vec<_>>(), keys);
    }
}

#[tokio::test]
async fn a_cursor_may_be_any_text() {
    let bucket = Scene::new().bucket();
    bucket.set_many(vec![entry("", "0"), entry("b", "1"), entry("d", "2")]).await.unwrap();
    let after = |cursor: &str| bucket.list_keys(Some(cursor)).unwrap().keys;
    assert_eq!(after(""), ["b", "d"]);
    assert_eq!(after("a"), ["b", "d"]);
    assert_eq!(after("b"), ["d"]);
    assert_eq!(after("c"), ["d"]);
    assert!(after("d").is_empty());
    assert!(after(&"z".repeat(5_000)).is_empty());
}

#[tokio::test]
async fn many_are_set_got_and_deleted_together() {
    let scene = Scene::new();
    let bucket = scene.bucket();
    bucket.set_many(vec![]).await.unwrap();
    bucket.delete_many(vec![]).await.unwrap();
    assert_eq!(bucket.get_many(&[]).unwrap(), []);
    let entries = vec![entry("a", "1"), entry("b", "2"), entry("a", "3")];
    bucket.set_many(entries).await.unwrap();
    assert_eq!(scene.usage(), (2, 4));
    let keys = ["b", "missing", "a", "b"].map(str::to_owned);
    let found: Vec<(String, Option<String>)> =
        bucket.get_many(&keys).unwrap().into_iter().map(|(key, value)| (key, text(value))).collect();
    let some = |text: &str| Some(text.to_owned());
    let values = [some("2"), None, some("3"), some("2")];
    assert_eq!(found, keys.into_iter().zip(values).collect::<Vec<_>>());
    let gone = ["a", "a", "missing", "b"].map(str::to_owned).to_vec();
    bucket.delete_many(gone).await.unwrap();
    assert_eq!(scene.usage(), (0, 0));
}

#[tokio::test]
async fn a_small_request_cannot_ask_for_gigabytes() {
    let bucket = Scene::new().bucket();
    bucket.set("k".into(), vec![1; 1 << 20]).await.unwrap();
    let keys = |count| vec!["k".to_owned(); count];
    assert_eq!(bucket.get_many(&keys(16)).unwrap().len(), 16);
    let error = bucket.get_many(&keys(17)).unwrap_err();
    assert!(matches!(error, KeyValueError::ReadTooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn increment_adds_to_decimal_text() {
    let bucket = Scene::new().bucket();
    for (delta, sum) in [(5, 5), (-7, -2), (0, -2), (i64::MAX, i64::MAX - 2), (2, i64::MAX)] {
        assert_eq!(bucket.increment("n".into(), delta).await.unwrap(), sum);
        assert_eq!(text(bucket.get("n").unwrap()), Some(sum.to_string()));
    }
    bucket.set("n".into(), b"41".to_vec()).await.unwrap();
    assert_eq!(bucket.increment("n".into(), 1).await.unwrap(), 42);
}

#[tokio::test]
async fn increment_refuses_what_it_cannot_add_and_changes_nothing() {
    let bucket = Scene::new().bucket();
    let max = i64::MAX.to_string();
    let min = i64::MIN.to_string();
    let cases = [
        ("x", 1, None),
        ("", 1, None),
        ("1.5", 1, None),
        (" 1", 1, None),
        ("9223372036854775808", 1, None),
        (&max, 1, Some(())),
        (&min, -1, Some(())),
        ("-1", i64::MIN, Some(())),
    ];
    for (stored, delta, overflow) in cases {
        bucket.set("n".into(), stored.into()).await.unwrap();
        let error = bucket.increment("n".into(), delta).await.unwrap_err();
        match overflow {
            Some(()) => assert!(matches!(error, KeyValueError::Overflow), "{error:?}"),
            None => assert!(matches!(error, KeyValueError::NotANumber), "{error:?}"),
        }
        assert_eq!(error.failure(), None);
        assert_eq!(text(bucket.get("n").unwrap()).as_deref(), Some(stored));
    }
    bucket.set("n".into(), vec![0xff, 0, 0, 0, 0, 0, 0, 0]).await.unwrap();
    assert!(matches!(bucket.increment("n".into(), 1).await, Err(KeyValueError::NotANumber)));
}

#[tokio::test]
async fn no_increment_is_lost_among_many() {
    let bucket = Scene::new().bucket();
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let bucket = bucket.clone();
            tokio::spawn(async move { bucket.increment("n".into(), 1).await.unwrap() })
        })
        .collect();
    let mut sums = Vec::new();
    for task in tasks {
        sums.push(task.await.unwrap());
    }
    sums.sort_unstable();
    assert_eq!(sums, (1..=100).collect::<Vec<_>>());
}
