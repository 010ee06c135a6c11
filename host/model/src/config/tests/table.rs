//! `NAME.toml` beside `NAME.wasm`: a table of its own, with its own places.

use super::{service, shown, source, valid};
use crate::config::{DroppedFile, Parsed, Problem, Source, drop_in_only, parse};
use crate::plan::{Plan, ServicePlan};
use crate::rollout::Rollout;
use crate::units::ByteSize;

/// Files of a folder; those that end with `.toml` with their texts.
fn folder(files: &[(&str, &str)]) -> Vec<DroppedFile> {
    let file = |(name, text): &(&str, &str)| {
        let table = name.ends_with(".toml").then(|| Source { name: format!("shop/{name}"), text: (*text).into() });
        DroppedFile { file_name: (*name).to_owned(), table }
    };
    files.iter().map(file).collect()
}

fn alone(files: &[(&str, &str)]) -> Parsed {
    drop_in_only(&folder(files))
}

fn beside(text: &str, files: &[(&str, &str)]) -> Parsed {
    parse(&source(text), &folder(files))
}

/// The plan of a folder without any problem.
fn plan(files: &[(&str, &str)]) -> Plan {
    let parsed = alone(files);
    assert_eq!(shown(&parsed.problems), Vec::<String>::new());
    valid(&parsed)
}

fn routes(service: &ServicePlan) -> Vec<String> {
    service.routes.iter().map(ToString::to_string).collect()
}

/// What the places of a problem say, each in the text that the problem is about.
fn marked(problem: &Problem) -> Vec<&str> {
    problem.labels.iter().map(|(span, _)| problem.source.text.get(span.clone()).expect("a place")).collect()
}

#[test]
fn a_file_beside_a_component_holds_what_a_table_would() {
    let text = "routes = [\"GET /u\"]\nkeyvalue = [\"default\"]\nsecrets.key = { env = \"KEY\" }\nlimits.memory = \"16MiB\"\nrollout.watch = \"0s\"\n";
    let plan = plan(&[("users.wasm", ""), ("users.toml", text)]);
    let [users] = plan.services.as_slice() else { panic!("{:?}", plan.services) };
    assert_eq!((users.name.as_str(), users.component.as_str(), users.dropped), ("users", "users.wasm", true));
    assert_eq!((routes(users), users.keyvalue.len()), (vec!["GET /u".to_owned()], 1));
    assert_eq!((users.limits.memory, users.rollout.watch), (ByteSize::mib(16), std::time::Duration::ZERO));
    let source = users.source.as_ref().expect("its places are in the file");
    assert_eq!(source.name, "shop/users.toml");
    assert_eq!(source.text.get(users.secrets["key"].span.clone()), Some("\"KEY\""));
    assert_eq!(users.component_span, None);
}

#[test]
fn a_service_goes_on_answering_below_its_name_unless_its_file_says_otherwise() {
    let routes_with = |text| {
        let plan = plan(&[("users.wasm", ""), ("users.toml", text)]);
        routes(service(&plan, "users"))
    };
    assert_eq!(routes_with(""), ["/users/*"]);
    assert_eq!(routes_with("keyvalue = [\"default\"]"), ["/users/*"]);
    assert_eq!(routes_with("routes = []"), Vec::<String>::new());
    assert_eq!(routes_with("routes = [\"/a\", \"/b\"]"), ["/a", "/b"]);
}

#[test]
fn a_file_may_name_another_component() {
    let plan = plan(&[("orders.wasm", ""), ("users.toml", "component = \"./orders.wasm\"")]);
    let [users] = plan.services.as_slice() else { panic!("{:?}", plan.services) };
    assert_eq!((users.name.as_str(), users.component.as_str(), users.dropped), ("users", "./orders.wasm", false));
    let (source, span) = (users.source.as_ref().expect("a file"), users.component_span.clone().expect("written"));
    assert_eq!(source.text.get(span), Some("\"./orders.wasm\""));
    assert_eq!(routes(users), ["/users/*"]);

    let parsed = alone(&[("users.wasm", ""), ("users.toml", "component = \"orders.wasm\"")]);
    let [problem] = parsed.problems.as_slice() else { panic!("{:?}", shown(&parsed.problems)) };
    assert_eq!(problem.message, "`users.wasm` would be service `users`, which is made of `orders.wasm`");
    assert_eq!((problem.source.name.as_str(), marked(problem)), ("shop/users.toml", vec!["\"orders.wasm\""]));
}

#[test]
fn underscores_and_hyphens_of_both_names_mean_the_same() {
    for (table, component) in
        [("a_b.toml", "a_b.wasm"), ("a-b.toml", "a_b.wasm"), ("a_b.toml", "a-b.wasm"), ("a-b.toml", "a-b.wasm")]
    {
        let plan = plan(&[(table, "calls = []"), (component, "")]);
        let service = service(&plan, "a-b");
        assert_eq!((service.component.as_str(), plan.services.len()), (component, 1));
        assert!(service.source.is_some());
    }
}

#[test]
fn what_is_wrong_in_a_file_is_shown_in_that_file() {
    let text = "component = 5\ncalls = [\"A\"]\nkeyvale = []\n[limits]\ncpu = \"2 seconds\"\n";
    let parsed = beside("version = 1\nstat = 1\n", &[("b.wasm", ""), ("users.wasm", ""), ("users.toml", text)]);
    assert!(!parsed.is_valid());
    assert_eq!(
        shown(&parsed.problems),
        [
            "2: unknown key `stat`; did you mean `state`?",
            "1: `component` must be a string, but this is an integer; write `component = \"users.wasm\"`",
            "2: `calls`: name `A` has `A` in it; use only lower-case letters, digits and `-`",
            "3: unknown key `keyvale`; did you mean `keyvalue`?",
            "5: `limits.cpu`: `2 seconds` has the unknown unit `seconds`; use one of `ns`, `us`, `ms`, `s`, `m`, `h`",
        ]
    );
    let places: Vec<_> = parsed.problems.iter().map(|problem| problem.source.name.as_str()).collect();
    assert_eq!(places, ["hostel.toml", "shop/users.toml", "shop/users.toml", "shop/users.toml", "shop/users.toml"]);
}

#[test]
fn only_what_belongs_into_a_table_belongs_into_a_file() {
    for (text, message) in [
        ("version = 1", "unknown key `version`"),
        ("[service.users]\nroutes = []", "unknown key `service`"),
        ("[[listener]]\naddress = \"127.0.0.1:1\"", "unknown key `listener`"),
        ("routes = [", "this is not TOML"),
    ] {
        let parsed = alone(&[("users.wasm", ""), ("users.toml", text)]);
        assert!(!parsed.is_valid(), "{text}");
        assert!(parsed.problems.iter().any(|problem| problem.message.contains(message)), "{:?}", parsed.problems);
        assert!(parsed.problems.iter().all(|problem| problem.source.name == "shop/users.toml"), "{text}");
    }
}

#[test]
fn a_service_has_one_table() {
    let text = "version = 1\n[service.users]\ncomponent = \"users.wasm\"\n";
    for files in [&[("users.wasm", ""), ("users.toml", "calls = []")][..], &[("users.toml", "calls = []")]] {
        let parsed = beside(text, files);
        assert!(!parsed.is_valid());
        assert_eq!(
            shown(&parsed.problems),
            ["3: service `users` has two tables, in `hostel.toml` and in `users.toml`; keep one of them"]
        );
    }
    let parsed = alone(&[("a_b.toml", "calls = []"), ("a-b.toml", "calls = []"), ("a-b.wasm", "")]);
    assert_eq!(
        shown(&parsed.problems),
        ["-: service `a-b` has two tables, in `shop/a-b.toml` and in `a_b.toml`; keep one of them"]
    );
}

#[test]
fn a_file_without_a_component_is_a_warning_if_it_is_meant_for_a_service() {
    let parsed = alone(&[("users.toml", "# later\nkeyvalue = [\"default\"]\n"), ("b.wasm", "")]);
    assert_eq!(
        shown(&parsed.problems),
        [
            "2: warning: `users.toml` does nothing: there is no `users.wasm` beside it; put `users.wasm` there, or name another file by `component = \"….wasm\"`"
        ]
    );
    assert_eq!(parsed.problems.iter().map(marked).collect::<Vec<_>>(), [["keyvalue"]]);
    let plan = valid(&parsed);
    assert_eq!(plan.services.iter().map(|service| service.name.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn files_of_other_tools_are_left_alone() {
    let files = [
        ("Cargo.toml", "[package]\nname = \"x\"\n[dependencies]\n"),
        ("rustfmt.toml", "max_width = 120\n"),
        ("spin.toml", "[component.hello]\nsource = \"hello.wasm\"\n"),
        ("broken.toml", "{{ name }}"),
        ("empty.toml", ""),
        ("hello.wasm", ""),
    ];
    let parsed = alone(&files);
    assert!(parsed.is_valid());
    let warned = shown(&parsed.problems);
    // A table called `component` could be meant for a service.
    assert!(matches!(warned.as_slice(), [one] if one.contains("`spin.toml` does nothing")), "{warned:?}");
    assert_eq!(parsed.plan.services.len(), 1);
}

#[test]
fn a_name_that_is_none_is_said_once() {
    let parsed = alone(&[("Users.wasm", ""), ("Users.toml", "calls = []")]);
    assert!(matches!(shown(&parsed.problems).as_slice(), [one] if one.contains("rename it to `users.wasm`")));
    let parsed = alone(&[("Users.toml", "component = \"a.wasm\"")]);
    assert_eq!(
        shown(&parsed.problems),
        ["-: warning: `Users.toml` is not served: its name cannot be that of a service; rename it to `users.toml`"]
    );
}

#[test]
fn the_file_of_the_host_is_no_table_of_a_service() {
    let plan = plan(&[("hostel.wasm", ""), ("hostel.toml", "version = 1\n")]);
    let hostel = service(&plan, "hostel");
    assert_eq!((routes(hostel), &hostel.source), (vec!["/hostel/*".to_owned()], &None));
    // Nor is the one that is read in its place.
    let own = Source { name: "shop/prod.toml".to_owned(), text: "version = 1\n".into() };
    let parsed = parse(&own, &folder(&[("prod.wasm", ""), ("prod.toml", "version = 1\n")]));
    assert_eq!(shown(&parsed.problems), Vec::<String>::new());
    assert_eq!(service(&valid(&parsed), "prod").source, None);
}

#[test]
fn files_are_left_alone_without_drop_in() {
    let files = [("users.wasm", ""), ("users.toml", "nonsense = 1\n")];
    let parsed = beside("version = 1\ndrop_in = false\n", &files);
    assert_eq!(shown(&parsed.problems), Vec::<String>::new());
    assert_eq!(valid(&parsed).services, []);
}

#[test]
fn what_does_not_fit_together_is_shown_where_it_is_written() {
    let text = "version = 1\nmemory_max = \"32MiB\"\n[service.a]\ncomponent = \"a.wasm\"\nroutes = [\"GET /x\"]\n";
    let users = "\ncalls = [\"ordrs\"]\nroutes = [\"/y\", \"GET /x\"]\nlimits.memory = \"48MiB\"\n";
    let orders = "routes = [\"/y\"]\n";
    let files = [("users.wasm", ""), ("users.toml", users), ("orders.wasm", ""), ("orders.toml", orders)];
    let parsed = beside(text, &files);
    assert_eq!(
        shown(&parsed.problems),
        [
            "2: warning: service `users` may call `ordrs`, which does not exist; did you mean `orders`?",
            "3: route `/y` is the same as `/y` of service `orders`, line 1 of `shop/orders.toml`; give one of them another path, method or host, or remove it",
            "3: route `GET /x` is the same as `GET /x` of service `a`, line 5 of `hostel.toml`; give one of them another path, method or host, or remove it",
            "4: service `users` is given `48MiB` of memory, but `memory_max` is `32MiB`; lower it to `32MiB`, or write `memory_max = \"48MiB\"` at the top of `hostel.toml`",
        ]
    );
    assert!(parsed.problems.iter().all(|problem| problem.source.name == "shop/users.toml"));
    let places: Vec<_> = parsed.problems.iter().map(marked).collect();
    assert_eq!(places, [["\"ordrs\""], ["\"/y\""], ["\"GET /x\""], ["\"48MiB\""]]);
}

#[test]
fn a_route_that_a_file_does_not_write_can_be_taken_by_one_that_does() {
    let files = [("users.wasm", ""), ("users.toml", ""), ("b.wasm", ""), ("b.toml", "routes = [\"/users/*\"]")];
    let parsed = alone(&files);
    let [problem] = parsed.problems.as_slice() else { panic!("{:?}", shown(&parsed.problems)) };
    assert_eq!(
        problem.message,
        "route `/users/*` of the dropped-in `users.wasm` is the same as `/users/*` of service `b`"
    );
    assert_eq!((problem.source.name.as_str(), marked(problem)), ("shop/b.toml", vec!["\"/users/*\""]));
}

#[test]
fn after_a_syntax_error_in_a_file_nothing_is_said_to_be_missing() {
    let text = "version = 1\n[service.a]\ncomponent = \"a.wasm\"\ncalls = [\"users\"]\n";
    let parsed = beside(text, &[("users.toml", "component = \"u.wasm\"\nroutes = [\"/u\"\n")]);
    assert!(parsed.problems.iter().all(|problem| problem.message.starts_with("this is not TOML")), "{parsed:?}");
    assert!(!parsed.is_valid());
    assert_eq!(service(&parsed.plan, "a").rollout, Rollout::default());
}

/// Every place must lie within the text that it is said to be in, whatever that text is.
#[test]
fn any_beginning_of_a_file_is_survived_and_every_place_is_in_its_text() {
    const TABLE: &str = "component = \"users.wasm\"\nroutes = [\"GET /x\", { path = \"/用户/*\" }]\ncalls = [\"b\", \"用户\"]\nlimits = { memory = \"1GiB\" }\nrollout.margin = { p99 = 1.5 }\n[secrets]\nkey = { env = \"KEY\" }\n";
    let main = "version = 1\nmemory_max = \"32MiB\"\n[service.a]\ncomponent = \"a.wasm\"\nroutes = [\"GET /x\"]\n";
    let ends: Vec<usize> = TABLE.char_indices().map(|(end, _)| end).chain([TABLE.len()]).collect();
    let mut seen = 0;
    for end in ends {
        let text = TABLE.get(..end).expect("the end of a character");
        for parsed in [
            beside(main, &[("users.wasm", ""), ("users.toml", text), ("b.toml", text)]),
            alone(&[("users.toml", text), ("b.wasm", ""), ("b.toml", text)]),
        ] {
            for problem in &parsed.problems {
                assert_eq!(marked(problem).len(), problem.labels.len());
                seen += 1;
            }
        }
    }
    assert!(seen > 1_000, "{seen}");
}
