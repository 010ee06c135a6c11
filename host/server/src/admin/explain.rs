//! What would happen to a request, and why: the same rules in the same order as for a real one, with words for each.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hostel_model::route::{Found, Route, RouteTable, Verdict};
use hostel_model::target::{canonical_authority, canonical_path, check_query};
use http::Uri;

use crate::admin::api::{json, one};
use crate::admin::problem::Problem;
use crate::admin::view::{Considered, Explanation, Outcome};
use crate::admin::{AdminState, ServedListener, routes, view};

/// Characters of a method: twice the longest that is registered.
const METHOD_MAX: usize = 40;
/// Characters of a URL: as many as fit into a head, however they are escaped.
const URL_MAX: usize = 2_000;

/// What would happen to a request, and why.
///
/// No request is made. The listener is that of the URL's port; if there is none
/// the first that speaks the URL's scheme, else the first. A URL that would be
/// refused is explained, too.
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
pub(super) async fn explain(State(state): State<Arc<AdminState>>, uri: Uri) -> Result<Response, Problem> {
    let method = one(&uri, "method")?.filter(|method| is_method(method));
    let method = method.ok_or_else(|| Problem::bad_request("`method` is a method, as in `GET`."))?;
    let url = one(&uri, "url")?.filter(|url| url.chars().count() <= URL_MAX);
    let url = url.ok_or_else(wrong_url)?;
    let asked = Asked::of(&method, &url).ok_or_else(wrong_url)?;
    let snapshot = state.live.load();
    Ok(json(&judge(&asked, state.served(), &snapshot.routes, &routes::shown_route)))
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
    let authority = match canonical_authority(asked.authority) {
        Ok(authority) => authority,
        Err(fault) => return asked.answer(Outcome::Refused, fault.to_string()),
    };
    let Some((listener, table)) = choose(asked, authority.port, listeners, tables) else {
        return asked.answer(Outcome::NoListener, "the host does not listen yet; `/readyz?verbose` says why");
    };
    let known = |explanation: Explanation| Explanation {
        listener: Some(listener.address.to_string()),
        host: Some(authority.host.to_string()),
        ..explanation
    };
    if authority.port.is_some() && listener.redirect_from.map(|from| from.port()) == authority.port {
        let reason = format!("this address only sends clients on to `https` at `{}`", listener.address);
        return known(asked.answer(Outcome::Redirect, reason));
    }
    if matches!(asked.method, "CONNECT" | "TRACE") {
        return known(asked.answer(Outcome::Refused, "the host makes no tunnels and traces nothing"));
    }
    let path = match canonical_path(asked.path, listener.paths) {
        Ok(path) => path,
        Err(fault) => return known(asked.answer(Outcome::Refused, fault.to_string())),
    };
    if let Some(Err(fault)) = asked.query.map(check_query) {
        return known(asked.answer(Outcome::Refused, fault.to_string()));
    }
    let known = |explanation| Explanation { path: Some(path.text.to_string()), ..known(explanation) };
    if path.resolved && matches!(asked.method, "GET" | "HEAD") {
        let reason = format!("the path has dot segments; clients are told to ask for `{}`", path.text);
        return known(asked.answer(Outcome::Redirect, reason));
    }
    known(look_up(asked, table, &authority.host, &path.text, &|route| show(route, listener)))
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
        listener.address.port() == port || listener.redirect_from.is_some_and(|from| from.port() == port)
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
    host: &str,
    path: &str,
    show: &dyn Fn(&Route<T>) -> view::Route,
) -> Explanation {
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
    Explanation { route: winner.map(show), considered: shown.collect(), ..asked.answer(outcome, reason) }
}
