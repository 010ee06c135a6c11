//! The data plane's listeners: from sockets to requests and back.
//!
//! Accepting never stops for one connection, and an error of `accept` (no file
//! handle left, say) costs a pause, not the listener. Each connection is a task;
//! over HTTP/1 it drives the guests of its requests itself, over HTTP/2 each
//! stream is a task of its own.
//!
//! In reading order: `connection` (from the handshake to the end), `wire` and
//! `head`, `chunks` (what HTTP/1 must look like), `frames` and `streams` (what
//! HTTP/2 must keep to), `meter` and `framing` (who is told how many bytes passed).

use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use hostel_model::platform::Platform;
use hostel_sandbox::Sandbox;
use tokio::net::TcpListener;
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
    /// What is the same for all its connections.
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
    /// Accepts at `door` until the process ends.
    pub async fn serve(mut self, door: Door) {
        let door = Arc::new(door);
        let limits = &door.listener.limits;
        let refused = self.metrics.connections_refused("address");
        while let Some(permits) = self.permits(&door).await {
            let accepted = {
                let accept = std::pin::pin!(door.socket.accept());
                let draining = std::pin::pin!(self.phase.wait_for(|phase| *phase != Phase::Serving));
                // In this order: nothing more is accepted once the end has begun.
                match select(draining, accept).await {
                    Either::Left(_) => return,
                    Either::Right((accepted, _)) => accepted,
                }
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection; trying again shortly");
                    let clock = &self.platform.clock;
                    clock.sleep_until(clock.now().after(ACCEPT_PAUSE)).await;
                    continue;
                }
            };
            let peer = Peer::new(Arc::clone(&door.listener), address, None);
            // Whoever is on this machine, or speaks for many, is not counted.
            let counted = if peer.trusted || address.ip().to_canonical().is_loopback() {
                None
            } else if let Some(counted) = door.addresses.count(address.ip(), limits.connections_per_address) {
                Some(counted)
            } else {
                refused.inc();
                continue;
            };
            let connection = Connection { ingress: self.clone(), peer };
            let door = Arc::clone(&door);
            self.platform.spawn.task(Box::pin(async move {
                connection.run(stream, &door).await;
                drop((counted, permits));
            }));
        }
    }

    /// One connection of the listener's and one of the process's; none if they are
    /// closed, which they never are.
    async fn permits(&self, door: &Door) -> Option<[OwnedSemaphorePermit; 2]> {
        let of_listener = Arc::clone(&door.connections).acquire_owned().await.ok()?;
        let of_process = Arc::clone(&self.descriptors).acquire_owned().await.ok()?;
        Some([of_listener, of_process])
    }
}
