//! Components with bytes that somebody changed: each is compiled or refused, and nothing else happens.

use std::sync::atomic::Ordering;

use hostel_model::digest::Digest;
use hostel_model::limits::Limits;

use crate::testing::{Bench, component_p2};

/// As many as are tried; with another seed they are others.
const MUTANTS: usize = 500;
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// Numbers that look random and are the same in every run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// `whole` after one to four changes of a kind: bits flipped, bytes replaced, left out or doubled.
fn mutant(whole: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..=numbers.below(4) {
        // What it begins with stays, or it would not even be looked at.
        let place = 8 + numbers.below(bytes.len() - 8);
        match numbers.below(6) {
            0..=2 => bytes[place] ^= 1 << numbers.below(8),
            3 => bytes[place] = numbers.next() as u8,
            4 => drop(bytes.remove(place)),
            _ => {
                let end = (place + 1 + numbers.below(16)).min(bytes.len());
                let piece = bytes[place..end].to_vec();
                bytes.splice(place..place, piece);
            }
        }
    }
    bytes
}

#[test]
fn five_hundred_mutated_components_are_compiled_or_refused() {
    let whole = component_p2(
        r#"(memory 1) (table 4 funcref) (global (mut i32) (i32.const 1)) (elem (i32.const 0) $f $f)
        (data (i32.const 8) "some data")
        (func $f (param i32) (result i32) (local i64)
            (block $out (loop $again
                (br_if $out (i32.eqz (local.get 0)))
                (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                (i32.store (i32.const 16) (local.get 0))
                (br $again)))
            (call_indirect (param i32) (result i32) (i32.load (i32.const 16)) (i32.const 1)))"#,
    );
    let (bench, mut numbers) = (Bench::new(), Numbers(SEED));
    let (mut compiled, mut refused) = (0, 0);
    for number in 0..MUTANTS {
        let bytes = mutant(&whole, &mut numbers);
        match bench.sandbox.code(&bytes, Digest::of(&bytes)) {
            Ok(_) => compiled += 1,
            Err(error) if error.is_of_the_moment() => panic!("mutant {number} was not tried: {error}"),
            Err(error) => {
                let text = error.to_string();
                assert!(!text.contains("compile-"), "mutant {number}: the compiler did not end well: {text}");
                refused += 1;
            }
        }
    }
    assert_eq!(compiled + refused, MUTANTS);
    assert!(compiled > 10 && refused > 10, "{compiled} compiled, {refused} refused: that tries nothing");
    assert_eq!(bench.sandbox.counters().panics.load(Ordering::Relaxed), 0);
    let service = bench.service(&whole, Limits::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(service.trial()).unwrap();
}
