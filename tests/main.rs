//! All system tests in one binary, so that the host is linked once.
//!
//! Each test starts a host of its own on port 0 with its own state (`harness`)
//! and looks at it the way a user does: by requests, log lines and metrics.

mod harness;

mod bodies;
mod calls;
mod failures;
mod guests_used;
mod isolation;
mod keyvalue;
mod limits;
mod smoke;
mod examples;
mod fixed_ports;
mod seed_client;
mod shop;
mod tidy;
