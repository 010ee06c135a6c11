//! `hostel rollback`, `promote`, `undeploy`, `disable`, `enable`, `approve`: one question each.

use http::Method;

use super::Exit;
use super::admin_client::{AskError, Client, Content, Question, exit};
use super::changed;
use crate::admin::view;
use crate::cli::{Conditions, OneService, Rollback, Whom};
use crate::config::Environment;

/// Asks for the way back.
pub(super) fn rollback(asked: &Rollback, environment: Environment<'_>) -> Exit {
    let Rollback { name, revision, conditions, json, whom } = asked;
    let body = view::Rollback { revision: revision.clone() };
    // A structure of texts has a form in JSON.
    let content = Content::json(serde_json::to_vec(&body).unwrap_or_default());
    let question = Question::change(Method::POST, target(name, "/rollback", *conditions), content);
    change(whom, *conditions, *json, question, environment)
}

/// Asks for `what` to be done.
pub(super) fn one_service(what: &str, asked: &OneService, environment: Environment<'_>) -> Exit {
    let OneService { name, conditions, json, whom } = asked;
    let target = target(name, &format!("/{what}"), *conditions);
    let question = Question::change(Method::POST, target, Content::nothing());
    change(whom, *conditions, *json, question, environment)
}

/// Asks for the service to be taken away.
pub(super) fn undeploy(asked: &OneService, environment: Environment<'_>) -> Exit {
    let OneService { name, conditions, json, whom } = asked;
    let question = Question::change(Method::DELETE, target(name, "", *conditions), Content::nothing());
    change(whom, *conditions, *json, question, environment)
}

fn change(whom: &Whom, conditions: Conditions, json: bool, question: Question, environment: Environment<'_>) -> Exit {
    let question = Question { if_version: conditions.if_version, ..question };
    let asked = || -> Result<Exit, AskError> {
        let answer = Client::of(whom, environment)?.ask(question)?;
        changed::show(&answer, json)?;
        Ok(Exit::Clean)
    };
    exit(asked())
}

/// The path of what belongs to a service, whatever its name is made of.
pub(super) fn of_service(name: &str, rest: &str) -> String {
    format!("/v1/services/{}{rest}", segment(name))
}

fn target(name: &str, rest: &str, conditions: Conditions) -> String {
    let target = of_service(name, rest);
    if conditions.dry_run { format!("{target}?dry_run=true") } else { target }
}

/// `text` as a part of a path: everything but letters, digits and `-` is escaped.
pub(super) fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let escaped =
        text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    escaped.collect()
}
