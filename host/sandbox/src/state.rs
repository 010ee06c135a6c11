//! Everything one instance owns; it dies with the request unless the service asked for reuse.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::call::{CallContext, NoCalls};
use crate::capability::{http::OutgoingHttp, stdio::GuestLog, wasi};
use crate::ledger::Ledger;
use crate::memory::InstanceLimiter;
use crate::service::ServiceParts;

use hostel_model::limits::fixed;

/// The data of one store.
pub(crate) struct InstanceState {
    /// Handles of the host's resources that the guest holds.
    pub(crate) table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    /// Where outgoing requests go; it also knows whom the instance serves.
    pub(crate) outgoing: OutgoingHttp,
    /// Says yes or no to growth.
    pub(crate) limiter: InstanceLimiter,
    /// What the service was granted, precomputed when it was deployed.
    pub(crate) parts: Arc<ServiceParts>,
    /// The log of the request now served.
    pub(crate) log: GuestLog,
}

impl InstanceState {
    pub(crate) fn new(parts: &Arc<ServiceParts>, context: CallContext, ledger: &Arc<Ledger>) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(fixed::RESOURCE_HANDLES as usize);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(fixed::FIELD_BYTES.0 as usize);
        let log = GuestLog::new(Arc::clone(parts), Arc::clone(ledger), Arc::clone(&context.tree));
        Self {
            table,
            wasi: wasi::surroundings(&parts.platform, &log),
            http,
            outgoing: OutgoingHttp::new(context, log.clone(), Arc::clone(ledger)),
            limiter: InstanceLimiter::new(
                Arc::clone(&parts.memory_budget),
                parts.limits.memory.0,
                parts.limits.table_elements as usize,
                Arc::clone(ledger),
            )
            .within(parts.tenant.clone()),
            parts: Arc::clone(parts),
            log,
        }
    }

    /// Makes an instance that has answered ready for its next request.
    pub(crate) fn serve_next(&mut self, context: CallContext, ledger: &Arc<Ledger>) {
        self.log.serve_next(Arc::clone(ledger), Arc::clone(&context.tree));
        self.limiter.ledger = Arc::clone(ledger);
        ledger.memory_now(self.limiter.taken());
        self.outgoing.serve_next(context, Arc::clone(ledger));
    }

    /// Between two requests the instance can call nobody, and holds nothing of
    /// the snapshot that its last request began with.
    pub(crate) fn retire(&mut self) {
        self.outgoing.context.calls = Arc::new(NoCalls);
    }

    /// Whom the instance serves and what it has left.
    pub(crate) fn context(&self) -> &CallContext {
        &self.outgoing.context
    }

    /// The accounts of the request now served.
    pub(crate) fn ledger(&self) -> &Arc<Ledger> {
        &self.limiter.ledger
    }
}

impl WasiView for InstanceState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for InstanceState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outgoing }
    }
}
