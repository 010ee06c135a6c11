//! What the behaviours in `examples/` share, so that each of them shows only what it does.

pub mod answer;
#[path = "../../behaviours-p2/src/host.rs"]
pub mod host;
#[path = "../../behaviours-p2/src/json.rs"]
pub mod json;
#[path = "../../behaviours-p2/src/keyvalue.rs"]
pub mod keyvalue;
#[path = "../../behaviours-p2/src/operator.rs"]
pub mod operator;
#[path = "../../behaviours-p2/src/query.rs"]
pub mod query;
#[path = "../../behaviours-p2/src/recursion.rs"]
pub mod recursion;
pub mod request;
#[path = "../../behaviours-p2/src/residue.rs"]
pub mod residue;
pub mod wait;

pub use answer::Writer;
pub use request::{Body, Request};
pub use wasip3;

/// What a behaviour returns: an answer, or what the host is to say instead.
pub type Answer = Result<wasip3::http::types::Response, wasip3::http::types::ErrorCode>;

/// Makes an async function of [`Request`] to [`Answer`] the component's handler.
#[macro_export]
macro_rules! serve {
    ($handle:path) => {
        struct Behaviour;

        impl $crate::wasip3::exports::http::handler::Guest for Behaviour {
            async fn handle(request: $crate::wasip3::http::types::Request) -> $crate::Answer {
                $handle($crate::Request::new(request)).await
            }
        }

        $crate::wasip3::http::service::export!(Behaviour with_types_in $crate::wasip3);
    };
}
