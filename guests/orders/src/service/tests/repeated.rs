//! Tests of requests that are sent again with the same `Idempotency-Key`.

use super::*;

const KEY: [(&str, &str); 1] = [("idempotency-key", "\"8e03978e-40d5-43e8-bc93-6894a57f9324\"")];

#[test]
fn the_same_request_with_the_same_key_gets_the_same_answer_and_makes_one_order() {
    let world = World::new();
    let first = world.answer(&request("POST", "/order", &KEY, ORDER.as_bytes()));
    world.send("POST", "/pay", &[], r#"{"order_id":1}"#);
    let calls = world.calls.made.get();
    let unquoted = [("idempotency-key", "8e03978e-40d5-43e8-bc93-6894a57f9324")];
    assert_eq!(world.answer(&request("POST", "/order", &unquoted, ORDER.as_bytes())), first);
    assert_eq!((first.status, world.orders(), world.calls.made.get()), (201, 1, calls));
}

#[test]
fn the_same_key_with_another_request_is_refused() {
    let world = World::new();
    world.send("POST", "/order", &KEY, ORDER);
    let other = ORDER.replace("250", "251");
    for (path, body) in [("/order", other.as_str()), ("/order/1", ORDER), ("/pay", r#"{"order_id":1}"#)] {
        let (status, problem) = world.send("POST", path, &KEY, body);
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("Idempotency-Key")), "{path}");
    }
    assert_eq!(world.orders(), 1);
}

#[test]
fn the_same_key_of_another_user_is_another_key() {
    let world = World::new();
    assert_eq!(world.send("POST", "/order/1", &KEY, ORDER).1["order_id"], 1);
    assert_eq!(world.send("POST", "/order/2", &KEY, ORDER).1["order_id"], 2);
}

#[test]
fn a_key_is_one_to_255_printable_characters() {
    let world = World::new();
    for (key, status) in [("", 400), ("\"\"", 400), (&"k".repeat(256), 400), ("ключ", 400), (&"k".repeat(255), 201)]
    {
        let (seen, body) = world.send("POST", "/order", &[("idempotency-key", key)], ORDER);
        assert_eq!(seen, status, "{key}");
        if status == 400 {
            assert_eq!(body["errors"][0]["field"], "Idempotency-Key");
        }
    }
}

#[test]
fn a_request_that_was_refused_may_be_sent_again_with_its_key() {
    let world = World::new();
    world.calls.fail("users", "/user/1", "ConnectionTimeout");
    assert_eq!(world.send("POST", "/order", &KEY, ORDER).0, 503);
    world.calls.answer("users", "/user/1", 200, b"{}");
    assert_eq!(world.send("POST", "/order", &KEY, ORDER).0, 201);
}

#[test]
fn an_order_cut_off_at_any_write_is_made_once_when_its_request_comes_again() {
    // Four writes: counter, record, order, record with the answer.
    for (writes, crash) in (0..4).flat_map(|writes| [(writes, Crash::BeforeWrite), (writes, Crash::AfterWrite)]) {
        let world = World::new();
        world.store.crash_after(writes, crash);
        let (status, first) = world.send("POST", "/order", &KEY, ORDER);
        // The order stands before the last write: its client is told so, whatever becomes of the answer's copy.
        assert_eq!(status, if writes == 3 { 201 } else { 503 }, "{writes} {crash:?}");
        world.store.restart();
        world.clock.0.set(NOW + 1000);
        let (status, again) = world.send("POST", "/order", &KEY, ORDER);
        assert_eq!((status, world.orders()), (201, 1), "{writes} {crash:?}");
        if writes == 3 {
            assert_eq!(again, first);
        }
        assert_eq!(world.send("POST", "/order", &KEY, ORDER), (201, again), "{writes} {crash:?}");
        assert_eq!(world.orders(), 1);
    }
}

#[test]
fn a_request_still_at_work_is_409_and_the_promised_wait_is_enough() {
    let world = World::new();
    world.store.crash_after(2, Crash::BeforeWrite);
    assert_eq!(world.send("POST", "/order", &KEY, ORDER).0, 503);
    world.store.restart();
    let at_work = world.answer(&request("POST", "/order", &KEY, ORDER.as_bytes()));
    assert_eq!((at_work.status, at_work.header_value("retry-after"), world.orders()), (409, Some("1"), 0));
    world.clock.0.set(NOW + 1000);
    assert_eq!((world.send("POST", "/order", &KEY, ORDER).0, world.orders()), (201, 1));
}

#[test]
fn two_requests_with_one_key_at_the_same_moment_make_one_order() {
    let world = World::new();
    // The other request wins between our look at the key and our own record, and comes no further.
    let theirs = World::new();
    theirs.send("POST", "/order", &[], ORDER);
    theirs.store.crash_after(2, Crash::BeforeWrite);
    theirs.send("POST", "/order", &KEY, ORDER);
    let key = theirs.store.keys("idempotency:").remove(0);
    let record = json_service::store::Store::get(&theirs.store, &key).unwrap().unwrap();
    world.store.interrupt_next_swap(move |store| store.put(&key, &record));
    assert_eq!((world.send("POST", "/order", &KEY, ORDER).0, world.orders()), (409, 0));
    world.clock.0.set(NOW + 1000);
    assert_eq!(world.send("POST", "/order", &KEY, ORDER).1["order_id"], 2, "theirs is the order of this key");
    assert_eq!(world.store.keys("order:"), ["order:2"]);
}

#[test]
fn a_payment_cut_off_at_any_write_is_one_payment_when_its_request_comes_again() {
    let body = r#"{"order_id":1}"#;
    // Three writes: record, order, record with the answer.
    for (writes, crash) in (0..3).flat_map(|writes| [(writes, Crash::BeforeWrite), (writes, Crash::AfterWrite)]) {
        let world = World::new();
        world.send("POST", "/order", &[], ORDER);
        world.store.crash_after(writes, crash);
        assert_eq!(world.send("POST", "/pay", &KEY, body).0, if writes == 2 { 200 } else { 503 }, "{writes} {crash:?}");
        world.store.restart();
        world.clock.0.set(NOW + 1000);
        let (status, paid) = world.send("POST", "/pay", &KEY, body);
        assert_eq!(status, 200, "{writes} {crash:?}");
        assert_eq!(world.send("POST", "/pay", &KEY, body), (200, paid.clone()));
        assert_eq!(world.send("GET", "/orders/1", &[], "").1["payment_id"], paid["payment_id"]);
    }
}

#[test]
fn a_refused_payment_is_refused_again() {
    let world = World::new();
    world.send("POST", "/order", &[], ORDER);
    world.send("DELETE", "/orders/1", &[], "");
    let first = world.answer(&request("POST", "/pay", &KEY, br#"{"order_id":1}"#));
    assert_eq!(first.status, 409);
    assert_eq!(world.answer(&request("POST", "/pay", &KEY, br#"{"order_id":1}"#)), first);
}
