//! Tests of what needs the token of its user once the operator requires one.

use super::*;
use crate::token::tests::{key_set, token_of};

fn guarded() -> World {
    let world = World::new();
    world.send("POST", "/order", &[], ORDER);
    world.settings.set("require_token", "true");
    world.calls.answer("users", "/.well-known/jwks.json", 200, &key_set());
    world
}

/// Every request that is guarded, and how it is answered to whom it is allowed.
const REQUESTS: [(&str, &str, &str, u16); 5] = [
    ("POST", "/order", ORDER, 201),
    ("POST", "/order/1", ORDER, 201),
    ("GET", "/orders/1", "", 200),
    ("POST", "/pay", r#"{"order_id":1}"#, 200),
    ("DELETE", "/orders/1", "", 409),
];

#[test]
fn without_a_good_token_nothing_is_done() {
    for (method, path, body, _) in REQUESTS {
        let world = guarded();
        let expired = crate::token::tests::sign(&json!({ "alg": "EdDSA" }), &json!({ "sub": "1", "exp": 1 }));
        for (header, error) in [
            (None, false),
            (Some("Basic YTpi".to_owned()), true),
            (Some("Bearer".to_owned()), true),
            (Some("Bearer x.y.z".to_owned()), true),
            (Some(format!("Bearer {expired}")), true),
        ] {
            let headers: Vec<(&str, &str)> = header.iter().map(|header| ("authorization", header.as_str())).collect();
            let answer = world.answer(&request(method, path, &headers, body.as_bytes()));
            let challenge = answer.header_value("www-authenticate").unwrap();
            assert_eq!(
                (answer.status, challenge.contains("error=\"invalid_token\"")),
                (401, error),
                "{method} {path} {header:?}"
            );
            assert!(challenge.starts_with("Bearer "));
        }
        assert_eq!(world.orders(), 1);
    }
}

#[test]
fn a_user_acts_for_nobody_else() {
    let world = guarded();
    for (user_id, mine) in [(2, false), (1, true)] {
        let header = format!("bearer {}", token_of(user_id));
        for (method, path, body, status) in REQUESTS {
            let expected = if mine { status } else { 403 };
            assert_eq!(
                world.send(method, path, &[("authorization", &header)], body).0,
                expected,
                "{user_id} {method} {path}"
            );
        }
    }
}

#[test]
fn keys_that_cannot_be_had_are_a_retryable_503() {
    let world = guarded();
    world.calls.fail("users", "/.well-known/jwks.json", "ConnectionTimeout");
    let header = format!("Bearer {}", token_of(1));
    let (status, problem) = world.send("GET", "/orders/1", &[("authorization", &header)], "");
    assert_eq!((status, &problem["retryable"]), (503, &json!(true)));
}

#[test]
fn a_setting_that_is_neither_true_nor_false_opens_nothing() {
    let world = guarded();
    world.settings.set("require_token", "yes");
    assert_eq!(world.send("GET", "/orders/1", &[], "").0, 503);
}
