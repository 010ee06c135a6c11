//! The ports as a WASI 0.2 component has them, and the way of a request in and an answer out.

mod call;
mod http;
mod keyvalue;

use std::fmt;

pub use call::WasiCalls;
pub use http::serve;
pub use keyvalue::WasiStore;

use crate::ports::{Clock, Random, Settings};
use crate::problem::Problem;

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "hostel:service/imports",
        generate_all,
    });
}

use bindings::wasi::config0_2_0_rc_1::store as config;
use bindings::wasi::logging::logging;

/// Writes one line to the host's log as an error of `service`.
fn log_error(service: &str, message: &str) {
    logging::log(logging::Level::Error, service, message);
}

/// The host's clock.
#[derive(Debug, Clone, Copy)]
pub struct WasiClock;

impl Clock for WasiClock {
    fn now(&self) -> u64 {
        let now = wasip2::clocks::wall_clock::now();
        now.seconds.saturating_mul(1000).saturating_add(u64::from(now.nanoseconds) / 1_000_000)
    }
}

/// The host's source of random bytes.
#[derive(Debug, Clone, Copy)]
pub struct WasiRandom;

impl Random for WasiRandom {
    fn bytes(&self, count: usize) -> Vec<u8> {
        wasip2::random::random::get_random_bytes(count as u64)
    }
}

/// Variables and secrets as the host hands them out.
#[derive(Debug, Clone, Copy)]
pub struct WasiSettings;

impl Settings for WasiSettings {
    fn get(&self, name: &str) -> Result<Option<String>, Problem> {
        config::get(name).map_err(|error| unreadable(name, &error))
    }
}

fn unreadable(name: &str, error: &dyn fmt::Debug) -> Problem {
    Problem::unavailable("the configuration could not be read")
        .because(format!("setting `{name}` could not be read: {error:?}"))
}
