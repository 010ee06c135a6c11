//! From a path on the command line to everything the host needs: the file, its folder, components and secrets.
//!
//! `hostel-model` decides what the text means; this reads what it names. Every
//! problem of one run is reported together, with its place in the file.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use hostel_model::config::{DroppedFile, FILE_NAME, Parsed, Problem, Severity, Source, drop_in_only, parse};
use hostel_model::plan::{Plan, SecretSource, ServicePlan};
use hostel_model::units::ByteSize;

use files::Unreadable;

pub use files::Files;
pub use resolve::{LastGood, Resolved, resolve, resolve_running};

mod files;
mod resolve;

/// Bytes of a configuration's text: thousands of services have room.
const TEXT_MAX: ByteSize = ByteSize::MIB;

/// Reads a variable of the environment. A parameter, so that tests need none.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Whether a host serves already. Then an empty folder is no mistake: what was there has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Nothing is served yet.
    Start,
    /// A host serves, and follows what changes.
    Running,
}

/// A configuration that was read, with all that is wrong with it.
pub struct Loaded {
    /// The folder that paths are relative to.
    pub root: PathBuf,
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// The file's text, or nothing where there is none.
    pub source: Source,
    /// What is to be done, as far as it could be understood.
    pub plan: Plan,
    /// Errors and warnings.
    pub problems: Vec<Problem>,
}

impl Loaded {
    /// Whether the host may start with it.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        !self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// The text that a service comes from: the table beside its component, or the one file for all.
    #[must_use]
    pub fn source_of<'l>(&'l self, service: &'l ServicePlan) -> &'l Source {
        service.source.as_ref().unwrap_or(&self.source)
    }

    /// Where the state is.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.root.join(&self.plan.state)
    }

    /// Every file that decides what is served, whether it is there or not, but for those that lie
    /// in the folder without being named.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let file = self.file.clone().unwrap_or_else(|| self.root.join(FILE_NAME));
        let named = self.plan.services.iter().flat_map(|service| {
            let secrets = service.secrets.values().filter_map(|secret| match &secret.source {
                SecretSource::File(name) => Some(name),
                SecretSource::Env(_) => None,
            });
            secrets.chain([&service.component])
        });
        named.map(|name| self.root.join(name)).chain([file]).collect()
    }

    /// What the tables beside components say, by the files they were read from.
    #[must_use]
    pub fn tables(&self) -> Vec<(PathBuf, Arc<str>)> {
        let sources = self.plan.services.iter().filter_map(|service| service.source.as_ref());
        sources.map(|source| (PathBuf::from(&source.name), Arc::clone(&source.text))).collect()
    }
}

/// Reads the configuration at `path`: a folder, or a file like `hostel.toml`.
#[must_use]
pub fn load(path: &Path) -> Loaded {
    load_from(path, &mut Files::default(), Moment::Start)
}

/// The same with what was read before.
#[must_use]
pub fn load_from(path: &Path, files: &mut Files, moment: Moment) -> Loaded {
    let (root, file) = match place(path) {
        Ok(place) => place,
        Err(problem) => return nothing(path, *problem),
    };
    let dropped = match dropped_files(&root, file.as_deref(), files) {
        Ok(dropped) => dropped,
        Err(problem) => return nothing(path, *problem),
    };
    let Some(file) = file else {
        let source = Source { name: root.join(FILE_NAME).display().to_string(), text: Arc::from("") };
        let parsed = drop_in_only(&dropped);
        let mut loaded = loaded(root, None, source, parsed);
        if loaded.plan.services.is_empty() && loaded.is_valid() && moment == Moment::Start {
            let folder = loaded.root.display().to_string();
            let message = format!("`{folder}` holds neither `{FILE_NAME}` nor a `*.wasm` file");
            let help = "drop a component there, write a `hostel.toml`, or name another folder";
            loaded.problems.push(Problem::error(&loaded.source, message, help));
        }
        return loaded;
    };
    match files.read_text(&file, TEXT_MAX) {
        Ok(text) => {
            let source = Source { name: file.display().to_string(), text };
            let parsed = parse(&source, &dropped);
            loaded(root, Some(file), source, parsed)
        }
        Err(error) => nothing(path, unreadable(&file, &error)),
    }
}

/// The folder of the configuration at `path`, whatever is there.
#[must_use]
pub fn root(path: &Path) -> PathBuf {
    if path.is_dir() { path.to_path_buf() } else { folder_of(path) }
}

/// The folder, and the file if there is one.
fn place(path: &Path) -> Result<(PathBuf, Option<PathBuf>), Box<Problem>> {
    let found = fs::metadata(path).map_err(|error| Box::new(unreadable(path, &error.into())))?;
    if found.is_dir() {
        let file = path.join(FILE_NAME);
        let present = fs::symlink_metadata(&file).is_ok();
        return Ok((path.to_path_buf(), present.then_some(file)));
    }
    Ok((folder_of(path), Some(path.to_path_buf())))
}

fn folder_of(file: &Path) -> PathBuf {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Components and tables in the folder; a table may be for any component, so that all are read.
fn dropped_files(root: &Path, file: Option<&Path>, files: &mut Files) -> Result<Vec<DroppedFile>, Box<Problem>> {
    let unlisted = |error: io::Error| Box::new(unreadable(root, &error.into()));
    let mut dropped = Vec::new();
    for entry in fs::read_dir(root).map_err(unlisted)? {
        let name = entry.map_err(unlisted)?.file_name();
        let name = name.to_string_lossy();
        let path = root.join(&*name);
        if name.starts_with('.') || file == Some(&path) {
            continue;
        }
        if name.ends_with(".wasm") {
            dropped.push(DroppedFile { file_name: name.into_owned(), table: None });
        } else if name.ends_with(".toml") {
            let text = match files.read_text(&path, TEXT_MAX) {
                Ok(text) => text,
                // Gone, or not there yet, or nothing that was meant to be a table.
                Err(Unreadable::Missing | Unreadable::Unfinished | Unreadable::NotAFile) => continue,
                Err(error) => return Err(Box::new(unreadable(&path, &error))),
            };
            let table = Some(Source { name: path.display().to_string(), text });
            dropped.push(DroppedFile { file_name: name.into_owned(), table });
        }
    }
    dropped.sort_by(|one, other| one.file_name.cmp(&other.file_name));
    Ok(dropped)
}

fn loaded(root: PathBuf, file: Option<PathBuf>, source: Source, parsed: Parsed) -> Loaded {
    Loaded { root, file, source, plan: parsed.plan, problems: parsed.problems }
}

fn nothing(path: &Path, problem: Problem) -> Loaded {
    let source = problem.source.clone();
    let empty = drop_in_only(&[]);
    let mut loaded = loaded(path.to_path_buf(), None, source, empty);
    loaded.problems = vec![problem];
    loaded
}

fn unreadable(path: &Path, error: &Unreadable) -> Problem {
    let source = Source { name: path.display().to_string(), text: Arc::from("") };
    let path = path.display();
    match error {
        Unreadable::Missing => Problem::error(
            &source,
            format!("`{path}` does not exist"),
            "name a folder with components, or a `hostel.toml`",
        ),
        error => Problem::error(
            &source,
            format!("`{path}` cannot be read: {error}"),
            "check its permissions and that it is text",
        ),
    }
}

/// A problem with a place in the file, or without one for a dropped file.
#[must_use]
pub fn problem_at(source: &Source, span: Option<&Range<usize>>, message: String, label: &str, help: String) -> Problem {
    let problem = Problem::error(source, message, help);
    match span {
        Some(span) => problem.at(span.clone(), label),
        None => problem,
    }
}
