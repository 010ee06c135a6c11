//! `hostel deploy`: uploads components, puts them in force in one swap, and waits for the verdict if told to.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hostel_model::config::{Problem, Source};
use hostel_model::limits::fixed;
use hostel_model::name::ServiceName;
use http::{Method, StatusCode};

use super::Exit;
use super::admin_client::{AskError, Client, Content, Question, clause, exit};
use super::change::of_service;
use super::changed::{named, show as show_changed};
use super::report::{say, show};
use crate::admin::view::{self, Artifact, Change, Changed, Component, Deployment, History, Service};
use crate::cli;
use crate::config::Environment;

/// Between two looks at a service that is watched.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A last look so long after the watch is over: its verdict may be on its way.
const LAST_LOOK: Duration = Duration::from_secs(1);
/// Entries of a history in which the reason for going back is looked for.
const HISTORY: usize = 50;

/// The files by the services they are for.
type Files = BTreeMap<ServiceName, PathBuf>;

/// Does what `asked` says.
pub(super) fn deploy(asked: &cli::Deploy, environment: Environment<'_>) -> Exit {
    let files = match pairs(&asked.what) {
        Ok(files) => files,
        Err(wrong) => {
            say(&format!("error: {wrong}"));
            return Exit::Configuration;
        }
    };
    let deployed = Client::of(&asked.whom, environment).and_then(|client| deployed(asked, &client, &files));
    match deployed {
        Err(AskError::Refused { problem, .. }) if !problem.problems.is_empty() => {
            show(&problem.problems.iter().map(|one| rejected(one, &files)).collect::<Vec<_>>());
            Exit::Configuration
        }
        deployed => exit(deployed),
    }
}

/// What is to be deployed: `NAME FILE`, or any number of `NAME=FILE`.
fn pairs(what: &[String]) -> Result<Files, String> {
    let usage = "write `hostel deploy NAME FILE`, or `hostel deploy NAME=FILE NAME=FILE`";
    let pairs: Vec<(&str, &str)> = match what {
        [name, file] if !name.contains('=') => vec![(name, file)],
        all => {
            let pairs: Option<Vec<_>> = all.iter().map(|one| one.split_once('=')).collect();
            pairs.ok_or_else(|| format!("it is not said which file is for which service; {usage}"))?
        }
    };
    let mut files = Files::new();
    for (name, file) in pairs {
        let service = ServiceName::parse(name).map_err(|error| error.to_string())?;
        if file.is_empty() {
            return Err(format!("there is no file for `{name}`; {usage}"));
        }
        if files.insert(service, PathBuf::from(file)).is_some() {
            return Err(format!("`{name}` is there twice; deploy one component for each service"));
        }
    }
    Ok(files)
}

fn deployed(asked: &cli::Deploy, client: &Client, files: &Files) -> Result<Exit, AskError> {
    let mut services = BTreeMap::new();
    for (name, path) in files {
        match upload(client, path)? {
            Ok(digest) => drop(services.insert(name.to_string(), Component { digest })),
            Err(problem) => {
                show(&[*problem]);
                return Ok(Exit::Configuration);
            }
        }
    }
    let deployment = Deployment { services, weight: asked.weight };
    // A structure of texts and a number has a form in JSON.
    let content = Content::json(serde_json::to_vec(&deployment).unwrap_or_default());
    let target = if asked.conditions.dry_run { "/v1/deployments?dry_run=true" } else { "/v1/deployments" };
    let question = Question::change(Method::POST, target, content);
    let question = Question { if_version: asked.conditions.if_version, ..question };
    let changed = show_changed(&client.ask(question)?, asked.json)?;
    if asked.wait { wait(client, &changed) } else { Ok(Exit::Clean) }
}

/// Sends the file at `path`; gives back its digest, or what is wrong with it.
fn upload(client: &Client, path: &Path) -> Result<Result<String, Box<Problem>>, AskError> {
    let unreadable = |source| AskError::File { action: "read", path: path.to_path_buf(), source };
    let file = File::open(path).map_err(unreadable)?;
    let found = file.metadata().map_err(unreadable)?;
    if found.len() > fixed::COMPONENT_FILE.0 || !found.is_file() {
        let message = format!("`{}` is not a file of at most {}", path.display(), fixed::COMPONENT_FILE);
        return Ok(Err(problem(path, message, "strip debug information, or split the service".to_owned())));
    }
    let content = Content::file("application/wasm", file, found.len(), progress(path, found.len()));
    match client.ask(Question::change(Method::POST, "/v1/artifacts", content)) {
        Ok(answer) => Ok(Ok(answer.read::<Artifact>()?.digest)),
        Err(error) => match error.refused(StatusCode::UNPROCESSABLE_ENTITY) {
            Some(refused) => {
                let (wrong, remedy) = halves(&clause(&refused.detail));
                Ok(Err(problem(path, format!("`{}` cannot be deployed: {wrong}", path.display()), remedy)))
            }
            None => Err(error),
        },
    }
}

/// Says on a terminal how much of a file is sent.
fn progress(path: &Path, bytes: u64) -> impl FnMut(u64) + Send + 'static {
    let (name, terminal) = (path.display().to_string(), std::io::stderr().is_terminal());
    let (mut sent, mut shown) = (0_u64, None);
    move |piece: u64| {
        sent += piece;
        let percent = sent.saturating_mul(100).checked_div(bytes).unwrap_or(100);
        if terminal && shown != Some(percent) {
            let end = if piece == 0 || sent >= bytes { "\n" } else { "" };
            // A closed terminal is nobody's concern.
            let _ = write!(std::io::stderr(), "\ruploading {name}: {percent} %{end}");
            shown = Some(percent);
        }
    }
}

/// Why one service cannot be deployed, beside the file that was meant for it.
fn rejected(one: &view::Rejection, files: &Files) -> Problem {
    let file = ServiceName::parse(&one.service).ok().and_then(|name| files.get(&name));
    let (wrong, remedy) = halves(&one.reason);
    match file {
        Some(path) => {
            let message = format!("`{}` cannot be the service `{}`: {wrong}", path.display(), one.service);
            *problem(path, message, remedy)
        }
        None => *problem(Path::new(""), format!("`{}` cannot be deployed: {wrong}", one.service), remedy),
    }
}

/// The texts are "what is wrong; what to do".
fn halves(text: &str) -> (String, String) {
    let (wrong, remedy) = text.rsplit_once("; ").unwrap_or((text, "build it again"));
    (wrong.to_owned(), remedy.to_owned())
}

fn problem(path: &Path, message: String, help: String) -> Box<Problem> {
    let source = Source { name: path.display().to_string(), text: "".into() };
    Box::new(Problem::error(&source, message, help))
}

/// Waits until nothing of what was deployed is watched any more.
fn wait(client: &Client, changed: &Changed) -> Result<Exit, AskError> {
    let mut exit = Exit::Clean;
    for change in &changed.changes {
        match change.change {
            Change::Deployed | Change::Candidate | Change::Promoted | Change::Approved => {}
            Change::Waiting
            | Change::Removed
            | Change::RolledBack
            | Change::TakenBack
            | Change::Disabled
            | Change::Enabled => continue,
        }
        let revision = named(&change.revision, &change.digest);
        if holds(client, &change.service, &change.revision)? {
            say(&format!("{}: {revision} has held", change.service));
        } else {
            let why = why(client, &change.service, &change.revision)?;
            say(&format!("{}: {revision} is in force no more: {why}", change.service));
            exit = Exit::None;
        }
    }
    Ok(exit)
}

/// Whether `revision` is still in force once its watch is over.
fn holds(client: &Client, service: &str, revision: &str) -> Result<bool, AskError> {
    let mut last_look = false;
    loop {
        let found: Service = client.ask(Question::get(of_service(service, "")))?.read()?;
        let shares = found.candidate.is_some_and(|candidate| candidate.revision == revision);
        if !shares && found.revision.as_deref() != Some(revision) {
            return Ok(false);
        }
        let watched = found.watch.is_some_and(|watch| watch.revision == revision);
        if !watched && last_look {
            return Ok(true);
        }
        client.clock.pause_thread(if watched { LOOK_EVERY } else { LAST_LOOK });
        last_look = !watched;
    }
}

/// Why `revision` is not in force any more, as the journal has it.
fn why(client: &Client, service: &str, revision: &str) -> Result<String, AskError> {
    let target = of_service(service, &format!("/history?limit={HISTORY}"));
    let history: History = client.ask(Question::get(target))?.read()?;
    let back = |change| matches!(change, Change::TakenBack | Change::RolledBack);
    let entry = history.entries.iter().find(|entry| back(entry.change) && entry.revision == revision);
    Ok(match entry {
        Some(entry) => {
            let by = entry.by.clone().unwrap_or_default();
            let why = entry.why.clone().unwrap_or_else(|| "no reason was given".to_owned());
            if entry.change == Change::TakenBack {
                format!("the host took it back: {why}")
            } else {
                format!("{by} rolled it back")
            }
        }
        None => format!("something else was deployed; see `hostel history {service}`"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs_of(what: &[&str]) -> Result<Vec<(String, String)>, String> {
        let what: Vec<String> = what.iter().map(|one| (*one).to_owned()).collect();
        let files = pairs(&what)?;
        Ok(files.iter().map(|(name, file)| (name.to_string(), file.display().to_string())).collect())
    }

    #[test]
    fn a_service_and_a_file_or_several_pairs_are_understood() {
        let pair = |name: &str, file: &str| (name.to_owned(), file.to_owned());
        assert_eq!(pairs_of(&["users", "a.wasm"]).unwrap(), [pair("users", "a.wasm")]);
        assert_eq!(pairs_of(&["users=a=b.wasm"]).unwrap(), [pair("users", "a=b.wasm")]);
        assert_eq!(pairs_of(&["b=b.wasm", "a=a.wasm"]).unwrap(), [pair("a", "a.wasm"), pair("b", "b.wasm")]);
        // A file may have any name.
        assert_eq!(pairs_of(&["users", "x=y.wasm"]).unwrap(), [pair("users", "x=y.wasm")]);
        for (wrong, words) in [
            (&["users"][..], "which file is for which service"),
            (&["a", "b", "c"], "which file is for which service"),
            (&["a=a.wasm", "b"], "which file is for which service"),
            (&["a="], "no file for `a`"),
            (&["A=a.wasm"], "use only lower-case letters"),
            (&["a=a.wasm", "a=b.wasm"], "`a` is there twice"),
        ] {
            let error = pairs_of(wrong).unwrap_err();
            assert!(error.contains(words), "{wrong:?}: {error}");
        }
    }

    #[test]
    fn a_reason_is_shown_with_its_file_and_its_remedy() {
        let files = Files::from([(ServiceName::parse("users").unwrap(), PathBuf::from("dir/users.wasm"))]);
        let reason = "this is a core WebAssembly module, not a component; build it for `wasm32-wasip2`".to_owned();
        let shown = rejected(&view::Rejection { service: "users".to_owned(), reason }, &files);
        let expected =
            "`dir/users.wasm` cannot be the service `users`: this is a core WebAssembly module, not a component";
        assert_eq!((shown.message.as_str(), shown.help.as_str()), (expected, "build it for `wasm32-wasip2`"));
    }
}
