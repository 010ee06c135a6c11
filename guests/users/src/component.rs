//! The component's export: each request is handed to [`Users`] with the host behind its ports.

use json_service::ports::Ports;
use json_service::wasi::{WasiClock, WasiRandom, WasiSettings, WasiStore, serve};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::service::Users;

/// The bucket that holds everything.
const BUCKET: &str = "default";

/// Bytes of a body that are read: two short texts, with room for fields that are ignored.
const BODY_LIMIT: usize = 1024 * 1024;

struct Component;

wasip2::http::proxy::export!(Component);

impl Guest for Component {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let store = WasiStore::new(BUCKET);
        let ports = Ports { store: &store, clock: &WasiClock, random: &WasiRandom, settings: &WasiSettings };
        serve(request, out, "users", BODY_LIMIT, |request| Users { ports }.answer(request));
    }
}
