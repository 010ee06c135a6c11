//! Input of every bad kind is a 4xx that names the field, and leaves nothing behind.

use serde_json::json;

use super::open::{Expect as _, Shop, tea};

/// A request that must be refused: its path and body, and the status, slug and field of the refusal.
type Case = (&'static str, Vec<u8>, u16, &'static str, &'static str);

fn case(path: &'static str, body: impl Into<Vec<u8>>, refusal: (u16, &'static str, &'static str)) -> Case {
    let (status, slug, field) = refusal;
    (path, body.into(), status, slug, field)
}

fn not_json(path: &'static str, body: impl Into<Vec<u8>>, field: &'static str) -> Case {
    case(path, body, (400, "not-json", field))
}

fn invalid(path: &'static str, body: impl Into<Vec<u8>>, field: &'static str) -> Case {
    case(path, body, (422, "invalid-field", field))
}

/// An order with one item, the fields of which are these.
fn item(fields: &str) -> String {
    format!(r#"{{"user_id": 1, "items": [{{{fields}}}]}}"#)
}

/// One item with these numbers.
fn numbers(quantity: &str, unit_price: &str) -> String {
    item(&format!(r#""sku": "tea", "quantity": {quantity}, "unit_price": {unit_price}"#))
}

/// Bodies that are wrong whoever gets them.
fn everywhere() -> Vec<Case> {
    let mut cases = Vec::new();
    for path in ["/register", "/login", "/order", "/order/1", "/pay"] {
        cases.extend([
            not_json(path, "", "body"),
            not_json(path, " \r\n\t", "body"),
            not_json(path, "tea", "body"),
            not_json(path, "{", "body"),
            not_json(path, "{}{}", "body"),
            not_json(path, "{'a': 1}", "body"),
            not_json(path, "a=1&b=2", "body"),
            not_json(path, "<order/>", "body"),
            not_json(path, b"\xff\xfe{}", "body"),
            not_json(path, b"\x1f\x8b\x08\x00", "body"),
            not_json(path, "[".repeat(100_000), "body"),
            invalid(path, "null", "body"),
            invalid(path, "7", "body"),
            invalid(path, "\"text\"", "body"),
            invalid(path, "[]", "body"),
        ]);
    }
    cases
}

fn of_users() -> Vec<Case> {
    let long = "x".repeat(1000);
    let registration = |name: &str, password: &str| format!(r#"{{"username": {name}, "password": {password}}}"#);
    vec![
        invalid("/register", "{}", "username"),
        invalid("/register", r#"{"username": "bob"}"#, "password"),
        invalid("/register", registration("7", "\"long enough\""), "username"),
        invalid("/register", registration("null", "\"long enough\""), "username"),
        invalid("/register", registration("[\"bob\"]", "\"long enough\""), "username"),
        invalid("/register", registration("{}", "\"long enough\""), "username"),
        invalid("/register", registration("\"\"", "\"long enough\""), "username"),
        invalid("/register", registration(r#""b\u0000b""#, "\"long enough\""), "username"),
        invalid("/register", registration(&format!("\"{long}\""), "\"long enough\""), "username"),
        invalid("/register", registration("\"bob\"", "12345678"), "password"),
        invalid("/register", registration("\"bob\"", "true"), "password"),
        invalid("/register", registration("\"bob\"", "\"short\""), "password"),
        invalid("/register", registration("\"bob\"", &format!("\"{long}\"")), "password"),
        not_json("/register", registration(r#""b\ud800b""#, "\"long enough\""), "username"),
        not_json("/register", b"{\"username\": \"b\xffb\", \"password\": \"long enough\"}", "username"),
        not_json("/register", registration("\"bob\"", "1e999"), "password"),
        not_json("/register", registration(&"[".repeat(100_000), "\"long enough\""), "username"),
        invalid("/login", r#"{"username": "alice"}"#, "password"),
        invalid("/login", registration("true", "\"long enough\""), "username"),
    ]
}

fn of_orders() -> Vec<Case> {
    let list = |count: usize| {
        let items = vec![tea(1)[0].clone(); count];
        json!({ "user_id": 1, "items": items }).to_string()
    };
    let user = |id: &str| format!(r#"{{"user_id": {id}, "items": {}}}"#, tea(1));
    vec![
        invalid("/order", "{}", "user_id"),
        invalid("/order", user("\"1\""), "user_id"),
        invalid("/order", user("0"), "user_id"),
        invalid("/order", user("-1"), "user_id"),
        invalid("/order", user("1.5"), "user_id"),
        invalid("/order", user("9007199254740992"), "user_id"),
        invalid("/order", user("99999999999999999999999999999999999999999"), "user_id"),
        not_json("/order", user("1e999"), "user_id"),
        not_json("/order", user("01"), "user_id"),
        not_json("/order", user("NaN"), "user_id"),
        case("/order", user("2"), (422, "no-such-user", "user_id")),
        case("/order", user("9007199254740991"), (422, "no-such-user", "user_id")),
        invalid("/order", r#"{"user_id": 1}"#, "items"),
        invalid("/order", r#"{"user_id": 1, "items": []}"#, "items"),
        invalid("/order", r#"{"user_id": 1, "items": {}}"#, "items"),
        invalid("/order", r#"{"user_id": 1, "items": "tea"}"#, "items"),
        invalid("/order", r#"{"user_id": 1, "items": [7]}"#, "items[0]"),
        invalid("/order", r#"{"user_id": 1, "items": [[[[]]]]}"#, "items[0]"),
        invalid("/order", list(1001), "items"),
        invalid("/order", list(100_000), "items"),
        invalid("/order/1", list(100_000), "items"),
        not_json("/order", format!(r#"{{"user_id": 1, "items": {}"#, "[".repeat(100_000)), "items[0]"),
        invalid("/order", item(r#""quantity": 1, "unit_price": 1"#), "items[0].sku"),
        invalid("/order", item(r#""sku": 7, "quantity": 1, "unit_price": 1"#), "items[0].sku"),
        invalid("/order", item(r#""sku": "", "quantity": 1, "unit_price": 1"#), "items[0].sku"),
        invalid("/order", item(r#""sku": "tea", "unit_price": 1"#), "items[0].quantity"),
        invalid("/order", numbers("0", "1"), "items[0].quantity"),
        invalid("/order", numbers("-1", "1"), "items[0].quantity"),
        invalid("/order", numbers("\"2\"", "1"), "items[0].quantity"),
        invalid("/order", numbers("0.5", "1"), "items[0].quantity"),
        invalid("/order", numbers("1000001", "1"), "items[0].quantity"),
        invalid("/order", numbers("1", "-1"), "items[0].unit_price"),
        invalid("/order", numbers("1", "12.5"), "items[0].unit_price"),
        invalid("/order", numbers("1", "18446744073709551616"), "items[0].unit_price"),
        // Each is allowed, their product is not.
        invalid("/order", numbers("1000000", "9007199254740991"), "items"),
        invalid("/pay", "{}", "order_id"),
        invalid("/pay", r#"{"order_id": "1"}"#, "order_id"),
        invalid("/pay", r#"{"order_id": [1]}"#, "order_id"),
        invalid("/pay", r#"{"order_id": 18446744073709551616}"#, "order_id"),
        case("/pay", r#"{"order_id": 1}"#, (404, "no-such-order", "order_id")),
    ]
}

#[test]
fn bad_input_is_a_4xx_that_names_the_field_and_nothing_is_written() {
    let shop = Shop::open();
    assert_eq!(shop.register("alice"), 1);
    for (path, body, status, slug, field) in everywhere().into_iter().chain(of_users()).chain(of_orders()) {
        let shown = String::from_utf8_lossy(&body[..body.len().min(100)]).into_owned();
        let answer = shop.send("POST", path, &[], &body);
        // Names the case if what follows fails.
        assert!((400..500).contains(&answer.status), "{path} {shown}: {} {}", answer.status, answer.text());
        assert!(answer.text().contains(&format!("\"field\":\"{field}\"")), "{path} {shown}: {}", answer.text());
        answer.expect_problem(status, slug, field);
    }
    // Ids are counted at the first write: none was made.
    assert_eq!(shop.register("bob"), 2);
    assert_eq!(shop.order(1, 1), 1);
}

#[test]
fn a_bad_change_of_a_password_names_the_field_and_the_old_one_stays() {
    let shop = Shop::open();
    shop.register("alice");
    for (body, status, slug, field) in [
        ("", 400, "not-json", "body"),
        ("{}", 422, "invalid-field", "old_password"),
        (r#"{"old_password": "correct horse"}"#, 422, "invalid-field", "new_password"),
        (r#"{"old_password": "correct horse", "new_password": "short"}"#, 422, "invalid-field", "new_password"),
        (r#"{"old_password": 7, "new_password": "battery staple"}"#, 422, "invalid-field", "old_password"),
        (
            r#"{"old_password": "wrong one", "new_password": "battery staple"}"#,
            401,
            "wrong-credentials",
            "old_password",
        ),
    ] {
        shop.send("PUT", "/user/1", &[], body.as_bytes()).expect_problem(status, slug, field);
    }
    assert!(!shop.login("alice").is_empty());
}

#[test]
fn every_wrong_field_is_named_in_one_answer() {
    let shop = Shop::open();
    let body = r#"{"user_id": "one", "items": [{"sku": "tea", "quantity": 0, "unit_price": 1}, {"sku": ""}]}"#;
    let problem = shop.send("POST", "/order", &[], body.as_bytes()).json();
    let fields: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    let expected = ["user_id", "items[0].quantity", "items[1].sku", "items[1].quantity", "items[1].unit_price"]
        .map(|field| json!(field));
    assert_eq!(fields, expected);
}

#[test]
fn a_body_larger_than_a_service_reads_is_a_413_and_the_shop_goes_on() {
    let shop = Shop::open();
    for (path, mebibytes) in [("/register", 2), ("/order", 9), ("/order", 11)] {
        let body = format!(r#"{{"username": "{}"}}"#, "x".repeat(mebibytes << 20));
        let answer = shop.send("POST", path, &[], body.as_bytes());
        assert_eq!(answer.status, 413, "{path} with {mebibytes} MiB: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
    }
    assert_eq!(shop.register("alice"), 1);
}
