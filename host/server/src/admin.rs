//! The admin plane: what an operator, a load balancer and Prometheus may ask of a running host.
//!
//! It has a thread and a runtime of its own, so that it answers while guests take
//! every core of the data plane. What is live, how the host stands and what it
//! counted it only reads; whoever wants a change is passed on to the deployer. It
//! starts before anything is deployed, so that `/readyz` can say why nothing is
//! served yet.
//!
//! In reading order: `socket`, `gate`, `tokens`, `reach` and `serve` (who comes in, and how far), `api` (which
//! resources there are), `services`, `change`, `artifacts`, `keyvalue` and `backup`
//! (what can be done), `context` and `question` (what they share), `view` (what
//! the answers look like).

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, mpsc};

use hostel_model::limits::HostLimits;
use hostel_model::plan::ListenerPlan;
use hostel_model::platform::{Clock, Monotonic, Platform};
use thiserror::Error;
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};

use crate::admin::readiness::Readiness;
use crate::admin::serve::{Plane, serve};
use crate::admin::socket::{Door, SocketFile, bind_tcp, bind_unix};
use crate::admin::token::Token;
use crate::admin::tokens::Tokens;
use crate::deploy::DeployerHandle;
use crate::edge::Listener;
use crate::hardening::Slots;
use crate::live::LiveTable;
use crate::metrics::Metrics;
use crate::sockets::Inherited;

mod api;
mod artifacts;
mod audit;
mod backup;
mod change;
mod context;
mod explain;
mod gate;
mod health;
mod issue;
mod keyvalue;
pub mod limits;
mod openapi;
mod outflow;
mod problem;
mod question;
mod reach;
pub mod readiness;
mod routes;
mod serve;
mod services;
mod socket;
mod standing;
#[cfg(test)]
mod tests;
pub(crate) mod token;
mod tokens;
mod uploaded;
pub mod view;

/// The Unix socket's name in the state folder, unless the configuration gives another.
pub const SOCKET_NAME: &str = "admin.sock";
/// The token's name in the state folder.
pub const TOKEN_NAME: &str = "admin.token";
/// The name of the file beside it that tells the tokens of tenants.
const TOKENS_NAME: &str = "admin.tokens";

/// Where the admin plane is reached.
#[derive(Debug)]
pub struct AdminSettings {
    /// The Unix socket: only for the host's own user, who needs no token.
    pub socket: PathBuf,
    /// A TCP address as well, for whoever has the token.
    pub address: Option<SocketAddr>,
    /// Where the token is kept; made if there is an address and no token.
    pub token_file: PathBuf,
    /// Those of both that were handed over to the process.
    pub inherited: Inherited,
}

/// What the admin plane can tell. All of it is shared with those who change it.
pub struct AdminState {
    /// What is live; empty before the first deployment.
    pub live: Arc<LiveTable>,
    /// The counters that single answers show.
    pub metrics: Arc<Metrics>,
    /// Everything that is counted, as OpenMetrics text.
    pub metrics_text: Box<dyn Fn() -> String + Send + Sync>,
    /// How the host stands.
    pub readiness: Arc<Readiness>,
    /// Where the host listens, in the order of the configuration, once it does.
    pub listeners: Arc<OnceLock<Vec<ServedListener>>>,
    /// Whom to ask for changes, once there is somebody.
    pub deployer: Arc<OnceLock<DeployerHandle>>,
    /// A folder that a backup may make for itself.
    pub scratch: PathBuf,
    /// How slots are cleaned.
    pub slots: Arc<Slots>,
    /// Bounds of the process.
    pub host_limits: HostLimits,
    /// Tells how long the host has run.
    pub clock: Arc<dyn Clock>,
    /// When it was started.
    pub started: Monotonic,
}

/// A listener as it is served.
#[derive(Clone, Debug)]
pub struct ServedListener {
    /// The address it is bound to.
    pub address: SocketAddr,
    /// Whether it speaks HTTP/2 without TLS.
    pub h2c: bool,
    /// What its door knows: scheme, limits, how paths are made canonical.
    pub listener: Arc<Listener>,
    /// Its second door, which sends requests on to the first, and where that is.
    pub redirect: Option<(SocketAddr, Arc<Listener>)>,
}

impl ServedListener {
    /// The listener at `place` of the configuration, which says `plan`, bound to
    /// `address`, and to `redirect_from` for what it sends on.
    #[must_use]
    pub fn of(plan: &ListenerPlan, place: usize, address: SocketAddr, redirect_from: Option<SocketAddr>) -> Self {
        let redirect = |from: SocketAddr| (from, Listener::of(plan, place, from.port(), Some(address.port())).into());
        Self {
            address,
            h2c: plan.h2c,
            listener: Listener::of(plan, place, address.port(), None).into(),
            redirect: redirect_from.map(redirect),
        }
    }
}

/// Why there is no admin plane.
#[derive(Debug, Error)]
pub enum AdminError {
    /// The path does not fit into a socket's address.
    #[error(
        "the path of the admin socket `{path}` has {bytes} bytes, and may have {most}; \
         give a shorter one under `[admin]`, as in `socket = \"/run/hostel.sock\"`"
    )]
    SocketPath {
        /// The path.
        path: PathBuf,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        most: usize,
    },
    /// Somebody answers there.
    #[error("another process answers at the admin socket `{path}`; stop it, or give another `socket` under `[admin]`")]
    SocketTaken {
        /// The path.
        path: PathBuf,
    },
    /// Something else is there.
    #[error("`{path}` is there and is no socket; remove it, or give another `socket` under `[admin]`")]
    NoSocket {
        /// The path.
        path: PathBuf,
    },
    /// The socket cannot be made.
    #[error("cannot make the admin socket `{path}`; give a `socket` under `[admin]` in a folder you may write to")]
    Socket {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else listens there.
    #[error("the admin address `{address}` is taken; stop what listens there, or change `address` of `[admin]`")]
    AddressTaken {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on the admin address `{address}`; give an address of this machine, and a port you may use")]
    Address {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Others may have read the token.
    #[error("the token `{path}` can be read by others; delete it, and the next start makes a new one for you alone")]
    TokenReadable {
        /// The file.
        path: PathBuf,
    },
    /// The file is not what the host wrote.
    #[error("`{path}` does not hold a token; delete it, and the next start makes a new one")]
    TokenBroken {
        /// The file.
        path: PathBuf,
    },
    /// Others may have read which tenants have tokens.
    #[error("the tokens of tenants in `{path}` can be read by others; take that away from them, as in `chmod 600`")]
    TokensReadable {
        /// The file.
        path: PathBuf,
    },
    /// The file is not what the host wrote.
    #[error("`{path}` does not hold tokens of tenants; delete it, and make new ones with `hostel token create`")]
    TokensBroken {
        /// The file.
        path: PathBuf,
    },
    /// The token's file cannot be read or written.
    #[error("cannot read or write the token `{path}`; check the permissions of its folder")]
    Token {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system.
    #[error("cannot start the thread of the admin plane; raise the limit of threads")]
    Thread(#[source] io::Error),
    /// The thread panicked before it served.
    #[error("the admin plane panicked as it started; this is a bug worth reporting with the log")]
    Bug,
}

/// A running admin plane; dropping it ends it.
pub struct Admin {
    address: Option<SocketAddr>,
    /// Taken away before the thread has ended, so that the next host finds room.
    _file: Option<SocketFile>,
    stop: watch::Sender<bool>,
    ended: oneshot::Receiver<()>,
}

impl Admin {
    /// The TCP address it is bound to.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Lets what is being answered finish, ends the thread and removes the socket.
    pub async fn stop(self) {
        let Self { _file: file, stop, ended, .. } = self;
        drop(file);
        stop.send_replace(true);
        // Fails only if the thread has panicked: then it has ended, too.
        let _ = ended.await;
    }
}

/// What a thread that opened its doors hands back.
struct Opened {
    doors: Vec<Door>,
    file: Option<SocketFile>,
    address: Option<SocketAddr>,
    token: Option<Token>,
    tokens: Tokens,
}

/// Opens the doors, makes the token if there is none, and serves on a thread of
/// its own. Returns once clients can connect; waits for nothing else.
///
/// # Errors
/// Whatever keeps it from serving, with its place and what to do about it.
pub fn start(settings: AdminSettings, state: AdminState, platform: &Platform) -> Result<Admin, AdminError> {
    let (stop, stopped) = watch::channel(false);
    let (ending, ended) = oneshot::channel();
    let (opening, opened) = mpsc::sync_channel(1);
    let for_thread = platform.clone();
    let body = move || {
        let runtime = match Builder::new_current_thread().enable_io().enable_time().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(opening.send(Err(AdminError::Thread(error)))),
        };
        runtime.block_on(async {
            match open(settings, &for_thread).await {
                Ok(Opened { doors, file, address, token, tokens }) => {
                    // Whoever started this waits for it.
                    let _ = opening.send(Ok((file, address)));
                    serve(Arc::new(Plane::new(state, (token, tokens), for_thread.clone())), doors, stopped).await;
                }
                Err(error) => drop(opening.send(Err(error))),
            }
        });
        // Nobody waits if the host was dropped.
        let _ = ending.send(());
    };
    platform.spawn.thread("hostel-admin", Box::new(body)).map_err(AdminError::Thread)?;
    let (file, address) = opened.recv().map_err(|_panicked| AdminError::Bug)??;
    Ok(Admin { address, _file: file, stop, ended })
}

async fn open(mut settings: AdminSettings, platform: &Platform) -> Result<Opened, AdminError> {
    let (door, file) = bind_unix(&settings.socket, &mut settings.inherited).await?;
    let mut doors = vec![door];
    let tokens = Tokens::load(&settings.token_file.with_file_name(TOKENS_NAME))?;
    let (mut address, mut token) = (None, Token::kept(&settings.token_file));
    if let Some(wanted) = settings.address {
        token = Some(Token::load(&settings.token_file, &*platform.random)?);
        let (door, bound) = bind_tcp(wanted, &mut settings.inherited)?;
        address = Some(bound);
        doors.push(door);
    }
    Ok(Opened { doors, file, address, token, tokens })
}

impl AdminSettings {
    /// The socket that the configuration names, which is relative to `root`, or
    /// the one in the folder `state`.
    #[must_use]
    pub fn socket_of(root: &Path, state: &Path, socket: Option<&str>) -> PathBuf {
        socket.map_or_else(|| state.join(SOCKET_NAME), |socket| root.join(socket))
    }
}
