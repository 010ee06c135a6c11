//! The log for people, on standard error: set up once, before anything can speak.

use std::io;

use hostel_model::platform::Platform;
use prometheus_client::metrics::counter::Counter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::line_writer::LineWriter;

/// What is logged unless `HOSTEL_LOG` says otherwise. Guests' lines are shown
/// from `info`; wasmtime's own are for its developers.
const FILTER_DEFAULT: &str = "info,wasmtime=warn,wasmtime_wasi=warn,wasmtime_wasi_http=warn,cranelift=warn,hyper=warn";

/// Starts logging to standard error, through a thread of its own so that nobody
/// waits for a terminal. `filter` is in the form of `HOSTEL_LOG` (`warn`,
/// `hostel=debug,guest=off`); a broken one falls back to the default.
///
/// # Errors
/// When there is no thread for it.
pub fn start_logging(filter: Option<&str>, color: bool, platform: &Platform) -> io::Result<LineWriter> {
    let filter =
        filter.and_then(|filter| EnvFilter::try_new(filter).ok()).unwrap_or_else(|| EnvFilter::new(FILTER_DEFAULT));
    let writer = LineWriter::start("hostel-log", Box::new(io::stderr()), Counter::default(), platform)?;
    let layer = fmt::layer().with_writer(writer.clone()).with_ansi(color);
    // Fails only where a test has set one up already.
    let _ = tracing_subscriber::registry().with(filter).with(layer).try_init();
    Ok(writer)
}
