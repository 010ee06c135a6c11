//! Tests of which tokens are good; signs tokens for the service's tests too.

use super::*;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

/// Milliseconds since 1970 at which the tokens are looked at.
pub const NOW: u64 = 1_770_091_506_789;

pub fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

pub fn key_set() -> Vec<u8> {
    let x = URL_SAFE_NO_PAD.encode(key().verifying_key().as_bytes());
    let set = json!({ "keys": [{ "kty": "RSA", "n": "x" }, { "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "k", "x": x }] });
    set.to_string().into_bytes()
}

pub fn sign(header: &Value, claims: &Value) -> String {
    let signed =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = URL_SAFE_NO_PAD.encode(key().sign(signed.as_bytes()).to_bytes());
    format!("{signed}.{signature}")
}

pub fn token_of(user_id: u64) -> String {
    sign(&json!({ "alg": "EdDSA", "kid": "k" }), &json!({ "sub": user_id.to_string(), "exp": NOW / 1000 + 60 }))
}

#[test]
fn a_token_is_good_only_if_signed_by_a_published_key_and_in_its_time() {
    let seconds = NOW / 1000;
    let good = json!({ "alg": "EdDSA", "kid": "k" });
    let alice = json!({ "sub": "1", "exp": seconds + 1 });
    let cases = [
        (good.clone(), alice.clone(), true),
        (json!({ "alg": "EdDSA" }), alice.clone(), true),
        (good.clone(), json!({ "sub": "1", "exp": seconds + 1, "nbf": seconds }), true),
        (good.clone(), json!({ "sub": "1", "exp": seconds }), false),
        (good.clone(), json!({ "sub": "1" }), false),
        (good.clone(), json!({ "exp": seconds + 1 }), false),
        (good.clone(), json!({ "sub": "x", "exp": seconds + 1 }), false),
        (good.clone(), json!({ "sub": "1", "exp": seconds + 9, "nbf": seconds + 1 }), false),
        (json!({ "alg": "EdDSA", "kid": "other" }), alice.clone(), false),
        (json!({ "alg": "none", "kid": "k" }), alice.clone(), false),
        (json!({ "alg": "HS256", "kid": "k" }), alice.clone(), false),
        (json!({ "alg": "EdDSA", "kid": "k", "crit": ["x"] }), alice, false),
    ];
    for (header, claims, expected) in cases {
        let token = sign(&header, &claims);
        assert_eq!(verify(&token, &key_set(), NOW).is_ok(), expected, "{header} {claims}");
    }
}

#[test]
fn a_token_changed_in_any_part_is_refused() {
    let token = token_of(1);
    assert_eq!(verify(&token, &key_set(), NOW), Ok(1));
    let parts: Vec<&str> = token.split('.').collect();
    let other = URL_SAFE_NO_PAD.encode(json!({ "sub": "2", "exp": NOW }).to_string());
    for changed in [
        format!("{}.{other}.{}", parts[0], parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode([0; 64])),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        parts.concat(),
        "..".to_owned(),
        String::new(),
    ] {
        assert!(verify(&changed, &key_set(), NOW).is_err(), "{changed}");
    }
    assert!(verify(&token, b"{}", NOW).is_err());
}
