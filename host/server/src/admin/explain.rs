//! What would happen to a request, and why: the same rules in the same order as for a real one, with words for each.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use hostel_model::route::{Found, Route, RouteTable, Verdict};
use hostel_model::target::canonical_authority;
use http::header::HOST;
use http::{Request, Uri};

use crate::admin::api::{json, one};
use crate::admin::problem::Problem;
use crate::admin::reach::Reach;
use crate::admin::view::{Considered, Explanation, Outcome};
use crate::admin::{AdminState, ServedListener, routes, view};
use crate::edge::aim::{Aim, Target, aim};
use crate::edge::{Listener, Peer};
use crate::live::LiveService;

/// Characters of a method: twice the longest that is registered.
const METHOD_MAX: usize = 40;
/// Characters of a URL: as many as fit into a head, however they are escaped.
const URL_MAX: usize = 2_000;

/// What would happen to a request, and why.
///
/// No request is made. The listener is that of the URL's port; if there is none
/// the first that speaks the URL's scheme, else the first. A URL that would be
/// refused is explained, too. A tenant is told as if there were no routes but its own.
#[utoipa::path(
    get,
    path = "/v1/explain",
    tag = "state",
    params(
        ("method" = String, Query, description = "The method of the request.", example = "GET",
            max_length = 40, pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}$"),
        ("url" = String, Query, description = "The whole URL of the request.", example = "http://localhost:8080/users",
            max_length = 2000, pattern = "^https?://"),
    ),
    responses((status = 200, description = "What would happen, and why.", body = view::Explanation))
)]
pub(super) async fn explain(
    State(state): State<Arc<AdminState>>,
    Extension(reach): Extension<Reach>,
    uri: Uri,
) -> Result<Response, Problem> {
    let method = one(&uri, "method")?.filter(|method| is_method(method));
    let method = method.ok_or_else(|| Problem::bad_request("`method` is a method, as in `GET`."))?;
    let url = one(&uri, "url")?.filter(|url| url.chars().count() <= URL_MAX);
    let url = url.ok_or_else(wrong_url)?;
    let asked = Asked::of(&method, &url).ok_or_else(wrong_url)?;
    let snapshot = state.live.load();
    if reach.tenant().is_none() {
        return Ok(json(&judge(&asked, state.served(), &snapshot.routes, &routes::shown_route)));
    }
    let own = snapshot.routes.iter().map(|table| own_routes(table, &reach)).collect::<Option<Vec<_>>>();
    let own = own.ok_or_else(Problem::internal)?;
    Ok(json(&judge(&asked, state.served(), &own, &routes::shown_route)))
}

/// The part of `table` within `reach`: a part of a table without conflicts has none.
fn own_routes(table: &RouteTable<Arc<LiveService>>, reach: &Reach) -> Option<RouteTable<Arc<LiveService>>> {
    let own = table.routes().filter(|route| reach.includes(&route.target.name));
    RouteTable::build(own.map(|route| (route.pattern.clone(), Arc::clone(&route.target))).collect()).ok()
}

fn wrong_url() -> Problem {
    Problem::bad_request(format!(
        "`url` is a whole URL of at most {URL_MAX} characters, as in `http://localhost:8080/users`."
    ))
}

/// RFC 9110, section 5.6.2.
fn is_method(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=METHOD_MAX).contains(&text.len()) && text.bytes().all(fits)
}

/// A request that nobody made.
pub(super) struct Asked<'a> {
    method: &'a str,
    url: &'a str,
    scheme: view::Scheme,
    authority: &'a str,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Asked<'a> {
    /// Takes a URL apart without judging its parts. A fragment is never sent.
    pub(super) fn of(method: &'a str, url: &'a str) -> Option<Self> {
        let (scheme, rest) = match url.strip_prefix("http://") {
            Some(rest) => (view::Scheme::Http, rest),
            None => (view::Scheme::Https, url.strip_prefix("https://")?),
        };
        let sent = rest.split('#').next().unwrap_or_default();
        let (target, query) = sent.split_once('?').map_or((sent, None), |(target, query)| (target, Some(query)));
        let (authority, path) = target.split_at_checked(target.find('/').unwrap_or(target.len()))?;
        let path = if path.is_empty() { "/" } else { path };
        Some(Self { method, url, scheme, authority, path, query })
    }

    /// What the edge makes of it at `door`, by the rules for real requests, or what
    /// is wrong with it.
    fn aimed(&self, door: &Arc<Listener>) -> Result<Aim, &'static str> {
        let target = self.query.map_or_else(|| self.path.to_owned(), |query| format!("{}?{query}", self.path));
        let request = Request::builder().method(self.method).uri(target).header(HOST, self.authority).body(());
        let request = request.map_err(|_unwritable| "the URL has characters that may not stand in it; escape them")?;
        // Who asks makes no difference: nothing is said that a proxy would have to be believed.
        let peer = Peer::new(Arc::clone(door), SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), None);
        aim(&request, &peer).map_err(|fault| fault.why)
    }

    fn answer(&self, outcome: Outcome, reason: impl Into<String>) -> Explanation {
        Explanation {
            method: self.method.to_owned(),
            url: self.url.to_owned(),
            listener: None,
            host: None,
            path: None,
            outcome,
            reason: reason.into(),
            route: None,
            considered: Vec::new(),
        }
    }
}

/// How a route is shown.
type Show<'a, T> = &'a dyn Fn(&Route<T>, &ServedListener) -> view::Route;

/// What would happen to `asked`, given `listeners` and their `tables`.
pub(super) fn judge<T>(
    asked: &Asked<'_>,
    listeners: &[ServedListener],
    tables: &[RouteTable<T>],
    show: Show<'_, T>,
) -> Explanation {
    let authority = canonical_authority(asked.authority).ok();
    let port = authority.as_ref().and_then(|authority| authority.port);
    let Some((listener, table)) = choose(asked, port, listeners, tables) else {
        return asked.answer(Outcome::NoListener, "the host does not listen yet; `/readyz?verbose` says why");
    };
    let known = |explanation| Explanation {
        listener: Some(listener.address.to_string()),
        host: authority.map(|authority| authority.host.into_owned()),
        ..explanation
    };
    let (door, redirects) = match &listener.redirect {
        Some((from, door)) if port == Some(from.port()) => (door, true),
        Some(_) | None => (&listener.listener, false),
    };
    known(match asked.aimed(door) {
        Err(why) => asked.answer(Outcome::Refused, why),
        Ok(Aim::Host) => asked.answer(Outcome::NoRoute, "the host answers this itself"),
        Ok(Aim::Elsewhere(_)) if redirects => {
            let reason = format!("this address only sends clients on to `https` at `{}`", listener.address);
            asked.answer(Outcome::Redirect, reason)
        }
        Ok(Aim::Elsewhere(location)) => {
            let location = String::from_utf8_lossy(location.as_bytes());
            let reason = format!("the path has dot segments; clients are told to ask for `{location}`");
            let path = location.split('?').next().map(str::to_owned);
            Explanation { path, ..asked.answer(Outcome::Redirect, reason) }
        }
        Ok(Aim::Service(target)) => look_up(asked, table, &target, &|route| show(route, listener)),
    })
}

/// The listener that a client of this URL would reach, and its table.
fn choose<'a, T>(
    asked: &Asked<'_>,
    port: Option<u16>,
    listeners: &'a [ServedListener],
    tables: &'a [RouteTable<T>],
) -> Option<(&'a ServedListener, &'a RouteTable<T>)> {
    let all = || listeners.iter().zip(tables);
    let port = port.unwrap_or(if asked.scheme == view::Scheme::Https { 443 } else { 80 });
    let at_port = |listener: &ServedListener| {
        let redirect = listener.redirect.as_ref();
        listener.address.port() == port || redirect.is_some_and(|(from, _)| from.port() == port)
    };
    all()
        .find(|(listener, _)| at_port(listener))
        .or_else(|| all().find(|(listener, _)| listener.scheme() == asked.scheme))
        .or_else(|| all().next())
}

/// What the table says, route by route.
fn look_up<T>(
    asked: &Asked<'_>,
    table: &RouteTable<T>,
    target: &Target,
    show: &dyn Fn(&Route<T>) -> view::Route,
) -> Explanation {
    let (host, path) = (target.authority.host(), target.path_and_query.path());
    let considered = table.explain(host, asked.method, path);
    let winner = considered.iter().find(|one| one.verdict == Verdict::Wins).map(|one| one.route);
    let (outcome, reason) = match (winner, table.find(host, asked.method, path)) {
        (Some(route), _) => (Outcome::Route, format!("`{}` is the most specific route that takes it", route.text)),
        (None, Found::MethodNotAllowed { allow }) => {
            let reason =
                format!("routes take this host and path, but none takes `{}`: they take {allow}", asked.method);
            (Outcome::MethodNotAllowed, reason)
        }
        (None, _) => (Outcome::NoRoute, "no route takes this host and path".to_owned()),
    };
    let shown = considered.iter().map(|one| {
        let view::Route { pattern, service, .. } = show(one.route);
        Considered { pattern, service, wins: one.verdict == Verdict::Wins, reason: one.verdict.to_string() }
    });
    let (route, considered, path) = (winner.map(show), shown.collect(), Some(path.to_owned()));
    Explanation { route, considered, path, ..asked.answer(outcome, reason) }
}
