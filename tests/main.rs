//! All system tests in one binary, so that the host is linked once.
//!
//! Each test starts a host of its own on port 0 with its own state (`harness`)
//! and looks at it the way a user does: by requests, log lines and metrics.

mod harness;

mod access_log;
mod bodies;
mod calls;
mod compilation;
mod crash;
mod deploy;
mod edge;
mod egress;
mod examples;
mod failures;
mod fixed_ports;
mod guests_used;
mod hardening;
mod invariants;
mod isolation;
mod keyvalue;
mod leaks;
mod limits;
mod process;
mod reload;
mod rollout;
mod routing;
mod seed_client;
mod shop;
mod smoke;
mod tenants;
/// Components written by hand, which the zoo has more use for.
#[path = "zoo/text.rs"]
#[expect(dead_code, reason = "the zoo uses what no test here does")]
mod text;
mod tidy;
mod watch;
