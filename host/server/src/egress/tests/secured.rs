//! TLS: whose certificates are taken, what is spoken, and HTTP/2.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use hostel_sandbox::{OutgoingError, Patience};
use http_body_util::BodyExt;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::TLS13;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{Scene, eventually, get, request};
use crate::egress::Outlet;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn believed(authority: &Authority) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    roots
}

/// A server by TLS that speaks what the ALPN says, and tells in its answer whom it was asked for.
struct Secured {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Secured {
    fn start(scene: &Scene, authority: &Authority, name: &str, protocols: &[&[u8]]) -> Self {
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
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::<AtomicUsize>::default();
        let (count, spawn) = (Arc::clone(&connections), Arc::clone(&scene.platform.spawn));
        scene.platform.spawn.task(Box::pin(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (acceptor, tasks) = (acceptor.clone(), Arc::clone(&spawn));
                spawn.task(Box::pin(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                        let name = stream.get_ref().1.server_name().unwrap_or_default().to_owned();
                        let mut connection = h2::server::handshake(stream).await.unwrap();
                        while let Some(Ok((request, mut respond))) = connection.accept().await {
                            let name = name.clone();
                            tasks.task(Box::pin(async move { answer_http2(&request, &mut respond, &name) }));
                        }
                    } else {
                        answer_http1(stream).await;
                    }
                }));
            }
        }));
        Self { port, connections }
    }

    fn outlet(&self, scene: &Scene, connections: u32) -> Arc<Outlet> {
        let port = self.port;
        scene.outlet_of(&[&format!("https://*.example:{port}"), &format!("https://127.0.0.0/8:{port}")], connections)
    }

    fn uri(&self, name: &str, path: &str) -> String {
        format!("https://{name}:{}{path}", self.port)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn answer_http2(request: &http::Request<h2::RecvStream>, respond: &mut h2::server::SendResponse<Bytes>, name: &str) {
    if request.uri().path() == "/resets" {
        return respond.send_reset(h2::Reason::INTERNAL_ERROR);
    }
    let breaks_off = request.uri().path() == "/breaks-off";
    let response = http::Response::builder().header("hostel-user", "root").header("x-name", name).body(()).unwrap();
    let mut body = respond.send_response(response, false).unwrap();
    let fields: Vec<String> = request.headers().keys().map(ToString::to_string).collect();
    let text = format!("{} {} {}", request.method(), request.uri(), fields.join(","));
    body.send_data(Bytes::from(text), false).unwrap();
    if breaks_off {
        return body.send_reset(h2::Reason::INTERNAL_ERROR);
    }
    let mut trailers = http::HeaderMap::new();
    trailers.insert("x-sum", http::HeaderValue::from_static("1"));
    trailers.insert("hostel-user", http::HeaderValue::from_static("root"));
    body.send_trailers(trailers).unwrap();
}

async fn answer_http1(mut stream: tokio_rustls::server::TlsStream<tokio::net::TcpStream>) {
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

#[test]
fn http_2_is_spoken_on_one_connection_for_many_at_once() {
    let authority = authority();
    let scene = Scene::believing(believed(&authority));
    let server = Secured::start(&scene, &authority, "api.example", &[b"h2", b"http/1.1"]);
    scene.dns.says("api.example", &["127.0.0.1"]);
    let outlet = server.outlet(&scene, 1);
    let headers = [("te", "trailers"), ("connection", "close"), ("host", "evil.example"), ("x-kept", "yes")];
    let uri = server.uri("api.example", "/path?a=b");
    let asked = (0..20).map(|_| scene.asking(&outlet, request("GET", &uri, &headers, ""), Patience::default()));
    let answers = scene.runtime.block_on(join_all(asked));
    for answer in answers {
        let response = answer.unwrap();
        assert_eq!(response.headers()["x-name"], "api.example");
        assert_eq!(response.headers().len(), 1);
        let collected = scene.runtime.block_on(response.into_body().collect()).unwrap();
        assert_eq!(collected.trailers().unwrap().len(), 1);
        let text = String::from_utf8(collected.to_bytes().to_vec()).unwrap();
        assert_eq!(text, format!("GET {uri} te,x-kept"));
    }
    assert_eq!(server.connections(), 1);
    // It counts, and gives way when nobody uses it.
    scene.dns.says("www.example", &["127.0.0.1"]);
    let other = scene.get(&outlet, &server.uri("www.example", "/"));
    assert_eq!(other.err(), Some(OutgoingError::Certificate));
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_stream_of_http_2_that_breaks_off_never_looks_complete() {
    let authority = authority();
    let scene = Scene::believing(believed(&authority));
    let server = Secured::start(&scene, &authority, "api.example", &[b"h2"]);
    scene.dns.says("api.example", &["127.0.0.1"]);
    let outlet = server.outlet(&scene, 32);
    assert!(matches!(
        scene.get(&outlet, &server.uri("api.example", "/resets")),
        Err(OutgoingError::Broken | OutgoingError::Protocol)
    ));
    scene.broken(scene.get(&outlet, &server.uri("api.example", "/breaks-off")));
    scene.text(scene.get(&outlet, &server.uri("api.example", "/")));
    assert_eq!(server.connections(), 1);
}

#[test]
fn http_1_1_is_spoken_by_tls_where_the_server_wants_it() {
    let authority = authority();
    let scene = Scene::believing(believed(&authority));
    scene.dns.says("api.example", &["127.0.0.1"]);
    for protocols in [&[&b"http/1.1"[..]][..], &[]] {
        let server = Secured::start(&scene, &authority, "api.example", protocols);
        let outlet = server.outlet(&scene, 32);
        for _ in 0..2 {
            let text = scene.text(scene.get(&outlet, &server.uri("api.example", "/x")));
            assert_eq!(text, format!("GET /x HTTP/1.1\r\nhost: api.example:{}\r\n\r\n", server.port));
            eventually("the connection rests", || outlet.pool.len() == 1);
        }
        assert_eq!(server.connections(), 1);
        // Several at once need several, and wait for nobody.
        let uri = server.uri("api.example", "/");
        let asked = (0..8).map(|_| scene.asking(&outlet, get(&uri), Patience::default()));
        let held = scene.runtime.block_on(join_all(asked));
        assert!(held.iter().all(Result::is_ok));
        assert!(server.connections() <= 8);
    }
}

#[test]
fn only_a_certificate_for_the_name_by_an_authority_is_taken() {
    let (ours, theirs) = (authority(), authority());
    let scene = Scene::believing(believed(&ours));
    scene.dns.says("api.example", &["127.0.0.1"]);
    for (authority, name, host, good) in [
        (&ours, "api.example", "api.example", true),
        (&ours, "127.0.0.1", "127.0.0.1", true),
        (&theirs, "api.example", "api.example", false),
        (&ours, "www.example", "api.example", false),
        (&ours, "api.example", "127.0.0.1", false),
        (&ours, "127.0.0.1", "api.example", false),
    ] {
        let server = Secured::start(&scene, authority, name, &[b"http/1.1"]);
        let outlet = server.outlet(&scene, 32);
        let answer = scene.get(&outlet, &server.uri(host, "/"));
        assert_eq!(answer.is_ok(), good, "{name} {host}");
        assert!(good || answer.err() == Some(OutgoingError::Certificate));
    }
}

#[test]
fn a_handshake_that_fails_or_stalls_is_an_error() {
    let authority = authority();
    let scene = Scene::believing(believed(&authority));
    scene.dns.says("api.example", &["127.0.0.1"]);
    // It asks for a protocol that is not offered, and says so.
    let server = Secured::start(&scene, &authority, "api.example", &[b"smtp"]);
    let refused = scene.get(&server.outlet(&scene, 32), &server.uri("api.example", "/"));
    assert_eq!(refused.err(), Some(OutgoingError::TlsAlert { code: 120 }));
    let silent = super::upstream::Upstream::with(|_, _| super::upstream::Then::Next);
    let grants = [format!("https://api.example:{}", silent.port), format!("https://127.0.0.1:{}", silent.port)];
    let outlet = scene.outlet(&[&grants[0], &grants[1]]);
    let patience = Patience { connect: Some(Duration::from_millis(300)), ..Patience::default() };
    let uri = format!("https://api.example:{}/", silent.port);
    assert_eq!(scene.ask(&outlet, get(&uri), patience).err(), Some(OutgoingError::ConnectTimeout));
    eventually("its slot is free", || outlet.slots.available_permits() == 32);
}
