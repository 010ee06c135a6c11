//! Tells the service manager how the host stands, if it asked to be told (sd_notify(3)).
//!
//! It is what lets systemd start what depends on the host only once that serves
//! (`Type=notify`). Nothing in here keeps the host from its work: a manager that
//! does not listen is told nothing.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

#[cfg(test)]
mod tests;

/// Where the manager listens: a path, or a name without one after an `@`.
const SOCKET: &str = "NOTIFY_SOCKET";
/// A manager that takes longer is not worth waiting for.
const PATIENCE: Duration = Duration::from_secs(1);

/// How the host stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It serves.
    Ready,
    /// It was told to stop, and finishes what is in flight.
    Stopping,
}

/// Who started the process, as far as it wants to hear of it.
#[derive(Debug)]
pub struct ServiceManager(Option<UnixDatagram>);

impl ServiceManager {
    /// The one that `environment` names, if any.
    #[must_use]
    pub fn of(environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let place = environment(SOCKET).filter(|place| !place.is_empty());
        let socket = place.and_then(|place| match connect(&place) {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::warn!(place, %error, "the service manager cannot be told how the host stands");
                None
            }
        });
        Self(socket)
    }

    /// Says how the host stands.
    pub fn tell(&self, state: State) {
        let Some(socket) = &self.0 else { return };
        let message = match state {
            State::Ready => "READY=1",
            State::Stopping => "STOPPING=1",
        };
        if let Err(error) = socket.send(message.as_bytes()) {
            tracing::warn!(message, %error, "the service manager did not take in how the host stands");
        }
    }
}

fn connect(place: &str) -> io::Result<UnixDatagram> {
    let address = match place.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(place)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}
