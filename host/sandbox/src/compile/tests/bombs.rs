//! Components that are made to keep a compiler busy or to take its memory: refused by a count, or the death of a child.

use std::time::Duration;

use hostel_model::digest::Digest;
use hostel_model::limits::{Limits, fixed};
use hostel_model::units::ByteSize;

use crate::compiler::{CompileLimits, CompileWith};
use crate::testing::{Bench, compile_with, component_p2};

/// A function that has this inside.
fn function(inside: &str) -> Vec<u8> {
    component_p2(&format!("(func (param i32) {inside})"))
}

/// Limits within which small components are compiled and bombs are not, soon.
fn bench(limits: CompileLimits) -> Bench {
    Bench::compiling(CompileWith { limits, ..compile_with() })
}

fn refusal(bench: &Bench, bytes: &[u8]) -> String {
    let refused = bench.sandbox.code(bytes, Digest::of(bytes)).err();
    refused.expect("a bomb must be refused").to_string()
}

/// Targets of one jump that the compiler takes; more is its own refusal.
const TARGETS: usize = 65_520;

/// That the host goes on: it compiles, and what is compiled starts.
fn lives(bench: &Bench) {
    let service = bench.service(&component_p2("(memory 1)"), Limits::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(service.trial()).unwrap();
}

/// Many values that live across many loops: what a compiler keeps of it grows with their product.
pub(super) fn many_values_across_many_loops(locals: usize, loops: usize) -> Vec<u8> {
    let set: String = (0..locals).map(|n| format!("local.get {n} i32.const 1 i32.add local.set {n} ")).collect();
    let loops = format!("{}{set}{}", "loop ".repeat(loops), "local.get 0 br_if 0 end ".repeat(loops));
    function(&format!("(local {}) {loops}", "i32 ".repeat(locals)))
}

#[test]
fn bombs_by_number_are_refused_before_anything_is_compiled() {
    // No program compiles here.
    let bench = Bench::compiling(CompileWith::program("/nowhere", &[]));
    let deep = 15_000;
    let bombs = [
        ("blocks inside each other", function(&format!("{}{}", "block ".repeat(deep), "end ".repeat(deep)))),
        ("locals in one function", function(&format!("(local {})", "i32 ".repeat(50_000)))),
        ("bytes in one function", function(&"nop ".repeat(7_600_000))),
        ("bytes in one function", function(&format!("local.get 0 br_table {}", "0 ".repeat(2_000_000)))),
        ("functions", component_p2(&"(func)".repeat(200_000))),
    ];
    for (what, bytes) in bombs {
        let refused = refusal(&bench, &bytes);
        assert!(refused.contains(what), "{what}: {refused}");
    }
}

#[test]
fn a_bomb_that_keeps_the_compiler_busy_dies_by_its_processor_time() {
    let bench = bench(CompileLimits { cpu: Duration::from_secs(1), ..CompileLimits::default() });
    let refused = refusal(&bench, &many_values_across_many_loops(3_000, 1_000));
    assert!(refused.contains("`compile-timeout`: it took more than 1 s of processor time"), "{refused}");
    lives(&bench);
}

#[test]
fn a_bomb_that_takes_memory_dies_of_it() {
    let bench = bench(CompileLimits { memory: ByteSize::mib(512), ..CompileLimits::default() });
    let refused = refusal(&bench, &many_values_across_many_loops(9_000, 4_000));
    assert!(refused.contains("`compile-memory`: it took more than 512MiB"), "{refused}");
    lives(&bench);
}

#[test]
fn a_bomb_is_killed_when_its_time_by_the_clock_is_over() {
    let bench = bench(CompileLimits { wall: Duration::from_millis(700), ..CompileLimits::default() });
    let refused = refusal(&bench, &many_values_across_many_loops(3_000, 1_000));
    assert!(refused.contains("`compile-timeout`: it was not done after"), "{refused}");
    lives(&bench);
}

#[test]
fn code_that_gets_too_large_is_refused() {
    let bench = bench(CompileLimits { code: ByteSize::kib(64), ..CompileLimits::default() });
    let refused = refusal(&bench, &component_p2(&"(func (drop (i32.add (i32.const 1) (i32.const 2))))".repeat(5_000)));
    assert!(refused.contains("`compile-output`: its code has more than 64KiB"), "{refused}");
    lives(&bench);
}

#[test]
fn what_is_just_within_a_count_is_compiled() {
    let bench = Bench::new();
    let (blocks, locals, bytes) =
        (fixed::BLOCK_NESTING as usize, fixed::LOCALS as usize, fixed::FUNCTION_BODY.0 as usize);
    let most = |limit: usize| limit * 99 / 100;
    let honest = [
        ("blocks", function(&format!("{}{}", "block ".repeat(most(blocks)), "end ".repeat(most(blocks))))),
        ("locals", function(&format!("(local {})", "i32 ".repeat(most(locals))))),
        ("bytes", function(&"i32.const 1 drop ".repeat(most(bytes) / 3))),
        ("targets", function(&format!("local.get 0 br_table {}", "0 ".repeat(most(TARGETS))))),
        ("functions", component_p2(&"(func)".repeat(most(fixed::FUNCTIONS as usize)))),
    ];
    for (what, bytes) in honest {
        let compiled = bench.sandbox.code(&bytes, Digest::of(&bytes));
        assert!(compiled.is_ok(), "{what}: {}", compiled.err().unwrap());
    }
}
