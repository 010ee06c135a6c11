//! The sockets of the data plane: bound first, so that nothing is compiled for an address that is taken.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hostel_model::plan::ListenerPlan;
use tokio::sync::Semaphore;

use super::StartError;
use crate::admin::ServedListener;
use crate::edge::Listener;
use crate::ingress::addresses::Addresses;
use crate::ingress::{Door, Inside};
use crate::sockets::{Inherited, Listening};
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
    /// In the order of the configuration; one that only redirects comes after the one it sends to.
    pub(super) doors: Vec<Door>,
    /// The listeners as they are served, in the order of the configuration.
    pub(super) served: Vec<ServedListener>,
    /// Of each door, with how many connections there may be.
    pub(super) connections: Vec<(Arc<Semaphore>, u32)>,
}

impl Doors {
    /// Binds what `listeners` say, or takes what was `inherited`. No door may have
    /// more connections than `most`, for which there are file handles.
    pub(super) fn open(
        listeners: &[ListenerSettings],
        most: u32,
        inherited: &mut Inherited,
    ) -> Result<Self, StartError> {
        let mut opened = Self { doors: Vec::new(), served: Vec::new(), connections: Vec::new() };
        for (place, settings) in listeners.iter().enumerate() {
            let listening = listen(settings.plan.address, inherited)?;
            let from = settings.plan.tls.as_ref().and_then(|tls| tls.redirect_from);
            let redirect = from.map(|from| listen(from, inherited)).transpose()?;
            let from = redirect.as_ref().map(|redirect| redirect.address);
            let served = ServedListener::of(&settings.plan, place, listening.address, from);
            opened.add(settings, listening, &served.listener, most);
            if let (Some(redirect), Some((_, listener))) = (redirect, &served.redirect) {
                opened.add(settings, redirect, listener, most);
            }
            opened.served.push(served);
        }
        Ok(opened)
    }

    /// A door by which connections come to `listener`, one of those that `settings` make.
    fn add(&mut self, settings: &ListenerSettings, listening: Listening, listener: &Arc<Listener>, most: u32) {
        let limit = settings.plan.limits.connections.min(most);
        let connections = Arc::new(Semaphore::new(limit as usize));
        self.connections.push((Arc::clone(&connections), limit));
        let serves = listener.redirect_to.is_none();
        let inside = Inside {
            listener: Arc::clone(listener),
            tls: settings.tls.clone().filter(|_| serves),
            h2c: settings.plan.h2c && serves,
            connections,
            addresses: Arc::new(Addresses::default()),
        };
        self.doors.push(Door { socket: listening.socket, inherited: listening.inherited, inside });
    }
}

fn listen(address: SocketAddr, inherited: &mut Inherited) -> Result<Listening, StartError> {
    inherited.listen(address, BACKLOG).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::AddressTaken { address },
        _ => StartError::Listen { address, source },
    })
}
