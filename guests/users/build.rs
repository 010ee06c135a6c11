//! Gives the component the stack it needs and no more.
//!
//! The stack is the first thing in linear memory and every fresh instance is reset to it, so the
//! megabyte a linker reserves by default is paid for on each request. What goes deepest here is
//! signing (points of the curve and their tables) and argon2 (a handful of 1 KiB blocks; its 19 MiB
//! live on the heap): 10 KiB after the whole of the API was used, as seen by which bytes of the
//! stack are no longer zero. No recursion depends on input:
//! JSON is read three levels deep and skipped without recursion below. Running out is a trap and
//! never silent, as the stack lies first in memory.

/// Bytes of stack.
const STACK: usize = 64 * 1024;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "wasm32") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size={STACK}");
    }
}
