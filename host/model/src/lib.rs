//! The words and rules of a Hostel, without any I/O: whatever is decided here can be tested with values alone.
//!
//! The words, used the same way everywhere:
//!
//! * **service**: a named unit of code, reachable by routes and by calls;
//! * **revision**: one immutable version of a service, `r<N>` and a digest;
//! * **route**: a pattern of host, method and path that leads to a service;
//! * **instance**: one store, made for one request;
//! * **grant**: a permission a service was given; without it, refused;
//! * **request**: what comes from outside; **call**: one service asking another.
//!
//! This package must not name files, sockets, threads, clocks or an HTTP library;
//! its `clippy.toml` says so to the compiler.

// In reading order, each by itself so that formatting keeps it.
pub mod name;

pub mod digest;

pub mod units;

pub mod limits;

pub mod failure;

pub mod network;

pub mod egress;

pub mod grant;

pub mod target;

pub mod route;

pub mod tenant;

pub mod latency;

pub mod rollout;

pub mod standing;

pub mod plan;

pub mod config;

pub mod platform;

pub mod artifact;

#[cfg(test)]
mod numbers;
