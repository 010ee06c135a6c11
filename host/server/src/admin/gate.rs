//! Who may ask the admin plane: checked for every request, before anything is looked up.
//!
//! A browser on this machine can reach the TCP address, too, and send it what a
//! page on the internet says (DNS rebinding, forged requests). So a request must
//! name this machine as its host, and may not come from another origin.

use std::net::IpAddr;

use hostel_model::target::canonical_authority;
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, Method, Request};
use http_body::Body;

use crate::admin::gate::denials::Denial;
use crate::admin::problem::Problem;
use crate::admin::question::JSON_BYTES_MAX;
use crate::admin::socket::Transport;
use crate::admin::token::Token;
use crate::admin::tokens::Tokens;
use crate::deploy::Author;
use hostel_model::tenant::TenantName;

pub(super) mod denials;

/// What a browser says about where a request comes from (W3C Fetch Metadata).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A request that is not looked at any further.
pub(super) struct Refused {
    /// What is answered.
    pub(super) problem: Problem,
    /// Why it may not ask, if that is what is wrong with it.
    pub(super) denial: Option<Denial>,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self { problem, denial: None }
    }
}

impl Denial {
    fn with(self, problem: Problem) -> Refused {
        Refused { problem, denial: Some(self) }
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who {
    /// As journal and log have it.
    pub(super) author: Author,
    /// The tenant whose token was shown; none for the operator.
    pub(super) tenant: Option<TenantName>,
}

/// What is shown to be let in.
pub(super) struct Keys {
    /// The operator's, if there is one.
    pub(super) operator: Option<Token>,
    /// Those of tenants.
    pub(super) tokens: std::sync::Arc<Tokens>,
}

/// Says who asks by `transport` for `request`, or refuses it unless it may be answered.
pub(super) fn check<B: Body>(request: &Request<B>, transport: Transport, keys: &Keys) -> Result<Who, Refused> {
    let host = host(request)?;
    let by_tcp = matches!(transport, Transport::Tcp { .. });
    if by_tcp && !host.as_ref().is_some_and(Place::is_this_machine) {
        let detail = "The host must be an IP address, `localhost` or a name below it; ask for one of those.";
        return Err(Denial::Host.with(Problem::forbidden(detail)));
    }
    same_origin(request.headers(), host.as_ref()).map_err(|problem| Denial::Origin.with(problem))?;
    let who = keys.who(request, transport).or_else(|| {
        let anybody = Who { author: Author::Token, tenant: None };
        (by_tcp && is_public(request)).then_some(anybody)
    });
    let who = who.ok_or_else(|| Denial::Token.with(Problem::unauthenticated()))?;
    if request.body().size_hint().lower() > JSON_BYTES_MAX && !takes_large_bodies(request) {
        return Err(Problem::too_large(format!("The request's body has more than {JSON_BYTES_MAX} bytes.")).into());
    }
    Ok(who)
}

impl Keys {
    /// Whoever shows a token is whom it was made for, on the Unix socket as well: one that is good for
    /// nothing any more makes nobody the operator there.
    fn who<B>(&self, request: &Request<B>, transport: Transport) -> Option<Who> {
        let operator = match transport {
            Transport::Unix { user } => Author::Socket { user },
            Transport::Tcp { .. } => Author::Token,
        };
        let by_socket = matches!(transport, Transport::Unix { .. });
        if by_socket && !request.headers().contains_key(AUTHORIZATION) {
            return Some(Who { author: operator, tenant: None });
        }
        let shown = shown(request)?;
        if self.operator.as_ref().is_some_and(|token| token.is(shown)) {
            return Some(Who { author: operator, tenant: None });
        }
        let (id, tenant) = self.tokens.find(shown)?;
        Some(Who { author: Author::Issued(id), tenant: Some(tenant) })
    }
}

/// Components and imports, which have bounds of their own.
fn takes_large_bodies<B>(request: &Request<B>) -> bool {
    let path = request.uri().path();
    request.method() == Method::POST && (path == "/v1/artifacts" || path.ends_with("/import"))
}

/// Whether an answer may take long by its nature: because something is compiled, or
/// because much is read or written.
pub(super) fn takes_long<B>(request: &Request<B>) -> bool {
    let (path, reads) = (request.uri().path(), [Method::GET, Method::HEAD].contains(request.method()));
    // Probes, which need no token, are not below it.
    path.starts_with("/v1/") && (!reads || path.ends_with("/export"))
}

/// A host and its port in their only spelling; the port of HTTP if there is none.
#[derive(PartialEq, Eq)]
struct Place {
    host: String,
    port: u16,
}

impl Place {
    fn of(authority: &str) -> Option<Self> {
        let authority = canonical_authority(authority).ok()?;
        Some(Self { host: authority.host.into_owned(), port: authority.port.unwrap_or(80) })
    }

    /// Names that nobody can point at this machine from outside: a page whose name
    /// was made to lead here still sends its own name.
    fn is_this_machine(&self) -> bool {
        let name = self.host.trim_start_matches('[').trim_end_matches(']');
        name.parse::<IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost")
    }
}

/// Whom the request is for: what its target says, if it says anything, else `Host`.
fn host<B>(request: &Request<B>) -> Result<Option<Place>, Problem> {
    let wrong = || Problem::bad_request("The host is not a name or an address with or without a port.");
    let mut hosts = request.headers().get_all(HOST).iter();
    let header = match (hosts.next(), hosts.next()) {
        (None, _) => None,
        (Some(host), None) => Some(host.to_str().ok().and_then(Place::of).ok_or_else(wrong)?),
        (Some(_), Some(_)) => return Err(Problem::bad_request("The header Host is there twice.")),
    };
    let Some(target) = request.uri().authority() else {
        return Ok(header);
    };
    let target = Place::of(target.as_str()).ok_or_else(wrong)?;
    if header.is_some_and(|header| header != target) {
        return Err(Problem::bad_request("The header Host is not the host of the request's target."));
    }
    Ok(Some(target))
}

fn same_origin(headers: &HeaderMap, host: Option<&Place>) -> Result<(), Problem> {
    let foreign = || Problem::forbidden("Pages of other origins may not ask the admin plane.");
    for origin in headers.get_all(ORIGIN) {
        let own = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://")).and_then(Place::of);
        if own.is_none() || own.as_ref() != host {
            return Err(foreign());
        }
    }
    for site in headers.get_all(SEC_FETCH_SITE) {
        // Pages on other ports of this machine are of the same site, and no business of ours either.
        if !matches!(site.as_bytes(), b"same-origin" | b"none") {
            return Err(foreign());
        }
    }
    Ok(())
}

/// What load balancers may ask without a token: it is one word, and no secret.
fn is_public<B>(request: &Request<B>) -> bool {
    let verbose =
        || form_urlencoded::parse(request.uri().query().unwrap_or("").as_bytes()).any(|(name, _)| name == "verbose");
    match request.uri().path() {
        "/livez" => true,
        "/readyz" => !verbose(),
        _ => false,
    }
}

/// The token that the request shows, if it shows one and once.
fn shown<B>(request: &Request<B>) -> Option<&[u8]> {
    let mut shown = request.headers().get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (shown.next(), shown.next()) else {
        return None;
    };
    let (scheme, rest) = value.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| rest.trim_ascii())
}
