//! The connections of one service: which rest, which are shared, and how many there are.
//!
//! A connection of HTTP/1.1 is either in somebody's hands or rests here; one of
//! HTTP/2 stays here and is shared by whoever needs it. What is dropped is closed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hostel_model::egress::Scheme;
use hostel_model::platform::{Monotonic, Platform};
use hostel_sandbox::OutgoingError;
use http::header::{HOST, TE, TRANSFER_ENCODING};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderValue, Request, Response, Uri, Version};
use hyper::body::Incoming;
use tokio::sync::Notify;

use super::body::SentBody;
use super::connect::{Reached, until};
use super::protocol::{self, Life, STREAMS, Sender};
use super::slot::Slot;
use super::{failure, target};

/// How long a connection rests before it is closed: others close theirs after five
/// seconds to two minutes, and a request on one that is just being closed is made again.
const RESTS: Duration = Duration::from_secs(30);
/// A connection is ready for another request soon after its last response, or never.
const SETTLES: Duration = Duration::from_secs(1);
/// Hosts of which it is remembered what they speak.
const REMEMBERED: usize = 256;

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) scheme: Scheme,
    /// In its only spelling.
    pub(super) host: String,
    pub(super) port: u16,
}

/// Connections that rest or are shared.
pub(super) struct Pool {
    connections: Mutex<Connections>,
    /// Whoever waits for a connection is told by it that one came to rest.
    changed: Arc<Notify>,
}

#[derive(Default)]
struct Connections {
    /// The one that was used last is the last.
    open: Vec<Open>,
    /// Nobody uses any of them again: another pool has taken its place.
    retired: bool,
    hosts: HashMap<Key, Host>,
}

struct Open {
    key: Key,
    sender: Sender,
    life: Life,
    used: Monotonic,
}

/// What is known of a host by TLS.
enum Host {
    /// It speaks HTTP/1.1, so that every request needs a connection.
    Http1,
    /// Whoever connects first finds out.
    Unknown(Gate),
}

type Gate = Arc<tokio::sync::Mutex<()>>;

/// A connection in the hands of one request.
pub(super) struct Lease {
    key: Key,
    sender: Sender,
    life: Life,
    fresh: bool,
}

impl Pool {
    pub(super) fn new(changed: &Arc<Notify>) -> Self {
        Self { connections: Mutex::default(), changed: Arc::clone(changed) }
    }

    /// A connection to `key` that is there.
    pub(super) fn take(&self, key: &Key, now: Monotonic) -> Option<Lease> {
        let mut connections = self.lock();
        connections.close_idle(now);
        let place = connections.open.iter().rposition(|open| open.key == *key && open.has_room())?;
        let mut open = connections.open.remove(place);
        let (key, life) = (open.key.clone(), open.life.clone());
        let sender = match &open.sender {
            Sender::Http1(_) => return Some(Lease { key, sender: open.sender, life: open.life, fresh: false }),
            Sender::Http2(sender) => Sender::Http2(sender.clone()),
        };
        open.used = now;
        connections.open.push(open);
        Some(Lease { key, sender, life, fresh: false })
    }

    /// Where to wait until it is known whether one connection is enough.
    pub(super) fn gate(&self, key: &Key) -> Option<Gate> {
        if key.scheme == Scheme::Http {
            return None;
        }
        let mut connections = self.lock();
        if connections.hosts.len() >= REMEMBERED && !connections.hosts.contains_key(key) {
            connections.hosts.retain(|_, host| matches!(host, Host::Unknown(gate) if Arc::strong_count(gate) > 1));
        }
        match connections.hosts.entry(key.clone()).or_insert_with(|| Host::Unknown(Gate::default())) {
            Host::Http1 => None,
            Host::Unknown(gate) => Some(Arc::clone(gate)),
        }
    }

    /// Begins to speak to `key`. A connection of HTTP/2 is there for others at once.
    pub(super) async fn begin(
        &self,
        key: &Key,
        reached: Reached,
        slot: Slot,
        platform: &Platform,
    ) -> Result<Lease, OutgoingError> {
        let (sender, life) = protocol::begin(reached, slot, &self.changed, platform).await?;
        let lease = Lease { key: key.clone(), sender, life, fresh: true };
        let mut connections = self.lock();
        match &lease.sender {
            Sender::Http1(_) if key.scheme == Scheme::Https => {
                connections.hosts.insert(key.clone(), Host::Http1);
            }
            Sender::Http1(_) => {}
            Sender::Http2(_) if connections.retired => {}
            Sender::Http2(sender) => {
                let (key, sender, life) = (key.clone(), Sender::Http2(sender.clone()), lease.life.clone());
                connections.open.push(Open { key, sender, life, used: platform.clock.now() });
            }
        }
        Ok(lease)
    }

    /// Closes the connection that has rested for the longest, if one rests.
    pub(super) fn push_out(&self) -> bool {
        let mut connections = self.lock();
        let resting = connections.open.iter().position(Open::rests);
        resting.map(|place| connections.open.remove(place)).is_some()
    }

    /// Closes those that have rested too long.
    pub(super) fn expire(&self, now: Monotonic) {
        self.lock().close_idle(now);
    }

    /// Closes all that rest, and each of the others when its last response is over.
    pub(super) fn retire(&self) {
        let mut connections = self.lock();
        connections.retired = true;
        connections.open.clear();
    }

    fn comes_to_rest(&self, open: Open) {
        let mut connections = self.lock();
        if connections.retired {
            return;
        }
        connections.open.push(open);
        drop(connections);
        self.changed.notify_one();
    }

    /// How many rest or are shared.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().open.len()
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connections {
    fn close_idle(&mut self, now: Monotonic) {
        self.open.retain(|open| !open.is_closed() && (!open.rests() || now.since(open.used) < RESTS));
    }
}

impl Open {
    /// Whether no request uses it.
    fn rests(&self) -> bool {
        self.life.others() == 0
    }

    /// Whether it takes one more request.
    fn has_room(&self) -> bool {
        match &self.sender {
            Sender::Http1(_) => true,
            Sender::Http2(_) => self.life.others() < STREAMS as usize,
        }
    }

    fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => !sender.is_ready(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }
}

impl Lease {
    /// Whether it is of HTTP/2, where one stream may end before the others.
    pub(super) fn is_http2(&self) -> bool {
        matches!(self.sender, Sender::Http2(_))
    }

    /// Whether the connection was made for this request.
    pub(super) fn was_fresh(&self) -> bool {
        self.fresh
    }

    /// Sends `request` in the form that the connection speaks. What was not sent
    /// at all comes back with the error.
    pub(super) async fn send(
        &mut self,
        key: &Key,
        request: Request<SentBody>,
    ) -> Result<Response<Incoming>, (OutgoingError, Option<Request<SentBody>>)> {
        let Some(request) = addressed(key, request, self.is_http2()) else {
            return Err((OutgoingError::Protocol, None));
        };
        let sent = match &mut self.sender {
            Sender::Http1(sender) => sender.try_send_request(request).await,
            Sender::Http2(sender) => sender.try_send_request(request).await,
        };
        sent.map_err(|mut error| {
            let unsent = error.take_message();
            (failure::of_exchange(error.error()), unsent)
        })
    }

    /// The response is complete: the connection may serve the next request.
    pub(super) fn give_back(self, pool: &Arc<Pool>, platform: &Platform) {
        let Self { key, sender, life, .. } = self;
        let Sender::Http1(mut sender) = sender else {
            // It was there all the time.
            return;
        };
        let (pool, platform) = (Arc::downgrade(pool), platform.clone());
        let spawn = Arc::clone(&platform.spawn);
        spawn.task(Box::pin(async move {
            let by = platform.clock.now().after(SETTLES);
            let settled = until(&platform, by, sender.ready()).await;
            if let (Some(Ok(())), Some(pool)) = (settled, pool.upgrade()) {
                let used = platform.clock.now();
                pool.comes_to_rest(Open { key, sender: Sender::Http1(sender), life, used });
            }
        }));
    }
}

/// The request as `key` gets it: in HTTP/1.1 the host is a field, in HTTP/2 part of the address.
fn addressed(key: &Key, request: Request<SentBody>, http2: bool) -> Option<Request<SentBody>> {
    let authority =
        if key.port == key.scheme.default_port() { key.host.clone() } else { format!("{}:{}", key.host, key.port) };
    let path: PathAndQuery = target::path_of(&request).parse().ok()?;
    let (mut head, body) = request.into_parts();
    let mut parts = http::uri::Parts::default();
    parts.path_and_query = Some(path);
    if http2 {
        parts.scheme = key.scheme.as_str().parse().ok();
        parts.authority = Some(authority.parse::<Authority>().ok()?);
        head.headers.remove(HOST);
        head.headers.remove(TRANSFER_ENCODING);
        head.version = Version::HTTP_2;
    } else {
        // A field of one hop, which HTTP/2 alone says without `Connection`.
        head.headers.remove(TE);
        head.headers.insert(HOST, HeaderValue::from_str(&authority).ok()?);
        if body.was_looked_at() {
            // The library takes it that a GET has no body unless its head says so.
            head.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        head.version = Version::HTTP_11;
    }
    head.uri = Uri::from_parts(parts).ok()?;
    Some(Request::from_parts(head, body))
}
