//! The data plane's listeners: from sockets to requests and back.
//!
//! Accepting never stops for one connection, and an error of `accept` (no file
//! handle left, say) costs a pause, not the listener. Each connection is a task;
//! over HTTP/1 it drives the guests of its requests itself, over HTTP/2 each
//! stream is a task of its own.
//!
//! In reading order: `connection` (from the handshake to the end), `wire` and
//! `head`, `chunks` (what HTTP/1 must look like), `frames` and `streams` (what
//! HTTP/2 must keep to), `paced` (what writes to both must keep to), `meter` and
//! `framing` (who is told how many bytes passed).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use hostel_model::platform::Platform;
use hostel_sandbox::Sandbox;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::dispatch::Dispatcher;
use crate::edge::{Listener, Peer};
use crate::ingress::addresses::Addresses;
use crate::ingress::connection::Connection;
use crate::metrics::Metrics;
use crate::tls::ListenerTls;

pub mod addresses;
mod chunks;
mod connection;
mod frames;
pub mod framing;
mod head;
mod linger;
mod meter;
mod paced;
pub mod request_body;
mod rewind;
mod streams;
mod wire;

/// A pause after `accept` failed: long enough for something to be closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
    /// Connections of all listeners together: as many as there are file handles for.
    pub descriptors: Arc<Semaphore>,
}

/// One socket that connections come in by.
pub struct Door {
    /// The socket.
    pub socket: TcpListener,
    /// Whether another process takes it over when this one ends.
    pub inherited: bool,
    /// What is behind it.
    pub inside: Inside,
}

/// What is the same for all connections of one door; they keep it, and not its
/// socket, which closes when the end begins.
pub struct Inside {
    /// What the edge knows of them.
    pub listener: Arc<Listener>,
    /// Certificates, if it speaks TLS.
    pub tls: Option<Arc<ListenerTls>>,
    /// Whether HTTP/2 is spoken without TLS.
    pub h2c: bool,
    /// Connections it may have. When all are back, all are closed.
    pub connections: Arc<Semaphore>,
    /// Connections that each client address has.
    pub addresses: Arc<Addresses>,
}

impl Ingress {
    /// Accepts at `door` until the end begins.
    pub async fn serve(self, door: Door) {
        let Door { socket, inherited, inside } = door;
        let inside = Arc::new(inside);
        // Shown from now on, not from the first refusal on.
        let _refused = self.metrics.connections_refused("address");
        let mut phase = self.phase.clone();
        loop {
            let accepted = {
                let draining = std::pin::pin!(phase.wait_for(|phase| *phase != Phase::Serving));
                let next = std::pin::pin!(async {
                    let permits = self.permits(&inside).await;
                    (permits, socket.accept().await)
                });
                // In this order: nothing more is accepted once the end has begun.
                match select(draining, next).await {
                    Either::Right(((Some(permits), accepted), _)) => accepted.map(|accepted| (accepted, permits)),
                    Either::Left(_) | Either::Right(((None, _), _)) => break,
                }
            };
            match accepted {
                Ok((accepted, permits)) => self.welcome(accepted, &inside, permits),
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection; trying again shortly");
                    let clock = &self.platform.clock;
                    clock.sleep_until(clock.now().after(ACCEPT_PAUSE)).await;
                }
            }
        }
        if !inherited {
            self.serve_the_last(socket, &inside);
        }
    }

    /// Serves whoever waits at `socket`, and closes it. The system has told those
    /// clients that they are connected, and would break off with them; at a socket
    /// that was handed over they wait for the next process instead.
    fn serve_the_last(&self, socket: TcpListener, inside: &Arc<Inside>) {
        let Ok(socket) = socket.into_std() else { return };
        // It does not block: the first error is that nobody waits any more.
        while let Some(permits) = self.permits_now(inside)
            && let Ok((stream, address)) = socket.accept()
        {
            let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            if let Ok(stream) = stream {
                self.welcome((stream, address), inside, permits);
            }
        }
    }

    /// Serves a connection in a task of its own, unless its address has enough of them.
    fn welcome(&self, accepted: (TcpStream, SocketAddr), inside: &Arc<Inside>, permits: [OwnedSemaphorePermit; 2]) {
        let (stream, address) = accepted;
        let peer = Peer::new(Arc::clone(&inside.listener), address, None);
        let most = inside.listener.limits.connections_per_address;
        // Whoever is on this machine, or speaks for many, is not counted.
        let counted = if peer.trusted || address.ip().to_canonical().is_loopback() {
            None
        } else if let Some(counted) = inside.addresses.count(address.ip(), most) {
            Some(counted)
        } else {
            self.metrics.connections_refused("address").inc();
            return;
        };
        let connection = Connection { ingress: self.clone(), peer };
        let inside = Arc::clone(inside);
        self.platform.spawn.task(Box::pin(async move {
            connection.run(stream, &inside).await;
            drop((counted, permits));
        }));
    }

    /// One connection of the listener's and one of the process's; none if they are
    /// closed, which they never are.
    async fn permits(&self, inside: &Inside) -> Option<[OwnedSemaphorePermit; 2]> {
        let of_listener = Arc::clone(&inside.connections).acquire_owned().await.ok()?;
        let of_process = Arc::clone(&self.descriptors).acquire_owned().await.ok()?;
        Some([of_listener, of_process])
    }

    /// The same, if nobody has to be waited for.
    fn permits_now(&self, inside: &Inside) -> Option<[OwnedSemaphorePermit; 2]> {
        let of_listener = Arc::clone(&inside.connections).try_acquire_owned().ok()?;
        let of_process = Arc::clone(&self.descriptors).try_acquire_owned().ok()?;
        Some([of_listener, of_process])
    }
}
