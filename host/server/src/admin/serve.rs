//! From a connection to an answered request: every bound that keeps one client from the others.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use futures::future::{Either, join_all, pending, select};
use futures::stream::{FuturesUnordered, StreamExt};
use hostel_model::platform::{BoxTask, Monotonic, Platform};
use http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::watch;

use crate::admin::context::Context;
use crate::admin::gate::denials::Denials;
use crate::admin::gate::{Keys, Refused, Who};
use crate::admin::problem::Problem;
use crate::admin::reach::Reach;
use crate::admin::socket::{Door, Stream, Transport};
use crate::admin::token::Token;
use crate::admin::tokens::Tokens;
use crate::admin::{AdminState, api, audit, gate};

/// Connections of one door at once: a handful of operators and probes, with room.
/// Each door has its own, so that the network cannot shut out the operator.
pub(super) const CONNECTIONS_MAX: usize = 64;
/// Time for the head of a request, and between two requests.
pub(super) const HEADER_TIME: Duration = Duration::from_secs(10);
/// Bytes of a head: what the data plane grants, too.
const HEADER_BYTES_MAX: usize = 32 * 1024;
/// Time a connection may live: one that never reads would stay for ever.
const CONNECTION_TIME: Duration = Duration::from_secs(60);
/// The same once something was asked for that takes long: compiling some minutes, an
/// export or a backup as long as a disk takes for it. What is silent meanwhile is
/// ended sooner by whoever waits for it.
const LONG_CONNECTION_TIME: Duration = Duration::from_hours(1);
/// Time for what is being answered when a connection is to end.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// A pause after `accept` failed: long enough for something to be closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What every connection needs.
pub(super) struct Plane {
    router: TowerToHyperService<Router>,
    state: Arc<AdminState>,
    keys: Keys,
    denials: Denials,
    platform: Platform,
}

impl Plane {
    pub(super) fn new(state: AdminState, (operator, tokens): (Option<Token>, Tokens), platform: Platform) -> Self {
        let denials = Denials::new(&state.metrics);
        let tokens = Arc::new(tokens);
        let context = Context::new(state, Arc::clone(&tokens), platform.clone());
        let state = Arc::clone(&context.state);
        let router = TowerToHyperService::new(api::router(context));
        Self { router, state, keys: Keys { operator, tokens }, denials, platform }
    }

    /// How far `who` reaches, if that is as far as what the request is for.
    fn reach<B>(&self, who: &Who, request: &Request<B>) -> Result<Reach, Problem> {
        let Some(name) = &who.tenant else {
            return Ok(Reach::everything());
        };
        let reach = Reach::of(name, Arc::clone(&self.state.live.load().tenancy)).ok_or_else(|| {
            if self.state.deployer.get().is_none() {
                return Problem::busy("The host is still starting; ask again once `/readyz` says that it is ready.");
            }
            Problem::forbidden("The tenant of this token is not in the configuration any more.")
        });
        let reach = reach.and_then(|reach| reach.check(request).map(|()| reach));
        if let Err(problem) = &reach {
            audit::beyond(who.author, request, problem);
        }
        reach
    }

    fn sleep(&self, time: Duration) -> BoxTask {
        self.platform.clock.sleep_until(self.platform.clock.now().after(time))
    }

    /// The answer to `request`; `until` is when its connection ends.
    async fn answer(
        &self,
        mut request: Request<Incoming>,
        transport: Transport,
        until: &watch::Sender<Monotonic>,
    ) -> Response {
        let checked = gate::check(&request, transport, &self.keys).and_then(|who| {
            let reach = self.reach(&who, &request)?;
            Ok((who.author, reach))
        });
        let mut response = match checked {
            Err(Refused { problem, denial }) => {
                if let Some(denial) = denial {
                    self.denials.tell(denial, transport, self.platform.clock.now());
                }
                problem.into_response()
            }
            Ok((who, reach)) => {
                if gate::takes_long(&request) {
                    until.send_replace(self.platform.clock.now().after(LONG_CONNECTION_TIME));
                }
                request.extensions_mut().insert(who);
                request.extensions_mut().insert(reach);
                let answer = AssertUnwindSafe(async { self.router.call(request.map(Body::new)).await });
                match answer.catch_unwind().await {
                    Ok(Ok(response)) => response,
                    Err(_panic) => Problem::internal().into_response(),
                }
            }
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

/// Answers whoever comes in by `doors`, until it is told to stop.
pub(super) async fn serve(plane: Arc<Plane>, doors: Vec<Door>, stopped: watch::Receiver<bool>) {
    join_all(doors.into_iter().map(|door| serve_door(Arc::clone(&plane), door, stopped.clone()))).await;
}

/// Accepts and serves in one task: whatever is polled here is bounded.
async fn serve_door(plane: Arc<Plane>, door: Door, mut stopped: watch::Receiver<bool>) {
    let mut connections = FuturesUnordered::new();
    let mut pause: Option<BoxTask> = None;
    let mut stop = Box::pin({
        let mut stopped = stopped.clone();
        async move { ended(&mut stopped).await }
    });
    loop {
        let may_accept = pause.is_none() && connections.len() < CONNECTIONS_MAX;
        tokio::select! {
            () = &mut stop => break,
            Some(()) = connections.next(), if !connections.is_empty() => {}
            () = async { match &mut pause { Some(pause) => pause.await, None => pending().await } } => pause = None,
            accepted = door.accept(), if may_accept => match accepted {
                Ok(Some((stream, transport))) => {
                    connections.push(converse(Arc::clone(&plane), stream, transport, stopped.clone()));
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection to the admin plane; trying again shortly");
                    pause = Some(plane.sleep(ACCEPT_PAUSE));
                }
            },
        }
    }
    // Nobody else comes in while the last ones finish; each ends by itself.
    drop(door);
    ended(&mut stopped).await;
    while connections.next().await.is_some() {}
}

/// Ready once the plane is told to stop, or nobody is left who could tell.
async fn ended(stopped: &mut watch::Receiver<bool>) {
    // Fails only if the sender is gone, which says the same.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Serves one connection to its end.
async fn converse(
    plane: Arc<Plane>,
    stream: Box<dyn Stream>,
    transport: Transport,
    mut stopped: watch::Receiver<bool>,
) {
    let clock = Arc::clone(&plane.platform.clock);
    let (until, mut ends) = watch::channel(clock.now().after(CONNECTION_TIME));
    let (answering, until) = (Arc::clone(&plane), Arc::new(until));
    let service = service_fn(move |request| {
        let (plane, until) = (Arc::clone(&answering), Arc::clone(&until));
        async move { Ok::<_, Infallible>(plane.answer(request, transport, &until).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME)
            .max_header_size(HEADER_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service)
    );
    let old = async {
        loop {
            let until = *ends.borrow_and_update();
            let changed = pin!(ends.changed());
            if let Either::Left(_) = select(clock.sleep_until(until), changed).await {
                return;
            }
        }
    };
    let (old, told) = (pin!(old), pin!(ended(&mut stopped)));
    let enough = pin!(select(old, told));
    // A connection that breaks is its client's affair.
    if let Either::Right(_) = select(connection.as_mut(), enough).await {
        connection.as_mut().graceful_shutdown();
        select(connection, plane.sleep(LAST_WORDS)).await;
    }
}
