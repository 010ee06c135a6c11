//! `hostel explain`: which route of a running host takes a request, and why.

use super::Exit;
use super::admin_client::{AskError, ask, exit};
use super::listing::{listing, print, print_json};
use super::status::scheme;
use crate::admin::view::{Explanation, Outcome};
use crate::cli::Explain;
use crate::config::Environment;

/// Asks, and shows what comes back.
pub(super) fn explain(asked: &Explain, environment: Environment<'_>) -> Exit {
    exit(answered(asked, environment))
}

fn answered(asked: &Explain, environment: Environment<'_>) -> Result<Exit, AskError> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("method", &asked.method).append_pair("url", &asked.url);
    let answer = ask(&asked.asking, environment, &format!("/v1/explain?{}", query.finish()))?;
    let explanation: Explanation = answer.read()?;
    if asked.asking.json {
        print_json(&answer.json)?;
    } else {
        print(shown(&explanation).as_bytes())?;
    }
    Ok(match explanation.outcome {
        Outcome::Route => Exit::Clean,
        Outcome::NoRoute | Outcome::MethodNotAllowed | Outcome::Redirect | Outcome::Refused | Outcome::NoListener => {
            Exit::None
        }
    })
}

fn shown(explanation: &Explanation) -> String {
    let Explanation { method, url, listener, host, path, reason, route, considered, outcome: _ } = explanation;
    let mut text = format!("{method} {url}\n{reason}\n");
    if let Some(route) = route {
        let revision = route.revision.as_deref().unwrap_or("nothing live");
        text.push_str(&format!("It leads to `{}` ({revision}).\n", route.service));
    }
    let facts = [("listener", listener), ("host", host), ("path", path)];
    let facts = facts.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value.clone()?]));
    let scheme = route.as_ref().map(|route| ["scheme".to_owned(), scheme(route.scheme).to_owned()]);
    let facts: Vec<[String; 2]> = scheme.into_iter().chain(facts).collect();
    if !facts.is_empty() {
        text.push_str(&format!("\n{}", listing(["PART", "AS THE HOST SEES IT"], facts)));
    }
    if !considered.is_empty() {
        let rows = considered.iter().map(|one| {
            let mark = if one.wins { ">" } else { "" };
            [mark.to_owned(), one.pattern.clone(), one.service.clone(), one.reason.clone()]
        });
        text.push_str(&format!("\n{}", listing(["", "ROUTE", "SERVICE", "IT"], rows.collect())));
    }
    text
}
