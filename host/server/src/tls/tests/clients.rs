//! What client and listener agree on: versions, protocols, certificates of clients, sessions.

use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Folder, Made, Trusting, authority, client, handshake, plan_with_authority, shared_handshake};
use crate::tls::ListenerTls;

fn one() -> (Folder, Arc<ListenerTls>) {
    let folder = Folder::new();
    folder.put("a", &Made::new(&["first.test"]));
    let tls = folder.load(&["a"]);
    (folder, tls)
}

fn speaks(version: &'static SupportedProtocolVersion) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting))
        .with_no_client_auth()
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken() {
    let (_folder, tls) = one();
    for (version, wanted) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let (client, server) = handshake(&tls, speaks(version), "first.test").await;
        assert_eq!(client.unwrap().get_ref().1.protocol_version(), Some(wanted));
        server.unwrap();
    }
}

#[tokio::test]
async fn tls_1_1_is_refused() {
    // No library here speaks it, so the greeting is written out: version 3.2, one cipher suite, and extensions.
    let groups_and_points = [0x00, 0x0a, 0x00, 0x04, 0x00, 0x02, 0x00, 0x17, 0x00, 0x0b, 0x00, 0x02, 0x01, 0x00];
    let signatures = [0x00, 0x0d, 0x00, 0x04, 0x00, 0x02, 0x04, 0x03];
    // What clients of that time did not send is missed before their version is: the same end by another alert.
    let (protocol_version, handshake_failure) = (70, 40);
    let rows: [(&[&[u8]], u8); 2] =
        [(&[&groups_and_points, &signatures], protocol_version), (&[&groups_and_points], handshake_failure)];
    for (extensions, alert) in rows {
        let extensions = extensions.concat();
        let mut hello = vec![0x03, 0x02];
        hello.extend([7; 32]);
        hello.extend([0x00, 0x00, 0x02, 0xc0, 0x09, 0x01, 0x00, 0x00, u8::try_from(extensions.len()).unwrap()]);
        hello.extend(extensions);
        let length = u8::try_from(hello.len()).unwrap();
        let mut record = vec![0x16, 0x03, 0x01, 0x00, length + 4, 0x01, 0x00, 0x00, length];
        record.extend(hello);

        let (_folder, tls) = one();
        let (mut near, far) = tokio::io::duplex(1024);
        near.write_all(&record).await.unwrap();
        assert!(tls.accept(far).await.is_err());
        let mut answer = Vec::new();
        near.read_to_end(&mut answer).await.unwrap();
        // One record: a fatal alert.
        assert_eq!(answer, [0x15, 0x03, 0x03, 0x00, 0x02, 2, alert]);
    }
}

#[tokio::test]
async fn http_2_is_preferred_and_both_are_offered() {
    let (_folder, tls) = one();
    let rows: [(&[&[u8]], bool); 4] =
        [(&[b"http/1.1", b"h2"], true), (&[b"h2"], true), (&[b"http/1.1"], false), (&[], false)];
    for (offered, http2) in rows {
        let mut config = client(None);
        config.alpn_protocols = offered.iter().map(|protocol| protocol.to_vec()).collect();
        let (_, server) = handshake(&tls, config, "first.test").await;
        assert_eq!(server.unwrap().facts.http2, http2, "{offered:?}");
    }
    let mut config = client(None);
    config.alpn_protocols = vec![b"smtp".to_vec()];
    let (client, server) = handshake(&tls, config, "first.test").await;
    assert!(client.is_err() && server.is_err());
}

#[tokio::test]
async fn a_client_must_show_a_certificate_of_the_authority() {
    let (ours, theirs) = (authority(), authority());
    let folder = Folder::new();
    folder.put("a", &Made::new(&["first.test"]));
    folder.write("ca.pem", ours.pem());
    let tls = ListenerTls::load(&plan_with_authority(&["a"]), folder.path()).unwrap();
    let (right, wrong) = (Made::signed(&["someone"], &ours), Made::signed(&["someone"], &theirs));

    let (client_end, server) = handshake(&tls, client(Some(&right)), "first.test").await;
    client_end.unwrap();
    let shown = server.unwrap().stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    assert_eq!(shown, right.der());

    let refused = handshake(&tls, client(None), "first.test").await.1.err().unwrap();
    assert!(refused.to_string().contains("peer sent no certificates"), "{refused}");
    let refused = handshake(&tls, client(Some(&wrong)), "first.test").await.1.err().unwrap();
    assert!(refused.to_string().contains("invalid peer certificate"), "{refused}");
    let own = Made::new(&["someone"]);
    assert!(handshake(&tls, client(Some(&own)), "first.test").await.1.is_err());
}

#[tokio::test]
async fn nobody_is_asked_for_a_certificate_without_an_authority() {
    let (_folder, tls) = one();
    let own = Made::new(&["someone"]);
    let server = handshake(&tls, client(Some(&own)), "first.test").await.1.unwrap();
    assert!(server.stream.get_ref().1.peer_certificates().is_none());
}

#[tokio::test]
async fn a_session_is_resumed_until_the_files_change() {
    for version in [&TLS12, &TLS13] {
        let (folder, tls) = one();
        let remembers = Arc::new(speaks(version));
        assert_eq!(kind(&tls, &remembers).await, HandshakeKind::Full);
        assert_eq!(kind(&tls, &remembers).await, HandshakeKind::Resumed);
        assert!(!tls.reload().unwrap());
        assert_eq!(kind(&tls, &remembers).await, HandshakeKind::Resumed);
        folder.put("a", &Made::new(&["first.test"]));
        assert!(tls.reload().unwrap());
        assert_eq!(kind(&tls, &remembers).await, HandshakeKind::Full);
        assert_eq!(kind(&tls, &remembers).await, HandshakeKind::Resumed);
    }
}

#[tokio::test]
async fn a_client_that_needs_a_certificate_shows_it_every_time() {
    let folder = Folder::new();
    folder.put("a", &Made::new(&["first.test"]));
    let ours = authority();
    folder.write("ca.pem", ours.pem());
    let tls = ListenerTls::load(&plan_with_authority(&["a"]), folder.path()).unwrap();
    let own = Made::signed(&["someone"], &ours);
    for version in [&TLS12, &TLS13] {
        let remembers = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Trusting))
            .with_client_auth_cert(vec![own.der()], own.key_der())
            .unwrap();
        let remembers = Arc::new(remembers);
        for _ in 0..3 {
            assert_eq!(kind(&tls, &remembers).await, HandshakeKind::Full);
        }
    }
    // Another authority: the same client is a stranger.
    folder.write("ca.pem", authority().pem());
    assert!(tls.reload().unwrap());
    assert!(handshake(&tls, client(Some(&own)), "first.test").await.1.is_err());
}

/// Connects, sends something each way, so that the client has read its tickets, and tells how they came together.
async fn kind(tls: &ListenerTls, client: &Arc<ClientConfig>) -> HandshakeKind {
    let (client, server) = shared_handshake(tls, client, "first.test").await;
    let (mut client, mut server) = (client.unwrap(), server.unwrap().stream);
    server.write_all(b"x").await.unwrap();
    server.flush().await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), b'x');
    let kind = client.get_ref().1.handshake_kind().unwrap();
    assert_eq!(server.get_ref().1.handshake_kind(), Some(kind));
    kind
}
