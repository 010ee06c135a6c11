//! `wasi:keyvalue` as guests see it: both drafts, both generations, each service in a key space of its own.

use serde_json::{Value, json};

use crate::harness::{Harness, Running, guest};

/// Two services of each generation, all with the buckets `default` and `cache`.
fn stores() -> Running {
    let mut harness = Harness::new();
    for (name, path) in [
        ("p2", guest::KEYVALUE_P2),
        ("p3", guest::KEYVALUE_P3),
        ("other2", guest::KEYVALUE_P2),
        ("other3", guest::KEYVALUE_P3),
    ] {
        harness = harness.serves(name, path).keyvalue("").keyvalue("cache");
    }
    harness.start()
}

/// One operation.
#[track_caller]
fn ask(host: &Running, service: &str, query: &str) -> Value {
    let answer = host.get(&format!("/{service}?{query}"));
    assert_eq!(answer.status, 200, "{service} {query}: {}", answer.text());
    answer.json()
}

/// Runs the steps on each generation with each draft, each time in a bucket of its own.
fn on_all(steps: &[(&str, Value)]) {
    let host = stores();
    for service in ["p2", "p3"] {
        for draft in ["&bucket=default", "&bucket=cache&draft=1"] {
            for (query, expected) in steps {
                assert_eq!(ask(&host, service, &format!("{query}{draft}")), *expected, "{service} {query}{draft}");
            }
        }
    }
}

#[test]
fn a_value_is_read_as_it_was_written() {
    on_all(&[
        ("op=get&key=a", json!({"result": null})),
        ("op=exists&key=a", json!({"result": false})),
        ("op=set&key=a&value=one", json!({"result": "ok"})),
        ("op=get&key=a", json!({"result": "one"})),
        ("op=exists&key=a", json!({"result": true})),
        ("op=set&key=a&value=two", json!({"result": "ok"})),
        ("op=get&key=a", json!({"result": "two"})),
        ("op=delete&key=a", json!({"result": "ok"})),
        ("op=get&key=a", json!({"result": null})),
        ("op=delete&key=a", json!({"result": "ok"})),
    ]);
}

#[test]
fn a_number_is_incremented_in_place() {
    on_all(
        &[
            ("op=increment&key=n", json!({"result": "1"})),
            ("op=increment&key=n&delta=41", json!({"result": "42"})),
            ("op=get&key=n", json!({"result": "42"})),
        ]
        .map(|(query, expected)| {
            // Both drafts answer a number.
            let number = expected["result"].as_str().and_then(|text| text.parse::<i64>().ok());
            let expected = if query.starts_with("op=get") { expected } else { json!({"result": number}) };
            (query, expected)
        }),
    );
}

#[test]
fn many_keys_are_handled_at_once() {
    on_all(&[
        ("op=set_many&pair=a:1&pair=b:2&pair=c:3", json!({"result": "ok"})),
        ("op=get&key=b", json!({"result": "2"})),
        ("op=delete_many&key=a&key=b&key=nothing", json!({"result": "ok"})),
        ("op=exists&key=a", json!({"result": false})),
        ("op=get&key=c", json!({"result": "3"})),
    ]);
    let host = stores();
    ask(&host, "p2", "op=set_many&pair=a:1&pair=b:2");
    assert_eq!(
        ask(&host, "p2", "op=get_many&key=b&key=x&key=a"),
        json!({"result": [["b", "2"], ["x", null], ["a", "1"]]})
    );
    let older = ask(&host, "p2", "op=get_many&key=b&key=x&key=a&draft=1");
    assert_eq!(older, json!({"result": [["b", "2"], null, ["a", "1"]]}));
}

#[test]
fn keys_are_listed_page_by_page_to_the_end() {
    let host = stores();
    for service in ["p2", "p3"] {
        for first in 0..15 {
            let pairs: Vec<String> = (0..100).map(|n| format!("pair=k{:04}:v", first * 100 + n)).collect();
            assert_eq!(ask(&host, service, &format!("op=set_many&{}", pairs.join("&"))), json!({"result": "ok"}));
        }
        let mut keys = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = ask(&host, service, &format!("op=list{cursor}"));
            let found = page["result"]["keys"].as_array().unwrap_or_else(|| panic!("{service}: {page}"));
            keys.extend(found.iter().map(|key| key.as_str().unwrap().to_owned()));
            assert!(keys.len() <= 1500, "{service}: the listing does not end");
            match &page["result"]["cursor"] {
                Value::String(next) => cursor = format!("&cursor={next}"),
                _ => break,
            }
        }
        let expected: Vec<String> = (0..1500).map(|n| format!("k{n:04}")).collect();
        assert_eq!(keys, expected, "{service}");
    }
}

#[test]
fn a_cursor_of_the_first_draft_is_good_for_the_bucket_that_gave_it() {
    // Its cursors are numbers, which cannot hold a key: each opened bucket remembers its own.
    let host = stores();
    for service in ["p2", "p3"] {
        for first in 0..11 {
            let pairs: Vec<String> = (0..100).map(|n| format!("pair=k{:04}:v", first * 100 + n)).collect();
            ask(&host, service, &format!("op=set_many&{}", pairs.join("&")));
        }
        let page = ask(&host, service, "op=list&draft=1");
        let cursor = page["result"]["cursor"].as_u64().unwrap_or_else(|| panic!("{service}: {page}"));
        let refused = ask(&host, service, &format!("op=list&draft=1&cursor={cursor}"));
        assert_eq!(refused["error"], "other", "{service}: {refused}");
    }
}

#[test]
fn a_swap_fails_if_somebody_wrote_in_between() {
    let host = stores();
    for service in ["p2", "p3"] {
        assert_eq!(ask(&host, service, "op=cas&key=a&value=one"), json!({"result": {"before": null}}), "{service}");
        assert_eq!(ask(&host, service, "op=cas&key=a&value=two"), json!({"result": {"before": "one"}}), "{service}");
        let lost = ask(&host, service, "op=cas&key=a&value=three&between=other");
        assert_eq!(lost, json!({"error": "cas-failed", "current": "other"}), "{service}");
        assert_eq!(ask(&host, service, "op=get&key=a"), json!({"result": "other"}), "{service}");
        // The same value written again is a write all the same.
        let lost = ask(&host, service, "op=cas&key=a&value=three&between=other");
        assert_eq!(lost["error"], "cas-failed", "{service}");
    }
}

#[test]
fn a_bucket_that_was_not_granted_is_denied_whether_or_not_it_exists() {
    let host = stores();
    ask(&host, "p2", "op=set&key=a&value=one&bucket=cache");
    for service in ["p2", "p3"] {
        for bucket in ["other2", "nothing", "..", "DEFAULT", "p2%2fdefault", "a%00b"] {
            for draft in ["", "&draft=1"] {
                let answer = ask(&host, service, &format!("op=get&key=a&bucket={bucket}{draft}"));
                assert_eq!(answer, json!({"error": "access-denied"}), "{service} {bucket}{draft}");
            }
        }
    }
    let none = Harness::new().serves("p2", guest::KEYVALUE_P2).serves("p3", guest::KEYVALUE_P3).start();
    for service in ["p2", "p3"] {
        assert_eq!(ask(&none, service, "op=open&bucket="), json!({"error": "access-denied"}), "{service}");
    }
}

#[test]
fn the_empty_name_is_the_bucket_default() {
    let host = stores();
    for service in ["p2", "p3"] {
        ask(&host, service, "op=set&key=a&value=one&bucket=");
        assert_eq!(ask(&host, service, "op=get&key=a&bucket=default"), json!({"result": "one"}), "{service}");
        assert_eq!(ask(&host, service, "op=get&key=a&bucket=cache"), json!({"result": null}), "{service}");
    }
}

#[test]
fn services_with_buckets_of_one_name_do_not_see_each_other() {
    let host = stores();
    for (service, other) in [("p2", "other2"), ("p3", "other3"), ("other2", "p3"), ("other3", "p2")] {
        ask(&host, service, &format!("op=set&key=only-{service}&value=mine"));
        assert_eq!(ask(&host, other, &format!("op=get&key=only-{service}")), json!({"result": null}), "{other}");
        let listed = ask(&host, other, "op=list");
        assert!(!listed.to_string().contains(&format!("only-{service}")), "{other}: {listed}");
    }
}

#[test]
fn bytes_that_are_no_text_survive() {
    let host = stores();
    for service in ["p2", "p3"] {
        let body: Vec<u8> = (0..100_000_u32).map(|n| (n % 127) as u8).collect();
        let set = host.request("POST", &format!("/{service}?op=set&key=bytes")).body(body.clone()).send();
        assert_eq!(set.json(), json!({"result": "ok"}), "{service}");
        let text = String::from_utf8(body).unwrap();
        assert_eq!(ask(&host, service, "op=get&key=bytes"), json!({"result": text}), "{service}");
    }
}

#[test]
fn concurrent_increments_are_all_counted() {
    let host = stores();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    ask(&host, "p2", "op=increment&key=n");
                }
            });
        }
    });
    assert_eq!(ask(&host, "p2", "op=get&key=n"), json!({"result": "40"}));
}
