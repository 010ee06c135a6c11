//! `hostel backup`: everything that a running host keeps, in one file that is whole or not there.

use http::Method;

use super::Exit;
use super::admin_client::{AskError, Client, Content, Question, exit};
use super::report::say;
use super::whole_file::WholeFile;
use crate::cli;
use crate::config::Environment;

/// Asks for a backup and writes it.
pub(super) fn backup(asked: &cli::Backup, environment: Environment<'_>) -> Exit {
    exit(written(asked, environment))
}

fn written(asked: &cli::Backup, environment: Environment<'_>) -> Result<Exit, AskError> {
    let cli::Backup { file, whom } = asked;
    let client = Client::of(whom, environment)?;
    let mut out = WholeFile::at(file)?;
    if out.is_terminal() {
        say("error: a backup is not for a terminal; name a file, or send standard output to one");
        return Ok(Exit::Configuration);
    }
    client.download(Question::change(Method::POST, "/v1/backup", Content::nothing()), file, &mut out)?;
    out.finish()?;
    Ok(Exit::Clean)
}
