//! Where names are: asked of the configured resolvers, or of those of the system, and kept for as long as the answer is good.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;
use hostel_sandbox::OutgoingError;
use tokio::sync::Semaphore;

/// Where the system keeps the addresses of its resolvers (resolv.conf(5)).
const SYSTEM: &str = "/etc/resolv.conf";
/// Where they listen.
const PORT: u16 = 53;
/// More than the system itself would ask.
const SYSTEM_MOST: usize = 3;
/// After so long a resolver is asked once more.
const ATTEMPT: Duration = Duration::from_secs(2);
/// Answers that are kept; each is some hundred bytes.
const CACHED: u64 = 1_024;
/// No answer is believed for longer, whatever it says.
const POSITIVE_MOST: Duration = Duration::from_hours(1);
/// A name that is new may be asked for again soon.
const NEGATIVE_MOST: Duration = Duration::from_secs(30);
/// Questions at once: each holds a socket or two.
const QUESTIONS: usize = 64;

/// Knows the addresses of names.
pub(super) struct Resolver {
    /// Nothing if there is nobody to ask.
    inner: Option<TokioResolver>,
    questions: Semaphore,
}

impl Resolver {
    /// Asks `resolvers`, or those of the system if there are none.
    pub(super) fn new(resolvers: &[SocketAddr]) -> Self {
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
        Self { inner, questions: Semaphore::new(QUESTIONS) }
    }

    /// All addresses of `name`, those of IPv4 first: where IPv6 leads nowhere, it
    /// takes time to find out. Nothing is added to the name.
    pub(super) async fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, OutgoingError> {
        let unknown = |code: Option<&str>| OutgoingError::Dns { code: code.map(str::to_owned) };
        let inner = self.inner.as_ref().ok_or_else(|| unknown(None))?;
        let mut asked = Name::from_ascii(name).map_err(|_no_name| unknown(None))?;
        asked.set_fqdn(true);
        let _question = self.questions.acquire().await;
        let answer = inner.lookup_ip(asked).await.map_err(|error| match &error {
            NetError::Timeout => OutgoingError::DnsTimeout,
            NetError::Dns(DnsError::NoRecordsFound(none)) => unknown(Some(code_name(none.response_code))),
            NetError::Dns(DnsError::ResponseCode(code)) => unknown(Some(code_name(*code))),
            // The library may fail in more ways.
            _ => unknown(None),
        })?;
        let mut addresses: Vec<IpAddr> = answer.iter().collect();
        addresses.sort_by_key(IpAddr::is_ipv6);
        if addresses.is_empty() { Err(unknown(None)) } else { Ok(addresses) }
    }
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
    options.cache_size = CACHED;
    options.positive_max_ttl = Some(POSITIVE_MOST);
    options.negative_max_ttl = Some(NEGATIVE_MOST);
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
        Some(SocketAddr::new(address.parse().ok()?, PORT))
    };
    text.lines().filter_map(server).take(SYSTEM_MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resolvers_of_the_system_are_those_it_names() {
        let text = "# made by hand\nsearch example.com\nnameserver 10.0.0.2\n  nameserver\t::1 # local\nnameserver x\n\
                    options ndots:5\nnameserver 10.0.0.3\nnameserver 10.0.0.4\nnameservers 10.0.0.5\n";
        let found: Vec<String> = name_servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["10.0.0.2:53", "[::1]:53", "10.0.0.3:53"]);
        assert_eq!(name_servers(""), []);
    }
}
