//! The shop of `examples/shop` as its customers meet it: real components, in a host that is a process of its own.

mod crash;
mod flows;
mod input;
mod open;
mod session;
mod timing;
mod together;
mod tokens;

pub use open::example;
