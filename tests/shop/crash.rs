//! `kill -9` at any moment loses nothing that was acknowledged.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::mpsc::{Sender, channel};

use serde_json::json;

use super::open::{Expect as _, Shop, tea};
use crate::harness::{Connection, Request};

const ROUNDS: usize = 10;
/// Customers who order at once, without a pause.
const CUSTOMERS: usize = 4;
/// At most so many orders are acknowledged before the host is killed; others are in flight then.
const ORDERS: u64 = 60;

/// An order that was acknowledged.
struct Acknowledged {
    order: u64,
    total: u64,
}

#[test]
fn crash_after_an_acknowledged_order_does_not_lose_it() {
    let chance = RandomState::new();
    let mut shop = Shop::open();
    let user = shop.register("alice");
    let mut known: BTreeMap<u64, u64> = BTreeMap::new();
    for round in 0..ROUNDS {
        let orders = 1 + chance.hash_one(round) % ORDERS;
        for Acknowledged { order, total } in order_until_killed(&mut shop, user, orders) {
            let earlier = known.insert(order, total);
            assert_eq!(earlier, None, "round {round}: order {order} was acknowledged twice");
        }
        shop.open_again();
        let mut connection = shop.process().connect();
        for (order, total) in &known {
            let kept = shop.request("GET", &format!("/orders/{order}"), &[], b"").send_on(&mut connection);
            assert_eq!(kept.status, 200, "round {round}, killed after {orders} orders: order {order} is lost");
            assert_eq!(kept.number("total"), *total, "round {round}: {}", kept.text());
        }
    }
    assert!(known.len() >= ROUNDS, "only {} orders were acknowledged", known.len());
}

#[test]
fn crash_after_a_registration_a_payment_and_a_cancellation_does_not_lose_them() {
    let mut shop = Shop::open();
    let user = shop.register("alice");
    let (paid, cancelled) = (shop.order(user, 1), shop.order(user, 2));
    let payment = shop.post("/pay", &json!({ "order_id": paid })).json()["payment_id"].clone();
    assert_eq!(shop.delete(&format!("/orders/{cancelled}")).status, 200);
    shop.kill();
    shop.open_again();
    assert!(!shop.login("alice").is_empty());
    let order = shop.get(&format!("/orders/{paid}")).json();
    assert_eq!((&order["status"], &order["payment_id"]), (&json!("paid"), &payment));
    assert_eq!(shop.get(&format!("/orders/{cancelled}")).json()["status"], "cancelled");
}

/// Orders from several sides, kills the host after that many acknowledgements, and returns all there were.
fn order_until_killed(shop: &mut Shop, user: u64, orders: u64) -> Vec<Acknowledged> {
    let (acknowledge, acknowledged) = channel();
    let customers: Vec<_> = (1..=CUSTOMERS as u64)
        .map(|quantity| {
            let (connection, acknowledge) = (shop.process().connect(), acknowledge.clone());
            let body = json!({ "user_id": user, "items": tea(quantity) }).to_string();
            let request = shop.request("POST", "/order", &[], body.as_bytes());
            std::thread::spawn(move || order_for_ever(connection, &request, &acknowledge))
        })
        .collect();
    // What is left are the customers' own: the channel ends with them.
    drop(acknowledge);
    let mut seen: Vec<_> = acknowledged.iter().take(usize::try_from(orders).unwrap()).collect();
    shop.kill();
    for customer in customers {
        customer.join().expect("a customer must meet nothing but the end of the host");
    }
    seen.extend(acknowledged.try_iter());
    seen
}

/// Sends the same order again and again, until the host is gone.
fn order_for_ever(mut connection: Connection, request: &Request, acknowledge: &Sender<Acknowledged>) {
    while connection.try_send(request.bytes()).is_ok() {
        let Some(answer) = connection.try_read_answer("POST").filter(|answer| answer.complete) else {
            return;
        };
        assert_eq!(answer.status, 201, "{}", answer.text());
        let order = Acknowledged { order: answer.number("order_id"), total: answer.number("total") };
        // Fails only if the test has.
        let _ = acknowledge.send(order);
    }
}
