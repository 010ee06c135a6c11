//! Abuses its store: `keys` and `values` until they are refused, a `storm` of writes, `swaps`, `odd` names, an `overflow`, a long `list`.

use behaviours_p2::host::wasi::keyvalue0_2_0_draft2::atomics::{Cas, CasError, increment, swap};
use behaviours_p2::host::wasi::keyvalue0_2_0_draft2::store::{self, Bucket, Error};
use behaviours_p2::query::Query;
use behaviours_p2::{Reply, Request, json, serve};

/// Names that would be other names, if somebody put strings together.
const ODD: [&str; 9] = [
    "../other",
    "a\0b",
    "\u{202e}gpj.exe",
    "caf\u{e9}",
    "cafe\u{301}",
    "tenant:other:key",
    "/default/mark",
    "%2e%2e%2fother",
    "other\u{ff}mark",
];

serve!(handle);

fn handle(request: Request, reply: Reply) {
    let query = &request.query;
    let Ok(bucket) = store::open("default") else {
        return reply.text("no bucket");
    };
    let counts = match query.text("how") {
        "keys" => until_refused(query, |n| bucket.set(&format!("{}-{n}", query.text("prefix")), b"v")),
        "values" => {
            let value = vec![b'v'; query.number("bytes", 1024)];
            until_refused(query, |n| bucket.set(&format!("{}-{n}", query.text("prefix")), &value))
        }
        "storm" => storm(query, &bucket),
        "swaps" => swaps(query, &bucket),
        "odd" => odd(&bucket),
        "overflow" => overflow(&bucket),
        "list" => list(&bucket),
        "size" => {
            let key = "k".repeat(query.number("key", 1));
            Counts::of(&bucket.set(&key, &vec![b'v'; query.number("bytes", 1)]))
        }
        _ => return reply.text(hostile::FINE),
    };
    reply.json(&json::object([
        ("ok", counts.ok.to_string()),
        ("refused", counts.refused.to_string()),
        ("error", json::text(&counts.error)),
    ]));
}

/// What was done and what was not, with the last error.
#[derive(Default)]
struct Counts {
    ok: u64,
    refused: u64,
    error: String,
}

impl Counts {
    fn of(result: &Result<(), Error>) -> Self {
        let mut counts = Self::default();
        counts.note(result);
        counts
    }

    fn note<T>(&mut self, result: &Result<T, Error>) -> bool {
        match result {
            Ok(_) => self.ok += 1,
            Err(error) => {
                self.refused += 1;
                self.error = format!("{error:?}");
            }
        }
        result.is_ok()
    }
}

fn until_refused(query: &Query, write: impl Fn(u64) -> Result<(), Error>) -> Counts {
    let mut counts = Counts::default();
    for n in 0..query.number("count", 1_000_000) {
        if !counts.note(&write(n)) {
            break;
        }
    }
    counts
}

/// Writes one key again and again, whatever becomes of it.
fn storm(query: &Query, bucket: &Bucket) -> Counts {
    let mut counts = Counts::default();
    for n in 0..query.number("count", 100_u64) {
        counts.note(&bucket.set("storm", &n.to_le_bytes()));
    }
    counts
}

/// Adds one by compare and swap until it has done so `?count=` times.
fn swaps(query: &Query, bucket: &Bucket) -> Counts {
    let mut counts = Counts::default();
    while counts.ok < query.number("count", 10) {
        let cas = match Cas::new(bucket, "sum") {
            Ok(cas) => cas,
            Err(error) => {
                counts.note::<()>(&Err(error));
                break;
            }
        };
        let current =
            cas.current().ok().flatten().and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes);
        match swap(cas, &(current + 1).to_le_bytes()) {
            Ok(()) => counts.ok += 1,
            Err(CasError::CasFailed(_)) => counts.refused += 1,
            Err(CasError::StoreError(error)) => {
                counts.note::<()>(&Err(error));
                break;
            }
        }
    }
    counts
}

/// Each name is a key of its own, with its own value.
fn odd(bucket: &Bucket) -> Counts {
    let mut counts = Counts::default();
    let taken: Vec<_> = ODD.iter().filter(|key| counts.note(&bucket.set(key, key.as_bytes()))).collect();
    let own = |key: &&&&str| bucket.get(key).is_ok_and(|value| value.as_deref() == Some(key.as_bytes()));
    counts.ok = taken.iter().filter(own).count() as u64;
    counts
}

fn overflow(bucket: &Bucket) -> Counts {
    let mut counts = Counts::default();
    counts.note(&increment(bucket, "most", i64::MAX));
    counts.note(&increment(bucket, "most", 1));
    counts
}

/// Walks over all keys.
fn list(bucket: &Bucket) -> Counts {
    let (mut counts, mut cursor) = (Counts::default(), None::<String>);
    loop {
        let page = bucket.list_keys(cursor.as_deref());
        if !counts.note(&page) {
            return counts;
        }
        match page.map(|page| page.cursor) {
            Ok(Some(next)) => cursor = Some(next),
            Ok(None) | Err(_) => return counts,
        }
    }
}
