//! What a small JSON service is made of: bounded reading, named refusals, problems, ETags, and the ports to its host.
//!
//! Everything but [`wasi`] is plain Rust that runs and is tested on any target. A service sees the
//! world through the traits of [`ports`] and [`store`]; [`wasi`] implements them for a component,
//! `memory` for tests.

#![cfg_attr(not(target_arch = "wasm32"), forbid(unsafe_code))]

pub mod answer;
pub mod checks;
pub mod conditional;
pub mod document;
#[cfg(not(target_arch = "wasm32"))]
pub mod memory;
pub mod place;
pub mod ports;
pub mod problem;
pub mod request;
pub mod routes;
pub mod store;
pub mod text;
#[cfg(target_arch = "wasm32")]
pub mod wasi;
