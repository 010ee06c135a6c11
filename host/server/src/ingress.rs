//! The data plane's listeners: from sockets to requests and back.
//!
//! Accepting never stops for one connection, and an error of `accept` (no file
//! handle left, say) costs a pause, not the listener. Each connection is a task;
//! it drives the guests of its requests itself.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{Either, select};
use hostel_model::failure::Failure;
use hostel_model::limits::ListenerLimits;
use hostel_model::platform::Platform;
use hostel_sandbox::{GuestFailure, Sandbox};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::answer::AnswerBody;
use crate::dispatch::{Arrival, Dispatcher, internal_error};
use crate::ingress::wire::{Meter, MeteredIo};
use crate::metrics::Metrics;
use crate::record::Origin;

pub mod framing;
pub mod request_body;
mod wire;

/// A pause after `accept` failed: long enough for something to be closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Bytes hyper may hold of a connection in each direction.
const BUFFER_BYTES: usize = 64 * 1024;

/// How far the end of the process has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Everything is served.
    Serving,
    /// Nothing new is accepted; what is in flight is finished.
    Draining,
    /// What is still in flight is dropped.
    Ending,
}

/// What every listener needs.
#[derive(Clone)]
pub struct Ingress {
    /// Answers requests.
    pub dispatcher: Arc<Dispatcher>,
    /// For its count of panics.
    pub sandbox: Arc<Sandbox>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Clock, chance and tasks.
    pub platform: Platform,
    /// The end of the process.
    pub phase: watch::Receiver<Phase>,
}

/// One connection's part of it all.
struct Connection {
    ingress: Ingress,
    listener: usize,
    peer: SocketAddr,
    limits: Arc<ListenerLimits>,
    meter: Meter,
}

impl Ingress {
    /// Accepts on `socket` until the process ends. `listener` is its place in
    /// the configuration; each of its connections holds one of `connections`,
    /// and when all are back, all are closed.
    pub async fn serve(
        mut self,
        socket: TcpListener,
        listener: usize,
        limits: ListenerLimits,
        connections: Arc<Semaphore>,
    ) {
        let limits = Arc::new(limits);
        loop {
            let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
                return;
            };
            let accepted = {
                let accept = std::pin::pin!(socket.accept());
                let draining = std::pin::pin!(self.phase.wait_for(|phase| *phase != Phase::Serving));
                // In this order: nothing more is accepted once the end has begun.
                match select(draining, accept).await {
                    Either::Left(_) => return,
                    Either::Right((accepted, _)) => accepted,
                }
            };
            match accepted {
                Ok((stream, peer)) => {
                    let meter = Meter::new(Arc::clone(&self.platform.clock));
                    let connection =
                        Connection { ingress: self.clone(), listener, peer, limits: Arc::clone(&limits), meter };
                    self.platform.spawn.task(Box::pin(async move {
                        connection.run(stream).await;
                        drop(permit);
                    }));
                }
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection; trying again shortly");
                    let clock = &self.platform.clock;
                    clock.sleep_until(clock.now().after(ACCEPT_PAUSE)).await;
                }
            }
        }
    }
}

impl Connection {
    async fn run(self, stream: TcpStream) {
        let this = Arc::new(self);
        this.ingress.metrics.connections.inc();
        // Answers are written whole; waiting to join them only delays.
        let served = AssertUnwindSafe(async { stream.set_nodelay(true).is_ok() && this.serve(stream).await });
        let timed_out = served.catch_unwind().await.unwrap_or_else(|_panic| {
            this.ingress.sandbox.counters().panics.fetch_add(1, Ordering::Relaxed);
            false
        });
        this.log_unclaimed(timed_out);
        this.ingress.metrics.connections.dec();
    }

    /// Serves one connection to its end; true if that came because a head took too long.
    async fn serve(self: &Arc<Self>, stream: TcpStream) -> bool {
        let clock = Arc::clone(&self.ingress.platform.clock);
        let io = TokioIo::new(MeteredIo::new(stream, self.meter.clone(), clock, self.limits.write_idle));
        let this = Arc::clone(self);
        let service = service_fn(move |request| {
            let this = Arc::clone(&this);
            async move { Ok::<_, Infallible>(this.answer(request).await) }
        });
        let connection = http1::Builder::new()
            // Without a timer the limit on headers is silently off.
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_read)
            .half_close(false)
            .max_buf_size(BUFFER_BYTES)
            .serve_connection(io, service);
        let mut connection = std::pin::pin!(connection);
        let mut phase = self.ingress.phase.clone();
        {
            let draining = std::pin::pin!(phase.wait_for(|phase| *phase != Phase::Serving));
            if let Either::Left((ended, _)) = select(connection.as_mut(), draining).await {
                return ended.is_err_and(|error| error.is_timeout());
            }
        }
        connection.as_mut().graceful_shutdown();
        let ending = std::pin::pin!(phase.wait_for(|phase| *phase == Phase::Ending));
        // Either it is done, or it is dropped with its guests.
        select(connection, ending).await;
        false
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<AnswerBody> {
        let dispatcher = &self.ingress.dispatcher;
        let exchange = self.meter.claim();
        let origin = Origin::Outside { peer: self.peer, exchange: Arc::clone(&exchange) };
        let id = new_id(&self.ingress.platform);
        let record = dispatcher.recorder.begin(id, request.method().as_str(), request.uri().path(), origin);
        self.meter.answer(&exchange, &record, request.method() == Method::HEAD);
        let limits = &self.limits;
        let arrival = Arrival {
            request,
            listener: self.listener,
            body_idle: limits.body_idle,
            client_patience: limits.body_idle.max(limits.write_idle),
            record: Arc::clone(&record),
        };
        match AssertUnwindSafe(dispatcher.request(arrival)).catch_unwind().await {
            Ok(response) => response,
            Err(_panic) => {
                self.ingress.sandbox.counters().panics.fetch_add(1, Ordering::Relaxed);
                internal_error(&record)
            }
        }
    }

    /// What never became a request is logged all the same: hyper answered it
    /// with a bare status, or the connection ended before its head did. Only
    /// the first: nothing after it was looked at.
    fn log_unclaimed(&self, timed_out: bool) {
        if let Some(exchange) = self.meter.unclaimed() {
            let status = exchange.state().status;
            let failure = match status {
                0 if timed_out => Failure::RequestTimeout,
                0 => Failure::ClientGone,
                414 => Failure::UriTooLong,
                431 => Failure::HeadersTooLarge,
                _ => Failure::BadRequest,
            };
            let origin = Origin::Outside { peer: self.peer, exchange };
            let record = self.ingress.dispatcher.recorder.begin(new_id(&self.ingress.platform), "", "", origin);
            if let Ok(status) = http::StatusCode::from_u16(status) {
                record.answered(status);
            }
            record.failed(GuestFailure::new(failure, "the head of the request was never complete, or broken"));
        }
    }
}

/// 128 random bits in hex: usable as a trace id, too.
fn new_id(platform: &Platform) -> Arc<str> {
    let mut bytes = [0; 16];
    platform.random.fill(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes)).into()
}
