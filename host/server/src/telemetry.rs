//! The log for people, on standard error: set up once, before anything can speak.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What is logged unless `HOSTEL_LOG` says otherwise. Guests' lines are shown
/// from `info`; wasmtime's own are for its developers.
const FILTER_DEFAULT: &str = "info,wasmtime=warn,cranelift=warn,hyper=warn";

/// Starts logging to standard error. `filter` is in the form of `HOSTEL_LOG`
/// (`warn`, `hostel=debug,guest=off`); a broken one falls back to the default.
pub fn start_logging(filter: Option<&str>, color: bool) {
    let filter = filter
        .and_then(|filter| EnvFilter::try_new(filter).ok())
        .unwrap_or_else(|| EnvFilter::new(FILTER_DEFAULT));
    let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(color && std::io::stderr().is_terminal());
    // Fails only where a test has set one up already.
    let _ = tracing_subscriber::registry().with(filter).with(layer).try_init();
}
