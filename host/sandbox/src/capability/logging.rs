//! `wasi:logging`: lines with a level and a context.

use crate::bindings::wasi::logging::logging::{Host, Level};
use crate::state::InstanceState;

impl Host for InstanceState {
    async fn log(&mut self, level: Level, context: String, message: String) -> wasmtime::Result<()> {
        let level = match level {
            Level::Trace => tracing::Level::TRACE,
            Level::Debug => tracing::Level::DEBUG,
            Level::Info => tracing::Level::INFO,
            Level::Warn => tracing::Level::WARN,
            Level::Error | Level::Critical => tracing::Level::ERROR,
        };
        self.log.line(level, "log", &context, &message);
        Ok(())
    }
}
