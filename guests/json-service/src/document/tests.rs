//! Tests of reading bodies: what is kept, what is skipped, and where a mistake is said to be.

use super::*;

static ORDER: Shape = Shape::Object(&[
    ("user_id", Shape::Scalar),
    ("items", Shape::List { of: &Shape::Object(&[("sku", Shape::Scalar)]), at_most: 3 }),
]);

fn refused(body: &[u8]) -> (u16, String) {
    let answer = parse(body, &ORDER).unwrap_err().into_answer();
    let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    (answer.status, problem["errors"][0]["pointer"].as_str().unwrap().to_owned())
}

#[test]
fn every_bad_body_is_refused_with_its_place() {
    let deep = format!("{{\"x\":{}", "[".repeat(200_000));
    let deep_known = format!("{{\"items\":{}", "[".repeat(200_000));
    let cases: &[(&[u8], u16, &str)] = &[
        (b"", 400, "#"),
        (b" \n", 400, "#"),
        (b"hello", 400, "#"),
        (b"{", 400, "#"),
        (b"{}{}", 400, "#"),
        (b"[]", 422, "#"),
        (b"\"{}\"", 422, "#"),
        (b"17", 422, "#"),
        (b"null", 422, "#"),
        (b"\xff\xfe", 400, "#"),
        (b"{\"user_id\":\"\xff\"}", 400, "#/user_id"),
        (b"{\"user_id\":1e999}", 400, "#/user_id"),
        (b"{\"user_id\":}", 400, "#/user_id"),
        (b"{\"items\":[{\"sku\":\"a\"},{\"sku\":tru}]}", 400, "#/items/1/sku"),
        (b"{\"a/b~\":[1,}", 400, "#/a~1b~0"),
        (b"{\"items\":[1,2,3,4]}", 422, "#/items"),
        (deep.as_bytes(), 400, "#/x"),
        (deep_known.as_bytes(), 400, "#/items/0"),
    ];
    for (body, status, pointer) in cases {
        assert_eq!(
            refused(body),
            (*status, (*pointer).to_owned()),
            "{}",
            String::from_utf8_lossy(&body[..body.len().min(60)])
        );
    }
}

#[test]
fn what_the_shape_does_not_name_is_skipped_and_the_last_of_one_name_counts() {
    let object = parse(
        br#"{"user_id":1,"extra":[{"deep":[1e999]}],"user_id":{"a":2},"items":[{"sku":"a","more":1},[7],null]}"#,
        &ORDER,
    )
    .unwrap();
    assert_eq!(object.get("user_id"), Some(&Value::Unwanted("an object")));
    assert_eq!(object.get("extra"), None);
    let Some(Value::List(items)) = object.get("items") else { panic!("items must be a list") };
    assert_eq!(items[1..], [Value::Unwanted("a list"), Value::Null]);
    let Value::Object(item) = &items[0] else { panic!("an item must be an object") };
    assert_eq!(item.get("sku"), Some(&Value::Text("a".to_owned())));
    assert_eq!(item.get("more"), None);
}

#[test]
fn a_list_far_too_long_is_left_at_its_first_element_too_many() {
    let mut body = b"{\"items\":[".to_vec();
    body.extend(b"{},".repeat(100_000));
    assert_eq!(refused(&body), (422, "#/items".to_owned()), "the end is missing, so it cannot have been read");
}
