//! Guests that abuse their store, beside one that uses it.

use std::time::Instant;

use serde_json::Value;

use super::super::ask::{Ask, Reply};
use super::super::bench::Bench;
use super::super::guest;
use super::super::load::figures::millis;
use super::super::load::latency::Latencies;
use super::super::report::{Seen, ms};
use super::super::row::{Asked, Expect, Row, Service};
use super::super::trial::ask_all;

/// Small, so that every quota is reached.
const LIMITS: &str = "cpu = \"1s\", deadline = \"10s\", \
    keyvalue = { keys = 500, bytes = \"256KiB\", value = \"64KiB\", key = \"1KiB\", writes = 2000 }";
/// The service that is not abused, and shares the database.
const NEIGHBOUR: &str = "g39-neighbour";

/// All of them.
pub fn rows() -> Vec<Row> {
    let row = |guest, expected, name: &str, query: &str, says: fn(&Reply) -> bool| {
        let service = Service::of(name, guest::HOSTILE_KEYVALUE_P2).limits(LIMITS).with("keyvalue = [\"default\"]");
        Row::asked("G39", guest, expected, service, vec![Ask::get(name, query, Expect::ok(says))])
            .of_this_host()
            .alone(1)
    };
    let sizes = || {
        let service =
            Service::of("g39-sizes", guest::HOSTILE_KEYVALUE_P2).limits(LIMITS).with("keyvalue = [\"default\"]");
        let asks = ["key=1025", "key=65536", "bytes=65537", "bytes=2000000"];
        let asks = asks.map(|query| Ask::get("g39-sizes", &format!("how=size&{query}"), Expect::ok(all_refused)));
        Row::asked("G39", "keys and values over their limits, by one and by far", "typed error", service, asks.to_vec())
            .of_this_host()
    };
    vec![
        row("keys without end", "typed error at 500 keys", "g39-keys", "how=keys&prefix=k", ends_refused),
        row(
            "values without end",
            "typed error at 256 KiB",
            "g39-values",
            "how=values&bytes=16384&prefix=v",
            ends_refused,
        ),
        sizes(),
        row(
            "`../other`, NUL, U+202E, NFC and NFD twins, `tenant:other:key`",
            "each a key of its own",
            "g39-odd",
            "how=odd",
            odd,
        ),
        row("an increment over 2^63", "typed error", "g39-overflow", "how=overflow", some_refused),
        row(
            "fifty that compare and swap one key",
            "each 10 times, or a typed error",
            "g39-swaps",
            "how=swaps&count=10",
            swapped,
        ),
        row("lists 500 keys", "200", "g39-list", "how=list", |reply| counts(reply).is_some()),
        Row::own(
            "G39",
            "storms of writes, beside a neighbour that writes and reads",
            "over the rate refused; the neighbour without an error, p99 under 250 ms",
            vec![
                Service::of("g39-storm", guest::HOSTILE_KEYVALUE_P2).limits(LIMITS).with("keyvalue = [\"default\"]"),
                Service::of(NEIGHBOUR, guest::KEYVALUE_P2)
                    .limits("deadline = \"10s\"")
                    .with("keyvalue = [\"default\"]"),
            ],
            storm,
        ),
    ]
}

fn counts(reply: &Reply) -> Option<(u64, u64)> {
    let seen: Value = serde_json::from_str(&reply.text()).ok()?;
    Some((seen["ok"].as_u64()?, seen["refused"].as_u64()?))
}

fn ends_refused(reply: &Reply) -> bool {
    counts(reply).is_some_and(|(_, refused)| refused == 1)
}

fn some_refused(reply: &Reply) -> bool {
    counts(reply).is_some_and(|(_, refused)| refused > 0)
}

fn all_refused(reply: &Reply) -> bool {
    counts(reply).is_some_and(|(ok, refused)| (ok, refused) == (0, 1))
}

/// Nine names that were all taken and hold their own values; a NUL may be refused.
fn odd(reply: &Reply) -> bool {
    counts(reply).is_some_and(|(ok, refused)| ok + refused == 9 && refused <= 1)
}

fn swapped(reply: &Reply) -> bool {
    counts(reply).is_some_and(|(ok, refused)| ok == 10 || refused > 0)
}

/// How long a neighbour's write and read take while others write as fast as they may.
fn storm(bench: &mut Bench, _: &[Service]) -> Seen {
    let stop = std::sync::atomic::AtomicBool::new(false);
    let address = bench.address;
    let asks = vec![Ask::get("g39-storm", "how=storm&count=200", Expect::ok(|reply| counts(reply).is_some()))];
    let mut asked = Asked::of(asks);
    asked.alone = 2;
    let quiet = neighbour(address, 0, || false);
    let (mut seen, busy) = std::thread::scope(|scope| {
        let stop = &stop;
        let load = scope.spawn(move || neighbour(address, 1, || !stop.load(std::sync::atomic::Ordering::Relaxed)));
        let seen = storm_meanwhile(bench, &asked);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        (seen, load.join().expect("a client must not panic"))
    });
    let [before, after] = [&quiet, &busy].map(|(latencies, _)| latencies.quantile(0.99));
    let errors = [&quiet.1[..], &busy.1[..]].concat();
    if !errors.is_empty() {
        seen.faults.push(format!("the neighbour's errors: {}: {}", errors.len(), errors[0]));
    }
    if ms(after) > 250.0 {
        seen.faults.push(format!("the neighbour's p99 is {}", millis(after)));
    }
    seen.seen = format!(
        "{}; the neighbour: {} pairs, p99 {} ({} before)",
        seen.seen,
        busy.0.number(),
        millis(after),
        millis(before)
    );
    seen
}

/// The neighbour keeps an instance at work all the time: that gauges are at rest is for the other rows to see.
fn storm_meanwhile(bench: &mut Bench, asked: &Asked) -> Seen {
    let mut seen = ask_all(bench, asked);
    seen.faults.retain(|fault| !["gauges", "descriptors", "maps"].iter().any(|what| fault.starts_with(what)));
    seen
}

/// Writes a key and reads it, at least a hundred times and then while `on`; how long each pair took, and errors.
fn neighbour(address: std::net::SocketAddr, round: u32, on: impl Fn() -> bool) -> (Latencies, Vec<String>) {
    let (mut latencies, mut errors) = (Latencies::default(), Vec::new());
    let mut number = 0_u64;
    while number < 100 || on() {
        number += 1;
        let value = format!("{round}-{number}");
        let began = Instant::now();
        let ask = |query: String| Ask::get(NEIGHBOUR, &query, Expect::ok(|_| true)).send(address, false, None);
        let set = ask(format!("bucket=default&op=set&key=own&value={value}"));
        let got = ask("bucket=default&op=get&key=own".to_owned());
        latencies.note(began.elapsed());
        if !set.text().contains("\"ok\"") || !got.text().contains(&value) {
            errors.push(format!("{} {}", set.text(), got.text()));
        }
    }
    (latencies, errors)
}
