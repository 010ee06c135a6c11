//! Guests that want room: memory, tables, stack.

use super::super::ask::Ask;
use super::super::bench::Bench;
use super::super::guest;
use super::super::report::Seen;
use super::super::row::{Asked, Expect, Row, Service};
use super::super::text;
use super::super::trial::ask_all;

/// Fifty of these are less than the machine has and more than the budget.
const MEMORY: &str = "memory = \"32MiB\", cpu = \"2s\", deadline = \"10s\"";
const TOO_MUCH: Expect = Expect::new(502, "memory-limit");
/// The memory of all instances is spent.
const SPENT: Expect = Expect::new(503, "overloaded");
const OVERFLOWS: Expect = Expect::new(502, "trap").why("stack-overflow");
/// Deeper than any stack.
const DEEPEST: u64 = 1 << 20;
/// What a guest calls from down there.
const CALLS: [&str; 8] = ["random", "now", "print", "log", "fields", "keyvalue", "id", "call"];

/// All of them.
pub fn rows() -> Vec<Row> {
    let bomb = |guest, name: &str, component| {
        let asks = vec![Ask::get(name, "", TOO_MUCH).or(SPENT)];
        let service = Service::of(name, component).limits(MEMORY);
        Row::asked("G06", guest, "-1, then 502 memory-limit; 503 overloaded over the budget", service, asks)
    };
    let overflow = |number, guest, service: Service| {
        let asks = vec![Ask::get(&service.name, "", OVERFLOWS)];
        Row::asked(number, guest, "502 trap (stack-overflow)", service, asks)
    };
    vec![
        bomb("allocates and touches without end", "g06-p2", guest::ALLOCATES_WITHOUT_END_P2),
        bomb("the same, WASI 0.3", "g06-p3", guest::ALLOCATES_WITHOUT_END_P3),
        Row::asked(
            "G06",
            "grows page by page for ever",
            "-1, then 502 memory-limit",
            Service::of("g06-page", guest::HOSTILE_MEMORY_P2).limits(MEMORY),
            vec![Ask::get("g06-page", "how=page", TOO_MUCH).or(SPENT)],
        ),
        Row::asked(
            "G06",
            "grows to 4 GiB at once",
            "-1, and 200",
            Service::of("g06-once", guest::HOSTILE_MEMORY_P2).limits(MEMORY),
            vec![Ask::get("g06-once", "how=once", Expect::ok(|reply| reply.text() == "refused"))],
        ),
        Row::asked(
            "G08",
            "`table.grow` in a loop",
            "-1, then 502 trap",
            Service::made("g08", text::grows_table()),
            vec![Ask::get("g08", "", Expect::new(502, "trap").why("unreachable"))],
        ),
        overflow("G09", "recurses until the stack ends", Service::of("g09-p2", guest::RECURSES_P2)),
        overflow("G09", "the same, WASI 0.3", Service::of("g09-p3", guest::RECURSES_P3)),
        overflow(
            "G09",
            "frames of 32 KB, until the stack ends",
            Service::made("g09-frames", text::recurses_with_large_frames()),
        ),
        Row::own(
            "G10",
            "calls eight imports at the deepest point of its stack",
            "200, or 502 trap (stack-overflow) one call deeper",
            vec![Service::of("g10", guest::HOSTILE_STACK_P2).with("keyvalue = [\"default\"]")],
            deepest,
        ),
    ]
}

/// Finds out how deep each call may be made, and makes it there.
fn deepest(bench: &mut Bench, services: &[Service]) -> Seen {
    let name = services[0].name.as_str();
    let mut asks = Vec::new();
    let mut found = Vec::new();
    for how in CALLS {
        let ask = |depth: u64, expect: Expect| Ask::get(name, &format!("how={how}&depth={depth}"), expect);
        let comes_back = |depth: u64| {
            let reply = ask(depth, OVERFLOWS).send(bench.address, false, None);
            reply.answer.status == 200
        };
        let (mut good, mut bad) = (0, DEEPEST);
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            if comes_back(middle) { good = middle } else { bad = middle }
        }
        found.push(format!("{how} {good}"));
        let back = Expect::ok(|reply| reply.text() == "came back");
        // A frame more or less may be the host's.
        asks.extend([good.saturating_sub(1), good].map(|depth| ask(depth, back.clone())));
        asks.extend([bad, bad + 1, bad + 50].map(|depth| ask(depth, OVERFLOWS)));
    }
    let mut asked = Asked::of(asks);
    asked.alone = 2;
    let mut seen = ask_all(bench, &asked);
    if found.iter().any(|one| one.ends_with(" 0")) {
        seen.faults.push(format!("a call that cannot be made at all: {}", found.join(", ")));
    }
    seen.seen = format!("{}; deepest: {}", seen.seen, found.join(", "));
    seen
}
