//! Components that must not be deployed: those that never start, want too much, ask for what there is not, are damaged, or are made to be compiled for ever.

use std::time::Duration;

use super::super::bench::Bench;
use super::super::bombs;
use super::super::broken::Fault;
use super::super::chance::Chance;
use super::super::row::{Bad, Row};
use super::super::text;

/// The limits of compiling are a minute of processor time, and two by the clock.
const COMPILING: Duration = Duration::from_secs(130);
/// Components that are flipped bit by bit are smaller than this.
const FLIPPED_BYTES: usize = 2048;

/// All of them.
pub fn rows() -> Vec<Row> {
    vec![
        Row::refused("G02", "loops in its start: core module, component", "422, processor time", never_start),
        Row::refused("G06", "memory of 4 GiB, 64-bit, shared, 50 memories", "422", too_much_memory),
        Row::refused("G08", "tables of 10,000,000 elements, of 2^64, 40 tables", "422", too_many_elements),
        Row::refused("G43", "1,000 core instances", "422 by count", too_many_instances),
        Row::refused("G41", "ten kinds of files that are no service", "413 or 422, each with its reason", no_services),
        Row::refused("G41", "every prefix of a component", "422", prefixes),
        Row::refused(
            "G41",
            "10,000 flipped bits of a component under 2 KiB (quick: 100)",
            "422, or as good as before",
            flips,
        ),
        Row::refused(
            "G42",
            "five components made to be compiled for ever (quick: one)",
            "422 within the limits of compiling, or compiled",
            compile_bombs,
        )
        .within(COMPILING),
        Row::refused("G45", "imports of another version, item, interface", "422 with the missing name", missing),
    ]
}

fn bad(what: &str, bytes: Vec<u8>, words: &[&'static str]) -> Bad {
    Bad { what: what.to_owned(), bytes, words: words.to_vec() }
}

fn never_start(_: &Bench) -> Vec<Bad> {
    vec![
        bad("in a core module", text::loops_at_start(), &["processor time", "cpu"]),
        bad("in the component", text::loops_at_component_start(), &["start", "value"]),
    ]
}

fn too_much_memory(_: &Bench) -> Vec<Bad> {
    vec![
        bad("4 GiB at the start", text::with("(memory 65536)"), &["memory"]),
        bad("64-bit", text::with("(memory i64 1)"), &["64"]),
        bad("shared", text::with("(memory 1 1 shared)"), &["shared", "threads"]),
        bad("100 in one module", text::with(&"(memory 1)".repeat(100)), &["memor"]),
        bad("one in each of 50 modules", text::many_instances(50, "(memory 1)"), &["memor"]),
    ]
}

fn too_many_elements(_: &Bench) -> Vec<Bad> {
    vec![
        bad("10,000,000 elements", text::with("(table 10000000 funcref)"), &["table"]),
        bad(
            "64-bit, near the end of addresses",
            text::with("(table i64 18446744073709551615 funcref)"),
            &["64", "table", "integer"],
        ),
        bad("one in each of 40 modules", text::many_instances(40, "(table 1 funcref)"), &["table"]),
    ]
}

fn too_many_instances(_: &Bench) -> Vec<Bad> {
    vec![bad("1,000", text::many_instances(1_000, ""), &["core instances"])]
}

fn no_services(bench: &Bench) -> Vec<Bad> {
    let mut chance = Chance::of(bench.settled.seed);
    let file = |(number, fault): (usize, &Fault)| Bad {
        what: format!("{fault:?}"),
        bytes: fault.file(&bench.guest, 40_000 + u32::try_from(number).unwrap_or_default(), &mut chance),
        words: fault.words().to_vec(),
    };
    Fault::ALL.iter().enumerate().map(file).collect()
}

/// A component that may be deployed.
fn small() -> Vec<u8> {
    let component =
        text::with("(memory (export \"memory\") 1) (global $g (mut i32) (i32.const 7)) (data (i32.const 0) \"zoo\")");
    assert!(component.len() < FLIPPED_BYTES, "{} bytes", component.len());
    component
}

fn prefixes(bench: &Bench) -> Vec<Bad> {
    let whole = small();
    let step = bench.of(1, 7);
    let prefix = |length: usize| Bad {
        what: format!("{length} bytes"),
        bytes: whole[..length].to_vec(),
        words: vec!["component", "module", "unexpected", "empty"],
    };
    (0..whole.len()).step_by(step).map(prefix).collect()
}

fn flips(bench: &Bench) -> Vec<Bad> {
    let whole = small();
    let mut chance = Chance::of(bench.settled.seed);
    let flip = |number: usize| {
        let mut bytes = whole.clone();
        let (place, bit) = (chance.below(whole.len()), chance.below(8));
        bytes[place] ^= 1 << bit;
        Bad { what: format!("{number}: bit {bit} of byte {place}"), bytes, words: Vec::new() }
    };
    (0..bench.of(10_000, 100)).map(flip).collect()
}

fn compile_bombs(bench: &Bench) -> Vec<Bad> {
    let mut bombs = vec![("50,000 numbers alive at once", bombs::live_locals(49_000))];
    if !bench.settled.quick {
        bombs.push(("15,000 blocks in each other", bombs::nested_blocks(15_000)));
        bombs.push(("a function of 7.6 MB", bombs::large_function(7_600_000)));
        bombs.push(("a million functions", bombs::many_functions(1_000_000)));
        bombs.push(("tables of branches", bombs::branch_tables(100, 60_000)));
    }
    bombs.into_iter().map(|(what, bytes)| Bad { what: what.to_owned(), bytes, words: Vec::new() }).collect()
}

fn missing(_: &Bench) -> Vec<Bad> {
    let import = |what: &str, import: &str, name: &'static str| bad(what, text::importing(import), &[name]);
    vec![
        import(
            "an interface of nobody",
            "(import \"hostile:zoo/keys@1.0.0\" (instance (export \"open\" (func))))",
            "hostile:zoo/keys@1.0.0",
        ),
        import(
            "a later version",
            "(import \"wasi:random/random@0.9.0\" (instance (export \"get-random-u64\" (func (result u64)))))",
            "wasi:random/random@0.9.0",
        ),
        import(
            "an item that is not there",
            "(import \"wasi:random/random@0.2.0\" (instance (export \"get-random-u65\" (func (result u64)))))",
            "get-random-u65",
        ),
        import(
            "an item of another type",
            "(import \"wasi:random/random@0.2.0\" (instance (export \"get-random-u64\" (func (result string)))))",
            "wasi:random/random@0.2.0",
        ),
        import("a function of nobody", "(import \"open-the-door\" (func))", "open-the-door"),
    ]
}
