//! One request inside one store: instantiate, hand over the request, run until the guest is done.
//!
//! The store lives in the future and comes back with its end, because whether a
//! body ended properly can only be told while the store still exists: dropping
//! it looks to the other side of a body like a proper end (see `response.rs`).

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use hostel_model::limits::fixed;
use tokio::sync::oneshot;
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView, p2, p3};

use crate::call::{CallContext, IncomingBody};
use crate::code::Prepared;
use crate::compile::InstanceCounters;
use crate::ledger::{Ledger, Refusal};
use crate::service::CompiledService;
use crate::state::InstanceState;

/// Where a guest puts the head of its response, for whoever polls it.
pub(crate) type ResponseSlot = Arc<Mutex<Option<Result<http::Response<WasiBody>, String>>>>;

/// A store with a component in it.
pub(crate) struct Instance {
    store: Store<InstanceState>,
    proxy: Proxy,
    /// Requests it has begun to serve.
    pub(crate) served: u32,
    // Last: counts the store out after it was dropped.
    _live: LiveCount,
}

impl Instance {
    /// Lets go of what belonged to the request that was served.
    pub(crate) fn retire(&mut self) {
        self.store.data_mut().retire();
    }
}

enum Proxy {
    P2(p2::bindings::Proxy),
    P3(p3::bindings::Service),
}

/// How a guest ended. Holds the store so that bodies can be asked about.
pub(crate) struct GuestEnd {
    pub(crate) result: wasmtime::Result<()>,
    /// Present if the instance may serve again.
    pub(crate) instance: Option<Instance>,
    /// A failed instance, kept only until its body was asked about.
    pub(crate) _remains: Option<Remains>,
}

/// What is left of a guest that failed.
pub(crate) enum Remains {
    Store(
        #[expect(dead_code, reason = "held for its bodies")] Box<Store<InstanceState>>,
        #[expect(dead_code, reason = "counts on drop")] LiveCount,
    ),
    Instance(#[expect(dead_code, reason = "held for its bodies")] Box<Instance>),
}

/// Counts stores that exist.
pub(crate) struct LiveCount(Arc<InstanceCounters>);

impl LiveCount {
    fn new(counters: &Arc<InstanceCounters>) -> Self {
        counters.live.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(counters))
    }
}

impl Drop for LiveCount {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A guest at work. Not started before it is polled.
pub(crate) type GuestFuture = Pin<Box<dyn Future<Output = GuestEnd> + Send>>;

/// One request for one instance.
pub(crate) struct Assignment {
    pub(crate) service: Arc<CompiledService>,
    pub(crate) request: http::Request<IncomingBody>,
    pub(crate) context: CallContext,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) slot: ResponseSlot,
    /// Resolves when the response's body was handed out to its end, or dropped.
    pub(crate) body_done: oneshot::Receiver<()>,
}

/// Runs a request in an idle instance, or in a fresh one.
pub(crate) fn run(assignment: Assignment) -> GuestFuture {
    Box::pin(async move {
        let now = assignment.service.parts.platform.clock.now();
        let idle = assignment.service.idle.as_ref().and_then(|idle| idle.take(now));
        match idle {
            Some(mut instance) => {
                instance.store.data_mut().serve_next(assignment.context.clone(), &assignment.ledger);
                serve(instance, assignment).await
            }
            None => {
                // Trials are not counted: nobody asked for them.
                assignment.service.parts.counters.started.fetch_add(1, Ordering::Relaxed);
                match start(&assignment.service, &assignment.context, &assignment.ledger).await {
                    Ok(instance) => serve(instance, assignment).await,
                    Err(end) => end,
                }
            }
        }
    })
}

/// Starts an instance and lets it go again.
pub(crate) fn try_start(service: Arc<CompiledService>, context: CallContext, ledger: Arc<Ledger>) -> GuestFuture {
    Box::pin(async move {
        match start(&service, &context, &ledger).await {
            Ok(instance) => {
                drop(instance);
                GuestEnd { result: Ok(()), instance: None, _remains: None }
            }
            Err(end) => end,
        }
    })
}

/// A fresh instance, after its start functions have run.
async fn start(service: &CompiledService, context: &CallContext, ledger: &Arc<Ledger>) -> Result<Instance, GuestEnd> {
    let live = LiveCount::new(&service.parts.counters);
    let mut store = new_store(service, context, ledger);
    match instantiate(service, &mut store).await {
        Ok(proxy) => Ok(Instance { store, proxy, served: 0, _live: live }),
        Err(error) => {
            let remains = Some(Remains::Store(Box::new(store), live));
            Err(GuestEnd { result: Err(error), instance: None, _remains: remains })
        }
    }
}

async fn serve(mut instance: Instance, assignment: Assignment) -> GuestEnd {
    instance.served += 1;
    let Assignment { request, slot, body_done, .. } = assignment;
    let result = match &instance.proxy {
        Proxy::P2(proxy) => serve_p2(&mut instance.store, proxy, request, slot).await,
        Proxy::P3(proxy) => serve_p3(&mut instance.store, proxy, request, slot, body_done).await,
    };
    match result {
        Ok(()) => GuestEnd { result: Ok(()), instance: Some(instance), _remains: None },
        Err(error) => {
            GuestEnd { result: Err(error), instance: None, _remains: Some(Remains::Instance(Box::new(instance))) }
        }
    }
}

fn new_store(service: &CompiledService, context: &CallContext, ledger: &Arc<Ledger>) -> Store<InstanceState> {
    let engine = match &service.code.prepared {
        Prepared::P2(pre) => pre.engine(),
        Prepared::P3(pre) => pre.engine(),
    };
    let state = InstanceState::new(&service.parts, context.clone(), ledger);
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limiter);
    // Before instantiation: start functions run there.
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|context| {
        let ledger = context.data().ledger();
        if ledger.cpu_is_spent() {
            ledger.refuse(Refusal::Cpu);
            return Ok(UpdateDeadline::Interrupt);
        }
        // Not the ready-made yield: that comes back before anyone else had a turn.
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
    });
    store.set_hostcall_fuel(fixed::HOSTCALL_BYTES.0 as usize);
    store.set_max_component_handles(fixed::COMPONENT_HANDLES as usize);
    if let Some(table) = store.concurrent_resource_table() {
        table.set_max_capacity(fixed::CONCURRENT_HANDLES as usize);
    }
    store
}

async fn instantiate(service: &CompiledService, store: &mut Store<InstanceState>) -> wasmtime::Result<Proxy> {
    Ok(match &service.code.prepared {
        Prepared::P2(pre) => Proxy::P2(pre.instantiate_async(store).await?),
        Prepared::P3(pre) => Proxy::P3(pre.instantiate_async(store).await?),
    })
}

fn put(slot: &ResponseSlot, answer: Result<http::Response<WasiBody>, String>) {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    // The first answer counts.
    if slot.is_none() {
        *slot = Some(answer);
    }
}

async fn serve_p2(
    store: &mut Store<InstanceState>,
    proxy: &p2::bindings::Proxy,
    request: http::Request<IncomingBody>,
    slot: ResponseSlot,
) -> wasmtime::Result<()> {
    let mut view = store.data_mut().http();
    let secure = request.uri().scheme() == Some(&http::uri::Scheme::HTTPS);
    let scheme = if secure { Scheme::Https } else { Scheme::Http };
    let request = view.new_incoming_request(scheme, request)?;
    let outparam = view.new_response_outparam_from_callback(move |answer| {
        put(&slot, answer.map_err(|code| format!("{code:?}")));
    })?;
    proxy.wasi_http_incoming_handler().call_handle(store, request, outparam).await
}

async fn serve_p3(
    store: &mut Store<InstanceState>,
    proxy: &p3::bindings::Service,
    request: http::Request<IncomingBody>,
    slot: ResponseSlot,
    body_done: oneshot::Receiver<()>,
) -> wasmtime::Result<()> {
    let (request, _request_done) = p3::Request::from_http(store.data_mut().http().hooks, request);
    store
        .run_concurrent(async |accessor| {
            let request = accessor.with(|mut access| access.data_mut().http().table.push(request))?;
            let answer = proxy.wasi_http_handler().call_handle(accessor, request).await?;
            let response = match answer {
                Err(code) => {
                    put(&slot, Err(format!("{code:?}")));
                    return Ok(());
                }
                Ok(response) => response,
            };
            let response = accessor.with(|mut access| {
                let response = access.data_mut().http().table.delete(response)?;
                response.into_http(access, std::future::ready(Ok::<(), Error>(())))
            })?;
            put(&slot, Ok(response));
            // Streams are only pumped while this runs: until the body is out and all tasks are done.
            let _ = body_done.await;
            std::future::poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
            Ok(())
        })
        .await?
}
