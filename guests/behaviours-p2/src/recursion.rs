//! A recursion that ends the stack of WebAssembly, not the one in linear memory.
//!
//! It keeps nothing in linear memory, and counts after the call has returned, so
//! that the compiler can make no loop of it.

use std::sync::atomic::{AtomicU64, Ordering};

static RETURNED: AtomicU64 = AtomicU64::new(0);

/// Goes `depth` calls down and back; the result is how many have ever returned.
#[inline(never)]
pub fn descend(depth: u64) -> u64 {
    if depth > 0 {
        descend(depth - 1);
    }
    RETURNED.fetch_add(1, Ordering::Relaxed) + 1
}
