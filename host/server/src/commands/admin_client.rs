//! Asks the admin plane of a running host: finds it, shows the token, understands its refusals.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use hostel_model::platform::Clock;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Builder;

use super::Exit;
use crate::admin::{AdminSettings, TOKEN_NAME, token, view};
use crate::cli::Asking;
use crate::config::{Environment, Loaded, load};
use crate::platform::real_platform;

/// The variable that says which host to ask.
const ADMIN: &str = "HOSTEL_ADMIN";
/// The variable that holds a token.
const ADMIN_TOKEN: &str = "HOSTEL_ADMIN_TOKEN";
/// How long a host may take: it answers from memory, in milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer: that of ten thousand routes is a third of it.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why a host could not be asked, or did not answer.
#[derive(Debug, Error)]
pub(super) enum AskError {
    #[error("`{text}` is not where a host is asked; write a socket's path, `unix:PATH` or `http://HOST:PORT`")]
    Address { text: String },
    #[error("no host answers at `{place}`; start it with `hostel up`, or name another with --admin")]
    Unanswered { place: Place, source: io::Error },
    #[error("only the user that runs the host may ask at `{place}`; run this as that user")]
    Denied { place: Place, source: io::Error },
    #[error("the host at `{place}` wants its token; set {ADMIN_TOKEN} to what is in `admin.token` of its state folder")]
    Token { place: Place },
    #[error("the host at `{place}` refuses the question: {detail}")]
    Question { place: Place, detail: String },
    #[error("what answers at `{place}` is not the host that this command knows; name another with --admin")]
    Strange { place: Place, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the host at `{place}` did not answer within 10 seconds; look at its log")]
    Slow { place: Place },
    #[error("cannot ask anybody: the system gives no events")]
    Runtime(#[source] io::Error),
}

impl From<&AskError> for Exit {
    fn from(error: &AskError) -> Self {
        match error {
            AskError::Address { .. } | AskError::Question { .. } => Self::Configuration,
            AskError::Runtime(_) => Self::Io,
            AskError::Unanswered { .. }
            | AskError::Denied { .. }
            | AskError::Token { .. }
            | AskError::Strange { .. }
            | AskError::Slow { .. } => Self::Unavailable,
        }
    }
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

/// Asks the host that `asking` means for `target`, which begins with `/`.
pub(super) fn ask(asking: &Asking, environment: Environment<'_>, target: &str) -> Result<Answer, AskError> {
    let named = asking.admin.clone().or_else(|| environment(ADMIN)).filter(|text| !text.is_empty());
    // Read only if it is needed: the host may run where there is no such folder.
    let loaded = || load(&asking.target.path);
    let place = match &named {
        Some(text) => parse(text)?,
        None => Place::Unix(socket_of(&loaded())),
    };
    let token = match place {
        Place::Unix(_) => None,
        Place::Tcp(_) => environment(ADMIN_TOKEN).or_else(|| kept_token(&loaded().state())),
    };
    let runtime = Builder::new_current_thread().enable_io().enable_time().build().map_err(AskError::Runtime)?;
    let clock = real_platform(runtime.handle().clone()).clock;
    runtime.block_on(in_time(&place, target, token.as_deref(), &*clock))
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

async fn in_time(place: &Place, target: &str, token: Option<&str>, clock: &dyn Clock) -> Result<Answer, AskError> {
    let answer = std::pin::pin!(connect(place, target, token));
    match select(answer, clock.sleep_until(clock.now().after(PATIENCE))).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(AskError::Slow { place: place.clone() }),
    }
}

async fn connect(place: &Place, target: &str, token: Option<&str>) -> Result<Answer, AskError> {
    let unreached = |source: io::Error| match source.kind() {
        ErrorKind::PermissionDenied => AskError::Denied { place: place.clone(), source },
        _ => AskError::Unanswered { place: place.clone(), source },
    };
    match place {
        Place::Unix(path) => {
            let stream = UnixStream::connect(path).await.map_err(unreached)?;
            exchange(stream, place, "localhost", target, token).await
        }
        Place::Tcp(authority) => {
            let stream = TcpStream::connect(authority).await.map_err(unreached)?;
            exchange(stream, place, authority, target, token).await
        }
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    place: &Place,
    host: &str,
    target: &str,
    token: Option<&str>,
) -> Result<Answer, AskError> {
    let strange =
        |error: Box<dyn std::error::Error + Send + Sync>| AskError::Strange { place: place.clone(), source: error };
    let mut request = Request::get(target).header(HOST, host);
    if let Some(token) = token {
        let value = HeaderValue::from_str(&format!("Bearer {token}"));
        request = request.header(AUTHORIZATION, value.map_err(|_| AskError::Token { place: place.clone() })?);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| strange(error.into()))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| strange(error.into()))?;
    let answered = std::pin::pin!(async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((head.status, body))
    });
    // The connection moves the bytes, and ends no sooner than the answer unless it broke.
    let connection = std::pin::pin!(connection);
    let (status, json) = match select(answered, connection).await {
        Either::Left((answer, _)) => answer.map_err(strange)?,
        Either::Right((_, answered)) => answered.await.map_err(strange)?,
    };
    match status {
        StatusCode::OK => Ok(Answer { place: place.clone(), json }),
        StatusCode::UNAUTHORIZED => Err(AskError::Token { place: place.clone() }),
        StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN => {
            let problem: view::Problem = serde_json::from_slice(&json).map_err(|error| strange(error.into()))?;
            let detail = problem.detail.trim_end_matches('.').to_owned();
            Err(AskError::Question { place: place.clone(), detail })
        }
        other => Err(strange(format!("it answered with status {}", other.as_u16()).into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_named_by_a_path_or_by_an_address() {
        let unix = |path: &str| Place::Unix(PathBuf::from(path));
        assert_eq!(parse("unix:/run/h.sock").unwrap(), unix("/run/h.sock"));
        assert_eq!(parse("/run/h.sock").unwrap(), unix("/run/h.sock"));
        assert_eq!(parse("admin.sock").unwrap(), unix("admin.sock"));
        assert_eq!(parse("http://127.0.0.1:9090").unwrap(), Place::Tcp("127.0.0.1:9090".to_owned()));
        assert_eq!(parse("http://[::1]:9090/").unwrap(), Place::Tcp("[::1]:9090".to_owned()));
        for text in ["unix:", "http://", "http://localhost", "http://a:1/b", "http://u@a:1", "https://a:1", "tcp://a:1"]
        {
            let error = parse(text).unwrap_err();
            assert_eq!(Exit::from(&error), Exit::Configuration, "{text}");
        }
    }

    #[test]
    fn where_nobody_answers_is_said_with_what_to_do() {
        let folder = tempfile::TempDir::new().unwrap();
        let asking = |admin: Option<&str>| Asking {
            target: crate::cli::Target { path: folder.path().to_path_buf() },
            admin: admin.map(str::to_owned),
            json: false,
        };
        let error = |admin, environment: Environment<'_>| ask(&asking(admin), environment, "/v1/status").err().unwrap();
        let none = |_: &str| None;
        let found = error(None, &none);
        let socket = folder.path().join(".hostel/admin.sock");
        let expected = format!(
            "no host answers at `{}`; start it with `hostel up`, or name another with --admin",
            socket.display()
        );
        assert_eq!(found.to_string(), expected);
        assert_eq!(Exit::from(&found), Exit::Unavailable);
        let named = |name: &str| (name == "HOSTEL_ADMIN").then(|| "unix:elsewhere.sock".to_owned());
        assert!(error(None, &named).to_string().starts_with("no host answers at `elsewhere.sock`; "));
        assert!(error(Some("first.sock"), &named).to_string().starts_with("no host answers at `first.sock`; "));
    }
}
