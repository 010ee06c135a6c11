//! Asks the admin plane of a running host: finds it, shows the token, understands its refusals.

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use hostel_model::platform::Clock;
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::runtime::{Builder, Runtime};

use super::Exit;
use super::report::fail;
use crate::admin::{AdminSettings, TOKEN_NAME, token, view};
use crate::cli::{Asking, Whom};
use crate::config::{Environment, Loaded, load};
use crate::platform::real_platform;

pub(super) use content::Content;

mod content;
mod exchange;
#[cfg(test)]
mod tests;

/// The variable that says which host to ask.
const ADMIN: &str = "HOSTEL_ADMIN";
/// The variable that holds a token.
const ADMIN_TOKEN: &str = "HOSTEL_ADMIN_TOKEN";
/// How long a host may take that answers from what it knows, in milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one may take that compiles: a large component takes minutes on a busy machine.
const PATIENCE_FOR_CHANGES: Duration = Duration::from_mins(10);
/// How long one may take that is sent any amount of data, or gathers it: as long as the host lets a connection live for that.
const PATIENCE_FOR_TRANSFERS: Duration = Duration::from_hours(1);

/// Why a host could not be asked, or did not answer.
#[derive(Debug, Error)]
pub(super) enum AskError {
    #[error("`{text}` is not where a host is asked; write a socket's path, `unix:PATH` or `http://HOST:PORT`")]
    Address { text: String },
    #[error("no host answers at `{place}`; start it with `hostel up`, or name another with --admin")]
    Unanswered { place: Place, source: io::Error },
    #[error("only the user that runs the host may ask at `{place}`; run this as that user")]
    Denied { place: Place, source: io::Error },
    #[error(
        "the host at `{place}` wants a token that it knows; set {ADMIN_TOKEN} to what is in `admin.token` of its state folder, or to one that `hostel token create` made"
    )]
    Token { place: Place },
    #[error("the host at `{place}` refuses: {}", clause(&.problem.detail))]
    Refused { place: Place, problem: Box<view::Problem> },
    #[error("what answers at `{place}` is not the host that this command knows; name another with --admin")]
    Strange { place: Place, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the host at `{place}` did not answer within {}; look at its log", humantime::format_duration(*.patience))]
    Slow { place: Place, patience: Duration },
    #[error("the answer of the host at `{place}` broke off; look at its log")]
    BrokenOff { place: Place, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("cannot {action} `{}`; check the path, its permissions and the free space", .path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error("cannot write to standard output; check where it goes and the free space there")]
    Output(#[source] io::Error),
    #[error("cannot ask anybody: the system gives no events")]
    Runtime(#[source] io::Error),
}

/// A sentence as the end of another one.
pub(super) fn clause(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first = letters.next().map(|letter| letter.to_lowercase().to_string()).unwrap_or_default();
    format!("{first}{}", letters.as_str().trim_end_matches('.'))
}

impl From<&AskError> for Exit {
    fn from(error: &AskError) -> Self {
        match error {
            AskError::Address { .. } => Self::Configuration,
            AskError::Refused { problem, .. } => problem.exit(),
            AskError::Runtime(_) | AskError::File { .. } | AskError::Output(_) => Self::Io,
            AskError::Unanswered { .. }
            | AskError::Denied { .. }
            | AskError::Token { .. }
            | AskError::Strange { .. }
            | AskError::BrokenOff { .. }
            | AskError::Slow { .. } => Self::Unavailable,
        }
    }
}

impl view::Problem {
    /// How a command ends that met it.
    fn exit(&self) -> Exit {
        match (self.status, self.r#type.rsplit(':').next()) {
            (412, _) | (_, Some("busy")) => Exit::Again,
            (500, _) => Exit::Bug,
            (500.., _) => Exit::Io,
            _ => Exit::Configuration,
        }
    }
}

impl AskError {
    /// What the host said, if it refused with this status.
    pub(super) fn refused(&self, status: StatusCode) -> Option<&view::Problem> {
        match self {
            Self::Refused { problem, .. } => (problem.status == status.as_u16()).then_some(problem.as_ref()),
            _ => None,
        }
    }

    /// Whether it is only that nobody reads the answer any more, as in `hostel routes | head -1`.
    pub(super) fn is_left(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == ErrorKind::BrokenPipe)
    }
}

/// How a command ends that asked a host; says why it could not.
pub(super) fn exit(asked: Result<Exit, AskError>) -> Exit {
    asked.unwrap_or_else(|error| {
        if error.is_left() {
            return Exit::Clean;
        }
        fail(&error);
        Exit::from(&error)
    })
}

/// Where a host is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// By its Unix socket.
    Unix(PathBuf),
    /// At a host and port.
    Tcp(String),
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(out, "{}", path.display()),
            Self::Tcp(authority) => write!(out, "http://{authority}"),
        }
    }
}

/// What a host answered.
pub(super) struct Answer {
    /// Who answered.
    pub(super) place: Place,
    /// Its words.
    pub(super) json: Bytes,
}

impl Answer {
    /// The answer as what it was asked for.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, AskError> {
        serde_json::from_slice(&self.json)
            .map_err(|error| AskError::Strange { place: self.place.clone(), source: error.into() })
    }
}

/// What is asked of a host.
pub(super) struct Question {
    pub(super) method: Method,
    /// The path and the query.
    pub(super) target: String,
    pub(super) if_version: Option<u64>,
    pub(super) content: Content,
    pub(super) patience: Duration,
}

impl Question {
    /// What is there at `target`.
    pub(super) fn get(target: impl Into<String>) -> Self {
        let (method, target) = (Method::GET, target.into());
        Self { method, target, if_version: None, content: Content::nothing(), patience: PATIENCE }
    }

    /// A change of `target`.
    pub(super) fn change(method: Method, target: impl Into<String>, content: Content) -> Self {
        let target = target.into();
        Self { method, target, if_version: None, content, patience: PATIENCE_FOR_CHANGES }
    }

    /// One that takes as long as there is something to be sent, or to be gathered before the answer begins.
    pub(super) fn transfer(method: Method, target: impl Into<String>, content: Content) -> Self {
        Self { patience: PATIENCE_FOR_TRANSFERS, ..Self::change(method, target, content) }
    }
}

/// A host that can be asked.
pub(super) struct Client {
    place: Place,
    token: Option<String>,
    runtime: Runtime,
    pub(super) clock: Arc<dyn Clock>,
}

impl Client {
    /// The host that `whom` means.
    pub(super) fn of(whom: &Whom, environment: Environment<'_>) -> Result<Self, AskError> {
        Self::at(whom.admin.as_deref(), &whom.config, environment)
    }

    fn at(admin: Option<&str>, config: &Path, environment: Environment<'_>) -> Result<Self, AskError> {
        let named = admin.map(str::to_owned).or_else(|| environment(ADMIN)).filter(|text| !text.is_empty());
        // Read only if it is needed: the host may run where there is no such folder.
        let loaded = || load(config);
        let place = match &named {
            Some(text) => parse(text)?,
            None => Place::Unix(socket_of(&loaded())),
        };
        let token = match place {
            // Who has a token there means to be no more than whom it was made for.
            Place::Unix(_) => environment(ADMIN_TOKEN).filter(|token| !token.is_empty()),
            Place::Tcp(_) => environment(ADMIN_TOKEN).or_else(|| kept_token(&loaded().state())),
        };
        let runtime = Builder::new_current_thread().enable_io().enable_time().build().map_err(AskError::Runtime)?;
        let clock = real_platform(runtime.handle().clone()).clock;
        Ok(Self { place, token, runtime, clock })
    }

    /// The whole answer to `question`.
    pub(super) fn ask(&self, question: Question) -> Result<Answer, AskError> {
        let mut json = Vec::new();
        self.runtime.block_on(async {
            let patience = question.patience;
            let mut sink = exchange::Small(&mut json);
            // It is bounded as a whole, from the connection to the last byte.
            let answered = pin!(self.exchange(question, &mut sink));
            match select(answered, self.clock.sleep_until(self.clock.now().after(patience))).await {
                Either::Left((answered, _)) => answered,
                Either::Right(_) => Err(AskError::Slow { place: self.place.clone(), patience }),
            }
        })?;
        Ok(Answer { place: self.place.clone(), json: json.into() })
    }

    /// Writes the answer to `question` to `out`, piece by piece.
    pub(super) fn download(&self, question: Question, path: &Path, out: &mut dyn Write) -> Result<(), AskError> {
        let mut out = exchange::Large { path, out };
        self.runtime.block_on(self.exchange(question, &mut out))
    }
}

/// Asks the host that `asking` means for `target`, which begins with `/`.
pub(super) fn ask(asking: &Asking, environment: Environment<'_>, target: &str) -> Result<Answer, AskError> {
    client(asking, environment)?.ask(Question::get(target))
}

/// The host that `asking` means.
pub(super) fn client(asking: &Asking, environment: Environment<'_>) -> Result<Client, AskError> {
    Client::at(asking.admin.as_deref(), &asking.target.path, environment)
}

fn parse(text: &str) -> Result<Place, AskError> {
    let wrong = || AskError::Address { text: text.to_owned() };
    if let Some(path) = text.strip_prefix("unix:") {
        return if path.is_empty() { Err(wrong()) } else { Ok(Place::Unix(PathBuf::from(path))) };
    }
    if let Some(rest) = text.strip_prefix("http://") {
        let authority: http::uri::Authority =
            rest.strip_suffix('/').unwrap_or(rest).parse().map_err(|_invalid| wrong())?;
        return match authority.port_u16() {
            Some(_) if !authority.as_str().contains('@') => Ok(Place::Tcp(authority.to_string())),
            _ => Err(wrong()),
        };
    }
    if text.contains("://") { Err(wrong()) } else { Ok(Place::Unix(PathBuf::from(text))) }
}

fn socket_of(loaded: &Loaded) -> PathBuf {
    let socket = AdminSettings::socket_of(&loaded.root, &loaded.state(), loaded.plan.admin.socket.as_deref());
    // A socket's path may not be long, and people read it.
    socket.strip_prefix(".").map_or(socket.clone(), Path::to_path_buf)
}

fn kept_token(state: &Path) -> Option<String> {
    let text = std::fs::read_to_string(state.join(TOKEN_NAME)).ok()?;
    token::trimmed(&text).map(str::to_owned)
}

/// A connection that could not be made.
fn unreached(place: &Place, source: io::Error) -> AskError {
    match source.kind() {
        ErrorKind::PermissionDenied => AskError::Denied { place: place.clone(), source },
        _ => AskError::Unanswered { place: place.clone(), source },
    }
}
