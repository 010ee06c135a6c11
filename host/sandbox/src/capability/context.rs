//! `hostel:service/context`: what only the host can say truthfully.

use crate::bindings::hostel::service::context::Host;
use crate::ledger::nanoseconds;
use crate::state::InstanceState;

impl Host for InstanceState {
    async fn request_id(&mut self) -> wasmtime::Result<String> {
        Ok(self.context().tree.request_id.to_string())
    }

    async fn caller(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(self.context().caller.as_ref().map(|caller| caller.as_str().to_owned()))
    }

    async fn time_remaining(&mut self) -> wasmtime::Result<u64> {
        let context = self.context();
        Ok(nanoseconds(context.deadline.remaining(&context.tree)))
    }
}
