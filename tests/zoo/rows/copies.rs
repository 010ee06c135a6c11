//! Guests that hand over too much: header fields without end, lists, one text many times, chance by the tebibyte, handles.

use super::super::ask::Ask;
use super::super::guest;
use super::super::row::{Expect, Row, Service};

/// Lists of a million entries take room in the guest, and time to make.
const LIMITS: &str = "cpu = \"500ms\", deadline = \"10s\", memory = \"64MiB\"";
const FULL: Expect = Expect::new(502, "handle-limit");
const COPIED: Expect = Expect::new(502, "hostcall-limit");
/// In WASI 0.2 there is no error for too many fields.
const TRAPPED: Expect = Expect::new(502, "trap");

/// All of them.
pub fn rows() -> Vec<Row> {
    let mut rows = built();
    rows.extend(kept());
    rows.extend(copied());
    rows
}

/// One request to a service, of which one of these may come.
fn row(
    number: &'static str,
    [guest, expected]: [&'static str; 2],
    [name, component, query]: [&str; 3],
    expects: &[Expect],
) -> Row {
    let mut ask = Ask::get(name, query, expects[0].clone());
    ask.expect = expects.to_vec();
    let service = Service::of(name, component).limits(LIMITS);
    Row::asked(number, guest, expected, service, vec![ask]).alone(2)
}

/// Header fields.
fn built() -> Vec<Row> {
    let own = guest::HOSTILE_HEADERS_P2;
    let refused = Expect::ok(|reply| reply.text() == "refused");
    let some = Expect::ok(|reply| reply.text().parse::<u32>().is_ok_and(|count| (32..64).contains(&count)));
    vec![
        row(
            "G15",
            ["40,000 header fields, one by one", "502 trap at 64 KiB"],
            ["g15-names", own, "how=names"],
            &[TRAPPED],
        ),
        row("G15", ["a header of 10 MB", "502 hostcall-limit"], ["g15-big", own, "how=big"], &[COPIED]),
        row(
            "G15",
            ["100,000 header fields in one list", "502 hostcall-limit"],
            ["g15-list", own, "how=list"],
            &[COPIED, TRAPPED, refused],
        ),
        row(
            "G15",
            ["fields of 1 KiB without end", "502 trap at 64 KiB"],
            ["g15-p2", guest::HEADER_BOMB_P2, ""],
            &[TRAPPED],
        ),
        row("G15", ["the same, WASI 0.3", "an error at 64 KiB, 200"], ["g15-p3", guest::HEADER_BOMB_P3, ""], &[some]),
    ]
}

/// Handles.
fn kept() -> Vec<Row> {
    let bomb = guest::HANDLE_BOMB_P2;
    vec![
        row("G15", ["a million `fields`", "502 handle-limit"], ["g15-objects", bomb, "kind=fields"], &[FULL]),
        row("G16", ["a million pollables", "502 handle-limit"], ["g16-p2", bomb, "kind=pollable"], &[FULL]),
        kinds_p3(),
    ]
}

/// Bytes.
fn copied() -> Vec<Row> {
    let [p2, p3] = [guest::HOSTCALL_BOMB_P2, guest::HOSTCALL_BOMB_P3];
    let all = Expect::ok(|reply| reply.text() == "65536");
    vec![
        row(
            "G17",
            ["a list of 1,000,000 times the same MiB", "502 hostcall-limit"],
            ["g17-alias", guest::HOSTILE_HEADERS_P2, "how=alias"],
            &[COPIED],
        ),
        row("G17", ["16 MiB in one call", "502 hostcall-limit"], ["g17-p2", p2, "kind=fields"], &[COPIED]),
        row("G17", ["the same, WASI 0.3", "502 hostcall-limit"], ["g17-p3", p3, "kind=fields"], &[COPIED]),
        row("G18", ["a tebibyte of chance", "502 trap"], ["g18-p2", guest::RANDOM_BOMB_P2, ""], &[TRAPPED]),
        row("G18", ["the same, WASI 0.3", "64 KiB of it, 200"], ["g18-p3", guest::RANDOM_BOMB_P3, ""], &[all]),
    ]
}

fn kinds_p3() -> Row {
    let asks = ["fields", "streams", "futures", "tasks"].map(|kind| Ask::get("g16-p3", &format!("kind={kind}"), FULL));
    let service = Service::of("g16-p3", guest::HANDLE_BOMB_P3).limits(LIMITS);
    Row::asked("G16", "a million fields, streams, futures, tasks, WASI 0.3", "502 handle-limit", service, asks.to_vec())
        .alone(2)
}
