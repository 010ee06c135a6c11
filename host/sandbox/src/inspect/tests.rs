//! What a component says about its imports.

use super::*;

const EXPORT: &str = r#"(instance $none) (export "wasi:http/incoming-handler@0.2.0" (instance $none))"#;

fn inspected(text: &str) -> Result<Inspected, CompileError> {
    inspect(&wat::parse_str(format!("(component {text} {EXPORT})")).unwrap())
}

fn imports(text: &str) -> Vec<String> {
    inspected(text).unwrap().imports.into_iter().collect()
}

#[test]
fn imports_are_told_without_their_versions_and_without_those_everybody_has() {
    let found = imports(
        r#"
        (import "wasi:cli/environment@0.2.3" (instance))
        (import "wasi:clocks/wall-clock@0.2.3" (instance))
        (import "wasi:filesystem/preopens@0.2.3" (instance))
        (import "wasi:io/poll@0.2.3" (instance))
        (import "wasi:random/random@0.2.3" (instance))
        (import "wasi:http/types@0.2.3" (instance))
        (import "wasi:keyvalue/store@0.2.0-draft" (instance))
        (import "wasi:http/outgoing-handler@0.2.3" (instance))
        (import "wasi:sockets/tcp@0.2.3" (instance))
        (import "wasi:climate/types" (instance))
        (import "hostel:service/context@0.1.0" (instance))"#,
    );
    let expected = [
        "hostel:service/context",
        "wasi:climate/types",
        "wasi:http/outgoing-handler",
        "wasi:keyvalue/store",
        "wasi:sockets/tcp",
    ];
    assert_eq!(found, expected);
}

#[test]
fn only_imports_of_the_component_itself_count() {
    let inner = r#"(component (import "wasi:keyvalue/store@0.2.0-draft" (instance)))"#;
    assert_eq!(
        imports(&format!(r#"{inner} (import "wasi:config/store@0.2.0-rc.1" (instance))"#)),
        ["wasi:config/store"]
    );
}

#[test]
fn names_of_imports_are_bounded_in_length_and_number() {
    let long = "x".repeat(1_000);
    assert_eq!(imports(&format!(r#"(import "{long}" (instance))"#)), ["x".repeat(fixed::IMPORT_NAME_LETTERS)]);

    let many = |count: usize| -> String { (0..count).map(|n| format!(r#"(import "x{n}" (instance)) "#)).collect() };
    assert_eq!(imports(&many(fixed::IMPORT_NAMES)).len(), fixed::IMPORT_NAMES);
    let refused = inspected(&many(fixed::IMPORT_NAMES + 1)).unwrap_err();
    assert!(matches!(refused, CompileError::TooMany { actual: 101, limit: 100, .. }), "{refused}");
}

#[test]
fn letters_that_move_a_cursor_are_left_out_of_a_name() {
    assert_eq!(telling("wasi:key\u{1b}[2Jvalue/\nstore@0.2.0").as_deref(), Some("wasi:key[2Jvalue/store"));
}
