//! What is compiled once, what is kept, and what is not.

use std::sync::{Arc, Barrier};

use hostel_model::digest::Digest;
use hostel_model::limits::Limits;
use hostel_model::units::ByteSize;

use crate::testing::{Bench, component_p2, component_p3};

mod bombs;
mod child;
mod mutated;

#[test]
fn the_same_bytes_are_compiled_once_and_shared() {
    let bench = Bench::new();
    let bytes = component_p2("");
    let digest = Digest::of(&bytes);
    assert!(bench.sandbox.cached(&digest).is_none());
    let code = bench.sandbox.code(&bytes, digest).unwrap();
    assert!(code.code_bytes() > 0);
    assert!(Arc::ptr_eq(&code, &bench.sandbox.cached(&digest).unwrap()));
    let (one, two) = (bench.service(&bytes, Limits::default()), bench.service(&bytes, Limits::default()));
    assert!(Arc::ptr_eq(one.code(), &code) && Arc::ptr_eq(two.code(), &code));
    let other = component_p2("(memory 1)");
    assert!(!Arc::ptr_eq(bench.service(&other, Limits::default()).code(), &code));
}

#[test]
fn two_who_ask_at_once_get_the_same_code() {
    let bench = Bench::new();
    let bytes = component_p2("(memory 1)");
    let (digest, together) = (Digest::of(&bytes), Barrier::new(2));
    let ask = || {
        together.wait();
        bench.sandbox.code(&bytes, digest).unwrap()
    };
    let codes = std::thread::scope(|scope| [scope.spawn(ask), scope.spawn(ask)].map(|thread| thread.join().unwrap()));
    assert!(Arc::ptr_eq(&codes[0], &codes[1]));
}

#[test]
fn what_was_refused_is_not_kept() {
    let bench = Bench::new();
    let mut bytes = component_p2("");
    bytes.pop();
    let digest = Digest::of(&bytes);
    assert!(bench.sandbox.code(&bytes, digest).is_err());
    assert!(bench.sandbox.cached(&digest).is_none());
}

/// No later try can go otherwise.
#[test]
fn what_fits_into_no_slot_is_refused_for_good() {
    let bench = Bench::new();
    for bytes in ["(memory 65536)", "(table 10000000 funcref)"].map(component_p2) {
        let error = bench.sandbox.code(&bytes, Digest::of(&bytes)).map(drop).unwrap_err();
        assert!(!error.is_of_the_moment() && error.to_string().contains("does not fit"), "{error}");
    }
}

#[test]
fn a_service_ends_with_whoever_holds_it_and_its_code_stays() {
    let bench = Bench::new();
    let bytes = component_p3("");
    let service = bench.service(&bytes, Limits::default());
    let (held, parts) = (Arc::downgrade(&service), Arc::downgrade(&service.parts));
    drop(service);
    assert!(held.upgrade().is_none() && parts.upgrade().is_none());
    assert!(bench.sandbox.cached(&Digest::of(&bytes)).is_some());
}

#[test]
fn what_starts_with_more_than_its_service_may_have_is_known_before_it_starts() {
    let bench = Bench::new();
    let code = |core: &str| {
        let bytes = component_p2(core);
        bench.sandbox.code(&bytes, Digest::of(&bytes)).unwrap()
    };
    let limits = Limits { memory: ByteSize::kib(128), table_elements: 100, ..Limits::default() };
    code("(memory 2) (table 100 funcref)").fits(&limits).unwrap();
    let memory = code("(memory 3)").fits(&limits).unwrap_err().to_string();
    assert!(memory.contains("starts with 192KiB of memory, more than the 128KiB"), "{memory}");
    let table = code("(table 101 funcref)").fits(&limits).unwrap_err().to_string();
    assert!(table.contains("a table of 101 elements, more than the 100"), "{table}");
}

#[test]
fn what_breaks_the_rules_of_the_format_is_told_from_what_cannot_be_compiled() {
    let bench = Bench::new();
    let why = |core: &str| {
        let bytes = component_p2(core);
        bench.sandbox.code(&bytes, Digest::of(&bytes)).err().unwrap().to_string()
    };
    let invalid = why("(func (result i32))");
    assert!(invalid.contains("not a WebAssembly component (type mismatch"), "{invalid}");
    let unsupported = why("(memory 1 1 shared)");
    assert!(unsupported.contains("could not be compiled") && unsupported.contains("threads"), "{unsupported}");
}
