//! A server outside by TLS: it speaks what it is told to, and answers by HTTP/1.1 or HTTP/2 what the path says.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use hostel_model::platform::{BoxTask, Spawn};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::TLS13;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Scene;
use crate::egress::Outlet;

pub(super) type Authority = CertifiedIssuer<'static, KeyPair>;

pub(super) fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

pub(super) fn believed(authority: &Authority) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    roots
}

/// A server by TLS that speaks what the ALPN says, and tells in its answer whom it was asked for.
pub(super) struct Secured {
    pub(super) port: u16,
    /// How many handshakes it still answers.
    pub(super) handshakes: Arc<Semaphore>,
    connections: Arc<AtomicUsize>,
    closed: Arc<AtomicUsize>,
}

impl Secured {
    pub(super) fn start(scene: &Scene, authority: &Authority, name: &str, protocols: &[&[u8]]) -> Self {
        let spawn = Arc::clone(&scene.platform.spawn);
        Self::serving(scene, authority, name, protocols, move |stream| Box::pin(serve(stream, Arc::clone(&spawn))))
    }

    /// One that does with each connection what `serve` does.
    pub(super) fn serving(
        scene: &Scene,
        authority: &Authority,
        name: &str,
        protocols: &[&[u8]],
        serve: impl Fn(TlsStream<TcpStream>) -> BoxTask + Send + Sync + 'static,
    ) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = scene.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let this = Self {
            port: listener.local_addr().unwrap().port(),
            handshakes: Arc::new(Semaphore::new(1_000)),
            connections: Arc::default(),
            closed: Arc::default(),
        };
        let (count, closed) = (Arc::clone(&this.connections), Arc::clone(&this.closed));
        let (spawn, handshakes, serve) =
            (Arc::clone(&scene.platform.spawn), Arc::clone(&this.handshakes), Arc::new(serve));
        scene.platform.spawn.task(Box::pin(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, count, closed) = (acceptor.clone(), Arc::clone(&count), Arc::clone(&closed));
                let (handshakes, serve) = (Arc::clone(&handshakes), Arc::clone(&serve));
                spawn.task(Box::pin(async move {
                    // Who has said something has begun its handshake.
                    let _ = stream.peek(&mut [0]).await;
                    count.fetch_add(1, Ordering::SeqCst);
                    handshakes.acquire().await.unwrap().forget();
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream).await;
                    }
                    closed.fetch_add(1, Ordering::SeqCst);
                }));
            }
        }));
        this
    }

    pub(super) fn outlet(&self, scene: &Scene, connections: u32) -> Arc<Outlet> {
        let port = self.port;
        scene.outlet_of(&[&format!("https://*.example:{port}"), &format!("https://127.0.0.0/8:{port}")], connections)
    }

    pub(super) fn uri(&self, name: &str, path: &str) -> String {
        format!("https://{name}:{}{path}", self.port)
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn closed(&self) -> usize {
        self.closed.load(Ordering::SeqCst)
    }
}

async fn serve(stream: TlsStream<TcpStream>, tasks: Arc<dyn Spawn>) {
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return answer_http1(stream).await;
    }
    let name = stream.get_ref().1.server_name().unwrap_or_default().to_owned();
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let (name, goes_away) = (name.clone(), request.uri().path() == "/holds-and-goes-away");
        tasks.task(Box::pin(async move { answer_http2(&request, respond, &name).await }));
        if goes_away {
            // What was begun goes on, nothing else begins.
            connection.graceful_shutdown();
        }
    }
}

async fn answer_http2(
    request: &http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    name: &str,
) {
    let path = request.uri().path();
    if path == "/resets" {
        return respond.send_reset(h2::Reason::INTERNAL_ERROR);
    }
    let response = http::Response::builder().header("hostel-user", "root").header("x-name", name).body(()).unwrap();
    let mut body = respond.send_response(response, false).unwrap();
    let fields: Vec<String> = request.headers().keys().map(ToString::to_string).collect();
    let text = format!("{} {} {}", request.method(), request.uri(), fields.join(","));
    if path == "/big" {
        body.send_data(Bytes::from(vec![b'x'; 1 << 20]), false).unwrap();
    }
    if path.starts_with("/holds") || path == "/big" {
        // Until the other side has had enough of it.
        let _ = poll_fn(|context| body.poll_reset(context)).await;
        return;
    }
    body.send_data(Bytes::from(text), false).unwrap();
    if path == "/breaks-off" {
        return body.send_reset(h2::Reason::INTERNAL_ERROR);
    }
    let mut trailers = http::HeaderMap::new();
    trailers.insert("x-sum", http::HeaderValue::from_static("1"));
    trailers.insert("hostel-user", http::HeaderValue::from_static("root"));
    body.send_trailers(trailers).unwrap();
}

async fn answer_http1(mut stream: TlsStream<TcpStream>) {
    let mut bytes = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        bytes.push(byte);
        if bytes.ends_with(b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes).into_owned();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
            bytes.clear();
        }
    }
}
