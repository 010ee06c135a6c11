//! Requests of services to hosts outside: by grant, to addresses that were checked, within limits.
//!
//! What a service is granted is decided by `hostel_model::egress`. Here a name is
//! resolved by the host's own resolver, every address it stands for is judged, and
//! the connection is made to an address that was judged: nobody is asked a second
//! time. Connections belong to one service under one policy (`Outlet`) and are used
//! again by it alone. Nothing follows a redirection: that is for the guest, whose
//! next request is judged like its first.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use hostel_model::egress::{Granted, Scheme};
use hostel_model::platform::{Monotonic, Platform};
use hostel_sandbox::{IncomingBody, Outgoing, OutgoingError, OutgoingFuture, Patience};
use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use rustls::RootCertStore;
use tokio::sync::{Semaphore, oneshot};

use body::{SentBody, UpstreamBody};
use connect::{Destination, Reached};
use pool::{Key, Lease};
use resolver::Resolver;
use roots::Roots;
use slot::Slot;

pub(crate) use failure::denied_reason;
pub use outlet::Outlet;
pub use target::Target;

mod body;
mod connect;
mod failure;
mod headers;
mod outlet;
mod pool;
mod protocol;
mod resolver;
mod roots;
mod slot;
mod target;
#[cfg(test)]
mod tests;

/// A name is resolved and a connection made in this time, whatever a guest allows.
const CONNECT: Duration = Duration::from_secs(5);
/// A TLS handshake is finished in this time.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// No response may be silent for longer than this between two pieces of its body.
const BETWEEN_BYTES: Duration = Duration::from_secs(30);
/// Where all connections are in use, a request waits so long for one of them. Those that
/// have just been used need a moment, too, until they are closed or can be used again.
const WAITS: Duration = Duration::from_secs(1);
/// A body of unknown length in a request that mostly has none begins in this time, or
/// the head goes out before it.
const BODY_BEGINS: Duration = Duration::from_millis(100);
/// Services have one of so many connections of the process, whoever else has none:
/// the others are for those who ask the host.
const SHARE: usize = 2;

/// How services reach the outside, as the configuration says it.
#[derive(Clone, Debug)]
pub struct EgressSettings {
    /// Who is asked for addresses; none stands for whom the system asks.
    pub resolvers: Vec<SocketAddr>,
    /// Who is believed besides those whom the system believes.
    pub authorities: RootCertStore,
}

impl Default for EgressSettings {
    fn default() -> Self {
        Self { resolvers: Vec::new(), authorities: RootCertStore::empty() }
    }
}

/// What all services share on their way out: none of it is a connection.
pub struct Egress {
    platform: Platform,
    resolver: Resolver,
    roots: Roots,
    /// One for each connection that the process has files for, either way.
    descriptors: Arc<Semaphore>,
    /// One for each of those that may lead outside.
    share: Arc<Semaphore>,
}

impl Egress {
    /// Reads whom the system asks and believes, once; changes of that need a restart.
    /// Of `descriptors`, of which nobody has any yet, up to a half are for services.
    #[must_use]
    pub fn new(settings: EgressSettings, platform: Platform, descriptors: Arc<Semaphore>) -> Self {
        let resolver = Resolver::new(&settings.resolvers, &platform.clock);
        let share = Arc::new(Semaphore::new(descriptors.available_permits() / SHARE));
        Self { platform, resolver, roots: Roots::new(settings.authorities), descriptors, share }
    }

    /// Sends `outgoing` to `target`, which `outlet` has granted. The work is in a task
    /// of its own: neither a guest's processor time nor its store pays for a handshake.
    pub(crate) fn send(self: &Arc<Self>, outlet: &Arc<Outlet>, granted: Granted, sent: Sent) -> OutgoingFuture {
        let (mut answer, answered) = oneshot::channel();
        let (this, outlet) = (Arc::clone(self), Arc::clone(outlet));
        self.platform.spawn.task(Box::pin(async move {
            let work = std::pin::pin!(this.perform(&outlet, granted, sent));
            // In this order: who is gone wants nothing more.
            let outcome = match select(std::pin::pin!(answer.closed()), work).await {
                Either::Left(_) => return,
                Either::Right((outcome, _)) => outcome,
            };
            outlet.metrics.became(failure::outcome(&outcome));
            if let Err(error @ OutgoingError::Denied { .. }) = &outcome {
                outlet.metrics.prohibited(denied_reason(error));
            }
            // Dropped if the guest has left; then the connection goes as well.
            let _ = answer.send(outcome);
        }));
        Box::pin(async move { answered.await.unwrap_or(Err(OutgoingError::Unavailable)) })
    }

    async fn perform(
        &self,
        outlet: &Arc<Outlet>,
        granted: Granted,
        sent: Sent,
    ) -> Result<Response<IncomingBody>, OutgoingError> {
        let Sent { target, request, patience, expires } = sent;
        let key = Key { scheme: target.scheme, host: target.host_of(&granted), port: target.port };
        let mut request = request.map(SentBody::new);
        headers::for_upstream(request.headers_mut());
        if says_nothing_of_its_body(&request) {
            let looked = request.body_mut().look(&self.platform, BODY_BEGINS).await;
            looked.map_err(|_broken_off| OutgoingError::Broken)?;
        }
        let mut fresh = false;
        loop {
            // On the heap: it is large, and most requests find a connection that rests.
            let connect = Box::pin(self.lease(outlet, &key, &granted, patience.connect));
            let mut lease = self.until(expires, connect).await.ok_or(OutgoingError::ConnectTimeout)??;
            let waits = patience.first_byte.map(|patience| self.platform.clock.now().after(patience));
            let until = waits.map_or(expires, |waits| waits.min(expires));
            let answered = self.until(until, lease.send(&key, request)).await.ok_or(OutgoingError::ResponseTimeout)?;
            match answered {
                Ok(response) => return self.response(outlet, response, lease, &patience),
                // It was closed just before: nothing of the request has left the host.
                Err((_, Some(unsent))) if !fresh => request = unsent,
                Err((error, _)) => return Err(error),
            }
            // Twice is bad luck; more often somebody closes whatever is opened.
            fresh = lease.was_fresh();
        }
    }

    fn response(
        &self,
        outlet: &Arc<Outlet>,
        response: Response<hyper::body::Incoming>,
        lease: Lease,
        patience: &Patience,
    ) -> Result<Response<IncomingBody>, OutgoingError> {
        // Nobody has asked for it.
        if response.status() == http::StatusCode::SWITCHING_PROTOCOLS {
            return Err(OutgoingError::Protocol);
        }
        let (mut head, body) = response.into_parts();
        headers::for_guest(&mut head.headers);
        let between = patience.between_bytes.unwrap_or(BETWEEN_BYTES).min(BETWEEN_BYTES);
        let body = UpstreamBody::new(body, lease, Arc::clone(outlet), between, &self.platform);
        Ok(Response::from_parts(head, body.boxed_unsync()))
    }

    /// A connection to `key`: one that rests, or one that others use as well, or a new one.
    async fn lease(
        &self,
        outlet: &Arc<Outlet>,
        key: &Key,
        granted: &Granted,
        patience: Option<Duration>,
    ) -> Result<Lease, OutgoingError> {
        outlet.takes_over();
        let now = self.platform.clock.now();
        if let Some(lease) = outlet.pool.take(key, now) {
            return Ok(lease);
        }
        let gives_up = now.after(patience.unwrap_or(Duration::MAX));
        let connect_by = now.after(CONNECT).min(gives_up);
        // Whether one connection is enough for all who wait here is known when there is one.
        let gate = outlet.pool.gate(key);
        let mut alone = None;
        if let Some(gate) = &gate {
            alone = Some(self.until(connect_by, gate.lock()).await.ok_or(OutgoingError::ConnectTimeout)?);
            if let Some(lease) = outlet.pool.take(key, self.platform.clock.now()) {
                return Ok(lease);
            }
            // Somebody found out that each request needs one: nobody has to wait any more.
            alone = alone.filter(|_| outlet.pool.gate(key).is_some());
        }
        let slot = match self.slot(outlet, key, connect_by).await? {
            Either::Left(lease) => return Ok(lease),
            Either::Right(slot) => slot,
        };
        let destination = Destination { scheme: key.scheme, granted, port: key.port, policy: &outlet.policy };
        let addresses = match granted {
            Granted::Address(address) => [*address].into(),
            Granted::Name(name) => {
                let asked = self.until(connect_by, self.resolver.lookup(name, &outlet.known)).await;
                destination.judged(asked.ok_or(OutgoingError::DnsTimeout)??)?
            }
        };
        let stream = connect::tcp(&addresses, key.port, connect_by, &self.platform).await?;
        let reached = match key.scheme {
            Scheme::Http => Reached::plain(stream),
            Scheme::Https => {
                let by = self.platform.clock.now().after(HANDSHAKE).min(gives_up);
                let handshake = connect::tls(outlet.tls(&self.roots), &destination, stream);
                self.until(by, handshake).await.ok_or(OutgoingError::ConnectTimeout)??
            }
        };
        let lease = outlet.pool.begin(key, reached, slot, &self.platform).await;
        drop(alone);
        lease
    }

    /// Leave to open one more connection, or one to `key` that came to rest meanwhile.
    /// Those that rest give way; where all are in use, one of them may be over soon.
    async fn slot(&self, outlet: &Outlet, key: &Key, by: Monotonic) -> Result<Either<Lease, Slot>, OutgoingError> {
        let by = self.platform.clock.now().after(WAITS).min(by);
        loop {
            let mut changed = std::pin::pin!(outlet.places.changed().notified());
            // Before looking: what changes in between is not missed.
            changed.as_mut().enable();
            if let Some(lease) = outlet.pool.take(key, self.platform.clock.now()) {
                return Ok(Either::Left(lease));
            }
            if let Some(slot) = outlet.places.take([&self.share, &self.descriptors], &outlet.metrics.connections) {
                return Ok(Either::Right(slot));
            }
            outlet.pool.push_out();
            self.until(by, changed).await.ok_or(OutgoingError::Limit)?;
        }
    }

    /// What `work` comes to, if it does so in time.
    async fn until<T>(&self, by: Monotonic, work: impl Future<Output = T>) -> Option<T> {
        connect::until(&self.platform, by, work).await
    }
}

/// Whether `request` may have a body of which its head does not say how long it is, by a
/// method of which the library below takes it that it has none.
fn says_nothing_of_its_body(request: &Request<SentBody>) -> bool {
    let body = request.body();
    matches!(*request.method(), Method::GET | Method::HEAD)
        && !request.headers().contains_key(CONTENT_LENGTH)
        && !body.is_end_stream()
        && body.size_hint().exact().is_none()
}

/// A request on its way out.
pub(crate) struct Sent {
    /// Where to.
    pub(crate) target: Target,
    /// What to send.
    pub(crate) request: Request<IncomingBody>,
    /// How long its guest waits.
    pub(crate) patience: Patience,
    /// When its deadline is.
    pub(crate) expires: Monotonic,
}

impl Sent {
    /// What is left of `outgoing` when its target is known.
    pub(crate) fn new(target: Target, outgoing: Outgoing) -> Self {
        let Outgoing { request, patience, caller } = outgoing;
        let now = caller.tree.clock().now();
        Self { target, request, patience, expires: caller.deadline.expires_at(&caller.tree, now) }
    }
}
