//! Sockets that are listened on: made here, or handed over by whoever started the process.
//!
//! A service manager that keeps the sockets (systemd's socket activation,
//! sd_listen_fds(3)) lets a host end and another begin without a client being
//! refused: between the two, connections wait in the queue of the socket. A host
//! takes them for the addresses that its configuration names; it never listens
//! where nothing says so.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use listenfd::ListenFd;
use socket2::SockRef;
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket};

#[cfg(test)]
mod tests;

/// The process that the sockets are for: children get the variables, too.
const PROCESS: &str = "LISTEN_PID";
/// How many there are.
const COUNT: &str = "LISTEN_FDS";
/// What they are called, with `:` between the names.
const NAMES: &str = "LISTEN_FDNAMES";
/// More than any host listens on.
const COUNT_MAX: usize = 1_000;

/// Why sockets that were handed over cannot be used.
#[derive(Debug, Error)]
pub enum HandOverError {
    /// The variable holds something else.
    #[error(
        "`{COUNT}` is `{value}`, not a number up to {COUNT_MAX}; start the host as sd_listen_fds(3) says, or unset it"
    )]
    Count {
        /// What it holds.
        value: String,
    },
    /// Not what a host listens on.
    #[error(
        "socket {number} of those handed over, `{name}`, does not listen for streams; \
         its unit needs `ListenStream=` and `Accept=no`"
    )]
    Kind {
        /// Counted from one.
        number: usize,
        /// What its unit calls it.
        name: String,
    },
    /// Clients would wait at it for ever.
    #[error(
        "no listener has the address of what was handed over: {sockets}; give one this `address`, or change the unit"
    )]
    Unclaimed {
        /// The addresses and names.
        sockets: String,
    },
    /// The system.
    #[error("the socket `{name}` that was handed over cannot be used; restart its unit")]
    Unusable {
        /// What its unit calls it.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}

/// A socket that is listened on.
#[derive(Debug)]
pub struct Listening {
    /// The socket.
    pub socket: TcpListener,
    /// Where it is.
    pub address: SocketAddr,
    /// Whether it outlives this process.
    pub inherited: bool,
}

/// Sockets that were handed over and not taken yet.
#[derive(Debug, Default)]
pub struct Inherited {
    tcp: Vec<Handed<std::net::TcpListener, SocketAddr>>,
    unix: Vec<Handed<UnixListener, PathBuf>>,
}

#[derive(Debug)]
struct Handed<S, A> {
    socket: S,
    address: A,
    name: String,
}

impl Inherited {
    /// Takes what `environment` says was handed over to this process, so that no
    /// child gets it. To be called once, before there are threads: it changes the
    /// environment of the process.
    ///
    /// # Errors
    /// When that is something else than sockets which listen for streams.
    pub fn take_over(environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, HandOverError> {
        let mut taken = Self::default();
        if environment(PROCESS).as_deref() != Some(&*std::process::id().to_string()) {
            return Ok(taken);
        }
        let Some(value) = environment(COUNT) else {
            return Ok(taken);
        };
        let count = value.parse().ok().filter(|count| *count <= COUNT_MAX);
        let count = count.ok_or(HandOverError::Count { value })?;
        let names = environment(NAMES).unwrap_or_default();
        let mut names = names.split(':');
        let mut handed = ListenFd::from_env();
        for number in 0..count {
            let name = names.next().filter(|name| !name.is_empty()).unwrap_or("unknown").to_owned();
            if let Ok(Some(socket)) = handed.take_tcp_listener(number) {
                taken.add_tcp(socket, name, number)?;
            } else if let Ok(Some(socket)) = handed.take_unix_listener(number) {
                taken.add_unix(socket, name, number)?;
            } else {
                return Err(HandOverError::Kind { number: number + 1, name });
            }
        }
        Ok(taken)
    }

    fn add_tcp(&mut self, socket: std::net::TcpListener, name: String, number: usize) -> Result<(), HandOverError> {
        must_listen(&SockRef::from(&socket), &name, number)?;
        let address = socket.local_addr().and_then(|address| socket.set_nonblocking(true).map(|()| address));
        let address = address.map_err(|source| HandOverError::Unusable { name: name.clone(), source })?;
        self.tcp.push(Handed { socket, address, name });
        Ok(())
    }

    fn add_unix(&mut self, socket: UnixListener, name: String, number: usize) -> Result<(), HandOverError> {
        must_listen(&SockRef::from(&socket), &name, number)?;
        let address = socket.local_addr().and_then(|address| socket.set_nonblocking(true).map(|()| address));
        let address = address.map_err(|source| HandOverError::Unusable { name: name.clone(), source })?;
        // One without a path is claimed by nobody, and said so.
        let address = address.as_pathname().unwrap_or(Path::new("")).to_path_buf();
        self.unix.push(Handed { socket, address, name });
        Ok(())
    }

    /// Listens at `address`, by what was handed over if that is there; port 0 lets
    /// the system choose, and is never handed over. At most `backlog` connections
    /// wait to be accepted at a socket of our own.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen(&mut self, address: SocketAddr, backlog: u32) -> io::Result<Listening> {
        if let Some(Handed { socket, address, name }) = self.take_tcp(address) {
            tracing::info!(%address, name, "listening on a socket that was handed over");
            return Ok(Listening { socket: TcpListener::from_std(socket)?, address, inherited: true });
        }
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // What the last host at this address left to the system must not keep the next one out.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let socket = socket.listen(backlog)?;
        let address = socket.local_addr()?;
        Ok(Listening { socket, address, inherited: false })
    }

    fn take_tcp(&mut self, address: SocketAddr) -> Option<Handed<std::net::TcpListener, SocketAddr>> {
        let exact = self.tcp.iter().position(|handed| handed.address == address);
        let place = exact.or_else(|| self.tcp.iter().position(|handed| handed.covers(address)))?;
        Some(self.tcp.swap_remove(place))
    }

    /// The Unix socket at `path`, if it was handed over.
    pub fn take_unix(&mut self, path: &Path) -> Option<UnixListener> {
        let place = self.unix.iter().position(|handed| same_file(&handed.address, path))?;
        let Handed { socket, name, .. } = self.unix.swap_remove(place);
        tracing::info!(path = %path.display(), name, "listening on a socket that was handed over");
        Some(socket)
    }

    /// Those for `path` and `address`, for somebody else to take.
    #[must_use]
    pub fn split_off(&mut self, path: &Path, address: Option<SocketAddr>) -> Self {
        Self {
            tcp: address.and_then(|address| self.take_tcp(address)).into_iter().collect(),
            unix: self.unix.extract_if(.., |handed| same_file(&handed.address, path)).collect(),
        }
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// When something is. It is no warning: a client that connects there would wait
    /// for an answer until it gives up, and the service manager believes that all is well.
    pub fn all_taken(self) -> Result<(), HandOverError> {
        let tcp = self.tcp.iter().map(|handed| format!("`{}` ({})", handed.address, handed.name));
        let unix = self.unix.iter().map(|handed| format!("`{}` ({})", handed.address.display(), handed.name));
        let left: Vec<String> = tcp.chain(unix).collect();
        if left.is_empty() { Ok(()) } else { Err(HandOverError::Unclaimed { sockets: left.join(", ") }) }
    }
}

impl Handed<std::net::TcpListener, SocketAddr> {
    /// Whether it is for every address of the machine, IPv4 included, where `address`
    /// is for every one of IPv4: what `ListenStream=8080` makes for `0.0.0.0:8080`.
    fn covers(&self, address: SocketAddr) -> bool {
        self.address.port() == address.port()
            && self.address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
            && address.ip() == IpAddr::V4(Ipv4Addr::UNSPECIFIED)
            && SockRef::from(&self.socket).only_v6().is_ok_and(|only| !only)
    }
}

fn must_listen(socket: &SockRef<'_>, name: &str, number: usize) -> Result<(), HandOverError> {
    match socket.is_listener() {
        Ok(true) => Ok(()),
        Ok(false) => Err(HandOverError::Kind { number: number + 1, name: name.to_owned() }),
        Err(source) => Err(HandOverError::Unusable { name: name.to_owned(), source }),
    }
}

/// Whether both paths lead to one file, however they are written.
fn same_file(one: &Path, other: &Path) -> bool {
    match (fs::canonicalize(one), fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
