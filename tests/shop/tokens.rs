//! With `require_token = "true"` nobody acts for another user.

use serde_json::json;

use super::open::{Shop, tea};
use crate::harness::Answer;

fn guarded_shop() -> Shop {
    Shop::open_with(|toml| {
        let (off, on) = ("require_token = \"false\"", "require_token = \"true\"");
        assert!(toml.contains(off), "examples/shop must leave tokens off");
        toml.replace(off, on)
    })
}

/// Sends the same with a token, without one if it is empty.
fn with_token(shop: &Shop, token: &str, method: &str, path: &str, body: &serde_json::Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers: &[(&str, &str)] = if token.is_empty() { &[] } else { &[("authorization", &bearer)] };
    let body = if body.is_null() { String::new() } else { body.to_string() };
    shop.send(method, path, headers, body.as_bytes())
}

#[test]
fn orders_and_payments_need_the_token_of_their_user() {
    let shop = guarded_shop();
    let (alice, bob) = (shop.register("alice"), shop.register("bob"));
    let (alices, bobs) = (shop.login("alice"), shop.login("bob"));
    // A byte in the middle: the last character of base64 may hold bits that nobody reads.
    let mut forged = alices.clone().into_bytes();
    let middle = forged.len() - 20;
    forged[middle] = if forged[middle] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).expect("a token must be ASCII");

    let order = json!({ "user_id": alice, "items": tea(1) });
    assert_eq!(with_token(&shop, &alices, "POST", "/order", &order).status, 201);

    let requests = [
        ("POST", "/order".to_owned(), order),
        ("POST", format!("/order/{alice}"), json!({ "items": tea(1) })),
        ("GET", "/orders/1".to_owned(), json!(null)),
        ("POST", "/pay".to_owned(), json!({ "order_id": 1 })),
        ("DELETE", "/orders/1".to_owned(), json!(null)),
    ];
    for (method, path, body) in &requests {
        for (token, status) in [("", 401), ("nonsense", 401), (forged.as_str(), 401), (bobs.as_str(), 403)] {
            let answer = with_token(&shop, token, method, path, body);
            assert_eq!(answer.status, status, "{method} {path} with `{token}`: {}", answer.text());
            assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{method} {path}");
        }
    }

    let untouched = with_token(&shop, &alices, "GET", "/orders/1", &json!(null)).json();
    assert_eq!(untouched["status"], "created");
    assert_eq!(with_token(&shop, &alices, "POST", "/pay", &json!({ "order_id": 1 })).status, 200);
    let next = with_token(&shop, &bobs, "POST", "/order", &json!({ "user_id": bob, "items": tea(1) })).json();
    assert_eq!(next["order_id"], 2, "a refused order must leave nothing behind");
}

#[test]
fn tokens_outlive_the_host_as_their_key_is_kept() {
    let mut shop = guarded_shop();
    let alice = shop.register("alice");
    let token = shop.login("alice");
    shop.kill();
    shop.open_again();
    let order = json!({ "user_id": alice, "items": tea(1) });
    assert_eq!(with_token(&shop, &token, "POST", "/order", &order).status, 201);
}
