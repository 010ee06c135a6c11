//! Every mistake once, and several at once: where it is and what the remedy says.

use super::{read, shown};

#[test]
fn five_mistakes_are_reported_at_once_each_with_its_line() {
    let text = r#"version = 1
stat = "data"
[service.users]
component = "users.wasm"
routes = ["GET /user/{id}", "GET user"]
limits = { cpu = "2 seconds", depth = 40 }
[service.orders]
routes = ["GET /user/{name}"]
"#;
    let parsed = read(text);
    assert!(!parsed.is_valid());
    assert_eq!(
        shown(&parsed.problems),
        [
            "2: unknown key `stat`; did you mean `state`?",
            "5: `service.users.routes`: path `user` does not begin with `/`; write `/user`, and a host under `host`",
            "6: `service.users.limits.cpu`: `2 seconds` has the unknown unit `seconds`; use one of `ns`, `us`, `ms`, `s`, `m`, `h`",
            "6: `service.users.limits.depth` is `40`, which is out of range; write a whole number from 1 to 32",
            "7: `service.orders.component` is missing; write `component = \"users.wasm\"`",
            "8: route `GET /user/{name}` is the same as `GET /user/{id}` of service `users`; give one of them another path, method or host, or remove it",
        ]
    );
}

/// At the top of a file that is right otherwise: what is written, the message and the remedy.
const AT_THE_TOP: &[(&str, &str, &str)] = &[
    ("state = 5", "`state` must be a string, but this is an integer", "write `state = \".hostel\"`"),
    ("state = \" \"", "`state` is empty", "write `state = \".hostel\"`"),
    ("drop_in = \"yes\"", "`drop_in` must be a boolean, but this is a string", "write `true` or `false`"),
    (
        "memory_max = 128",
        "`memory_max` must be a string, but this is an integer",
        "write a number and a unit, as in `\"64MiB\"`",
    ),
    ("memory_max = \"8GiB\"", "`memory_max` is `8GiB`, which is out of range", "write `\"64KiB\"` to `\"4GiB\"`"),
    (
        "memory_max = \"32MiB\"",
        "service `a` is given `48MiB` of memory, but `memory_max` is `32MiB`",
        "write `memory_max = \"48MiB\"`",
    ),
    ("memory_budget = \"1\"", "`memory_budget`: `1` has no unit", "use one of `B`"),
    ("instances = 0", "`instances` is `0`, which is out of range", "write a whole number from 1 to 10000"),
    ("instances = -1", "`instances` is `-1`, which is out of range", "write a whole number"),
    ("instances = 1.5", "`instances` must be an integer, but this is a float", "write a whole number"),
    ("drain = \"2h\"", "`drain` is `2h`, which is out of range", "write `\"0s\"` to `\"1h\"`"),
    ("resolver = 53", "`resolver` must be a string or an array, but this is an integer", "write `resolver = "),
    ("resolver = []", "`resolver` is empty", "leave it out"),
    ("resolver = [53]", "`resolver` must be a string, but this is an integer", "write `resolver = "),
    ("resolver = \"localhost\"", "`localhost` is not the address of a resolver", "as in `127.0.0.1:5353`"),
    ("resolver = \"[fe80::1%2]:53\"", "`[fe80::1%2]:53` is not the address of a resolver", "write an IP address"),
    ("resolver = \"127.0.0.1:0\"", "`127.0.0.1:0` is not the address of a resolver", "write an IP address"),
    ("outbound_ca = \"a.pem\"", "`outbound_ca` must be an array, but this is a string", "write `outbound_ca = ["),
    ("outbound_ca = [1]", "`outbound_ca` must be a string, but this is an integer", "write `outbound_ca = ["),
    ("outbound_ca = [\" \"]", "`outbound_ca` names a file without a name", "write `outbound_ca = ["),
    ("drain = 2020-01-01", "`drain` must be a string, but this is a datetime", "`\"200ms\"`"),
    (
        "listener = { address = \"127.0.0.1:1\" }",
        "`listener` must be an array, but this is a table",
        "write `[[listener]]` above",
    ),
    ("listener = [5]", "`listener` must be a table, but this is an integer", "write `[[listener]]` above"),
    ("listener = [{}]", "a listener has no `address`", "write `address ="),
    (
        "listener = [{ address = \"localhost:80\" }]",
        "`localhost:80` is not an address to listen on",
        "write `127.0.0.1:80`",
    ),
    ("listener = [{ address = \":80\" }]", "`:80` is not an address to listen on", "write `0.0.0.0:80`"),
    ("listener = [{ address = \"10.0.0.1\" }]", "`10.0.0.1` is not an address to listen on", "as in `10.0.0.1:8080`"),
    ("listener = [{ address = \"1.2.3.4:99999\" }]", "is not an address to listen on", "a port from 0 to 65535"),
    (
        "listener = [{ address = \"127.0.0.1:1\", port = 1 }]",
        "unknown key `listener.port`",
        "the keys here are `address`, `services`",
    ),
    (
        "listener = [{ address = \"127.0.0.1:1\", services = [\"aa\"] }]",
        "a listener names service `aa`, which does not exist",
        "did you mean `a`?",
    ),
    (
        "listener = [{ address = \"127.0.0.1:1\", services = [\"zzz\"] }]",
        "names service `zzz`",
        "add it, or leave it out here",
    ),
    (
        "listener = [{ address = \"[::1]:1\" }, { address = \"[::1]:1\" }]",
        "two listeners have the address `[::1]:1`",
        "another port",
    ),
    ("servce.users.component = \"a.wasm\"", "unknown key `servce`", "did you mean `service`?"),
    ("xyz = 1", "unknown key `xyz`", "the keys here are `version`, `state`"),
    ("service.B_1.component = \"b.wasm\"", "`B_1` cannot be the name of a service", "write `[service.b-1]`"),
    ("service.\"\".component = \"b.wasm\"", "`service`: the name is empty", "give it one to 63"),
    ("service.b = 1", "`service.b` must be a table, but this is an integer", "write `[service.NAME]`"),
    ("state = \"a\"\nstate = \"b\"", "duplicate key", "keep one of them"),
    ("service.B_1.component = 7", "`service.B_1.component` must be a string", "write `component"),
];

/// In the table of service `b`, beside its component.
const IN_A_SERVICE: &[(&str, &str, &str)] = &[
    ("component = \"c.wasm\"", "duplicate key", "keep one of them"),
    ("build = \"make\"", "`service.b.build` must be a table, but this is a string", "write `build = { command"),
    ("build = {}", "`service.b.build.command` is missing", "write `build = { command"),
    ("build = { command = \"\" }", "`service.b.build.command` is empty", "write `build = { command"),
    (
        "build = { command = \"make\", directory = 1 }",
        "`service.b.build.directory` must be a string",
        "write `directory =",
    ),
    (
        "build = { command = \"make\", folder = \"x\" }",
        "unknown key `service.b.build.folder`",
        "the keys here are `command`",
    ),
    (
        "routes = \"/b\"",
        "`service.b.routes` must be an array, but this is a string",
        "write `routes = [\"GET /users\"]`",
    ),
    (
        "routes = [1]",
        "`service.b.routes` must be a string or a table, but this is an integer",
        "write `\"GET /users\"` or",
    ),
    ("routes = [{}]", "a route has no `path`", "write `{ path = \"/users\" }`"),
    (
        "routes = [{ path = \"/b\", method = \"GET\" }]",
        "unknown key `service.b.routes.method`",
        "did you mean `methods`?",
    ),
    (
        "routes = [{ path = \"/b\", methods = \"GET\" }]",
        "`service.b.routes.methods` must be an array",
        "write `methods =",
    ),
    ("routes = [{ path = \"/b\", methods = [] }]", "the list of methods is empty", "leave it out"),
    ("routes = [{ path = \"/b\", methods = [1] }]", "`service.b.routes.methods` must be a string", "write `methods ="),
    ("routes = [{ path = \"/b\", methods = [\"get\"] }]", "method `get` is not one", "write `GET`"),
    ("routes = [{ path = \"/b\", host = 1 }]", "`service.b.routes.host` must be a string", "write `host ="),
    ("routes = [{ path = \"/b\", host = \"b:1\" }]", "host `b:1` has a port", "leave the port out"),
    ("routes = [{ path = \"b\" }]", "path `b` does not begin with `/`", "write `/b`"),
    ("routes = [{ path = 1 }]", "`service.b.routes.path` must be a string", "write `path ="),
    (
        "routes = [\"/b\", \"GET /b/{x}\", \"/b\"]",
        "route `/b` is the same as `/b` of the same service",
        "give one of them",
    ),
    ("routes = [\"GET /a\"]", "route `GET /a` is the same as `GET /a` of service `a`", "give one of them"),
    ("keyvalue = \"default\"", "`service.b.keyvalue` must be an array", "write `keyvalue = [\"default\"]`"),
    ("keyvalue = [\"A\"]", "`service.b.keyvalue`: name `A` has `A` in it", "use only lower-case letters"),
    ("keyvalue = [[]]", "`service.b.keyvalue` must be a string, but this is an array", "write `keyvalue ="),
    ("variables = []", "`service.b.variables` must be a table, but this is an array", "write `variables = {"),
    ("variables = { a = 60 }", "`service.b.variables.a` must be a string, but this is an integer", "in quotes"),
    ("secrets = 1", "`service.b.secrets` must be a table", "write `secrets = {"),
    ("secrets = { k = \"s3cret\" }", "`service.b.secrets.k` must be a table, but this is a string", "write `{ file ="),
    ("secrets = { k = {} }", "`service.b.secrets.k` says neither `file` nor `env`", "write `{ file ="),
    ("secrets = { k = { file = \"a\", env = \"B\" } }", "`service.b.secrets.k` has both `file` and `env`", "keep one"),
    ("secrets = { k = { fil = \"a\" } }", "unknown key `service.b.secrets.k.fil`", "did you mean `file`?"),
    (
        "secrets = { k = { file = \"a\" } }\nvariables = { k = \"a\" }",
        "`k` is both a variable and a secret of service `b`",
        "keep one",
    ),
    ("calls = [\"A\"]", "`service.b.calls`: name `A` has `A` in it", "use only"),
    ("outbound = [1]", "`service.b.outbound` must be a string", "write `outbound = [\"https://api.example.com\"]`"),
    ("outbound = \"https://a\"", "`service.b.outbound` must be an array, but this is a string", "write `outbound = ["),
    ("outbound = [\"api.example\"]", "`api.example` names no scheme", "write `https://api.example`"),
    (
        "outbound = [\"https://a.b\", \"ftp://a.b\"]",
        "`ftp://a.b` has the scheme `ftp`",
        "write `https://` or `http://`",
    ),
    ("outbound = [\"https://a.b/c\"]", "`https://a.b/c` goes on after the host", "write `https://a.b`"),
    ("outbound = [\"http://10.1.2.3/8\"]", "`10.1.2.3/8` has bits set beyond the first 8", "write `10.0.0.0/8`"),
    ("outbound = [\"http://a.internal\"]", "`a.internal` is a service of this host", "name it in `calls`"),
    (
        "isolation = \"process\"",
        "`service.b.isolation` is `process`, which is no way to isolate",
        "write `isolation = \"request\"`",
    ),
    ("isolation = 5", "`service.b.isolation` must be a string", "write `isolation = \"request\"`"),
    ("isolation = {}", "`service.b.isolation.reuse` is missing", "{ reuse = 100 }"),
    ("isolation = { reuse = 0 }", "`service.b.isolation.reuse` is `0`, which is out of range", "from 1 to 1000000"),
    ("limits = 5", "`service.b.limits` must be a table", "write `limits = {"),
    ("limits = { mem = \"1MiB\" }", "unknown key `service.b.limits.mem`", "did you mean `memory`?"),
    (
        "limits = { memory = \"1KiB\" }",
        "`service.b.limits.memory` is `1KiB`, which is out of range",
        "write `\"64KiB\"` to",
    ),
    (
        "limits = { memory = \"129MiB\" }",
        "service `b` is given `129MiB` of memory, but `memory_max` is `128MiB`",
        "lower it to `128MiB`",
    ),
    ("limits = { table_elements = 100_001 }", "`service.b.limits.table_elements` is `100001`", "from 1 to 100000"),
    ("limits = { concurrency = 0 }", "`service.b.limits.concurrency` is `0`", "from 1 to 1000000"),
    ("limits = { deadline = \"25h\" }", "`service.b.limits.deadline` is `25h`", "write `\"1ms\"` to `\"24h\"`"),
    ("limits = { cpu = \"0s\" }", "`service.b.limits.cpu` is `0s`", "write `\"1ms\"` to"),
    ("limits = { response_body = \"all\" }", "`service.b.limits.response_body`: `all` is not a size", "as in `64MiB`"),
    ("limits = { connections = 70_000 }", "`service.b.limits.connections` is `70000`", "from 0 to 65535"),
    (
        "limits = { keyvalue = { key = \"0B\" } }",
        "`service.b.limits.keyvalue.key` is `0B`",
        "write `\"1B\"` to `\"64KiB\"`",
    ),
    ("limits = { keyvalue = { value = \"4MiB\" } }", "`service.b.limits.keyvalue.value` is `4MiB`", "to `\"4032KiB\"`"),
    ("limits = { keyvalue = { writes = 0 } }", "`service.b.limits.keyvalue.writes` is `0`", "from 1 to"),
    ("limits = { keyvalue = { size = 0 } }", "unknown key `service.b.limits.keyvalue.size`", "the keys here are `key`"),
    ("limits.cpu = \"1s\"\nlimits = {}", "duplicate key", "keep one of them"),
    ("state = ", "this is not TOML", "between two `\"`"),
    ("state = \"x", "this is not TOML", "between two `\"`"),
    ("routes = [\"/b\" \"/c\"]", "this is not TOML: missing comma", "put one `,`"),
    ("[service.c", "this is not TOML: unclosed table", "close the bracket"),
];

const REST: &str = "[service.a]\ncomponent = \"a.wasm\"\nroutes = [\"GET /a\"]\nlimits.memory = \"48MiB\"\n";

#[test]
fn every_mistake_at_the_top_has_its_line_and_its_remedy() {
    for (written, message, help) in AT_THE_TOP {
        let text = format!("version = 1\n{written}\n{REST}");
        expect(&text, message, help, 2 + written.matches('\n').count()..=6 + written.matches('\n').count());
    }
}

#[test]
fn every_mistake_in_a_service_has_its_line_and_its_remedy() {
    for (written, message, help) in IN_A_SERVICE {
        let text = format!("version = 1\n{REST}[service.b]\ncomponent = \"b.wasm\"\n{written}\n");
        expect(&text, message, help, 6..=8 + written.matches('\n').count());
    }
}

/// One error (or several on one line) with `message` and `help`, within `lines`.
pub(super) fn expect(text: &str, message: &str, help: &str, lines: std::ops::RangeInclusive<usize>) {
    let parsed = read(text);
    let shown = shown(&parsed.problems);
    assert!(!parsed.is_valid(), "nothing is wrong with\n{text}");
    let wanted = parsed.problems.iter().find(|problem| problem.message.contains(message));
    let Some(problem) = wanted else { panic!("no `{message}` for\n{text}\n{shown:#?}") };
    assert!(problem.help.contains(help), "{text}\n{shown:#?}");
    let line = problem.line_column().map(|(line, _)| line);
    assert!(line.is_some_and(|line| lines.contains(&line)), "{text}\n{shown:#?}");
}

#[test]
fn the_version_must_be_there_and_known() {
    let cases = [
        ("", "1: `version` is missing; write `version = 1` as the first line"),
        ("# shop\n", "1: `version` is missing; write `version = 1` as the first line"),
        ("version = 2\n", "1: `version` is `2`, which this host does not understand; write `version = 1`"),
        (
            "version = \"1\"\n",
            "1: `version` must be an integer, but this is a string; write a whole number from 0 to 18446744073709551615",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(shown(&read(text).problems), [expected]);
    }
}

#[test]
fn what_may_still_work_is_only_a_warning() {
    let text = format!("version = 1\n{REST}calls = [\"aa\", \"zzz\", \"a\"]\n");
    let parsed = read(&text);
    assert!(parsed.is_valid());
    assert_eq!(
        shown(&parsed.problems),
        [
            "6: warning: service `a` may call `aa`, which does not exist; did you mean `a`?",
            "6: warning: service `a` may call `zzz`, which does not exist; add it, or leave it out here; until then such a call fails",
        ]
    );
}

#[test]
fn a_syntax_error_hides_no_other_mistake_and_invents_none() {
    let text = "version = 1\nstate =\n[service.a]\ncomponent = \"a.wasm\nroutes = [\"x\"]\ncalls = [\"b\"]\n[service.b]\ncomponnt = \"b.wasm\"\n";
    let lines: Vec<_> = read(text)
        .problems
        .iter()
        .filter_map(|problem| Some((problem.line_column()?.0, problem.message.clone())))
        .collect();
    let messages: Vec<&str> = lines.iter().map(|(_, message)| message.split(':').next().unwrap_or_default()).collect();
    assert_eq!(
        messages,
        ["this is not TOML", "this is not TOML", "`service.a.routes`", "unknown key `service.b.componnt`"]
    );
    assert_eq!(lines.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4, 5, 8]);
}
