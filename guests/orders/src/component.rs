//! The component's export: each request is handed to [`Orders`] with the host behind its ports.

use json_service::ports::Ports;
use json_service::wasi::{WasiCalls, WasiClock, WasiRandom, WasiSettings, WasiStore, serve};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::service::Orders;

/// The bucket that holds everything.
const BUCKET: &str = "default";

/// Bytes of a body that are read. An order is far smaller; the rest is for telling somebody who
/// sends 100,000 items that it is the items.
const BODY_LIMIT: usize = 8 * 1024 * 1024;

struct Component;

wasip2::http::proxy::export!(Component);

impl Guest for Component {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let store = WasiStore::new(BUCKET);
        let ports = Ports { store: &store, clock: &WasiClock, random: &WasiRandom, settings: &WasiSettings };
        serve(request, out, "orders", BODY_LIMIT, |request| Orders { ports, calls: &WasiCalls }.answer(request));
    }
}
