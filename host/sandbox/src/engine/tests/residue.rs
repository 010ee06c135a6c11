//! Fresh memory and fresh tables hold nothing of the instance before, in whichever way slots are cleaned.
//!
//! Two tenants with the same code in turn take every slot of a pool: the one leaves a mark in all it
//! has, the other counts what is not zero. Below the sandbox, so that the way of cleaning can be chosen.

use wasmtime::component::{Component, Linker};
use wasmtime::{PoolingAllocationConfig, Store};

use super::super::*;

/// Leaves marks in a mebibyte of memory, of which half is grown, in a table and in a deep stack; and looks for
/// what is neither zero nor null.
const GUEST: &str = r#"(component
    (core module $guest
        (memory 8 16)
        (table $table 1000 funcref)
        (elem declare func $deep)
        (func $grow (drop (memory.grow (i32.const 8))))
        (func $deep (param i64 i32) (result i64)
            (if (result i64) (i32.eqz (local.get 1))
                (then (local.get 0))
                (else (i64.xor
                    (call $deep (i64.rotl (local.get 0) (i64.const 8)) (i32.sub (local.get 1) (i32.const 1)))
                    (local.get 0)))))
        (func (export "leave") (result i32)
            (call $grow)
            (memory.fill (i32.const 0) (i32.const 0xa5) (i32.const 0x100000))
            (table.fill $table (i32.const 0) (ref.func $deep) (i32.const 1000))
            (drop (call $deep (i64.const 0xa5a5a5a5a5a5a5a5) (i32.const 2000)))
            (i32.const 0))
        (func (export "look") (result i32) (local $at i32) (local $found i32)
            (call $grow)
            (loop $words
                (local.set $found (i32.add (local.get $found) (i64.ne (i64.load (local.get $at)) (i64.const 0))))
                (br_if $words (i32.lt_u
                    (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 0x100000))))
            (local.set $at (i32.const 0))
            (loop $elements
                (local.set $found (i32.add (local.get $found)
                    (i32.eqz (ref.is_null (table.get $table (local.get $at))))))
                (br_if $elements (i32.lt_u
                    (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 1000))))
            (local.get $found)))
    (core instance $guest (instantiate $guest))
    (func (export "leave") (result u32) (canon lift (core func $guest "leave")))
    (func (export "look") (result u32) (canon lift (core func $guest "look"))))"#;

/// Words and elements that are marked.
const MARKS: u32 = 0x10_0000 / 8 + 1_000;

/// An instance in a slot of its own, and what its functions said; nothing if every slot is taken.
async fn take_slot(component: &Component, calls: &[&str]) -> Option<(Store<()>, Vec<u32>)> {
    let mut store = Store::new(component.engine(), ());
    // Nothing advances the epoch here.
    store.set_epoch_deadline(1);
    let instance = Linker::new(component.engine()).instantiate_async(&mut store, component).await.ok()?;
    let mut said = Vec::new();
    for call in calls {
        let function = instance.get_typed_func::<(), (u32,)>(&mut store, call).unwrap();
        said.push(function.call_async(&mut store, ()).await.unwrap().0);
    }
    Some((store, said))
}

/// Every slot at once.
async fn take_all(component: &Component, call: &str) -> Vec<u32> {
    let (mut held, mut said) = (Vec::new(), Vec::new());
    while let Some((store, one)) = take_slot(component, &[call]).await {
        held.push(store);
        said.extend(one);
    }
    said
}

/// Looks into at least `looks` fresh instances of each generation.
fn nothing_is_left(reset: ResetMode, looks: usize) {
    let limits = HostLimits { instances: 4, ..HostLimits::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let bytes = wat::parse_str(GUEST).unwrap();
    for generation in [Generation::P2, Generation::P3] {
        let engine = engine(generation, &limits, reset).unwrap();
        let [leaves, looks_for_it] = [(); 2].map(|()| Component::from_binary(&engine, &bytes).unwrap());
        runtime.block_on(async {
            // The look can find what is there: only then does finding nothing mean anything.
            let (store, said) = take_slot(&leaves, &["look", "leave", "look"]).await.unwrap();
            assert_eq!(said, [0, 0, MARKS], "{generation:?}");
            drop(store);
            let mut looked = 0;
            while looked < looks {
                let slots = take_all(&leaves, "leave").await.len();
                let found = take_all(&looks_for_it, "look").await;
                assert!(slots >= 4 && found.len() == slots, "{slots} and {} slots", found.len());
                assert!(found.iter().all(|found| *found == 0), "{generation:?} {reset:?}: {found:?}");
                looked += found.len();
            }
        });
    }
}

fn in_both_modes(looks: usize) {
    nothing_is_left(ResetMode::KeepResident, looks);
    // A kernel that scans no pagemaps cleans no slots that way either.
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        nothing_is_left(ResetMode::PagemapScan, looks);
    }
}

#[test]
fn fresh_instances_find_nothing_of_those_before_however_slots_are_cleaned() {
    in_both_modes(1_000);
}

#[test]
#[ignore = "100,000 instances of each kind take minutes: before a release, and when the way of cleaning changes"]
fn a_hundred_thousand_fresh_instances_find_nothing_of_those_before() {
    in_both_modes(100_000);
}
