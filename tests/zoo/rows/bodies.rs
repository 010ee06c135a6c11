//! Guests whose bodies never end, end half-way, are not read, or come with more than one answer.

use super::super::ask::{Ask, Body, How};
use super::super::bench::Bench;
use super::super::guest;
use super::super::report::Seen;
use super::super::row::{Asked, Expect, Limit, Row, Service};
use super::super::trial::ask_all;

use std::time::Duration;

const LIMITS: &str = "cpu = \"100ms\", deadline = \"600ms\", stall = \"300ms\", after_response = \"200ms\"";
const DEADLINE: Limit = Limit::Deadline(Duration::from_millis(600));
const BROKEN: Expect = Expect::new(200, "truncated");
const FIRST: Expect = Expect::ok(|reply| reply.text() == "first");
/// A client leaves after so much of a body.
const ENOUGH: u64 = 200_000;

/// All of them.
pub fn rows() -> Vec<Row> {
    let mut rows = endless();
    rows.push(half_way());
    rows.extend(unread());
    rows.extend(answers());
    rows
}

fn endless() -> Vec<Row> {
    let row = |guest, expected, name: &str, component, query: &str, expects: &[Expect]| {
        let mut ask = Ask::get(name, query, BROKEN);
        ask.expect = expects.to_vec();
        Row::asked("G19", guest, expected, Service::of(name, component).limits(LIMITS), vec![ask]).alone(2)
    };
    let spent = BROKEN.why("cpu-limit");
    let late = BROKEN.why("deadline");
    let bytes = "broken off (cpu-limit or deadline), never ended";
    let either = [spent.clone(), late.clone()];
    let leaves = |guest, name: &str, component| {
        let ask = Ask::get(name, "", Expect::new(200, "client-gone")).how(How::Leaves(ENOUGH));
        let service = Service::of(name, component).limits(LIMITS);
        Row::asked("G19", guest, "guest cancelled (499 in the log)", service, vec![ask]).alone(2)
    };
    vec![
        row("a body without an end", bytes, "g19-p2", guest::ENDLESS_BODY_P2, "", &either),
        row("the same, WASI 0.3", bytes, "g19-p3", guest::ENDLESS_BODY_P3, "", &either),
        leaves("the same, to a client that leaves", "g19-leaves-p2", guest::ENDLESS_BODY_P2),
        leaves("the same, WASI 0.3", "g19-leaves-p3", guest::ENDLESS_BODY_P3),
        row(
            "a byte every 100 ms",
            "broken off at the deadline",
            "g19-drip",
            guest::HOSTILE_BODIES_P2,
            "how=drip",
            &[late],
        )
        .ends_at(DEADLINE),
        row("10^6 chunks of a byte", bytes, "g19-crumbs", guest::HOSTILE_BODIES_P2, "how=crumbs", &either),
        row(
            "50 bytes, then silence",
            "broken off at the stall limit",
            "g19-stalls-p2",
            guest::STALLS_HALF_WAY_P2,
            "",
            &[BROKEN],
        ),
        row(
            "the same, WASI 0.3",
            "broken off at the stall limit",
            "g19-stalls-p3",
            guest::STALLS_HALF_WAY_P3,
            "",
            &[BROKEN],
        ),
    ]
}

/// Chunked, with a length, killed by the deadline; HTTP/1.1 and HTTP/2; WASI 0.2 and 0.3: twelve ways.
fn half_way() -> Row {
    let services = vec![
        Service::of("g20-traps-p2", guest::TRAPS_HALF_WAY_P2).limits(LIMITS),
        Service::of("g20-traps-p3", guest::TRAPS_HALF_WAY_P3).limits(LIMITS),
        Service::of("g20-stalls-p2", guest::STALLS_HALF_WAY_P2).limits(LIMITS),
        Service::of("g20-stalls-p3", guest::STALLS_HALF_WAY_P3).limits(LIMITS),
    ];
    Row::own("G20", "fails after half a body, in twelve ways", "every client sees an error", services, |bench, _| {
        let trapped = BROKEN.why("trap");
        let mut asks = Vec::new();
        for how in [How::Whole, How::Http2] {
            for generation in ["p2", "p3"] {
                let traps = format!("g20-traps-{generation}");
                // Where many are asked its time is over before it gets as far as that.
                let ask = |query| Ask::get(&traps, query, trapped.clone()).or(BROKEN.in_a_crowd()).how(how);
                asks.extend(["", "length"].map(ask));
                asks.push(Ask::get(&format!("g20-stalls-{generation}"), "", BROKEN).how(how));
            }
        }
        let mut asked = Asked::of(asks);
        asked.alone = 2;
        ask_all(bench, &asked)
    })
}

fn unread() -> Vec<Row> {
    let row = |guest, expected, name: &str, body: Body, query: &str, expects: &[Expect]| {
        // What was not read may end the connection.
        let mut ask = Ask::get(name, query, BROKEN).body(body).last();
        ask.expect = expects.to_vec();
        let limits = format!("{LIMITS}, request_body = \"2GiB\"");
        Row::asked("G23", guest, expected, Service::of(name, guest::HOSTILE_BODIES_P2).limits(&limits), vec![ask])
            .alone(2)
    };
    let early = Expect::ok(|reply| reply.text() == "early");
    vec![
        Row::own(
            "G23",
            "answers without reading a body of 1 GiB (quick: 32 MiB)",
            "200, memory as before",
            vec![
                Service::of("g23-early", guest::HOSTILE_BODIES_P2)
                    .limits("request_body = \"2GiB\", deadline = \"10s\""),
            ],
            large,
        ),
        row(
            "answers, then reads",
            "200, then stopped",
            "g23-late",
            Body::Streamed(1 << 20),
            "how=late",
            &[Expect::ok(|reply| reply.text() == "before")],
        ),
        row(
            "reads a byte a second of 1 MiB",
            "504 deadline",
            "g23-slow",
            Body::Bytes(vec![b'x'; 1 << 20]),
            "how=slow",
            &[Expect::new(504, "deadline")],
        )
        .ends_at(DEADLINE),
        row(
            "answers without reading, body declared",
            "200",
            "g23-declared",
            Body::Bytes(vec![b'x'; 1 << 20]),
            "how=early",
            &[early],
        ),
    ]
}

fn large(bench: &mut Bench, _: &[Service]) -> Seen {
    let bytes = bench.of(1 << 30, 32 << 20);
    let early = Expect::ok(|reply| reply.text() == "early");
    let mut asked = Asked::of(vec![Ask::get("g23-early", "how=early", early).body(Body::Streamed(bytes)).last()]);
    asked.alone = 2;
    ask_all(bench, &asked)
}

fn answers() -> Vec<Row> {
    let nothing = Expect::new(502, "no-response");
    let row = |guest, expected, name: &str, component, query: &str, expect: Expect| {
        let service = Service::of(name, component).limits(LIMITS);
        Row::asked("G24", guest, expected, service, vec![Ask::get(name, query, expect)]).alone(3)
    };
    // Work after an answer counts as a request of its service: of eleven permits three are for calls.
    let works_on = |guest, name: &str, component, query: &str, expect: Expect| {
        let service = Service::of(name, component).limits(&format!("{LIMITS}, concurrency = 11"));
        Row::asked("G24", guest, "200, then stopped", service, vec![Ask::get(name, query, expect)]).alone(3).others(8)
    };
    let bodies = guest::HOSTILE_BODIES_P2;
    let done = Expect::ok(|reply| reply.text() == "done");
    vec![
        row("returns without an answer", "502 no-response", "g24-p2", guest::ANSWERS_NOTHING_P2, "", nothing.clone()),
        row("the same, WASI 0.3", "502 no-response", "g24-p3", guest::ANSWERS_NOTHING_P3, "", nothing.clone()),
        row("drops its chance to answer", "502 no-response", "g24-dropped", bodies, "how=dropped", nothing),
        Row::asked(
            "G24",
            "answers twice",
            "200, the first; 502 if it failed before that was on its way",
            Service::of("g24-twice", bodies).limits(LIMITS),
            vec![Ask::get("g24-twice", "how=twice", FIRST).or(Expect::new(502, "trap"))],
        )
        .alone(3),
        row("answers, then traps", "200, the first", "g24-trap", bodies, "how=trap", FIRST),
        works_on("answers, then spins", "g24-spin", bodies, "how=spin", FIRST),
        row(
            "answers, then spins, WASI 0.3",
            "200, then stopped",
            "g24-spin-p3",
            guest::SPINS_AFTER_RESPONSE_P3,
            "",
            done.clone(),
        ),
        row(
            "answers, then sleeps",
            "200, then stopped",
            "g24-sleep",
            guest::SLEEPS_AFTER_RESPONSE_P2,
            "",
            done.clone(),
        ),
        row(
            "answers, then sleeps, WASI 0.3",
            "200, then stopped",
            "g24-sleep-p3",
            guest::SLEEPS_AFTER_RESPONSE_P3,
            "",
            done,
        ),
    ]
}
