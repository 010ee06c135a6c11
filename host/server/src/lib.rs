//! The process: from a command line to answered requests.
//!
//! In reading order: `cli` and `commands` (what was asked for), `config` (what is
//! to run), `host` (puts it together), `ingress` (sockets), `dispatch` (requests
//! and calls), `live` and `deploy` (what is in force and who changes it),
//! `respond`, `record`, `access_log`, `metrics`, `telemetry` (what others see).

pub mod access_log;
pub mod admin;
pub mod answer;
pub mod cli;
pub mod commands;
pub mod config;
pub mod deploy;
pub mod dispatch;
pub mod edge;
pub mod egress;
pub mod follow;
pub mod hardening;
pub mod host;
pub mod ingress;
pub mod line_writer;
pub mod live;
mod machine;
pub mod metrics;
pub mod pace;
pub mod platform;
pub mod record;
pub mod respond;
pub mod rollout;
mod service_manager;
pub mod sockets;
mod telemetry;
mod timer;
pub mod tls;
pub mod watch;
