//! One connection from its first byte to its last: TLS, the choice of protocol, the requests, the end.

use std::convert::Infallible;
use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{Either, select};
use hostel_model::failure::Failure;
use hostel_model::limits::ListenerLimits;
use hostel_model::platform::Clock;
use hostel_sandbox::GuestFailure;
use http::header::CONNECTION;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

use super::frames::{FramedIo, PREFACE};
use super::meter::{Claim, Meter};
use super::rewind::Rewound;
use super::streams::{AHEAD_BYTES, Stream, StreamBody, StreamTasks, Streams};
use super::wire::GuardedIo;
use super::{Ingress, Inside, Phase};
use crate::answer::AnswerBody;
use crate::dispatch::{Arrival, internal_error};
use crate::edge::aim::{Aim, aim};
use crate::edge::{Fault, Peer};
use crate::pace::PaceLimits;
use crate::record::{Exchange, Origin, Protocol, RequestRecord};

/// Bytes hyper may hold of an HTTP/1 connection in each direction; what is larger
/// than a head's own limit never reaches it.
const BUFFER_BYTES: usize = 64 * 1024;
/// How long an HTTP/2 client may take to close a connection it was told to leave.
const GOAWAY_PATIENCE: Duration = Duration::from_millis(500);
/// How long a connection without a request yet is waited for when the process drains:
/// clients send their first request at once, others have connected ahead.
const NEWCOMER_PATIENCE: Duration = Duration::from_secs(1);
/// How long any connection is listened to when the process drains, and how often it is
/// looked at from then on: a request may be in the system already.
const LAST_LOOK: Duration = Duration::from_millis(20);
/// How often a connection whose streams are at work is looked at.
const IDLE_LOOK: Duration = Duration::from_millis(500);
/// Unsent bytes that the system may hold: few, so that a client that takes little
/// by little is seen to take something.
const UNSENT_BYTES: u32 = 16 * 1024;

/// One connection's part of it all.
pub(super) struct Connection {
    pub(super) ingress: Ingress,
    pub(super) peer: Peer,
}

impl Connection {
    /// Serves `stream` to its end; `inside` is what is behind the door it came in by.
    pub(super) async fn run(mut self, stream: TcpStream, inside: &Inside) {
        let metrics = Arc::clone(&self.ingress.metrics);
        metrics.connections.inc();
        let panics = Arc::clone(&self.ingress.sandbox);
        let served = AssertUnwindSafe(async {
            // Answers are written whole; waiting to join them only delays.
            if stream.set_nodelay(true).is_err() {
                return;
            }
            // Where the system has no such option, only the limits are less exact.
            let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES);
            match &inside.tls {
                Some(tls) => self.secured(tls.accept(stream)).await,
                None => self.plain(stream, inside.h2c).await,
            }
        });
        if served.catch_unwind().await.is_err() {
            panics.counters().panics.fetch_add(1, Ordering::Relaxed);
        }
        metrics.connections.dec();
    }

    /// After the handshake, which must be done in time.
    async fn secured<F>(&mut self, handshake: F)
    where
        F: Future<Output = io::Result<crate::tls::Secured<TcpStream>>>,
    {
        let clock = Arc::clone(&self.ingress.platform.clock);
        let expired = clock.sleep_until(clock.now().after(self.limits().tls_handshake));
        let secured = match select(std::pin::pin!(handshake), expired).await {
            Either::Left((Ok(secured), _)) => secured,
            Either::Left((Err(_), _)) | Either::Right(_) => {
                self.ingress.metrics.tls_handshakes_failed.inc();
                return;
            }
        };
        let http2 = secured.facts.http2;
        self.peer.tls = Some(secured.facts);
        if http2 {
            self.http2(secured.stream).await;
        } else {
            self.http1(secured.stream).await;
        }
    }

    /// Without TLS. With `h2c`, a client that begins with HTTP/2's preface speaks it.
    async fn plain(&self, mut stream: TcpStream, h2c: bool) {
        if !h2c {
            return self.http1(stream).await;
        }
        let mut prefix = Vec::with_capacity(PREFACE.len());
        let sniffed = sniff(&mut stream, &mut prefix, &self.ingress.platform.clock, self.limits()).await;
        match sniffed {
            Some(true) => self.http2(Rewound::new(prefix, stream)).await,
            Some(false) => self.http1(Rewound::new(prefix, stream)).await,
            None => {}
        }
    }

    async fn http1<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) {
        let meter = Meter::default();
        let clock = &self.ingress.platform.clock;
        let io = TokioIo::new(GuardedIo::new(stream, meter.clone(), clock, Arc::clone(self.limits())));
        let connection = http1::Builder::new()
            // The socket keeps the time: one of hyper's limits could not tell a
            // connection that rests from a head that does not come.
            .header_read_timeout(None)
            .half_close(false)
            .max_buf_size(BUFFER_BYTES)
            .serve_connection(io, service_fn(|request| self.answer_http1(request, &meter)));
        let told = self.told_to_leave(&meter);
        self.until_the_end(connection, told, |connection| connection.graceful_shutdown()).await;
        self.log_left_over(&meter);
    }

    async fn http2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, stream: S) {
        let platform = &self.ingress.platform;
        let limits = self.limits();
        let streams = Arc::new(Streams::new(Arc::clone(&platform.clock)));
        let tasks = StreamTasks::new(Arc::clone(&platform.spawn), Arc::clone(&platform.clock));
        let io = TokioIo::new(FramedIo::new(stream, &platform.clock, Arc::clone(limits)));
        let this = Arc::new(Self { ingress: self.ingress.clone(), peer: self.peer.clone() });
        let pace = PaceLimits::of_writes(limits);
        let (begins, opened) = (tasks.clone(), Arc::clone(&streams));
        let service = service_fn(move |request| {
            let stream = Stream::begin(&opened, pace);
            begins.begins(Arc::clone(&stream));
            let this = Arc::clone(&this);
            async move { this.answer_http2(request, stream).await }
        });
        let connection = http2::Builder::new(tasks)
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            // The library refuses what is larger without a word to anybody; so it gets
            // twice what `edge::headers` lets pass.
            .max_header_list_size(bytes_u32(limits.header_list.0.saturating_mul(2)))
            .initial_stream_window_size(bytes_u32(limits.stream_window.0))
            .initial_connection_window_size(bytes_u32(limits.connection_window.0))
            .max_pending_accept_reset_streams(limits.reset_streams as usize)
            .max_local_error_reset_streams(limits.reset_streams_local as usize)
            .max_send_buf_size(AHEAD_BYTES)
            // Finds peers that are gone without a word while answers are on their way.
            .keep_alive_interval(limits.idle / 2)
            // A ping waits behind what a slow reader has not taken yet.
            .keep_alive_timeout(limits.write_idle)
            .serve_connection(io, service);
        let connection = std::pin::pin!(connection);
        let served = self.until_it_rests(connection, &streams, |connection| connection.graceful_shutdown());
        select(std::pin::pin!(streams.stuck.notified()), std::pin::pin!(served)).await;
    }

    /// Polls `connection` until it ends or has had no stream for too long; then it is
    /// told to `leave`.
    async fn until_it_rests<C: Future>(
        &self,
        mut connection: Pin<&mut C>,
        streams: &Streams,
        leave: impl Fn(Pin<&mut C>),
    ) {
        let (clock, limits) = (&self.ingress.platform.clock, self.limits());
        let rests = {
            let idle = std::pin::pin!(idle(streams, clock, limits.idle));
            let leave = |connection: Pin<&mut Pin<&mut C>>| leave(connection.get_mut().as_mut());
            let served = self.until_the_end(connection.as_mut(), self.drains(), leave);
            // In this order, here and wherever a connection is polled: one that always has
            // something to read uses up its turn, and what is asked after it is never ready.
            matches!(select(idle, std::pin::pin!(served)).await, Either::Left(_))
        };
        if !rests {
            return;
        }
        leave(connection.as_mut());
        let leaving = std::pin::pin!(async {
            clock.sleep_until(clock.now().after(GOAWAY_PATIENCE)).await;
            // A request may have been under way when the client was told.
            idle(streams, clock, GOAWAY_PATIENCE).await;
        });
        let mut phase = self.ingress.phase.clone();
        let ending = std::pin::pin!(phase.wait_for(|phase| *phase == Phase::Ending));
        select(ending, select(leaving, connection)).await;
    }

    /// Polls `connection` until it ends or the drain does; when it is `told` to, it leaves.
    async fn until_the_end<C: Future>(
        &self,
        connection: C,
        told: impl Future<Output = ()>,
        leave: impl Fn(Pin<&mut C>),
    ) {
        let mut connection = std::pin::pin!(connection);
        if let Either::Right(_) = select(std::pin::pin!(told), connection.as_mut()).await {
            return;
        }
        leave(connection.as_mut());
        let mut phase = self.ingress.phase.clone();
        let ending = std::pin::pin!(phase.wait_for(|phase| *phase == Phase::Ending));
        // Either it is done, or it is dropped with its guests.
        select(ending, connection).await;
    }

    /// Ready once the process drains.
    async fn drains(&self) {
        let mut phase = self.ingress.phase.clone();
        // Fails only if nobody is left who could tell, which says the same.
        let _ = phase.wait_for(|phase| *phase != Phase::Serving).await;
    }

    fn is_draining(&self) -> bool {
        *self.ingress.phase.borrow() != Phase::Serving
    }

    /// Ready once the process drains and no request can be on its way that the client
    /// could not know to be too late: on a connection that was just made, or begun.
    async fn told_to_leave(&self, meter: &Meter) {
        self.drains().await;
        let clock = &self.ingress.platform.clock;
        let enough = clock.now().after(NEWCOMER_PATIENCE);
        loop {
            clock.sleep_until(clock.now().after(LAST_LOOK)).await;
            // What the system has of the client is read before it is asked what there is.
            tokio::task::yield_now().await;
            let is_new = meter.is_unused() && clock.now() < enough;
            if !is_new && !meter.is_mid_head() {
                return;
            }
        }
    }

    fn limits(&self) -> &Arc<ListenerLimits> {
        &self.peer.listener.limits
    }

    async fn answer_http1(
        &self,
        request: Request<Incoming>,
        meter: &Meter,
    ) -> Result<Response<AnswerBody>, Infallible> {
        let Claim { exchange, refused } = meter.claim();
        let head_only = *request.method() == Method::HEAD;
        let (aimed, method, path) = match refused {
            Some(refused) => (Err(refused.fault), refused.method, refused.path),
            None => self.aimed(&request),
        };
        let protocol = Protocol::Http1;
        let origin = Origin::Outside { peer: self.peer.address, protocol, exchange: Arc::clone(&exchange) };
        let record = self.ingress.dispatcher.recorder.begin(self.new_id(), &method, &path, origin);
        meter.answer(&exchange, &record, head_only);
        let mut response = self.answer(request, aimed, &record, None).await;
        if self.is_draining() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }

    async fn answer_http2(
        &self,
        request: Request<Incoming>,
        stream: Arc<Stream>,
    ) -> Result<Response<StreamBody>, Infallible> {
        let exchange = Arc::<Exchange>::default();
        exchange.update(|seen| seen.first_byte = self.ingress.platform.clock.now());
        let head_only = *request.method() == Method::HEAD;
        let (aimed, method, path) = self.aimed(&request);
        let protocol = Protocol::Http2;
        let origin = Origin::Outside { peer: self.peer.address, protocol, exchange: Arc::clone(&exchange) };
        let record = self.ingress.dispatcher.recorder.begin(self.new_id(), &method, &path, origin);
        let mut response = self.answer(request, aimed, &record, Some(Arc::clone(&exchange))).await;
        // Nothing of the kind in HTTP/2, where one request does not end the connection.
        response.headers_mut().remove(CONNECTION);
        let bodyless = head_only || matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        Ok(response.map(|body| StreamBody::new(body, stream, exchange, record, bodyless)))
    }

    /// What a request is aimed at, and what the log calls it.
    fn aimed(&self, request: &Request<Incoming>) -> (Result<Aim, Fault>, String, String) {
        let aimed = aim(request, &self.peer);
        let path = match &aimed {
            Ok(Aim::Service(target)) => target.path_and_query.path(),
            Ok(Aim::Host | Aim::Elsewhere(_)) | Err(_) => request.uri().path(),
        };
        let path = path.to_owned();
        (aimed, request.method().as_str().to_owned(), path)
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        aimed: Result<Aim, Fault>,
        record: &Arc<RequestRecord>,
        counted: Option<Arc<Exchange>>,
    ) -> Response<AnswerBody> {
        let limits = self.limits();
        let arrival = Arrival {
            request,
            aimed,
            peer: &self.peer,
            body_pace: PaceLimits::of_bodies(limits),
            client_patience: limits.body_idle.max(limits.write_idle),
            counted,
            record: Arc::clone(record),
        };
        match AssertUnwindSafe(self.ingress.dispatcher.request(arrival)).catch_unwind().await {
            Ok(response) => response,
            Err(_panic) => {
                self.ingress.sandbox.counters().panics.fetch_add(1, Ordering::Relaxed);
                internal_error(record)
            }
        }
    }

    /// What never became a request is logged all the same: hyper answered it
    /// with a bare status, or the connection ended before its head did. Only
    /// the first: nothing after it was looked at.
    fn log_left_over(&self, meter: &Meter) {
        let Some(Claim { exchange, refused }) = meter.left_over() else {
            return;
        };
        let status = exchange.state().status;
        let failure = match (status, &refused) {
            (_, Some(refused)) => refused.fault.failure,
            (0, None) => Failure::ClientGone,
            (414, None) => Failure::UriTooLong,
            (431, None) => Failure::HeadersTooLarge,
            (_, None) => Failure::BadRequest,
        };
        let origin = Origin::Outside { peer: self.peer.address, protocol: Protocol::Http1, exchange };
        let record = self.ingress.dispatcher.recorder.begin(self.new_id(), "", "", origin);
        if let Ok(status) = StatusCode::from_u16(status) {
            record.answered(status);
        }
        record.failed(GuestFailure::new(failure, "the head of the request was never complete, or broken"));
    }

    /// 128 random bits in hex: usable as a trace id, too.
    fn new_id(&self) -> Arc<str> {
        let mut bytes = [0; 16];
        self.ingress.platform.random.fill(&mut bytes);
        format!("{:032x}", u128::from_be_bytes(bytes)).into()
    }
}

/// Whether a client begins with HTTP/2's preface; nothing if it left or was too slow.
async fn sniff(
    stream: &mut TcpStream,
    prefix: &mut Vec<u8>,
    clock: &Arc<dyn Clock>,
    limits: &ListenerLimits,
) -> Option<bool> {
    let mut deadline = clock.now().after(limits.first_byte);
    loop {
        let mut bytes = [0; PREFACE.len()];
        let room = bytes.get_mut(prefix.len()..).unwrap_or_default();
        let read = std::pin::pin!(stream.read(room));
        let count = match select(read, clock.sleep_until(deadline)).await {
            Either::Left((Ok(count @ 1..), _)) => count,
            Either::Left(_) | Either::Right(_) => return None,
        };
        if prefix.is_empty() {
            deadline = clock.now().after(limits.header_read);
        }
        prefix.extend_from_slice(bytes.get(prefix.len()..prefix.len() + count).unwrap_or_default());
        if !PREFACE.starts_with(prefix) {
            return Some(false);
        }
        if prefix.len() == PREFACE.len() {
            return Some(true);
        }
    }
}

/// Ready when the connection had no stream for so long.
async fn idle(streams: &Streams, clock: &Arc<dyn Clock>, patience: Duration) {
    loop {
        let now = clock.now();
        let look = match streams.quiet_since().map(|since| since.after(patience)) {
            Some(end) if end <= now => return,
            Some(end) => end,
            None => now.after(patience.min(IDLE_LOOK)),
        };
        clock.sleep_until(look).await;
    }
}

/// Sizes of HTTP/2 have 32 bits; the configuration allows no more.
fn bytes_u32(bytes: u64) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
