//! Guests that call: without end, in rings, without reading what comes, and under a false name.

use std::time::Duration;

use super::super::ask::{Ask, Reply};
use super::super::bench::Bench;
use super::super::guest;
use super::super::report::Seen;
use super::super::row::{Asked, Expect, Row, Service};
use super::super::trial::ask_all;

/// Services in a ring.
const RING: [&str; 10] = ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9"];
const LOOP: Expect = Expect::new(508, "loop");
/// A ring that is cut by the pool instead of the depth.
const CUT: Expect = Expect::new(502, "trap").why("unreachable");
const WELL: Expect = Expect::ok(|_| true);

/// All of them.
pub fn rows() -> Vec<Row> {
    let mut rows = vec![
        ring("A calls A", &["g12-a"]),
        ring("A calls B calls A", &["g12-b", "g12-c"]),
        ring("a ring of ten", &RING),
        Row::own(
            "G12",
            "two rings that cross, in a pool of 12 instances",
            "508 loop, 502 or 503; nobody hangs",
            Vec::new(),
            crossing,
        ),
        Row::asked(
            "G13",
            "10,000 calls one after the other",
            "100 are made, then HTTP-request-denied",
            caller("g13-times", guest::CALLER_P2, &["g13-hello"], "cpu = \"2s\""),
            vec![
                Ask::get(
                    "g13-times",
                    "scheme=http&authority=g13-hello.internal&path=/g13-hello&times=10000",
                    Expect::ok(|reply| reply.answer.header("x-calls-ok") == Some("100")),
                )
                .or(Expect::new(502, "fan-out").in_a_crowd())
                // A callee that has no permit left is not called.
                .or(WELL.in_a_crowd()),
            ],
        )
        .beside(Service::of("g13-hello", guest::HELLO_P2))
        .of_this_host()
        .alone(2),
    ];
    rows.extend(forks());
    rows.push(Row::own(
        "G14",
        "calls while the callee and the pool are full",
        "connection-limit-reached at once, no hang",
        Vec::new(),
        full,
    ));
    rows.extend(pretending());
    rows
}

fn caller(name: &str, component: &str, calls: &[&str], limits: &str) -> Service {
    let calls: Vec<String> = calls.iter().map(|name| format!("{name:?}")).collect();
    Service::of(name, component).limits(limits).with(&format!("calls = [{}]", calls.join(", ")))
}

/// Each calls the next, the last the first.
fn ring(guest: &'static str, names: &'static [&'static str]) -> Row {
    let next = |place: usize| names[(place + 1) % names.len()];
    let service = |place: usize| caller(names[place], guest::HOSTILE_CALLS_P2, &[next(place)], "cpu = \"500ms\"");
    let mut turned = names[1..].to_vec();
    turned.push(names[0]);
    let ask = Ask::get(names[0], &format!("how=ring&names={}", turned.join(",")), LOOP).or(CUT.in_a_crowd());
    let row =
        Row::asked("G12", guest, "508 loop at depth 8; 502 trap if a call finds no permit", service(0), vec![ask])
            .of_this_host();
    (1..names.len()).fold(row, |row, place| row.beside(service(place)))
}

fn forks() -> Vec<Row> {
    let row = |guest, name: &str, how: &str, expected, expect: Expect, other: Expect| {
        let service = caller(name, guest::HOSTILE_CALLS_P2, &["g13-slow"], "cpu = \"500ms\"");
        let query = format!("how={how}&names=g13-slow&count=10000");
        let ask = Ask::get(name, &query, expect).or(other);
        // All permits of the callee may be in use by those that nobody waits for.
        let row = Row::asked("G13", guest, expected, service, vec![ask]).of_this_host().alone(2).others(100);
        row.beside(Service::of("g13-slow", guest::SLEEPS_P2))
    };
    let denied = Expect::ok(|reply| reply.text().parse::<u32>().is_ok_and(|count| count <= 10_000));
    vec![
        row(
            "10,000 calls, no answer read, all kept",
            "g13-fork",
            "fork",
            "502 fan-out (handle-limit)",
            Expect::new(502, "fan-out"),
            Expect::new(502, "handle-limit"),
        ),
        row(
            "10,000 calls, each forgotten at once",
            "g13-waste",
            "waste",
            "100 run, 200",
            denied,
            Expect::new(504, "cpu-limit"),
        ),
    ]
}

/// A service that says who it is, and one whose timeouts make no sense.
fn pretending() -> Vec<Row> {
    let times = ["0", "1", "18446744073709551615"];
    let asks = times.map(|ns| Ask::get("g33", &format!("how=options&names=g33-hello&ns={ns}"), WELL));
    vec![
        Row::asked(
            "G33",
            "timeouts of 0, 1 ns and 2^64-1 ns for a call",
            "200, no panic",
            caller("g33", guest::HOSTILE_CALLS_P2, &["g33-hello"], "cpu = \"500ms\""),
            asks.to_vec(),
        )
        .beside(Service::of("g33-hello", guest::HELLO_P2))
        .of_this_host(),
        Row::asked(
            "G35",
            "forges six headers of the host in a call and its trailers",
            "200, the callee sees none of them",
            caller("g35", guest::HOSTILE_CALLS_P2, &["g35-trailers"], "cpu = \"500ms\""),
            vec![Ask::get("g35", "how=trailers&names=g35-trailers", Expect::ok(is_told_nothing))],
        )
        .beside(Service::of("g35-trailers", guest::TRAILERS_P2))
        .of_this_host(),
        Row::asked(
            "G35",
            "the same in headers, to one that tells all of them",
            "200, the true caller and nothing else",
            caller("g35-headers", guest::CALLER_P2, &["g35-echo"], "cpu = \"500ms\""),
            vec![Ask::get("g35-headers", &forged(), Expect::ok(is_called_by_its_name))],
        )
        .beside(Service::of("g35-echo", guest::ECHO_P2))
        .of_this_host(),
    ]
}

fn forged() -> String {
    let names = ["hostel-caller", "HOSTEL-USER", "x-request-id", "x-forwarded-for", "forwarded", "x-real-ip"];
    let headers: String = names.iter().map(|name| format!("&header={name}%3Dforged")).collect();
    format!("scheme=http&authority=g35-echo.internal&path=/g35-echo{headers}")
}

fn is_told_nothing(reply: &Reply) -> bool {
    let text = reply.text();
    !text.contains(super::super::judge::SECRET) && !text.contains("x-echo-trailer-")
}

fn is_called_by_its_name(reply: &Reply) -> bool {
    let told = |name: &str| reply.answer.header(&format!("x-callee-x-echo-header-{name}"));
    told("hostel-caller") == Some("g35-headers")
        && ["hostel-user", "x-forwarded-for", "forwarded", "x-real-ip"].iter().all(|name| told(name).is_none())
        && told("x-request-id") == reply.id()
}

/// A host of its own whose pool is as small as a ring is deep. Its canaries are not asked: that they are
/// refused while a pool is full is what a pool is for.
fn small(bench: &Bench, services: &[Service], instances: u32) -> Bench {
    Bench::start(&bench.settled, &bench.guest, services, &format!("instances = {instances}"))
}

fn crossing(bench: &mut Bench, _: &[Service]) -> Seen {
    let services = [
        caller("one", guest::HOSTILE_CALLS_P2, &["two"], "cpu = \"500ms\""),
        caller("two", guest::HOSTILE_CALLS_P2, &["one"], "cpu = \"500ms\""),
    ];
    let mut own = small(bench, &services, 12);
    own.quiet = bench.quiet;
    let cut = |name: &str, names: &str| {
        Ask::get(name, &format!("how=ring&names={names}"), LOOP).or(CUT).or(Expect::new(503, "pool-exhausted"))
    };
    let mut asked = Asked::of(vec![cut("one", "two,one"), cut("two", "one,two")]);
    (asked.alone, asked.canaries) = (10, false);
    ask_all(&mut own, &asked)
}

fn full(bench: &mut Bench, _: &[Service]) -> Seen {
    let services = [
        caller("asks", guest::HOSTILE_CALLS_P2, &["slow"], "deadline = \"5s\", concurrency = 6"),
        Service::of("slow", guest::SLEEPS_P2).limits("deadline = \"5s\", concurrency = 1"),
    ];
    let mut own = small(bench, &services, 8);
    own.quiet = bench.quiet;
    let answers = Expect::ok(|reply| {
        let text = reply.text();
        // Refused at once, or answered after its sleep; never after it had waited for a turn.
        (text == "200" || text.contains("ConnectionLimitReached")) && reply.took < Duration::from_secs(10)
    });
    let ask = Ask::get("asks", "how=one&names=slow&query=ms%3D100", answers)
        .or(Expect::new(503, "pool-exhausted"))
        .or(Expect::new(503, "service-saturated"));
    let mut asked = Asked::of(vec![ask]);
    (asked.alone, asked.canaries) = (3, false);
    ask_all(&mut own, &asked)
}
