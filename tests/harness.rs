//! A real host for each test, told what to serve in the order of a scenario.
//!
//! ```text
//! let host = Harness::new().service("echo", guest::ECHO_P2).route("/echo/*").start();
//! assert_eq!(host.get("/echo/1").status, 200);
//! ```

mod bench;
mod client;
mod dns;
mod frames;
mod http2;
mod log;
mod process;
mod request;
mod running;
mod scenario;
mod tls;
mod upstream;
mod wait;

pub use bench::Bench;
pub use client::{Answer, Connection};
pub use dns::Dns;
pub use frames::{Frames, PREFACE, block, frame, kind};
pub use http2::Http2;
pub use log::Captured;
pub use process::{Process, compile_with};
pub use request::Request;
pub use running::Running;
pub use scenario::Harness;
pub use tls::{Authority, secured, shown};
pub use upstream::Upstream;
pub use wait::eventually;

/// Paths of the components that `build.rs` built.
pub mod guest {
    include!(concat!(env!("OUT_DIR"), "/guests.rs"));
}
