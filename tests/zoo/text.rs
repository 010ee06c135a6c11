//! Components written by hand, for what no compiler of Rust would make.

/// What every service of WASI 0.2 needs of the host.
const TYPES: &str = r#"
    (import "wasi:http/types@0.2.0" (instance $types
        (export "incoming-request" (type (sub resource)))
        (export "response-outparam" (type (sub resource)))))
    (alias export $types "incoming-request" (type $request))
    (alias export $types "response-outparam" (type $response))"#;

/// A loop without an end.
const LOOP: &str = "(loop $again (br $again))";

/// A service whose parts are written out: what stands before its core module, that module, and how its function is lifted.
struct Parts<'a> {
    outside: &'a str,
    core: &'a str,
    /// What the core module is given.
    given: &'a str,
    /// Options of the handler.
    options: &'a str,
}

fn component(parts: &Parts<'_>) -> Vec<u8> {
    let Parts { outside, core, given, options } = parts;
    bytes(&format!(
        r#"(component {TYPES} {outside}
            (core module $core {core})
            (core instance $main (instantiate $core {given}))
            (func $handle (param "request" (own $request)) (param "response-out" (own $response))
                (canon lift (core func $main "handle") {options}))
            (instance $handler (export "handle" (func $handle)))
            (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#
    ))
}

fn bytes(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

/// A service whose handler does `body`, beside `more` in its core module.
pub fn handler(body: &str, more: &str) -> Vec<u8> {
    let core = format!("{more} (func (export \"handle\") (param i32 i32) {body})");
    component(&Parts { outside: "", core: &core, given: "", options: "" })
}

/// A service whose core module has `more`, and whose handler does nothing.
pub fn with(more: &str) -> Vec<u8> {
    handler("", more)
}

/// A service that imports `import`, in the words of a component's text.
pub fn importing(import: &str) -> Vec<u8> {
    let core = "(func (export \"handle\") (param i32 i32))";
    component(&Parts { outside: import, core, given: "", options: "" })
}

/// Loops as soon as its core module is instantiated.
pub fn loops_at_start() -> Vec<u8> {
    with(&format!("(func $start {LOOP}) (start $start)"))
}

/// The same by the start of the component itself.
pub fn loops_at_component_start() -> Vec<u8> {
    bytes(&format!(
        r#"(component {TYPES}
            (core module $core
                (func (export "start") {LOOP})
                (func (export "handle") (param i32 i32)))
            (core instance $main (instantiate $core))
            (func $start (canon lift (core func $main "start")))
            (start $start)
            (func $handle (param "request" (own $request)) (param "response-out" (own $response))
                (canon lift (core func $main "handle")))
            (instance $handler (export "handle" (func $handle)))
            (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#
    ))
}

/// Asks for bytes, and loops when the host asks it for room to put them.
pub fn loops_in_realloc() -> Vec<u8> {
    let outside = format!(
        r#"(import "wasi:random/random@0.2.0" (instance $random
                (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
            (core module $library
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) {LOOP} unreachable))
            (core instance $library (instantiate $library))
            (core func $bytes (canon lower (func $random "get-random-bytes")
                (memory $library "memory") (realloc (func $library "realloc"))))"#
    );
    let core = r#"(import "host" "bytes" (func $bytes (param i64 i32)))
        (func (export "handle") (param i32 i32) (call $bytes (i64.const 16) (i32.const 0)))"#;
    let given = r#"(with "host" (instance (export "bytes" (func $bytes))))"#;
    component(&Parts { outside: &outside, core, given, options: "" })
}

/// Loops when the host cleans up after a call.
pub fn loops_in_post_return() -> Vec<u8> {
    let core = format!(r#"(func (export "handle") (param i32 i32)) (func (export "after") {LOOP})"#);
    component(&Parts { outside: "", core: &core, given: "", options: r#"(post-return (func $main "after"))"# })
}

/// Has a resource of its own whose destructor loops, and drops it, or keeps it to its end.
pub fn loops_in_destructor(drops: bool) -> Vec<u8> {
    let outside = format!(
        r#"(core module $library (func (export "destroy") (param i32) {LOOP}))
            (core instance $library (instantiate $library))
            (type $thing (resource (rep i32) (dtor (func $library "destroy"))))
            (core func $new (canon resource.new $thing))
            (core func $drop (canon resource.drop $thing))"#
    );
    let end = if drops { "call $drop" } else { "drop" };
    let core = format!(
        r#"(import "host" "new" (func $new (param i32) (result i32)))
            (import "host" "drop" (func $drop (param i32)))
            (func (export "handle") (param i32 i32) (call $new (i32.const 1)) {end})"#
    );
    let given = r#"(with "host" (instance (export "new" (func $new)) (export "drop" (func $drop))))"#;
    component(&Parts { outside: &outside, core: &core, given, options: "" })
}

/// Grows its table until it may not, and gives up then.
pub fn grows_table() -> Vec<u8> {
    let grow = "(table.grow $table (ref.null func) (i32.const 100))";
    let body = format!("(loop $again (br_if $again (i32.ne {grow} (i32.const -1)))) unreachable");
    handler(&body, "(table $table 1 funcref)")
}

/// Grows its table to so many elements, and gives up if it may not.
pub fn grows_table_to(elements: u32) -> Vec<u8> {
    let grow = format!("(table.grow $table (ref.null func) (i32.const {}))", elements - 1);
    let body = format!("(if (i32.eq {grow} (i32.const -1)) (then unreachable))");
    handler(&body, "(table $table 1 funcref)")
}

/// Makes so many resources of its own, and keeps them.
pub fn keeps_resources(count: u32) -> Vec<u8> {
    let outside = "(type $thing (resource (rep i32))) (core func $new (canon resource.new $thing))";
    let core = format!(
        r#"(import "host" "new" (func $new (param i32) (result i32)))
            (func (export "handle") (param i32 i32) (local $left i32)
                (local.set $left (i32.const {count}))
                (loop $again
                    (drop (call $new (i32.const 1)))
                    (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))"#
    );
    let given = r#"(with "host" (instance (export "new" (func $new))))"#;
    component(&Parts { outside, core: &core, given, options: "" })
}

/// Calls itself with so many numbers in each frame of its stack that few of them fit.
pub fn recurses_with_large_frames() -> Vec<u8> {
    const NUMBERS: usize = 4_000;
    let each = |text: &dyn Fn(usize) -> String| (0..NUMBERS).map(text).collect::<String>();
    let locals = each(&|_| "i64 ".to_owned());
    let load = each(&|n| format!("(local.set {n} (i64.load offset={} (i32.const 0)))", n * 8));
    let sum = each(&|n| format!("(global.set $sum (i64.add (global.get $sum) (local.get {n})))"));
    let more = format!(
        "(memory 1) (global $sum (mut i64) (i64.const 0)) (func $deep (local {locals}) {load} (call $deep) {sum})"
    );
    handler("(call $deep)", &more)
}

/// So many instances of a core module that has `inside`.
pub fn many_instances(count: usize, inside: &str) -> Vec<u8> {
    let instances: String = (0..count).map(|n| format!("(core instance $i{n} (instantiate $one))\n")).collect();
    let outside = format!("(core module $one {inside}) {instances}");
    let core = "(func (export \"handle\") (param i32 i32))";
    component(&Parts { outside: &outside, core, given: "", options: "" })
}
