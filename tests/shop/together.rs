//! Many customers at once, and one customer many times: what must happen once happens once.

use std::collections::BTreeSet;

use serde_json::json;

use super::open::{Expect as _, PASSWORD, Shop, tea};
use crate::harness::Answer;

/// Answers of `count` equal requests that are sent at the same moment.
fn at_once(count: usize, send: impl Fn() -> Answer + Sync) -> Vec<Answer> {
    let start = std::sync::Barrier::new(count);
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..count)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    send()
                })
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().expect("a request must be answered")).collect()
    })
}

fn with_status(answers: &[Answer], status: u16) -> Vec<&Answer> {
    answers.iter().filter(|answer| answer.status == status).collect()
}

#[test]
fn twenty_registrations_of_one_name_at_once_make_one_user() {
    let shop = Shop::open();
    let answers = at_once(20, || shop.post("/register", &json!({ "username": "alice", "password": PASSWORD })));
    let made = with_status(&answers, 201);
    assert_eq!((made.len(), with_status(&answers, 409).len()), (1, 19));
    let login = shop.post("/login", &json!({ "username": "alice", "password": PASSWORD })).json();
    assert_eq!(login["user_id"], made[0].json()["user_id"]);
}

#[test]
fn thirty_payments_of_one_order_at_once_are_one_payment() {
    let shop = Shop::open();
    let user = shop.register("alice");
    let order = shop.order(user, 1);
    let answers = at_once(30, || shop.post("/pay", &json!({ "order_id": order })));
    let payments: BTreeSet<String> = answers.iter().map(|answer| answer.json()["payment_id"].to_string()).collect();
    assert_eq!((with_status(&answers, 200).len(), payments.len()), (30, 1), "{payments:?}");
    let kept = shop.get(&format!("/orders/{order}")).json();
    assert!(payments.contains(&kept["payment_id"].to_string()), "{kept}");
}

#[test]
fn a_payment_and_a_cancellation_at_once_leave_one_of_them() {
    let shop = Shop::open();
    let user = shop.register("alice");
    for round in 0..10 {
        let order = shop.order(user, 1);
        let (paid, cancelled) = std::thread::scope(|scope| {
            let pay = scope.spawn(|| shop.post("/pay", &json!({ "order_id": order })).status);
            let cancel = scope.spawn(|| shop.delete(&format!("/orders/{order}")).status);
            (pay.join().expect("must be answered"), cancel.join().expect("must be answered"))
        });
        let status = shop.get(&format!("/orders/{order}")).json()["status"].clone();
        let expected = match (paid, cancelled) {
            (200, 409) => "paid",
            (409, 200) => "cancelled",
            other => panic!("round {round}: pay and cancel were answered {other:?}"),
        };
        assert_eq!(status, expected, "round {round}");
    }
}

#[test]
fn one_idempotency_key_is_one_order_however_often_it_is_sent() {
    let shop = Shop::open();
    let user = shop.register("alice");
    let body = json!({ "user_id": user, "items": tea(2) }).to_string();
    let order = |key: &str, body: &str| shop.send("POST", "/order", &[("idempotency-key", key)], body.as_bytes());

    let answers = at_once(20, || order("one", &body));
    for answer in &answers {
        // Who comes while the first is at work is told so, and may come again.
        assert!(matches!(answer.status, 201 | 409), "{} {}", answer.status, answer.text());
        assert_eq!(answer.header("retry-after").is_some(), answer.status == 409);
    }
    let made: BTreeSet<&[u8]> = with_status(&answers, 201).iter().map(|answer| &*answer.body).collect();
    assert_eq!(made.len(), 1, "{made:?}");
    let again = order("one", &body);
    assert_eq!((again.status, made.contains(&*again.body)), (201, true), "{}", again.text());

    let other_body = json!({ "user_id": user, "items": tea(3) }).to_string();
    order("one", &other_body).expect_problem(422, "idempotency-key-reused", "Idempotency-Key");
    assert_ne!(order("two", &body).json()["order_id"], again.json()["order_id"]);

    // Ids of those who lost the race are gaps: orders with this total are the two that were acknowledged.
    let last = shop.order(user, 1);
    let kept = (1..last).filter(|id| shop.get(&format!("/orders/{id}")).status == 200).count();
    assert_eq!(kept, 2);
}

#[test]
fn a_payment_with_an_idempotency_key_is_answered_again_with_the_same_bytes() {
    let shop = Shop::open();
    let user = shop.register("alice");
    let order = shop.order(user, 1);
    let body = json!({ "order_id": order }).to_string();
    let pay = || shop.send("POST", "/pay", &[("idempotency-key", "pay-1")], body.as_bytes());
    let (first, second) = (pay(), pay());
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(first.body, second.body);
}
