//! One request to a host and its answer, however large either is.

use std::io::Write;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, IF_MATCH};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::{AskError, Client, Content, Place, Question, unreached};
use crate::admin::view;

/// Bytes of an answer that is kept in memory: that of ten thousand routes is a third of it.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long a host may be silent inside a large answer.
const SILENCE_MAX: Duration = Duration::from_mins(2);

type Unexpected = Box<dyn std::error::Error + Send + Sync>;

/// Where an answer goes.
pub(super) trait Sink {
    /// Takes the whole body.
    async fn take(&mut self, client: &Client, body: Incoming) -> Result<(), AskError>;
}

/// Into memory.
pub(super) struct Small<'a>(pub(super) &'a mut Vec<u8>);

/// Into a file.
pub(super) struct Large<'a> {
    pub(super) path: &'a Path,
    pub(super) out: &'a mut dyn Write,
}

impl Sink for Small<'_> {
    async fn take(&mut self, client: &Client, body: Incoming) -> Result<(), AskError> {
        let broken = |source| AskError::BrokenOff { place: client.place.clone(), source };
        self.0.extend(Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(broken)?.to_bytes());
        Ok(())
    }
}

impl Sink for Large<'_> {
    async fn take(&mut self, client: &Client, mut body: Incoming) -> Result<(), AskError> {
        let written = |source| AskError::File { action: "write", path: self.path.to_path_buf(), source };
        loop {
            let silence = client.clock.sleep_until(client.clock.now().after(SILENCE_MAX));
            let frame = match select(pin!(body.frame()), silence).await {
                Either::Left((frame, _)) => frame,
                Either::Right(_) => {
                    return Err(AskError::Slow { place: client.place.clone(), patience: SILENCE_MAX });
                }
            };
            match frame {
                None => return self.out.flush().map_err(written),
                Some(Ok(frame)) => {
                    let data: Bytes = frame.into_data().unwrap_or_default();
                    self.out.write_all(&data).map_err(written)?;
                }
                Some(Err(error)) => {
                    return Err(AskError::BrokenOff { place: client.place.clone(), source: error.into() });
                }
            }
        }
    }
}

impl Client {
    /// Asks `question`, and hands the answer to `sink` unless it is a refusal.
    pub(super) async fn exchange<S: Sink>(&self, question: Question, sink: &mut S) -> Result<(), AskError> {
        match &self.place {
            Place::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(|error| unreached(&self.place, error))?;
                self.converse(stream, "localhost", question, sink).await
            }
            Place::Tcp(authority) => {
                let stream = TcpStream::connect(authority).await.map_err(|error| unreached(&self.place, error))?;
                self.converse(stream, authority, question, sink).await
            }
        }
    }

    async fn converse<S: Sink>(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send,
        host: &str,
        question: Question,
        sink: &mut S,
    ) -> Result<(), AskError> {
        let patience = question.patience;
        let request = self.request(host, question)?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.strange(error))?;
        let answered = pin!(async {
            let answer = pin!(sender.send_request(request));
            let patient = self.clock.sleep_until(self.clock.now().after(patience));
            let (head, body) = match select(answer, patient).await {
                Either::Left((answer, _)) => answer.map_err(|error| self.failed(error))?.into_parts(),
                Either::Right(_) => return Err(AskError::Slow { place: self.place.clone(), patience }),
            };
            if head.status.is_success() {
                return sink.take(self, body).await;
            }
            let mut words = Vec::new();
            Small(&mut words).take(self, body).await?;
            Err(self.refusal(head.status, &words))
        });
        // The connection moves the bytes, and ends no sooner than the answer unless it broke.
        match select(answered, pin!(connection)).await {
            Either::Left((answer, _)) => answer,
            Either::Right((_, answered)) => answered.await,
        }
    }

    fn request(&self, host: &str, question: Question) -> Result<Request<Content>, AskError> {
        let Question { method, target, if_version, content, patience: _ } = question;
        let mut request = Request::builder().method(method).uri(target).header(HOST, host);
        if let Some(token) = &self.token {
            let value = HeaderValue::from_str(&format!("Bearer {token}"));
            request = request.header(AUTHORIZATION, value.map_err(|_| AskError::Token { place: self.place.clone() })?);
        }
        if let Some(version) = if_version {
            request = request.header(IF_MATCH, format!("\"{version}\""));
        }
        if let Some(kind) = content.kind() {
            request = request.header(CONTENT_TYPE, kind);
        }
        if let Some(bytes) = content.bytes() {
            request = request.header(CONTENT_LENGTH, bytes);
        }
        request.body(content).map_err(|error| self.strange(error))
    }

    fn refusal(&self, status: StatusCode, words: &[u8]) -> AskError {
        if status == StatusCode::UNAUTHORIZED {
            return AskError::Token { place: self.place.clone() };
        }
        match serde_json::from_slice::<view::Problem>(words) {
            Ok(problem) => AskError::Refused { place: self.place.clone(), problem: Box::new(problem) },
            Err(_) => self.strange(format!("it answered with status {}", status.as_u16())),
        }
    }

    /// What speaks no HTTP is no host; what stops speaking it may be one that ends.
    fn failed(&self, error: hyper::Error) -> AskError {
        if error.is_parse() {
            return self.strange(error);
        }
        AskError::BrokenOff { place: self.place.clone(), source: error.into() }
    }

    fn strange(&self, error: impl Into<Unexpected>) -> AskError {
        AskError::Strange { place: self.place.clone(), source: error.into() }
    }
}
