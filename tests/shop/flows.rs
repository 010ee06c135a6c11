//! What a customer does from registration to payment, each endpoint with its status, headers and body.

use serde_json::{Value, json};

use super::open::{Expect as _, PASSWORD, Shop, tea};

#[test]
fn a_customer_registers_logs_in_orders_and_pays() {
    let shop = Shop::open();

    let registered = shop.post("/register", &json!({ "username": "alice", "password": PASSWORD }));
    registered.expect_json(201, &json!({ "message": "用户注册成功", "user_id": 1 }));
    assert_eq!(registered.header("location"), Some("/user/1"));

    let login = shop.post("/login", &json!({ "username": "ALICE", "password": PASSWORD }));
    assert_eq!((login.status, login.header("cache-control")), (200, Some("no-store")));
    let mut login = login.json();
    let token = login.as_object_mut().and_then(|login| login.remove("token")).expect("a login must bring a token");
    assert_eq!(token.as_str().map(|token| token.split('.').count()), Some(3), "{token}");
    assert_eq!(login, json!({ "message": "用户登录成功", "user_id": 1 }));

    let ordered = shop.post("/order", &json!({ "user_id": 1, "items": tea(2) }));
    ordered.expect_json(201, &json!({ "message": "订单创建成功", "order_id": 1, "total": 2500, "status": "created" }));
    assert_eq!(ordered.header("location"), Some("/orders/1"));

    let paid = shop.post("/pay", &json!({ "order_id": 1 }));
    let payment = paid.json()["payment_id"].clone();
    let receipt =
        json!({ "message": "支付成功", "order_id": 1, "payment_id": payment, "total": 2500, "status": "paid" });
    paid.expect_json(200, &receipt);
    shop.post("/pay", &json!({ "order_id": 1 })).expect_json(200, &receipt);

    let mut order = shop.get("/orders/1").json();
    for time in ["created_at", "paid_at"] {
        let removed = order.as_object_mut().and_then(|order| order.remove(time));
        assert!(removed.is_some_and(|time| time.as_str().is_some_and(|time| time.ends_with('Z'))), "{time}");
    }
    let kept = json!({
        "order_id": 1, "user_id": 1, "items": tea(2), "total": 2500, "status": "paid", "payment_id": payment,
    });
    assert_eq!(order, kept);
}

#[test]
fn an_order_of_the_user_in_the_path_is_the_same_order() {
    let shop = Shop::open();
    let user = shop.register("alice");
    let made = json!({ "message": "Order created successfully", "order_id": 1, "total": 3750, "status": "created" });
    shop.post(&format!("/order/{user}"), &json!({ "items": tea(3) })).expect_json(201, &made);
    let order = shop.get("/orders/1").json();
    assert_eq!((&order["user_id"], &order["total"]), (&json!(user), &json!(3750)));
}

#[test]
fn a_user_who_is_known_already_is_not_sent_again() {
    let shop = Shop::open();
    shop.register("alice");
    for path in ["/user/1", "/.well-known/jwks.json"] {
        let first = shop.get(path);
        assert_eq!(first.status, 200, "{path}");
        let tag = first.header("etag").expect("the answer must have an ETag").to_owned();
        let second = shop.send("GET", path, &[("if-none-match", &tag)], b"");
        assert_eq!((second.status, second.body.len(), second.header("etag")), (304, 0, Some(&*tag)), "{path}");
        let other = shop.send("GET", path, &[("if-none-match", "\"another\"")], b"");
        assert_eq!((other.status, &other.body), (200, &first.body), "{path}");
    }
}

#[test]
fn only_who_knows_the_old_password_changes_it_and_only_the_new_one_logs_in() {
    let shop = Shop::open();
    shop.register("alice");
    let login = |password: &str| shop.post("/login", &json!({ "username": "alice", "password": password })).status;
    let change = |old: &str| {
        let body = json!({ "old_password": old, "new_password": "battery staple" });
        shop.send("PUT", "/user/1", &[], body.to_string().as_bytes()).status
    };
    assert_eq!((change("not the old one"), login(PASSWORD)), (401, 200));
    assert_eq!((change(PASSWORD), login(PASSWORD), login("battery staple")), (200, 401, 200));
}

#[test]
fn an_order_can_be_cancelled_until_it_is_paid() {
    let shop = Shop::open();
    let user = shop.register("alice");
    let (cancelled, paid) = (shop.order(user, 1), shop.order(user, 2));

    let receipt = json!({ "message": "订单已取消", "order_id": cancelled, "total": 1250, "status": "cancelled" });
    shop.delete(&format!("/orders/{cancelled}")).expect_json(200, &receipt);
    shop.delete(&format!("/orders/{cancelled}")).expect_json(200, &receipt);
    shop.post("/pay", &json!({ "order_id": cancelled })).expect_problem(409, "order-cancelled", "order_id");

    assert_eq!(shop.post("/pay", &json!({ "order_id": paid })).status, 200);
    shop.delete(&format!("/orders/{paid}")).expect_problem(409, "already-paid", "order_id");
    assert_eq!(shop.get(&format!("/orders/{paid}")).json()["status"], "paid");
}

#[test]
fn what_does_not_exist_is_a_404_that_says_what() {
    let shop = Shop::open();
    shop.register("alice");
    for (method, path, body, slug, field) in [
        ("GET", "/user/2", Value::Null, "no-such-user", "user_id"),
        ("GET", "/user/0", Value::Null, "no-such-user", "user_id"),
        ("GET", "/user/-1", Value::Null, "no-such-user", "user_id"),
        ("GET", "/user/01", Value::Null, "no-such-user", "user_id"),
        ("GET", "/user/alice", Value::Null, "no-such-user", "user_id"),
        ("GET", "/user/99999999999999999999999", Value::Null, "no-such-user", "user_id"),
        ("GET", "/orders/1", Value::Null, "no-such-order", "order_id"),
        ("GET", "/orders/tea", Value::Null, "no-such-order", "order_id"),
        ("DELETE", "/orders/1", Value::Null, "no-such-order", "order_id"),
        ("POST", "/pay", json!({ "order_id": 1 }), "no-such-order", "order_id"),
        ("POST", "/order/2", json!({ "items": tea(1) }), "no-such-user", "user_id"),
        ("POST", "/order/alice", json!({ "items": tea(1) }), "no-such-user", "user_id"),
    ] {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        shop.send(method, path, &[], body.as_bytes()).expect_problem(404, slug, field);
    }
}

#[test]
fn a_wrong_password_and_an_unknown_name_get_the_same_answer() {
    let shop = Shop::open();
    shop.register("alice");
    let login = |name: &str| shop.post("/login", &json!({ "username": name, "password": "not the password" }));
    let (wrong, unknown) = (login("alice"), login("nobody"));
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(wrong.body, unknown.body);
    assert_eq!(wrong.header("www-authenticate"), unknown.header("www-authenticate"));
}
