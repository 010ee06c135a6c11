//! Guests that take time: loops of every kind, and sleep.

use std::time::Duration;

use super::super::ask::Ask;
use super::super::guest;
use super::super::row::{Expect, Limit, Row, Service};
use super::super::text;

/// The processor time of a request here: enough ticks to tell how far it is passed.
const CPU: &str = "cpu = \"50ms\"";
const CPU_LIMIT: Limit = Limit::Cpu(Duration::from_millis(50));
/// The time of a request that sleeps.
const DEADLINE: &str = "deadline = \"500ms\"";
const DEADLINE_LIMIT: Limit = Limit::Deadline(Duration::from_millis(500));

const STOPPED: Expect = Expect::new(504, "cpu-limit");
const LATE: Expect = Expect::new(504, "deadline");

/// All of them.
pub fn rows() -> Vec<Row> {
    let mut rows = vec![
        looping("G01", "an infinite loop, WASI 0.2", Service::of("g01-p2", guest::LOOPS_FOREVER_P2), ""),
        looping("G01", "an infinite loop, WASI 0.3", Service::of("g01-p3", guest::LOOPS_FOREVER_P3), ""),
        looping("G02c", "loops in `cabi_realloc`", Service::made("g02c", text::loops_in_realloc()), ""),
        looping("G02d", "loops in `post-return`", Service::made("g02d", text::loops_in_post_return()), ""),
        looping("G02e", "loops in a destructor", Service::made("g02e", text::loops_in_destructor(true)), ""),
        Row::asked(
            "G02e",
            "keeps a resource whose destructor loops",
            "502 no-response, the drop does not hang",
            Service::made("g02e-kept", text::loops_in_destructor(false)).limits(CPU),
            vec![Ask::get("g02e-kept", "", Expect::new(502, "no-response"))],
        ),
    ];
    for (number, guest, how) in [
        ("G03", "`monotonic-clock.now` in a loop", "now"),
        ("G03", "`get-random-u64` in a loop", "random"),
        ("G04", "`poll` with a timeout of zero in a loop", "poll"),
        ("G04", "`pollable.ready` in a loop", "ready"),
    ] {
        let name = format!("{}-{how}-p2", number.to_lowercase());
        rows.push(looping(number, guest, Service::of(&name, guest::HOSTILE_TIME_P2), how));
    }
    for (number, guest, how) in [
        ("G03", "`monotonic-clock.now` in a loop, WASI 0.3", "now"),
        ("G03", "`get-random-u64` in a loop, WASI 0.3", "random"),
        ("G04", "`yield` in a loop, WASI 0.3", "yield"),
        ("G04", "blocking `yield` in a loop, WASI 0.3", "block"),
        ("G04", "`wait-for(0)` in a loop, WASI 0.3", "wait"),
    ] {
        let name = format!("{}-{how}-p3", number.to_lowercase());
        rows.push(looping(number, guest, Service::of(&name, guest::HOSTILE_TIME_P3), how));
    }
    rows.extend(sleeping());
    rows
}

fn looping(number: &'static str, guest: &'static str, service: Service, how: &str) -> Row {
    let query = if how.is_empty() { String::new() } else { format!("how={how}") };
    let ask = Ask::get(&service.name, &query, STOPPED);
    Row::asked(number, guest, "504 cpu-limit, 2 ticks after it", service.limits(CPU), vec![ask]).ends_at(CPU_LIMIT)
}

fn sleeping() -> Vec<Row> {
    let times = [1_u64 << 60, u64::MAX];
    let asks = |service: &str| {
        let late = times.iter().map(|ns| Ask::get(service, &format!("how=sleep&ns={ns}"), LATE));
        // No time at all is over at once.
        let over = Ask::get(service, "how=sleep&ns=0", Expect::ok(|reply| reply.text() == "slept"));
        late.chain([over]).collect::<Vec<_>>()
    };
    let row = |guest, name, component| {
        let service = Service::of(name, component).limits(DEADLINE);
        Row::asked("G05", guest, "504 deadline; 200 for 0", service, asks(name)).ends_at(DEADLINE_LIMIT).alone(1)
    };
    vec![
        row("sleeps for 2^60 ns, 2^64-1 ns and 0", "g05-p2", guest::HOSTILE_TIME_P2),
        row("the same, WASI 0.3", "g05-p3", guest::HOSTILE_TIME_P3),
        Row::asked(
            "G05",
            "waits in turns, for ever",
            "504 deadline",
            Service::of("g05-turns", guest::NEVER_ANSWERS_P2).limits(DEADLINE),
            vec![Ask::get("g05-turns", "", LATE)],
        )
        .ends_at(DEADLINE_LIMIT)
        .alone(1),
    ]
}
