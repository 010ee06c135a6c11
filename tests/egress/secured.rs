//! TLS to hosts outside: authorities that the configuration adds, and HTTP/2 where the other side speaks it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::server::TlsStream;

use super::{LOOPBACK, error, escaped, harness};
use crate::harness::{Authority, Dns, Running};

/// A server by TLS, which says what it speaks and whom it was asked for. Its runtime ends with it.
struct Secured {
    port: u16,
    connections: Arc<AtomicUsize>,
    _runtime: tokio::runtime::Runtime,
}

impl Secured {
    fn start(authority: &Authority, name: &str, protocols: &[&str]) -> Self {
        let (certificate, key) = authority.signed(&[name]);
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&connections);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(acceptor.clone(), stream));
            }
        });
        Self { port, connections, _runtime: runtime }
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream) {
    let Ok(mut stream) = acceptor.accept(stream).await else {
        return;
    };
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        return serve_http2(stream).await;
    }
    let mut head = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        head.push(byte);
        if head.ends_with(b"\r\n\r\n") {
            let text = format!("HTTP/1.1 to {}", stream.get_ref().1.server_name().unwrap_or("nobody"));
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
            head.clear();
        }
    }
}

async fn serve_http2(stream: TlsStream<TcpStream>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let text = format!("HTTP/2 to {}", request.uri());
        let response = http::Response::builder().header("hostel-user", "root").body(()).unwrap();
        let mut body = respond.send_response(response, false).unwrap();
        body.send_data(Bytes::from(text), true).unwrap();
    }
}

fn ask(host: &Running, caller: &str, authority: &str, more: &str) -> crate::harness::Answer {
    host.get(&format!("/{caller}?scheme=https&path=/x&authority={}{more}", escaped(authority)))
}

fn grants(port: u16) -> [String; 2] {
    [format!("https://*.example:{port}"), format!("https://127.0.0.0/8:{port}")]
}

#[test]
fn http_2_is_spoken_where_both_sides_know_it() {
    let (dns, authority) = (Dns::start(), Authority::new());
    dns.says("api.example", &[LOOPBACK]);
    for (protocols, expected) in
        [(&["h2", "http/1.1"][..], "HTTP/2 to https://api.example"), (&["http/1.1"][..], "HTTP/1.1 to api.example")]
    {
        let server = Secured::start(&authority, "api.example", protocols);
        let grants = grants(server.port);
        let host = harness(&dns, &[&grants[0], &grants[1]]).believes(&authority).start();
        for caller in ["p2", "p3"] {
            for _ in 0..3 {
                let answer = ask(&host, caller, &format!("api.example:{}", server.port), "");
                assert_eq!((answer.status, answer.complete), (200, true), "{caller}");
                assert!(answer.text().starts_with(expected), "{caller}: {}", answer.text());
                assert_eq!(answer.header("x-callee-hostel-user"), None);
            }
        }
        if protocols.contains(&"h2") {
            assert_eq!(server.connections.load(Ordering::SeqCst), 2, "one for each service");
        }
    }
}

#[test]
fn a_certificate_of_nobody_known_or_for_another_name_is_not_taken() {
    let (dns, ours, theirs) = (Dns::start(), Authority::new(), Authority::new());
    dns.says("api.example", &[LOOPBACK]);
    for (authority, name, believes) in
        [(&ours, "api.example", false), (&theirs, "api.example", true), (&ours, "www.example", true)]
    {
        let server = Secured::start(authority, name, &["http/1.1"]);
        let grants = grants(server.port);
        let mut harness = harness(&dns, &[&grants[0], &grants[1]]);
        if believes {
            harness = harness.believes(&ours);
        }
        let host = harness.start();
        for caller in ["p2", "p3"] {
            let answer = ask(&host, caller, &format!("api.example:{}", server.port), "");
            assert!(error(&answer).contains("TlsCertificateError"), "{caller}: {}", error(&answer));
        }
    }
}
