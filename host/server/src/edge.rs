//! What the edge knows of a connection, and the rules that every request must pass before anything else looks at it.
//!
//! The same rules hold for HTTP/1.1 and HTTP/2: they work on the parsed head. What
//! only bytes can tell (framing, line ends, doubled fields) `ingress` has judged
//! before.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hostel_model::failure::Failure;
use hostel_model::limits::ListenerLimits;
use hostel_model::network::Network;
use hostel_model::plan::ListenerPlan;
use hostel_model::target::{PathRules, Underscores};
use http::HeaderValue;
use http::uri::Scheme;

use crate::tls::TlsFacts;

pub mod aim;
pub mod forwarded;
pub mod headers;

/// Methods the host passes on or answers, for `Allow` where no route is concerned.
pub const METHODS: &str = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH";

/// What is the same for every connection of one listener.
#[derive(Debug)]
pub struct Listener {
    /// Its place in the configuration.
    pub place: usize,
    /// The port it is bound to.
    pub port: u16,
    /// `http` or `https`, whatever peers say.
    pub scheme: Scheme,
    /// What a client is granted.
    pub limits: Arc<ListenerLimits>,
    /// How paths are made canonical.
    pub paths: PathRules,
    /// What becomes of names with `_`.
    pub underscores: Underscores,
    /// Peers whose word on the client is believed.
    pub trusted: Vec<Network>,
    /// Serves nothing, and sends every request on to this port by TLS.
    pub redirect_to: Option<u16>,
}

impl Listener {
    /// The listener at `place` of the configuration, which says `plan`, bound to
    /// `port`. With `redirect_to` it is the one that sends requests on to that port.
    #[must_use]
    pub fn of(plan: &ListenerPlan, place: usize, port: u16, redirect_to: Option<u16>) -> Self {
        let secure = plan.tls.is_some() && redirect_to.is_none();
        Self {
            place,
            port,
            scheme: if secure { Scheme::HTTPS } else { Scheme::HTTP },
            limits: Arc::new(plan.limits.clone()),
            paths: plan.paths,
            underscores: plan.underscores,
            trusted: plan.trusted_proxies.clone(),
            redirect_to,
        }
    }

    /// Whether `address` is a proxy that is believed.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }
}

/// What is the same for every request of one connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The listener.
    pub listener: Arc<Listener>,
    /// Who connected.
    pub address: SocketAddr,
    /// The same for `x-forwarded-for`.
    pub address_value: HeaderValue,
    /// The listener's port for `x-forwarded-port`.
    pub port_value: HeaderValue,
    /// Whether it is a proxy that is believed.
    pub trusted: bool,
    /// What the TLS handshake told.
    pub tls: Option<Arc<TlsFacts>>,
}

impl Peer {
    /// A connection from `address`.
    #[must_use]
    pub fn new(listener: Arc<Listener>, address: SocketAddr, tls: Option<Arc<TlsFacts>>) -> Self {
        let ip = address.ip().to_canonical();
        let text = ip.to_string();
        let value = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown"));
        Self {
            address_value: value(&text),
            port_value: HeaderValue::from(listener.port),
            trusted: listener.trusts(ip),
            listener,
            address,
            tls,
        }
    }
}

/// A rule of the edge that a request breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which row of the table of failures.
    pub failure: Failure,
    /// For the log.
    pub why: &'static str,
    /// Methods that would be taken, for 405.
    pub allow: Option<&'static str>,
}

impl Fault {
    /// A fault that names no methods.
    #[must_use]
    pub const fn new(failure: Failure, why: &'static str) -> Self {
        Self { failure, why, allow: None }
    }

    /// The request breaks a rule of HTTP, or one of ours on top of it.
    #[must_use]
    pub const fn bad(why: &'static str) -> Self {
        Self::new(Failure::BadRequest, why)
    }
}
