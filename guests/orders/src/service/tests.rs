//! Tests of the service from request to answer.

mod repeated;
mod tokens;

use json_service::memory::{CountingRandom, Crash, MemoryStore, SetCalls, SetClock, SetSettings, request};
use serde_json::{Value, json};

use super::*;
use crate::token::tests::NOW;

struct World {
    store: MemoryStore,
    clock: SetClock,
    random: CountingRandom,
    settings: SetSettings,
    calls: SetCalls,
}

impl World {
    /// A world in which the users 1 and 2 exist.
    fn new() -> Self {
        let world = Self {
            store: MemoryStore::default(),
            clock: SetClock::default(),
            random: CountingRandom::default(),
            settings: SetSettings::default(),
            calls: SetCalls::default(),
        };
        world.clock.0.set(NOW);
        for path in ["/user/1", "/user/2"] {
            world.calls.answer("users", path, 200, b"{}");
        }
        world
    }

    fn answer(&self, request: &Request) -> Answer {
        let ports = Ports { store: &self.store, clock: &self.clock, random: &self.random, settings: &self.settings };
        Orders { ports, calls: &self.calls }.answer(request)
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        let answer = self.answer(&request(method, path, headers, body.as_bytes()));
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }

    fn orders(&self) -> usize {
        self.store.keys("order:").len()
    }
}

const ORDER: &str =
    r#"{"user_id":1,"items":[{"sku":"tea","quantity":3,"unit_price":250},{"sku":"cup","quantity":1,"unit_price":99}]}"#;

#[test]
fn an_order_is_made_shown_and_paid_once() {
    let world = World::new();
    let made = world.answer(&request("POST", "/order", &[], ORDER.as_bytes()));
    assert_eq!((made.status, made.header_value("location")), (201, Some("/orders/1")));
    let body: Value = serde_json::from_slice(&made.body).unwrap();
    assert_eq!(body, json!({ "message": "订单创建成功", "order_id": 1, "total": 849, "status": "created" }));
    let (status, paid) = world.send("POST", "/pay", &[], r#"{"order_id":1}"#);
    assert_eq!(
        (status, &paid["message"], &paid["status"], &paid["total"]),
        (200, &json!("支付成功"), &json!("paid"), &json!(849))
    );
    assert_eq!(
        world.send("POST", "/pay", &[], r#"{"order_id":1}"#),
        (200, paid.clone()),
        "paying twice is the same payment"
    );
    let (status, shown) = world.send("GET", "/orders/1", &[], "");
    assert_eq!(
        (status, &shown["payment_id"], &shown["user_id"], &shown["items"][1]["sku"]),
        (200, &paid["payment_id"], &json!(1), &json!("cup"))
    );
    assert_eq!(world.send("DELETE", "/orders/1", &[], "").0, 409);
}

#[test]
fn the_user_may_stand_in_the_path() {
    let world = World::new();
    let (status, made) =
        world.send("POST", "/order/2", &[], r#"{"items":[{"sku":"tea","quantity":1.0,"unit_price":5}],"note":"x"}"#);
    assert_eq!((status, &made["message"]), (201, &json!("Order created successfully")));
    assert_eq!(world.send("GET", "/orders/1", &[], "").1["user_id"], 2);
    for path in ["/order/9", "/order/x", "/order/02"] {
        let (status, problem) = world.send("POST", path, &[], ORDER);
        assert_eq!((status, &problem["errors"][0]["field"]), (404, &json!("user_id")), "{path}");
    }
}

#[test]
fn a_cancelled_order_stays_cancelled_and_cannot_be_paid() {
    let world = World::new();
    world.send("POST", "/order", &[], ORDER);
    let first = world.send("DELETE", "/orders/1", &[], "");
    assert_eq!((first.0, &first.1["status"]), (200, &json!("cancelled")));
    assert_eq!(world.send("DELETE", "/orders/1", &[], ""), first);
    let (status, problem) = world.send("POST", "/pay", &[], r#"{"order_id":1}"#);
    assert_eq!((status, &problem["errors"][0]["field"]), (409, &json!("order_id")));
}

#[test]
fn a_payment_that_loses_the_race_to_a_cancellation_is_refused_and_the_other_way_round() {
    for (first, second, status) in [(Status::Paid, "DELETE", 409), (Status::Cancelled, "POST", 409)] {
        let world = World::new();
        world.send("POST", "/order", &[], ORDER);
        world.store.interrupt_next_swap(move |store| {
            let changed = json_service::store::change(store, "order:1", |order: &mut Order| {
                order.status = first;
                order.payment_id = (first == Status::Paid).then(|| "theirs".to_owned());
                json_service::store::Change::Write(())
            });
            assert_eq!(changed, Ok(Some(())));
        });
        let (path, body) = if second == "POST" { ("/pay", r#"{"order_id":1}"#) } else { ("/orders/1", "") };
        assert_eq!(world.send(second, path, &[], body).0, status, "{first:?}");
    }
}

#[test]
fn two_payments_at_once_are_one_payment() {
    let world = World::new();
    world.send("POST", "/order", &[], ORDER);
    world.store.interrupt_next_swap(|store| {
        json_service::store::change(store, "order:1", |order: &mut Order| {
            order.status = Status::Paid;
            order.payment_id = Some("theirs".to_owned());
            json_service::store::Change::Write(())
        })
        .unwrap();
    });
    assert_eq!(world.send("POST", "/pay", &[], r#"{"order_id":1}"#).1["payment_id"], "theirs");
}

#[test]
fn an_order_for_a_user_who_is_unknown_or_cannot_be_asked_about_is_not_made() {
    let world = World::new();
    world.calls.answer("users", "/user/3", 503, b"");
    world.calls.answer("users", "/user/4", 302, b"");
    world.calls.fail("users", "/user/5", "HttpRequestDenied");
    for (user, status, retryable) in [(9, 422, false), (3, 503, true), (4, 503, true), (5, 503, true)] {
        let (seen, problem) =
            world.send("POST", "/order", &[], &ORDER.replace("\"user_id\":1", &format!("\"user_id\":{user}")));
        assert_eq!((seen, &problem["retryable"]), (status, &json!(retryable)), "{user}");
        if status == 422 {
            assert_eq!(
                problem["errors"][0],
                json!({ "field": "user_id", "pointer": "#/user_id", "detail": "is not the id of a user" })
            );
        }
    }
    assert_eq!(world.store.writes.get(), 0);
}

#[test]
fn every_bad_request_is_a_problem_that_names_its_field() {
    let world = World::new();
    let item = |item: &str| format!(r#"{{"user_id":1,"items":[{{"sku":"a","quantity":1,"unit_price":1}},{item}]}}"#);
    let many = format!(
        r#"{{"user_id":1,"items":[{}]}}"#,
        vec![r#"{"sku":"a","quantity":1,"unit_price":1}"#; 100_000].join(",")
    );
    let cases = [
        ("/order", String::new(), 400, "body"),
        ("/order", "user_id=1".to_owned(), 400, "body"),
        ("/order", "[]".to_owned(), 422, "body"),
        ("/order", "{}".to_owned(), 422, "user_id"),
        ("/order", r#"{"user_id":"1","items":[{"sku":"a","quantity":1,"unit_price":1}]}"#.to_owned(), 422, "user_id"),
        ("/order", r#"{"user_id":0,"items":[{"sku":"a","quantity":1,"unit_price":1}]}"#.to_owned(), 422, "user_id"),
        ("/order", r#"{"user_id":1}"#.to_owned(), 422, "items"),
        ("/order", r#"{"user_id":1,"items":[]}"#.to_owned(), 422, "items"),
        ("/order", r#"{"user_id":1,"items":{"sku":"a"}}"#.to_owned(), 422, "items"),
        ("/order", many, 422, "items"),
        ("/order", item("7"), 422, "items[1]"),
        ("/order", item("[[[[]]]]"), 422, "items[1]"),
        ("/order", item(r#"{"sku":"","quantity":1,"unit_price":1}"#), 422, "items[1].sku"),
        ("/order", item(r#"{"sku":"a\u0000","quantity":1,"unit_price":1}"#), 422, "items[1].sku"),
        (
            "/order",
            item(&format!(r#"{{"sku":"{}","quantity":1,"unit_price":1}}"#, "茶".repeat(65))),
            422,
            "items[1].sku",
        ),
        ("/order", item(r#"{"sku":"a","quantity":0,"unit_price":1}"#), 422, "items[1].quantity"),
        ("/order", item(r#"{"sku":"a","quantity":1.5,"unit_price":1}"#), 422, "items[1].quantity"),
        ("/order", item(r#"{"sku":"a","quantity":-1,"unit_price":1}"#), 422, "items[1].quantity"),
        ("/order", item(r#"{"sku":"a","quantity":1000001,"unit_price":1}"#), 422, "items[1].quantity"),
        (
            "/order",
            item(r#"{"sku":"a","quantity":1,"unit_price":99999999999999999999999}"#),
            422,
            "items[1].unit_price",
        ),
        ("/order", item(r#"{"sku":"a","quantity":1,"unit_price":1e999}"#), 400, "items[1].unit_price"),
        ("/order", item(r#"{"sku":"a","quantity":1}"#), 422, "items[1].unit_price"),
        ("/order", item(r#"{"sku":"a","quantity":1000000,"unit_price":9007199254740991}"#), 422, "items"),
        ("/order/1", r#"{"items":null}"#.to_owned(), 422, "items"),
        ("/pay", String::new(), 400, "body"),
        ("/pay", "{}".to_owned(), 422, "order_id"),
        ("/pay", r#"{"order_id":"1"}"#.to_owned(), 422, "order_id"),
        ("/pay", r#"{"order_id":18446744073709551616}"#.to_owned(), 422, "order_id"),
        ("/pay", r#"{"order_id":77}"#.to_owned(), 404, "order_id"),
    ];
    for (path, body, status, field) in cases {
        let answer = world.answer(&request("POST", path, &[], body.as_bytes()));
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            (answer.status, &problem["errors"][0]["field"]),
            (status, &json!(field)),
            "{path} {}",
            &body[..body.len().min(120)]
        );
        assert_eq!(answer.header_value("content-type"), Some("application/problem+json"));
    }
    assert_eq!((world.store.writes.get(), world.calls.made.get()), (0, 0));
}

#[test]
fn an_order_that_nobody_has_is_404_and_a_wrong_method_405() {
    let world = World::new();
    for path in
        ["/orders/1", "/orders/x", "/orders/-1", "/orders/99999999999999999999", "/orders", "/orders/1/items", "/"]
    {
        assert_eq!(world.send("GET", path, &[], "").0, 404, "{path}");
    }
    for (method, path, allow) in
        [("GET", "/order", "POST"), ("PUT", "/orders/1", "GET, HEAD, DELETE"), ("PATCH", "/pay", "POST")]
    {
        let answer = world.answer(&request(method, path, &[], b""));
        assert_eq!((answer.status, answer.header_value("allow")), (405, Some(allow)));
    }
}

#[test]
fn an_order_the_client_has_is_not_sent_again_until_it_changes() {
    let world = World::new();
    world.send("POST", "/order", &[], ORDER);
    let first = world.answer(&request("GET", "/orders/1", &[], b""));
    let known = [("if-none-match", first.header_value("etag").unwrap())];
    assert_eq!(world.answer(&request("GET", "/orders/1", &known, b"")).status, 304);
    world.send("POST", "/pay", &[], r#"{"order_id":1}"#);
    assert_eq!(world.answer(&request("GET", "/orders/1", &known, b"")).status, 200);
}

#[test]
fn an_order_is_never_half_written_and_its_client_is_told() {
    for (writes, crash, orders) in
        [(0, Crash::BeforeWrite, 0), (0, Crash::AfterWrite, 0), (1, Crash::BeforeWrite, 0), (1, Crash::AfterWrite, 1)]
    {
        let world = World::new();
        world.store.crash_after(writes, crash);
        let (status, problem) = world.send("POST", "/order", &[], ORDER);
        assert_eq!((status, &problem["retryable"], world.orders()), (503, &json!(true), orders), "{writes} {crash:?}");
    }
}

#[test]
fn the_largest_order_fits_one_value_of_the_store() {
    let world = World::new();
    let item = json!({ "sku": "\u{10ffff}".repeat(64), "quantity": 999_999, "unit_price": 9_007_199 });
    let body = json!({ "user_id": 1, "items": vec![item; 1000] }).to_string();
    assert_eq!(world.send("POST", "/order", &[("idempotency-key", "large")], &body).0, 201);
    let kept = json_service::store::Store::get(&world.store, "order:1").unwrap().unwrap();
    assert!(kept.len() < 512 * 1024, "{}", kept.len());
}
