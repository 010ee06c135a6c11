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
    client.download(question(), file, &mut out)?;
    out.finish()?;
    Ok(Exit::Clean)
}

/// The answer begins once both databases are copied, which may take long.
fn question() -> Question {
    Question::transfer(Method::POST, "/v1/backup", Content::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_waited_for_as_long_as_an_import() {
        let import = Question::transfer(Method::POST, "/v1/services/users/import", Content::nothing());
        assert_eq!(question().patience, import.patience);
        assert!(question().patience > Question::change(Method::POST, "/", Content::nothing()).patience);
    }
}
