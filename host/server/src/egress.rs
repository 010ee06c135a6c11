//! Requests of services to hosts outside: by grant, to addresses that were checked, within limits.
//!
//! What a service is granted is decided by `hostel_model::egress`. Here a name is
//! resolved by the host's own resolver, every address it stands for is judged, and
//! the connection is made to an address that was judged: nobody is asked a second
//! time. Connections belong to one service under one policy (`Outlet`) and are used
//! again by it alone. Nothing follows a redirection: that is for the guest, whose
//! next request is judged like its first.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::future::{Either, select};
use hostel_model::egress::{Granted, Outbound, Policy, Scheme};
use hostel_model::platform::{Monotonic, Platform};
use hostel_sandbox::{IncomingBody, Outgoing, OutgoingError, OutgoingFuture, Patience};
use http::{Request, Response};
use http_body_util::BodyExt;
use rustls::RootCertStore;
use tokio::sync::{Semaphore, oneshot};
use tokio_rustls::TlsConnector;

use crate::metrics::EgressMetrics;

use body::{SentBody, UpstreamBody};
use connect::{Destination, Reached};
use pool::{Key, Lease, Pool, Slot};
use resolver::Resolver;
use roots::Roots;

pub(crate) use failure::denied_reason;
pub use target::Target;

mod body;
mod connect;
mod failure;
mod headers;
mod pool;
mod protocol;
mod resolver;
mod roots;
mod target;
#[cfg(test)]
mod tests;

/// A name is resolved and a connection made in this time, whatever a guest allows.
const CONNECT: Duration = Duration::from_secs(5);
/// A TLS handshake is finished in this time.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// No response may be silent for longer than this between two pieces of its body.
const BETWEEN_BYTES: Duration = Duration::from_secs(30);
/// A connection that was pushed out for another is gone by then.
const PUSHED_OUT: Duration = Duration::from_secs(1);

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
}

impl Egress {
    /// Reads whom the system asks and believes, once; changes of that need a restart.
    #[must_use]
    pub fn new(settings: EgressSettings, platform: Platform, descriptors: Arc<Semaphore>) -> Self {
        let resolver = Resolver::new(&settings.resolvers);
        Self { platform, resolver, roots: Roots::new(settings.authorities), descriptors }
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
                outlet.metrics.denied(denied_reason(error));
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
        let mut fresh = false;
        loop {
            let connect = async { self.lease(outlet, &key, &granted, patience.connect).await };
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
        let slot = self.slot(outlet).await?;
        let destination = Destination { scheme: key.scheme, granted, port: key.port, policy: &outlet.policy };
        let addresses = match granted {
            Granted::Address(address) => vec![*address],
            Granted::Name(name) => {
                let asked = self.until(connect_by, self.resolver.lookup(name)).await;
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

    /// Leave to open one more connection. Those that rest give way.
    async fn slot(&self, outlet: &Outlet) -> Result<Slot, OutgoingError> {
        let of_process = Arc::clone(&self.descriptors).try_acquire_owned().map_err(|_none| OutgoingError::Limit)?;
        let of_service = match Arc::clone(&outlet.slots).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_none) if outlet.pool.push_out() => {
                let freed = Arc::clone(&outlet.slots).acquire_owned();
                let by = self.platform.clock.now().after(PUSHED_OUT);
                let freed = self.until(by, freed).await.and_then(Result::ok);
                freed.ok_or(OutgoingError::Limit)?
            }
            Err(_none) => return Err(OutgoingError::Limit),
        };
        Ok(Slot::new(of_service, of_process))
    }

    /// What `work` comes to, if it does so in time.
    async fn until<T>(&self, by: Monotonic, work: impl Future<Output = T>) -> Option<T> {
        connect::until(&self.platform, by, work).await
    }
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

/// The way out of one service under one policy: its connections, and how many there may be.
pub struct Outlet {
    /// What may be reached.
    policy: Policy,
    connections: u32,
    slots: Arc<Semaphore>,
    pool: Arc<Pool>,
    tls: OnceLock<TlsConnector>,
    /// What became of its requests.
    pub(crate) metrics: EgressMetrics,
}

impl Outlet {
    /// For a service that is granted `outbound` and so many connections at once: the
    /// one it has already, if that is no other. What it has open counts on where
    /// only its grants are others.
    #[must_use]
    pub fn of(
        outbound: &BTreeSet<Outbound>,
        connections: u32,
        metrics: EgressMetrics,
        current: Option<&Arc<Self>>,
    ) -> Arc<Self> {
        let policy = Policy::of(outbound);
        let same = current.filter(|current| current.connections == connections);
        if let Some(current) = same.filter(|current| current.policy == policy) {
            return Arc::clone(current);
        }
        let slots = same.map_or_else(|| Semaphore::new(connections as usize).into(), |same| Arc::clone(&same.slots));
        Arc::new(Self { policy, connections, slots, pool: Arc::default(), tls: OnceLock::new(), metrics })
    }

    /// What may be reached through it.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Closes connections that have rested too long.
    pub fn expire_idle(&self, now: Monotonic) {
        self.pool.expire(now);
    }

    /// Its own, so that no session is taken up again by somebody else.
    fn tls(&self, roots: &Roots) -> &TlsConnector {
        self.tls.get_or_init(|| roots.connector())
    }
}
