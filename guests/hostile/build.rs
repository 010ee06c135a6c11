//! Gives every example a small stack, so that a fresh instance costs little memory.

fn main() {
    // Cargo applies `rustc-link-arg-examples` to executables only, and these are libraries.
    println!("cargo::rustc-link-arg=-zstack-size=65536");
    println!("cargo::rerun-if-changed=build.rs");
}
