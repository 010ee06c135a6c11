//! `hostel token`: tokens of tenants, made, listed and revoked.

use http::Method;

use super::Exit;
use super::admin_client::{AskError, Client, Content, Question, exit};
use super::change::segment;
use super::listing::{listing, print, print_json};
use super::report::say;
use crate::admin::view::{MadeToken, NewToken, Token, Tokens};
use crate::cli::TokenCommand;
use crate::config::Environment;

/// Does what `command` says.
pub(super) fn token(command: &TokenCommand, environment: Environment<'_>) -> Exit {
    exit(done(command, environment))
}

fn done(command: &TokenCommand, environment: Environment<'_>) -> Result<Exit, AskError> {
    match command {
        TokenCommand::Create { tenant, name, json, whom } => {
            let asked = NewToken { tenant: tenant.clone(), name: name.clone() };
            // A structure of texts has a form in JSON.
            let content = Content::json(serde_json::to_vec(&asked).unwrap_or_default());
            let question = Question::change(Method::POST, "/v1/tokens", content);
            let answer = Client::of(whom, environment)?.ask(question)?;
            let made: MadeToken = answer.read()?;
            if *json {
                print_json(&answer.json)?;
            } else {
                // Alone on standard output, so that it can be piped to where it is kept.
                print(format!("{}\n", made.token).as_bytes())?;
                say(&format!("token {} of tenant `{}`; it is not shown again", made.id, made.tenant));
            }
        }
        TokenCommand::List { json, whom } => {
            let answer = Client::of(whom, environment)?.ask(Question::get("/v1/tokens"))?;
            let Tokens { tokens } = answer.read()?;
            if *json {
                print_json(&answer.json)?;
            } else {
                let row = |token: &Token| {
                    let name = token.name.clone().unwrap_or_else(|| "-".to_owned());
                    [token.id.clone(), token.tenant.clone(), name, token.created.clone()]
                };
                print(listing(["ID", "TENANT", "NAME", "CREATED"], tokens.iter().map(row).collect()).as_bytes())?;
            }
        }
        TokenCommand::Revoke { id, json, whom } => {
            let target = format!("/v1/tokens/{}", segment(id));
            let question = Question::change(Method::DELETE, target, Content::nothing());
            let answer = Client::of(whom, environment)?.ask(question)?;
            let revoked: Token = answer.read()?;
            if *json {
                print_json(&answer.json)?;
            } else {
                print(format!("token {} of tenant `{}` is revoked\n", revoked.id, revoked.tenant).as_bytes())?;
            }
        }
    }
    Ok(Exit::Clean)
}
