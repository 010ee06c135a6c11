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
mod limits;
mod process;
mod reload;
mod rollout;
mod routing;
mod seed_client;
mod shop;
mod smoke;
mod tidy;
mod watch;
