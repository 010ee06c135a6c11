//! What is a name and what is not.

use super::{BucketName, NameError, ServiceName};

#[test]
fn a_service_name_is_a_dns_label_that_begins_with_a_letter() {
    let longest = "a".repeat(63);
    for name in ["a", "users", "users-2", "a--b", "x1", longest.as_str()] {
        assert_eq!(ServiceName::parse(name).map(|name| name.to_string()), Ok(name.to_owned()));
    }
    let too_long = "a".repeat(64);
    let wrong = [
        ("", "the name is empty; give it one to 63 characters"),
        (&too_long, "has 64 characters; shorten it to 63"),
        ("Users", "has `U` in it"),
        ("us_ers", "has `_` in it; use only lower-case letters, digits and `-`"),
        ("a.b", "has `.` in it"),
        ("a b", "has ` ` in it"),
        ("用户", "has `用` in it"),
        ("1st", "begins with `1`; begin it with a letter"),
        ("-a", "begins with `-`"),
        ("a-", "ends with `-`"),
    ];
    for (name, message) in wrong {
        let fault = ServiceName::parse(name).expect_err(name).to_string();
        assert!(fault.contains(message), "{name}: {fault}");
    }
}

#[test]
fn a_file_names_its_service_with_hyphens_for_underscores() {
    for (stem, name) in [("users", "users"), ("order_items", "order-items"), ("a-b_c", "a-b-c")] {
        assert_eq!(ServiceName::from_file_stem(stem).map(|name| name.to_string()), Ok(name.to_owned()));
    }
    for stem in ["", "_users", "users_", "Users", "users.v2"] {
        assert!(ServiceName::from_file_stem(stem).is_err(), "{stem}");
    }
}

#[test]
fn a_refused_name_has_a_valid_one_near_it_if_there_is_a_letter() {
    for (text, near) in [("Users_V2", "users-v2"), ("1st.order", "st-order"), ("_x_", "x"), ("ÄPI users", "pi-users")]
    {
        assert_eq!(ServiceName::suggest(text).map(|name| name.to_string()).as_deref(), Some(near), "{text}");
    }
    assert_eq!(ServiceName::suggest("123"), None);
    assert_eq!(ServiceName::suggest(""), None);
}

#[test]
fn the_empty_identifier_is_the_default_bucket() {
    for (identifier, name) in [("", "default"), ("default", "default"), ("a_b-c.1", "a_b-c.1"), ("_", "_")] {
        assert_eq!(BucketName::from_identifier(identifier).map(|name| name.to_string()), Ok(name.to_owned()));
    }
    assert!(matches!(BucketName::from_identifier("A"), Err(NameError::Character { found: 'A', .. })));
    assert!(matches!(BucketName::from_identifier("a/b"), Err(NameError::Character { found: '/', .. })));
    assert!(matches!(BucketName::from_identifier(&"a".repeat(64)), Err(NameError::TooLong { length: 64, .. })));
}
