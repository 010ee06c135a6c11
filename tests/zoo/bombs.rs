//! Components that take a compiler far longer to compile than anybody to write.

use std::fmt::Write as _;

use super::text::with;

/// So many blocks, each in the one before.
pub fn nested_blocks(count: usize) -> Vec<u8> {
    let (opened, closed) = ("block ".repeat(count), "end ".repeat(count));
    with(&format!("(func (param i32) {opened} local.get 0 br_if {} {closed})", count - 1))
}

/// So many numbers that are all needed at the end, so that each must be kept somewhere.
pub fn live_locals(count: usize) -> Vec<u8> {
    let mut body = String::new();
    for local in 1..=count {
        let _ = write!(body, "local.get 0 i64.const {local} i64.mul local.set {local} ");
    }
    body.push_str("call $outside ");
    for local in 1..=count {
        let _ = write!(body, "local.get {local} local.get 0 i64.xor local.set 0 ");
    }
    let locals = "i64 ".repeat(count);
    with(&format!("(func $outside) (func (param i64) (result i64) (local {locals}) {body} local.get 0)"))
}

/// One function of about so many bytes, of which each line needs the one before.
pub fn large_function(bytes: usize) -> Vec<u8> {
    // Eight bytes each.
    let line = "local.get 0 i32.const 77777 i32.mul local.set 0 ";
    with(&format!("(func (param i32) (result i32) {} local.get 0)", line.repeat(bytes / 8)))
}

/// So many functions that do next to nothing.
pub fn many_functions(count: usize) -> Vec<u8> {
    with(&"(func (param i32) (result i32) local.get 0)".repeat(count))
}

/// So many tables of branches with so many places each.
pub fn branch_tables(count: usize, places: usize) -> Vec<u8> {
    let table = format!("local.get 0 br_table {} 0 ", "0 1 ".repeat(places / 2));
    let one = format!("(func (param i32) block block {table} end end)");
    with(&one.repeat(count))
}
