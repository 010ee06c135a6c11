//! `hostel routes`: the routes of a running host, in the order of their precedence.

use super::Exit;
use super::admin_client::{AskError, ask, exit};
use super::listing::{listing, print, print_json};
use super::status::scheme;
use crate::admin::view::Routes;
use crate::cli::Asking;
use crate::config::Environment;

/// Asks, and shows what comes back.
pub(super) fn routes(asking: &Asking, environment: Environment<'_>) -> Exit {
    exit(answered(asking, environment))
}

fn answered(asking: &Asking, environment: Environment<'_>) -> Result<Exit, AskError> {
    let answer = ask(asking, environment, "/v1/routes")?;
    let Routes { routes } = answer.read()?;
    if asking.json {
        print_json(&answer.json)?;
        return Ok(Exit::Clean);
    }
    let rows = routes.into_iter().map(|route| {
        let methods = route.methods.map_or_else(|| "every".to_owned(), |methods| methods.join(","));
        let host = route.host.unwrap_or_else(|| "every".to_owned());
        [
            format!("{}://{}", scheme(route.scheme), route.listener),
            methods,
            host,
            route.path,
            route.service,
            route.revision.unwrap_or_else(|| "-".to_owned()),
        ]
    });
    let header = ["LISTENER", "METHOD", "HOST", "PATH", "SERVICE", "REVISION"];
    print(listing(header, rows.collect()).as_bytes())?;
    Ok(Exit::Clean)
}
