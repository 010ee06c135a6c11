//! Every count just at its limit and past it, and that nothing of a file makes the count recurse.

use wasmparser::Parser;

use super::*;

/// What `Counts` says of a whole file.
fn count(bytes: &[u8]) -> Result<(), CompileError> {
    let mut counts = Counts::new(CountLimits::FIXED);
    for payload in Parser::new(0).parse_all(bytes) {
        counts.add(&payload.map_err(refused)?, bytes)?;
    }
    Ok(())
}

/// That `component` of `limit` passes and of one more is refused by the count `what`.
#[track_caller]
fn bounded(what: &str, limit: u64, component: impl Fn(usize) -> Vec<u8>) {
    let fits = usize::try_from(limit).unwrap();
    for least in [fits * 99 / 100, fits] {
        count(&component(least)).unwrap_or_else(|error| panic!("{least} {what}: {error}"));
    }
    match count(&component(fits + 1)).unwrap_err() {
        CompileError::TooMany { what: counted, actual, limit: told } => {
            assert_eq!((counted, told), (what, limit));
            assert!(actual > limit, "{actual}");
        }
        error => panic!("{what}: {error}"),
    }
}

fn text(text: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {text})")).unwrap()
}

/// A component with one core function that has this inside.
fn function(inside: &str) -> Vec<u8> {
    text(&format!("(core module (func {inside}))"))
}

/// A number as the format writes it.
fn number(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A component with one section.
fn section(kind: u8, content: &[u8]) -> Vec<u8> {
    [b"\0asm\x0d\0\x01\0", &[kind][..], &number(content.len()), content].concat()
}

/// Components inside each other: text cannot nest them so deeply.
fn nested_components(levels: usize) -> Vec<u8> {
    (0..levels).fold(b"\0asm\x0d\0\x01\0".to_vec(), |inner, _| section(4, &inner))
}

/// Types of instances inside each other.
fn nested_types(levels: usize) -> Vec<u8> {
    // One type, which has one declaration, which is a type …; the innermost has none.
    let mut content = vec![0x01];
    content.extend(std::iter::repeat_n([0x42, 0x01, 0x01], levels - 1).flatten());
    content.extend([0x42, 0x00]);
    section(7, &content)
}

#[test]
fn instances_memories_and_tables_are_bounded() {
    bounded("core instances", fixed::CORE_INSTANCES.into(), |count| {
        text(&format!("(core module $m) {}", "(core instance (instantiate $m))".repeat(count)))
    });
    bounded("memories", fixed::MEMORIES.into(), |count| text(&"(core module (memory 1))".repeat(count)));
    bounded("tables", fixed::TABLES.into(), |count| text(&"(core module (table 1 funcref))".repeat(count)));
}

#[test]
fn instances_that_only_rename_are_not_counted() {
    let many = fixed::CORE_INSTANCES as usize * 2;
    count(&text(&"(core instance)".repeat(many))).unwrap();
}

#[test]
fn names_of_all_levels_are_bounded() {
    let limit = u64::from(fixed::IMPORTS_EXPORTS);
    let what = "imports and exports";
    let imports = |count: usize| (0..count).map(|n| format!(r#"(import "x{n}" (func)) "#)).collect::<String>();
    bounded(what, limit, |count| text(&imports(count)));
    bounded(what, limit, |count| text(&format!("(component {})", imports(count))));
    let exports = |count: usize| (0..count).map(|n| format!(r#"(export "x{n}" (func 0)) "#)).collect::<String>();
    bounded(what, limit, |count| text(&format!("(core module (func) {})", exports(count))));
    bounded(what, limit, |count| {
        let half = count / 2;
        text(&format!("{} (core module (func) {})", imports(half), exports(count - half)))
    });
}

#[test]
fn components_inside_each_other_are_bounded() {
    bounded("levels of components inside each other", fixed::COMPONENT_NESTING.into(), nested_components);
}

#[test]
fn types_are_bounded_wherever_they_are() {
    let limit = u64::from(fixed::TYPES);
    bounded("types", limit, |count| text(&"(type u8)".repeat(count)));
    bounded("types", limit, |count| text(&format!("(core module {})", "(type (func))".repeat(count))));
    bounded("types", limit, |count| text(&"(core type (func))".repeat(count)));
    // The one that contains them counts as well.
    bounded("types", limit, |count| text(&format!("(type (instance {}))", "(type u8)".repeat(count - 1))));
}

#[test]
fn types_inside_each_other_are_bounded() {
    bounded("levels of types inside each other", fixed::TYPE_NESTING.into(), nested_types);
}

#[test]
fn types_that_would_exhaust_the_stack_of_whoever_recurses_are_refused() {
    let error = count(&nested_types(1_000_000)).unwrap_err();
    assert!(error.to_string().contains("levels of types inside each other"), "{error}");
}

#[test]
fn types_of_every_kind_are_passed_over() {
    count(&text(
        r#"
        (type $r (record (field "a" u8) (field "b" string)))
        (type $v (variant (case "a" $r) (case "b")))
        (type $l (list $v))
        (type (tuple $l $l)) (type (flags "a" "b")) (type (enum "a" "b"))
        (type (option $l)) (type (result $l (error $v)))
        (type (func (param "a" $l) (result $v)))
        (type (resource (rep i32)))
        (type (component
            (core type (module (import "a" "b" (func)) (export "c" (memory 1))))
            (import "i" (instance (export "t" (type (sub resource))) (export "f" (func (param "x" u8)))))
            (alias outer 1 $l (type $theirs))
            (type (instance (export "deep" (func (result $theirs)))))
            (export "e" (func))))"#,
    ))
    .unwrap();
}

#[test]
fn functions_of_all_modules_are_bounded() {
    bounded("functions", fixed::FUNCTIONS.into(), |count| {
        let half = count / 2;
        text(&format!("(core module {}) (core module {})", "(func)".repeat(half), "(func)".repeat(count - half)))
    });
}

#[test]
fn the_body_of_a_function_is_bounded() {
    // No locals are one byte, and the end is another.
    bounded("bytes in one function", fixed::FUNCTION_BODY.0, |count| function(&"nop ".repeat(count - 2)));
}

#[test]
fn locals_are_bounded_however_they_are_written() {
    let limit = u64::from(fixed::LOCALS);
    bounded("locals in one function", limit, |count| function(&format!("(local {})", "i32 ".repeat(count))));
    bounded("locals in one function", limit, |count| {
        function(&["(local i32) ", "(local i64) "].into_iter().cycle().take(count).collect::<String>())
    });
}

#[test]
fn blocks_inside_each_other_are_bounded_and_blocks_in_a_row_are_not() {
    let what = "blocks inside each other in one function";
    let limit = u64::from(fixed::BLOCK_NESTING);
    for begin in ["block ", "loop ", "i32.const 0 if ", "try_table "] {
        bounded(what, limit, |count| function(&format!("{}{}", begin.repeat(count), "end ".repeat(count))));
    }
    count(&function(&"block end ".repeat(fixed::BLOCK_NESTING as usize * 2))).unwrap();
    // Each function begins from nothing.
    let almost = fixed::BLOCK_NESTING as usize - 1;
    let deep = format!("(func {}{})", "block ".repeat(almost), "end ".repeat(almost));
    count(&text(&format!("(core module {deep}{deep})"))).unwrap();
}

#[test]
fn every_prefix_of_a_component_is_counted_or_refused() {
    let whole = crate::testing::component_p2("(memory 1) (func (local i32) block nop end)");
    for end in 8..whole.len() {
        // Some end between two sections and are whole components.
        let _ = count(&whole[..end]);
    }
    count(&whole).unwrap();
}
