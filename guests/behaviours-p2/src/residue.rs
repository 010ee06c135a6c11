//! Looks through memory for what another instance left, and leaves something for the next.
//!
//! The mark is never in memory as it is searched for, except where an instance
//! put it on purpose: the request holds the marker, memory holds its disguise.

use crate::json;
use core::arch::wasm32::{memory_grow, memory_size};
use std::hint::black_box;

const PAGE: usize = 64 * 1024;
const WORD: usize = size_of::<u64>();
/// Not a byte of any marker, so that no byte of the mark is zero.
const DISGUISE: u8 = 0xa5;
/// Stack to mark: half of what the build script gives.
const STACK: usize = 32 * 1024;

/// Grows memory by up to `mib`, searches all of it, marks it, and says what was found.
pub fn scan(marker: &str, mib: usize) -> String {
    let old = memory_size(0) * PAGE;
    let grown = (0..mib).take_while(|_| memory_grow(0, 16) != usize::MAX).count();
    let size = memory_size(0) * PAGE;
    let hits = count(marker.as_bytes(), size);
    if grown > 0 {
        mark(marker.as_bytes(), old, size);
    }
    mark_stack(marker.as_bytes());
    json::object([
        ("hits", hits.to_string()),
        ("scanned", size.to_string()),
        ("marked", (grown * 16 * PAGE).to_string()),
    ])
}

/// Reads a word at a time, because most words are zero and the mark begins in none of those.
fn count(marker: &[u8], size: usize) -> usize {
    let words = (WORD..size.saturating_sub(marker.len())).step_by(WORD);
    let marked = words.filter(|at| read::<u64>(*at) != 0).flat_map(|at| at..at + WORD);
    marked.filter(|start| is_marked(marker, *start, size)).count()
}

fn is_marked(marker: &[u8], start: usize, size: usize) -> bool {
    !marker.is_empty()
        && start + marker.len() <= size
        && marker.iter().zip(start..).all(|(own, at)| read::<u8>(at) == own ^ DISGUISE)
}

/// Reads what is at an address below the size of linear memory, aligned for `T`.
fn read<T: Copy>(at: usize) -> T {
    // SAFETY: all of linear memory can be read, whoever owns it, and has no invalid bytes for
    // the integers asked for here; volatile, because to the compiler most of it is nobody's.
    unsafe { std::ptr::with_exposed_provenance::<T>(at).read_volatile() }
}

fn mark(marker: &[u8], from: usize, to: usize) {
    let disguised: Vec<u8> = marker.iter().map(|own| own ^ DISGUISE).collect();
    let block = disguised.repeat(PAGE / marker.len().max(1));
    if block.is_empty() {
        return;
    }
    for at in (from..=to - block.len()).step_by(block.len()) {
        let target = std::ptr::with_exposed_provenance_mut::<u8>(at);
        // SAFETY: the range was made by `memory_grow` here, so that nobody else uses it.
        unsafe { target.copy_from_nonoverlapping(block.as_ptr(), block.len()) };
    }
}

#[inline(never)]
fn mark_stack(marker: &[u8]) {
    let mut stack = [0u8; STACK];
    for (place, own) in stack.iter_mut().zip(marker.iter().cycle()) {
        *place = own ^ DISGUISE;
    }
    black_box(&mut stack);
}
