//! What is to run: a `hostel.toml` and its folder proven consistent, the only input to deployment.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::ops::Range;

use crate::config::Source;
use crate::egress::Outbound;
use crate::grant::{Grants, Secret};
use crate::limits::{HostLimits, Limits, ListenerLimits};
use crate::name::{BucketName, ServiceName};
use crate::network::Network;
use crate::rollout::Rollout;
use crate::route::RoutePattern;
use crate::target::{PathRules, Underscores};
use crate::tenant::Tenants;

/// Where the host listens when nothing says otherwise: reachable from this machine only.
pub const ADDRESS_DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Folder of the host's own data when nothing says otherwise.
pub const STATE_DEFAULT: &str = ".hostel";

/// Everything the host is to do. Paths are as written, relative to the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Folder for database, compiled code and journal.
    pub state: String,
    /// Whether components that no table names become services of their own.
    pub drop_in: bool,
    /// Where to listen; never empty.
    pub listeners: Vec<ListenerPlan>,
    /// Where the host is administered.
    pub admin: AdminPlan,
    /// What to serve, ordered by name.
    pub services: Vec<ServicePlan>,
    /// Bounds of the whole process.
    pub host: HostLimits,
    /// How services reach the outside.
    pub egress: EgressPlan,
    /// Who owns which services; what nobody owns is the operator's.
    pub tenants: Tenants,
}

/// How services reach the outside, beyond what each of them is granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EgressPlan {
    /// Who is asked for the addresses of names; none stands for whom the system asks.
    pub resolvers: Vec<SocketAddr>,
    /// Files of authorities that are believed besides those of the system.
    pub authorities: Vec<FilePlan>,
}

/// One socket to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerPlan {
    /// The address; port 0 lets the system choose.
    pub address: SocketAddr,
    /// The services reachable here; `None` is all of them.
    pub services: Option<BTreeSet<ServiceName>>,
    /// Where the file gives the address.
    pub span: Option<Range<usize>>,
    /// What a client is granted.
    pub limits: ListenerLimits,
    /// Certificates, if it speaks TLS.
    pub tls: Option<TlsPlan>,
    /// Whether HTTP/2 is spoken without TLS to clients that begin with it.
    pub h2c: bool,
    /// Peers whose word on the client's address is believed.
    pub trusted_proxies: Vec<Network>,
    /// How paths are made canonical.
    pub paths: PathRules,
    /// What becomes of header fields with `_` in their names.
    pub underscores: Underscores,
}

/// TLS on a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsPlan {
    /// Chosen by the name a client asks for; the first is for all others. Never empty.
    pub certificates: Vec<CertificatePlan>,
    /// A file of authorities: clients must show a certificate of one of them.
    pub client_ca: Option<FilePlan>,
    /// A second address whose requests are sent on to this one.
    pub redirect_from: Option<SocketAddr>,
}

/// A certificate and its key, both PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificatePlan {
    /// The certificate, those it is signed by after it.
    pub cert: FilePlan,
    /// Its private key.
    pub key: FilePlan,
}

/// A file that the host reads, relative to `hostel.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePlan {
    /// The path as written.
    pub path: String,
    /// Where the file says so; `None` for one the host made itself.
    pub span: Option<Range<usize>>,
}

/// Where the host is administered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminPlan {
    /// The Unix socket, relative to `hostel.toml`; `None` is `admin.sock` in the state folder.
    pub socket: Option<String>,
    /// A TCP address as well, behind a bearer token.
    pub address: Option<SocketAddr>,
}

/// One service to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePlan {
    /// Its name.
    pub name: ServiceName,
    /// Its component's file as written.
    pub component: String,
    /// Where the file names it; `None` for a component that was dropped in.
    pub component_span: Option<Range<usize>>,
    /// Where the spans of this service point, if not into `hostel.toml`: its `NAME.toml`.
    pub source: Option<Source>,
    /// How to make the component.
    pub build: Option<BuildPlan>,
    /// What leads to it from outside.
    pub routes: Vec<RoutePattern>,
    /// Buckets it may open.
    pub keyvalue: BTreeSet<BucketName>,
    /// Plain values it reads.
    pub variables: BTreeMap<String, String>,
    /// Where its secret values are.
    pub secrets: BTreeMap<String, SecretPlan>,
    /// Services it may call.
    pub calls: BTreeSet<ServiceName>,
    /// Services of other owners that may call it, if they are granted that as well.
    pub callers: BTreeSet<ServiceName>,
    /// Hosts outside it may reach.
    pub outbound: BTreeSet<Outbound>,
    /// Its bounds.
    pub limits: Limits,
    /// How long its instances live.
    pub isolation: Isolation,
    /// How it goes from one revision to the next.
    pub rollout: Rollout,
    /// Whether its component was found in the folder and no table names it: the
    /// service goes when that file does.
    pub dropped: bool,
}

/// How to make a component before it is served by `hostel dev`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildPlan {
    /// A command for the shell.
    pub command: String,
    /// The folder to run it in, relative to the file; the file's own if `None`.
    pub directory: Option<String>,
}

/// A secret value that is still to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretPlan {
    /// Where the value is.
    pub source: SecretSource,
    /// Where the service's own [`ServicePlan::source`] says so.
    pub span: Range<usize>,
}

/// Where a secret value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In a file, relative to `hostel.toml`.
    File(String),
    /// In a variable of the environment.
    Env(String),
}

/// How many requests one instance serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// One: nothing a request leaves behind reaches another.
    #[default]
    Request,
    /// So many, one after the other, as long as none fails.
    Reuse(NonZeroU32),
}

impl ServicePlan {
    /// A service with nothing but its name and component: default limits, no grants, no routes.
    #[must_use]
    pub fn new(name: ServiceName, component: String) -> Self {
        Self {
            name,
            component,
            component_span: None,
            source: None,
            build: None,
            routes: Vec::new(),
            keyvalue: BTreeSet::new(),
            variables: BTreeMap::new(),
            secrets: BTreeMap::new(),
            calls: BTreeSet::new(),
            callers: BTreeSet::new(),
            outbound: BTreeSet::new(),
            limits: Limits::default(),
            isolation: Isolation::Request,
            rollout: Rollout::default(),
            dropped: false,
        }
    }

    /// What the service may touch, given the `secrets` that were read for it.
    #[must_use]
    pub fn grants(&self, secrets: BTreeMap<String, Secret>) -> Grants {
        Grants {
            keyvalue: self.keyvalue.clone(),
            calls: self.calls.clone(),
            variables: self.variables.clone(),
            secrets,
            outbound: self.outbound.clone(),
        }
    }
}

impl ListenerPlan {
    /// A socket on `address` for every service.
    #[must_use]
    pub fn all(address: SocketAddr) -> Self {
        Self {
            address,
            services: None,
            span: None,
            limits: ListenerLimits::default(),
            tls: None,
            h2c: false,
            trusted_proxies: Vec::new(),
            paths: PathRules::default(),
            underscores: Underscores::default(),
        }
    }
}
