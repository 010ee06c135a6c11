//! The doors of the admin plane: a Unix socket for the host's own user, and a TCP address if there is to be one.

use std::fmt;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixSocket, UnixStream};

use crate::admin::AdminError;
use crate::sockets::Inherited;

/// What `sockaddr_un` holds of a path, without the zero at its end.
const PATH_BYTES_MAX: usize = 107;
/// Connections that wait to be accepted: as many as are served at once.
const BACKLOG: u32 = 64;

/// How somebody came in, which decides what they must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// By the Unix socket; the kernel says who it is.
    Unix {
        /// The user's number.
        user: u32,
    },
    /// By TCP; only a token says who it is.
    Tcp {
        /// Where from.
        peer: IpAddr,
    },
}

impl fmt::Display for Transport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix { user } => write!(out, "user {user}"),
            Self::Tcp { peer } => write!(out, "{peer}"),
        }
    }
}

/// A connection, whatever it is made of.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A socket that is listened on.
pub(super) enum Door {
    /// The Unix socket, and the user whom it lets in.
    Unix(UnixListener, u32),
    /// The TCP address.
    Tcp(TcpListener),
}

impl Door {
    /// The next connection; `None` for one that may not come in.
    pub(super) async fn accept(&self) -> io::Result<Option<(Box<dyn Stream>, Transport)>> {
        match self {
            Self::Unix(listener, user) => {
                let (stream, _) = listener.accept().await?;
                let peer = stream.peer_cred()?.uid();
                let transport = Transport::Unix { user: peer };
                Ok(may_enter(peer, *user).then(|| (Box::new(stream) as Box<dyn Stream>, transport)))
            }
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Answers are written whole; waiting to join them only delays.
                stream.set_nodelay(true)?;
                Ok(Some((Box::new(stream), Transport::Tcp { peer: peer.ip().to_canonical() })))
            }
        }
    }
}

/// The host's own user, and the one who may do everything anyway.
pub(super) fn may_enter(peer: u32, user: u32) -> bool {
    peer == user || peer == 0
}

/// The file of a Unix socket; removed when dropped, if it is still the same.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    device_and_inode: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.device_and_inode) {
            // Nobody is left to be told, and the next start replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Binds the Unix socket at `path`, in place of one that nobody answers at any more,
/// unless it was `inherited`: then its file is not ours.
pub(super) async fn bind_unix(
    path: &Path,
    inherited: &mut Inherited,
) -> Result<(Door, Option<SocketFile>), AdminError> {
    let wrong = |source| AdminError::Socket { path: path.to_path_buf(), source };
    let user = rustix::process::geteuid().as_raw();
    if let Some(socket) = inherited.take_unix(path) {
        return Ok((Door::Unix(UnixListener::from_std(socket).map_err(wrong)?, user), None));
    }
    let bytes = path.as_os_str().len();
    if bytes > PATH_BYTES_MAX {
        return Err(AdminError::SocketPath { path: path.to_path_buf(), bytes, most: PATH_BYTES_MAX });
    }
    make_room(path).await?;
    let listen = || {
        let socket = UnixSocket::new_stream()?;
        // Linux gives the file the mode that the socket has when it is bound, so
        // there is no moment in which others could connect.
        File::from(socket.as_fd().try_clone_to_owned()?).set_permissions(Permissions::from_mode(0o600))?;
        socket.bind(path)?;
        let file = SocketFile { path: path.to_path_buf(), device_and_inode: identity(path)? };
        Ok((socket.listen(BACKLOG)?, file))
    };
    let (listener, file) = listen().map_err(wrong)?;
    Ok((Door::Unix(listener, user), Some(file)))
}

/// Removes what an ended host left at `path`, and nothing else.
async fn make_room(path: &Path) -> Result<(), AdminError> {
    let place = || path.to_path_buf();
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(AdminError::Socket { path: place(), source }),
    };
    if !found.file_type().is_socket() {
        return Err(AdminError::NoSocket { path: place() });
    }
    match UnixStream::connect(path).await {
        Ok(_) => return Err(AdminError::SocketTaken { path: place() }),
        // Somebody listens, and too many wait for him already.
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(AdminError::SocketTaken { path: place() }),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(AdminError::Socket { path: place(), source }),
    }
    fs::remove_file(path).map_err(|source| AdminError::Socket { path: place(), source })
}

/// Binds the TCP address, unless it was `inherited`.
pub(super) fn bind_tcp(address: SocketAddr, inherited: &mut Inherited) -> Result<(Door, SocketAddr), AdminError> {
    let listening = inherited.listen(address, BACKLOG).map_err(|source| match source.kind() {
        ErrorKind::AddrInUse => AdminError::AddressTaken { address },
        _ => AdminError::Address { address, source },
    })?;
    Ok((Door::Tcp(listening.socket), listening.address))
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}
