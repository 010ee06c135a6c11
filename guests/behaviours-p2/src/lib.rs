//! What the behaviours in `examples/` share, so that each of them shows only what it does.

pub mod answer;
pub mod host;
pub mod json;
pub mod keyvalue;
pub mod operator;
pub mod query;
pub mod recursion;
pub mod request;
pub mod residue;
pub mod wait;

pub use answer::{Reply, Writer};
pub use request::{Body, Request};
pub use wasip2;

/// Makes a function of [`Request`] and [`Reply`] the component's handler.
#[macro_export]
macro_rules! serve {
    ($handle:path) => {
        struct Behaviour;

        impl $crate::wasip2::exports::http::incoming_handler::Guest for Behaviour {
            fn handle(
                request: $crate::wasip2::http::types::IncomingRequest,
                out: $crate::wasip2::http::types::ResponseOutparam,
            ) {
                $handle($crate::Request::new(request), $crate::Reply::new(out));
            }
        }

        $crate::wasip2::http::proxy::export!(Behaviour with_types_in $crate::wasip2);
    };
}
