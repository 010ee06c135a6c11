//! What a host is to serve, told call by call.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use hostel::deploy::{DeployRequest, ServiceRequest};
use hostel::egress::EgressSettings;
use hostel_model::egress::Outbound;
use hostel_model::grant::{Grants, Secret};
use hostel_model::limits::{HostLimits, Limits, ListenerLimits};
use hostel_model::name::{BucketName, ServiceName};
use hostel_model::plan::{Isolation, ListenerPlan};
use hostel_model::rollout::Rollout;
use hostel_model::route::{HostPattern, RoutePattern};
use hostel_model::tenant::{ServicePattern, Tenant, TenantLimits, TenantName, Tenants};
use hostel_model::units::ByteSize;
use hostel_sandbox::CompileLimits;

use super::{Authority, Running};

/// Enough for every test at once, and small enough to be reserved quickly.
const INSTANCES: u32 = 16;

/// A host in the making. What is said of a service is said of the last one named.
pub struct Harness {
    pub(super) limits: HostLimits,
    pub(super) listeners: Vec<ListenerPlan>,
    pub(super) services: Vec<ServiceRequest>,
    pub(super) state: Option<PathBuf>,
    pub(super) compile: CompileLimits,
    pub(super) egress: EgressSettings,
    pub(super) admin: Option<SocketAddr>,
    pub(super) tenants: Vec<Tenant>,
}

impl Harness {
    /// A host with one listener and no services.
    pub fn new() -> Self {
        let limits = HostLimits {
            instances: INSTANCES,
            memory_budget: Some(ByteSize::GIB),
            drain: std::time::Duration::from_secs(5),
            ..HostLimits::default()
        };
        Self {
            limits,
            listeners: vec![Self::anywhere()],
            services: Vec::new(),
            state: None,
            compile: CompileLimits::default(),
            egress: EgressSettings::default(),
            admin: None,
            tenants: Vec::new(),
        }
    }

    /// Adds a service whose component is the file at `path`.
    #[must_use]
    pub fn service(self, name: &str, path: &str) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        self.service_of(name, bytes)
    }

    /// Adds a service whose component is `bytes`.
    #[must_use]
    pub fn service_of(mut self, name: &str, bytes: Vec<u8>) -> Self {
        self.services.push(ServiceRequest {
            name: ServiceName::parse(name).unwrap(),
            component: Some(bytes.into()),
            routes: Vec::new(),
            grants: Grants::default(),
            callers: BTreeSet::new(),
            limits: Limits::default(),
            isolation: Isolation::Request,
            rollout: Rollout::default(),
            dropped: false,
        });
        self
    }

    /// Adds a service that answers at and below the path of its own name.
    #[must_use]
    pub fn serves(self, name: &str, path: &str) -> Self {
        self.service(name, path).route(&format!("/{name}/*"))
    }

    /// A route as in `GET /user/{id}`.
    #[must_use]
    pub fn route(mut self, route: &str) -> Self {
        self.last().routes.push(RoutePattern::parse(route).unwrap());
        self
    }

    /// The same for the requests of one host, or of all below one.
    #[must_use]
    pub fn route_at(mut self, host: &str, route: &str) -> Self {
        let host = Some(HostPattern::parse(host).unwrap());
        self.last().routes.push(RoutePattern { host, ..RoutePattern::parse(route).unwrap() });
        self
    }

    /// Changes its limits.
    #[must_use]
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.last().limits);
        self
    }

    /// Buckets it may open.
    #[must_use]
    pub fn keyvalue(mut self, bucket: &str) -> Self {
        self.last().grants.keyvalue.insert(BucketName::from_identifier(bucket).unwrap());
        self
    }

    /// Services it may call.
    #[must_use]
    pub fn calls(mut self, names: &[&str]) -> Self {
        let names: BTreeSet<_> = names.iter().map(|name| ServiceName::parse(name).unwrap()).collect();
        self.last().grants.calls.extend(names);
        self
    }

    /// Services of other owners that may call it.
    #[must_use]
    pub fn callers(mut self, names: &[&str]) -> Self {
        self.last().callers.extend(names.iter().map(|name| ServiceName::parse(name).unwrap()));
        self
    }

    /// A tenant that owns `services` and the `hosts`, with these limits.
    #[must_use]
    pub fn tenant(mut self, name: &str, services: &str, hosts: &[&str], limits: TenantLimits) -> Self {
        self.tenants.push(Tenant {
            name: TenantName::parse(name).unwrap(),
            services: ServicePattern::parse(services).unwrap(),
            hosts: hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect(),
            limits,
        });
        self
    }

    /// Hosts outside it may reach.
    #[must_use]
    pub fn outbound(mut self, texts: &[&str]) -> Self {
        let hosts = texts.iter().map(|text| Outbound::parse(text).unwrap_or_else(|error| panic!("{error}")));
        self.last().grants.outbound.extend(hosts);
        self
    }

    /// Who is asked where hosts outside are.
    #[must_use]
    pub fn resolver(mut self, address: SocketAddr) -> Self {
        self.egress.resolvers.push(address);
        self
    }

    /// Where its admin plane listens, besides its socket.
    #[must_use]
    pub fn admin(mut self, address: SocketAddr) -> Self {
        self.admin = Some(address);
        self
    }

    /// Whose certificates of hosts outside are taken, besides those of the system's authorities.
    #[must_use]
    pub fn believes(mut self, authority: &Authority) -> Self {
        let read = hostel::tls::authorities(&authority.file_of_authority(), Path::new("/")).unwrap();
        self.egress.authorities.roots.extend(read.roots);
        self
    }

    /// A value it reads.
    #[must_use]
    pub fn variable(mut self, key: &str, value: &str) -> Self {
        self.last().grants.variables.extend(BTreeMap::from([(key.to_owned(), value.to_owned())]));
        self
    }

    /// A value it reads and nobody else may see.
    #[must_use]
    pub fn secret(mut self, key: &str, value: &str) -> Self {
        self.last().grants.secrets.insert(key.to_owned(), Secret::new(value.to_owned()));
        self
    }

    /// Its instances serve so many requests each.
    #[must_use]
    pub fn reuse(mut self, uses: u32) -> Self {
        self.last().isolation = Isolation::Reuse(NonZeroU32::new(uses).unwrap());
        self
    }

    /// Changes how it goes from one revision to the next.
    #[must_use]
    pub fn rollout(mut self, change: impl FnOnce(&mut Rollout)) -> Self {
        change(&mut self.last().rollout);
        self
    }

    /// Its file is gone.
    #[must_use]
    pub fn missing(mut self) -> Self {
        self.last().component = None;
        self
    }

    /// Instances of the whole host at once.
    #[must_use]
    pub fn instances(self, instances: u32) -> Self {
        self.host(|limits| limits.instances = instances)
    }

    /// Changes the limits of the process.
    #[must_use]
    pub fn host(mut self, change: impl FnOnce(&mut HostLimits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Changes what compiling one component may cost.
    #[must_use]
    pub fn compile(mut self, change: impl FnOnce(&mut CompileLimits)) -> Self {
        change(&mut self.compile);
        self
    }

    /// Changes the limits of every listener.
    #[must_use]
    pub fn listener(mut self, change: impl Fn(&mut ListenerLimits)) -> Self {
        self.listeners.iter_mut().for_each(|listener| change(&mut listener.limits));
        self
    }

    /// Changes the last listener.
    #[must_use]
    pub fn listener_plan(mut self, change: impl FnOnce(&mut ListenerPlan)) -> Self {
        change(self.listeners.last_mut().expect("there must be a listener"));
        self
    }

    /// One more listener, for these services alone.
    #[must_use]
    pub fn listener_for(mut self, names: &[&str]) -> Self {
        let services = names.iter().map(|name| ServiceName::parse(name).unwrap()).collect();
        self.listeners.push(ListenerPlan { services: Some(services), ..Self::anywhere() });
        self
    }

    /// Keeps its state in `folder`, which outlives it.
    #[must_use]
    pub fn state(mut self, folder: &Path) -> Self {
        self.state = Some(folder.to_path_buf());
        self
    }

    /// What is to be deployed.
    pub fn request(&self) -> DeployRequest {
        let listeners = self.listeners.iter().map(|listener| listener.services.clone()).collect();
        DeployRequest { services: self.services.clone(), listeners, tenants: Tenants::of(self.tenants.clone()) }
    }

    /// Starts it.
    #[track_caller]
    pub fn start(self) -> Running {
        Running::start(self)
    }

    fn anywhere() -> ListenerPlan {
        ListenerPlan::all("127.0.0.1:0".parse().unwrap())
    }

    fn last(&mut self) -> &mut ServiceRequest {
        self.services.last_mut().expect("a service must be named first")
    }
}
