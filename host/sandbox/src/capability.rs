//! The one-screen list of what a guest can touch. What is not linked here does not exist for it.
//!
//! | interface | file | what it reaches |
//! |---|---|---|
//! | `wasi:cli`, `clocks`, `random`, `io` | `wasi.rs` | nothing outside: no environment, no arguments, no files |
//! | `wasi:filesystem`, `wasi:sockets` | `wasi.rs` | linked because toolchains import them; no folder is open, no address allowed |
//! | stdout, stderr, `wasi:logging` | `stdio.rs`, `logging.rs` | the service's own log, with a quota |
//! | `wasi:http` outgoing | `http.rs` | services it was granted, by name |
//! | `wasi:keyvalue` | `keyvalue.rs` | buckets it was granted, in its own key space |
//! | `wasi:config` | `config.rs` | its own variables and secrets |
//! | `hostel:service/context` | `context.rs` | facts about the request it serves |

use wasmtime::component::{HasSelf, Linker};

use crate::bindings::Host_;
use crate::engine::Generation;
use crate::state::InstanceState;

pub(crate) mod config;
pub(crate) mod context;
pub(crate) mod http;
pub(crate) mod keyvalue;
pub(crate) mod logging;
pub(crate) mod stdio;
pub(crate) mod wasi;

/// Links everything above for one engine.
pub(crate) fn link_all(linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
    // Components of WASI 0.3 import 0.2 as well: the standard library still does.
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    if generation == Generation::P3 {
        wasmtime_wasi::p3::add_to_linker(linker)?;
        wasmtime_wasi_http::p3::add_to_linker(linker)?;
    }
    Host_::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}
