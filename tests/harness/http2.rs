//! An honest client of HTTP/2, plain or over TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use http::{HeaderMap, Request};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::Answer;

/// A host that says nothing for so long has failed the test.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection of many requests.
pub struct Http2 {
    sender: SendRequest<Bytes>,
    ended: JoinHandle<Result<(), h2::Error>>,
    // After what runs on it.
    runtime: Runtime,
}

/// What came of a request.
#[derive(Debug, Default)]
pub struct Outcome {
    /// As far as it came.
    pub answer: Answer,
    /// Why the stream ended early.
    pub error: Option<h2::Error>,
}

/// A request that is under way.
pub struct Begun {
    /// The head of its answer.
    pub response: ResponseFuture,
    /// For the rest of its body.
    pub body: SendStream<Bytes>,
}

impl Http2 {
    /// Connects to a host that speaks it without TLS.
    #[track_caller]
    pub fn to(address: SocketAddr) -> Self {
        Self::with(address, &Builder::new())
    }

    /// The same with settings of the client.
    #[track_caller]
    pub fn with(address: SocketAddr, builder: &Builder) -> Self {
        let runtime = runtime();
        let stream = runtime.block_on(TcpStream::connect(address)).expect("the host must accept");
        Self::handshake(runtime, stream, builder)
    }

    /// Connects over TLS, asking for `name`.
    #[track_caller]
    pub fn over_tls(address: SocketAddr, config: Arc<ClientConfig>, name: &str) -> Self {
        let runtime = runtime();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let stream = runtime.block_on(async {
            let stream = TcpStream::connect(address).await.expect("the host must accept");
            TlsConnector::from(config).connect(name, stream).await.expect("the handshake must succeed")
        });
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
        Self::handshake(runtime, stream, &Builder::new())
    }

    fn handshake<S>(runtime: Runtime, stream: S, builder: &Builder) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = runtime.block_on(builder.handshake(stream)).expect("the host must speak HTTP/2");
        let ended = runtime.spawn(connection);
        Self { sender, ended, runtime }
    }

    /// `method` of `path` at `localhost`.
    pub fn request(method: &str, path: &str) -> Request<()> {
        Request::builder().method(method).uri(format!("http://localhost{path}")).body(()).unwrap()
    }

    /// Sends a request without a body and waits for its answer.
    #[track_caller]
    pub fn send(&mut self, request: Request<()>) -> Outcome {
        let begun = self.begin(request, true);
        self.finish(begun)
    }

    /// The same with a body, and with trailers if there are any.
    #[track_caller]
    pub fn send_body(&mut self, request: Request<()>, body: impl Into<Bytes>, trailers: HeaderMap) -> Outcome {
        let mut begun = self.begin(request, false);
        let _ = begun.body.send_data(body.into(), trailers.is_empty());
        if !trailers.is_empty() {
            let _ = begun.body.send_trailers(trailers);
        }
        self.finish(begun)
    }

    /// `GET` of `path`.
    #[track_caller]
    pub fn get(&mut self, path: &str) -> Answer {
        let outcome = self.send(Self::request("GET", path));
        assert!(outcome.error.is_none(), "{path}: {outcome:?}");
        outcome.answer
    }

    /// Sends a head, which is the whole request if it is the `end`.
    #[track_caller]
    pub fn begin(&mut self, request: Request<()>, end: bool) -> Begun {
        let sender = self.sender.clone();
        let ready = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, sender.ready()).await });
        let mut sender = ready.expect("the host must let a stream begin").expect("the connection must be open");
        let (response, body) = sender.send_request(request, end).expect("the request must be one");
        Begun { response, body }
    }

    /// Waits for the end of an answer.
    #[track_caller]
    pub fn finish(&self, begun: Begun) -> Outcome {
        let Begun { response, body: _body } = begun;
        let read = async { tokio::time::timeout(PATIENCE, read(response)).await };
        self.runtime.block_on(read).expect("the host must answer")
    }

    /// Waits for the head of an answer, whose body nobody asks for until the result is dropped.
    #[track_caller]
    pub fn head(&self, begun: Begun) -> http::Response<h2::RecvStream> {
        let head = async { tokio::time::timeout(PATIENCE, begun.response).await };
        self.runtime.block_on(head).expect("the host must answer").expect("there must be a head")
    }

    /// How many requests the host takes at once.
    pub fn streams_max(&self) -> usize {
        self.sender.current_max_send_streams()
    }

    /// The runtime it lives in.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Waits until the host has closed the connection; how it did.
    #[track_caller]
    pub fn closed(self) -> Result<(), h2::Error> {
        let Self { sender, ended, runtime } = self;
        let ended = runtime.block_on(async { tokio::time::timeout(PATIENCE, ended).await });
        drop(sender);
        ended.expect("the host must close").expect("the connection's task must not panic")
    }
}

impl Outcome {
    /// Why the stream was reset, if it was.
    pub fn reason(&self) -> Option<Reason> {
        self.error.as_ref().and_then(h2::Error::reason)
    }
}

async fn read(response: ResponseFuture) -> Outcome {
    let mut outcome = Outcome::default();
    let (head, mut body) = match response.await {
        Ok(response) => response.into_parts(),
        Err(error) => return Outcome { error: Some(error), ..outcome },
    };
    outcome.answer.status = head.status.as_u16();
    put(&mut outcome.answer, &head.headers);
    while let Some(chunk) = body.data().await {
        match chunk {
            Ok(chunk) => {
                let _ = body.flow_control().release_capacity(chunk.len());
                outcome.answer.body.extend(chunk);
            }
            Err(error) => return Outcome { error: Some(error), ..outcome },
        }
    }
    match body.trailers().await {
        Ok(trailers) => put(&mut outcome.answer, &trailers.unwrap_or_default()),
        Err(error) => return Outcome { error: Some(error), ..outcome },
    }
    outcome.answer.complete = true;
    outcome
}

fn put(answer: &mut Answer, headers: &HeaderMap) {
    for (name, value) in headers {
        answer.headers.push((name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}
