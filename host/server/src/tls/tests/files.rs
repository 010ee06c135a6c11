//! What files may hold, and what is said about those that do not.

use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, date_time_ymd};

use super::{
    Folder, Made, NOT_AFTER, authority, client, half, handshake, params, plan, plan_with_authority, rsa, shown,
};
use crate::tls::ListenerTls;

#[tokio::test]
async fn keys_of_every_usual_kind_and_form_are_used() {
    let elliptic = Made::new(&["first.test"]);
    let rsa = Made { cert: rsa::CERT.to_owned(), key: rsa::KEY.to_owned() };
    let of = |algorithm| {
        let key = KeyPair::generate_for(algorithm).unwrap();
        Made { cert: params(&["first.test"]).self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    };
    let older = Made { cert: elliptic.cert.clone(), key: sec1(&elliptic) };
    assert!(older.key.contains("BEGIN EC PRIVATE KEY"));
    for made in [elliptic, of(&PKCS_ECDSA_P384_SHA384), of(&PKCS_ED25519), older, rsa] {
        let folder = Folder::new();
        folder.put("a", &made);
        assert_eq!(shown(&folder.load(&["a"]), None).await, made.der());
    }
}

#[tokio::test]
async fn a_chain_is_shown_in_the_order_of_its_file() {
    let authority = authority();
    let made = Made::signed(&["first.test"], &authority);
    let folder = Folder::new();
    let chain = format!("A comment.\r\n{}\n{}", made.cert.replace('\n', "\r\n"), authority.pem());
    folder.put("a", &Made { cert: chain, key: made.key.clone() });
    let (client, _) = handshake(&folder.load(&["a"]), client(None), "first.test").await;
    let client = client.unwrap();
    assert_eq!(client.get_ref().1.peer_certificates().unwrap(), [made.der(), authority.der().clone()]);
}

#[tokio::test]
async fn one_file_may_be_certificate_and_key() {
    let made = Made::new(&["first.test"]);
    for both in [format!("{}{}", made.cert, made.key), format!("{}{}", made.key, made.cert)] {
        let folder = Folder::new();
        folder.write("a.pem", both);
        let mut plan = plan(&["a"]);
        plan.certificates[0].key.path = "a.pem".to_owned();
        let tls = ListenerTls::load(&plan, folder.path()).unwrap();
        assert_eq!(shown(&tls, None).await, made.der());
    }
}

#[tokio::test]
async fn a_certificate_that_has_ended_is_shown_and_tells_its_end() {
    let mut params = params(&["first.test"]);
    params.not_after = date_time_ymd(2020, 1, 1);
    let (ended, good) = (Made::of(&params), Made::new(&["second.test"]));
    let folder = Folder::new();
    folder.put("a", &good);
    assert_eq!(folder.load(&["a"]).not_after(), NOT_AFTER);
    folder.put("b", &ended);
    let tls = folder.load(&["a", "b"]);
    // 2020-01-01 00:00:00 UTC.
    assert_eq!(tls.not_after(), 1_577_836_800);
    assert_eq!(shown(&tls, Some("first.test")).await, ended.der());
}

#[test]
fn a_file_that_does_not_serve_is_named_with_its_fault_and_its_place() {
    let (made, other) = (Made::new(&["first.test"]), Made::new(&["first.test"]));
    let not_x509 = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n".to_owned();
    let not_a_key = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n".to_owned();
    let one_line = made.key.replace('\n', "");
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n".to_owned();
    let encrypted_before = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMAA=\n".to_owned();
    let short_line = made.key.replacen("-----\n", "----\n", 1);
    let base64 = made.cert.replacen("MI", "M!", 1);
    let rows: [(String, String, &str, &str); 16] = [
        (String::new(), made.key.clone(), "a.pem", "it is empty"),
        (made.cert.clone(), String::new(), "a.key", "it is empty"),
        (made.key.clone(), made.cert.clone(), "a.pem", "`cert` and `key` are exchanged"),
        (made.key.clone(), made.key.clone(), "a.pem", "`cert` and `key` are exchanged"),
        (made.cert.clone(), made.cert.clone(), "a.key", "`cert` and `key` are exchanged"),
        ("hello\n".to_owned(), made.key.clone(), "a.pem", "holds no certificate: it has no such part"),
        (made.cert.clone(), "hello\n".to_owned(), "a.key", "holds no private key"),
        (half(&made.cert), made.key.clone(), "a.pem", "it breaks off"),
        (made.cert.clone(), half(&made.key), "a.key", "it breaks off"),
        (made.cert.clone(), one_line, "a.key", "it breaks off"),
        (made.cert.clone(), short_line, "a.key", "a line with `BEGIN`"),
        (base64, made.key.clone(), "a.pem", "not Base64"),
        (not_x509, made.key.clone(), "a.pem", "certificate 1 in"),
        (made.cert.clone(), not_a_key, "a.key", "the private key in"),
        (made.cert.clone(), encrypted, "a.key", "it is encrypted"),
        (made.cert.clone(), encrypted_before, "a.key", "it is encrypted"),
    ];
    for (cert, key, file, fault) in rows {
        let folder = Folder::new();
        folder.put("a", &Made { cert, key });
        let (text, span) = folder.refusal(&plan(&["a"]));
        assert!(text.contains(&format!("`{file}`")) && text.contains(fault), "{text}\ndoes not say: {file} {fault}");
        assert_eq!(span, Some(if file == "a.pem" { 1..2 } else { 3..4 }), "{text}");
        assert!(!text.contains("MI"), "a part of the file is repeated: {text}");
    }
    let folder = Folder::new();
    folder.put("a", &made);
    folder.write("a.pem", made.der());
    assert!(folder.refusal(&plan(&["a"])).0.contains("holds no certificate: it seems to be DER"));
    folder.put("a", &Made { cert: made.cert, key: other.key });
    let (text, span) = folder.refusal(&plan(&["a"]));
    assert!(text.starts_with("the key `a.key` does not belong to the certificate `a.pem`;"), "{text}");
    assert_eq!(span, Some(3..4));
}

#[test]
fn what_is_no_file_of_reasonable_size_is_refused() {
    let made = Made::new(&["first.test"]);
    let folder = Folder::new();
    folder.put("a", &made);
    let (text, span) = folder.refusal(&plan(&["a", "missing"]));
    assert!(text.starts_with("`missing.pem` cannot be read;"), "{text}");
    assert_eq!(span, Some(1..2));

    std::fs::create_dir(folder.path().join("folder.pem")).unwrap();
    assert!(folder.refusal(&plan(&["folder"])).0.starts_with("`folder.pem` is not a file;"));

    // Up to the last byte it is read.
    let padded = |bytes: usize| format!("{}{}", made.cert, " ".repeat(bytes - made.cert.len()));
    folder.write("a.pem", padded(1 << 20));
    folder.load(&["a"]);
    folder.write("a.pem", padded((1 << 20) + 1));
    assert!(folder.refusal(&plan(&["a"])).0.starts_with("`a.pem` has more than 1048576 bytes;"));
}

#[test]
fn a_file_of_authorities_must_hold_some() {
    let folder = Folder::new();
    folder.put("a", &Made::new(&["first.test"]));
    let plan = plan_with_authority(&["a"]);
    for (text, fault) in [("", "holds no certificate: it is empty"), ("hello", "holds no certificate")] {
        folder.write("ca.pem", text);
        let (text, span) = folder.refusal(&plan);
        assert!(text.starts_with(&format!("`ca.pem` {fault}")), "{text}");
        assert_eq!(span, Some(5..6));
    }
    let broken = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    folder.write("ca.pem", format!("{}{broken}", authority().pem()));
    assert!(folder.refusal(&plan).0.starts_with("certificate 2 in `ca.pem` cannot be used;"));
}

/// The key of `made` in the form before PKCS#8, which ends with it: 109 bytes for P-256 with its public key.
fn sec1(made: &Made) -> String {
    let key = made.key_der();
    let der = key.secret_der();
    let inner = &der[der.len() - 109..];
    format!("-----BEGIN EC PRIVATE KEY-----\n{}\n-----END EC PRIVATE KEY-----\n", base64(inner))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = DIGITS[((bits >> (18 - 6 * place)) & 63) as usize];
            text.push(if place <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}
