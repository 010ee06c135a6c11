//! The sockets of the data plane: bound first, so that nothing is compiled for an address that is taken.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hostel_model::plan::{ListenerPlan, TlsPlan};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;

use super::StartError;
use crate::edge::Listener;
use crate::ingress::Door;
use crate::ingress::addresses::Addresses;
use crate::tls::ListenerTls;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;

/// One listener and what was read for it.
pub struct ListenerSettings {
    /// What the configuration says.
    pub plan: ListenerPlan,
    /// Its certificates, if it speaks TLS.
    pub tls: Option<Arc<ListenerTls>>,
}

impl ListenerSettings {
    /// `http` or `https`.
    pub(super) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

impl From<ListenerPlan> for ListenerSettings {
    /// Without TLS.
    fn from(plan: ListenerPlan) -> Self {
        Self { plan, tls: None }
    }
}

/// The doors of all listeners, bound.
pub(super) struct Doors {
    /// In the order of the configuration; those that only redirect come last.
    pub(super) doors: Vec<Door>,
    /// Where the listeners are, in the order of the configuration.
    pub(super) addresses: Vec<SocketAddr>,
    /// Of each door, with how many connections there may be.
    pub(super) connections: Vec<(Arc<Semaphore>, u32)>,
}

impl Doors {
    /// Binds what `listeners` say. No door may have more connections than
    /// `most`, for which there are file handles.
    pub(super) fn open(listeners: &[ListenerSettings], most: u32) -> Result<Self, StartError> {
        let mut bound = Vec::new();
        for (place, settings) in listeners.iter().enumerate() {
            let (socket, address) = bind(settings.plan.address)?;
            bound.push((place, settings, socket, address, None));
        }
        let addresses: Vec<SocketAddr> = bound.iter().map(|(_, _, _, address, _)| *address).collect();
        for (place, settings) in listeners.iter().enumerate() {
            let from = settings.plan.tls.as_ref().and_then(|tls: &TlsPlan| tls.redirect_from);
            if let (Some(from), Some(to)) = (from, addresses.get(place)) {
                let (socket, address) = bind(from)?;
                bound.push((place, settings, socket, address, Some(to.port())));
            }
        }
        let mut opened = Self { doors: Vec::new(), addresses, connections: Vec::new() };
        for (place, settings, socket, address, redirect_to) in bound {
            let limit = settings.plan.limits.connections.min(most);
            let connections = Arc::new(Semaphore::new(limit as usize));
            opened.connections.push((Arc::clone(&connections), limit));
            let tls = settings.tls.clone().filter(|_| redirect_to.is_none());
            let listener = Listener::of(&settings.plan, place, address.port(), redirect_to);
            let h2c = settings.plan.h2c && redirect_to.is_none();
            opened.doors.push(Door {
                socket,
                listener: Arc::new(listener),
                tls,
                h2c,
                connections,
                addresses: Arc::new(Addresses::default()),
            });
        }
        Ok(opened)
    }
}

fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let socket = socket.listen(BACKLOG)?;
        let bound = socket.local_addr()?;
        Ok((socket, bound))
    };
    listen().map_err(|source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::AddressTaken { address },
        _ => StartError::Listen { address, source },
    })
}
