//! Where names are: asked of the configured resolvers, or of those of the system, in the order in which they stand.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
    ServerOrderingStrategy,
};
use hickory_resolver::lookup_ip::LookupIp;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;
use hostel_model::platform::Clock;
use hostel_sandbox::OutgoingError;
use tokio::sync::Semaphore;

pub(crate) use known::Known;

mod known;
#[cfg(test)]
mod tests;

/// Where the system keeps the addresses of its resolvers (resolv.conf(5)).
const SYSTEM: &str = "/etc/resolv.conf";
/// Where they listen.
const PORT: u16 = 53;
/// More than the system itself would ask.
const SYSTEM_MOST: usize = 3;
/// After so long a resolver is asked once more.
const ATTEMPT: Duration = Duration::from_secs(2);
/// Addresses of one name. More are not used by anybody, and each would have to be judged.
const ADDRESSES: usize = 64;
/// Questions at once: each holds two sockets, one for either kind of address. They are
/// not counted among connections, so they have to fit into what is kept besides.
const QUESTIONS: usize = 64;

/// Knows the addresses of names.
pub(super) struct Resolver {
    /// Nothing if there is nobody to ask.
    inner: Option<TokioResolver>,
    questions: Semaphore,
    clock: Arc<dyn Clock>,
}

impl Resolver {
    /// Asks `resolvers`, or those of the system if there are none.
    pub(super) fn new(resolvers: &[SocketAddr], clock: &Arc<dyn Clock>) -> Self {
        let found = if resolvers.is_empty() { of_system() } else { resolvers.to_vec() };
        let servers = found.iter().map(|address| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = address.port();
                connection
            });
            NameServerConfig::new(address.ip(), true, connections.into())
        });
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        set(builder.options_mut());
        let inner = builder.build().inspect_err(|error| tracing::warn!(%error, "names cannot be resolved")).ok();
        Self { inner, questions: Semaphore::new(QUESTIONS), clock: Arc::clone(clock) }
    }

    /// All addresses of `name`, those of IPv4 first: where IPv6 leads nowhere, it
    /// takes time to find out. Nothing is added to the name. Who asks waits for a
    /// turn of its own service first, and only for what is not in `known`.
    pub(super) async fn lookup(&self, name: &str, known: &Known) -> Result<Arc<[IpAddr]>, OutgoingError> {
        if let Some(addresses) = known.recall(name, self.clock.now()) {
            return Ok(addresses);
        }
        let inner = self.inner.as_ref().ok_or_else(|| unknown(None))?;
        let mut asked = Name::from_ascii(name).map_err(|_no_name| unknown(None))?;
        asked.set_fqdn(true);
        let _turn = known.questions.acquire().await;
        // Somebody else may have asked meanwhile.
        if let Some(addresses) = known.recall(name, self.clock.now()) {
            return Ok(addresses);
        }
        let _question = self.questions.acquire().await;
        let answer = inner.lookup_ip(asked).await.map_err(|error| failed(&error))?;
        let (addresses, time) = read(&answer)?;
        known.keep(name, &addresses, time, self.clock.now());
        Ok(addresses)
    }
}

fn unknown(code: Option<&str>) -> OutgoingError {
    OutgoingError::Dns { code: code.map(str::to_owned) }
}

fn failed(error: &NetError) -> OutgoingError {
    match error {
        NetError::Timeout => OutgoingError::DnsTimeout,
        NetError::Dns(DnsError::NoRecordsFound(none)) => unknown(Some(code_name(none.response_code))),
        NetError::Dns(DnsError::ResponseCode(code)) => unknown(Some(code_name(*code))),
        // The library may fail in more ways.
        _ => unknown(None),
    }
}

/// The addresses in an answer, and for how long all of it is good.
fn read(answer: &LookupIp) -> Result<(Arc<[IpAddr]>, Duration), OutgoingError> {
    let mut addresses: Vec<IpAddr> = answer.iter().take(ADDRESSES + 1).collect();
    if addresses.is_empty() || addresses.len() > ADDRESSES {
        return Err(unknown(None));
    }
    addresses.sort_by_key(IpAddr::is_ipv6);
    let seconds = answer.as_lookup().answers().iter().map(|record| record.ttl).min();
    Ok((addresses.into(), Duration::from_secs(u64::from(seconds.unwrap_or_default()))))
}

/// As resolvers and their tools call it.
fn code_name(code: ResponseCode) -> &'static str {
    match code {
        ResponseCode::NXDomain => "NXDOMAIN",
        ResponseCode::ServFail => "SERVFAIL",
        ResponseCode::Refused => "REFUSED",
        // Rarer ones say what they mean.
        other => other.to_str(),
    }
}

fn set(options: &mut ResolverOpts) {
    options.timeout = ATTEMPT;
    options.attempts = 1;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    // What is kept is kept by `Known`, which counts bytes.
    options.cache_size = 0;
    // In the order in which they stand, and one after the other.
    options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
    options.num_concurrent_reqs = 1;
    // A forged answer has more to guess.
    options.case_randomization = true;
    // A file that others write is no grant, and a sandbox may not see it.
    options.use_hosts_file = ResolveHosts::Never;
}

/// Whom the system asks; itself, if it does not say.
fn of_system() -> Vec<SocketAddr> {
    let text = fs::read_to_string(SYSTEM).inspect_err(|error| tracing::debug!(%error, "no `{SYSTEM}`"));
    let mut found = name_servers(&text.unwrap_or_default());
    if found.is_empty() {
        found.push((Ipv4Addr::LOCALHOST, PORT).into());
    }
    found
}

/// The addresses after `nameserver`, one a line. Domains to search are not ours to
/// add: a grant names a host in full.
fn name_servers(text: &str) -> Vec<SocketAddr> {
    let server = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let address = words.next().filter(|word| *word == "nameserver").and(words.next())?;
        let parsed = address.parse().inspect_err(|_| {
            tracing::warn!(address, "a resolver of the system is left out: only addresses without a zone can be asked");
        });
        Some(SocketAddr::new(parsed.ok()?, PORT))
    };
    text.lines().filter_map(server).take(SYSTEM_MOST).collect()
}
