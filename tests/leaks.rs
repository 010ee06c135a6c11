//! Nothing slips out: a guest's last words, the names of its functions, the host's environment, the bytes of others.
//!
//! Each is a marker that is looked for in every place somebody else can see: answers with their
//! heads, metrics, the admin plane, the access log, and the log lines of other services.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Answer, Process, guest};
use crate::reload::admin::Admin;

/// What the guest panics with, of its own accord: no request has it.
const LAST_WORDS: &str = "ZOO-SECRET-7b1f";
/// The name of the function in which it does.
const FUNCTION: &str = "ZOO_SECRET_7b1f_in_a_name";
/// A value in the environment of the host.
const ENVIRONMENT: &str = "environment-marker-51d0";
/// What one client tells one service.
const TOLD: &str = "told-in-confidence-93ac";

/// What the admin plane tells.
const TOLD_BY_ADMIN: [&str; 7] = [
    "/metrics",
    "/v1/status",
    "/v1/services",
    "/v1/routes",
    "/v1/limits",
    "/readyz?verbose",
    "/v1/services/leaks/history",
];

const TEXT: &str = r#"version = 1
[[listener]]
address = "127.0.0.1:0"
[service.leaks]
component = "leaks.wasm"
routes = ["/leaks/*"]
limits = { cpu = "2s" }
[service.p2]
component = "p2.wasm"
routes = ["/p2/*"]
[service.p3]
component = "p3.wasm"
routes = ["/p3/*"]
[service.store]
component = "store.wasm"
routes = ["/store/*"]
keyvalue = ["default"]
[service.other]
component = "store.wasm"
routes = ["/other/*"]
keyvalue = ["default"]
[service.caller]
component = "caller.wasm"
routes = ["/caller/*"]
calls = ["leaks"]
[service.sees-p2]
component = "sees-p2.wasm"
routes = ["/sees-p2/*"]
[service.sees-p3]
component = "sees-p3.wasm"
routes = ["/sees-p3/*"]
"#;

/// A host with one guest that leaks and others that look, and a marker in its environment.
struct Scene {
    host: Process,
    admin: Admin,
    _folder: TempDir,
}

impl Scene {
    fn new(log: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, path) in [
            ("leaks", guest::HOSTILE_OUTPUT_P2),
            ("p2", guest::LEAKS_PANIC_P2),
            ("p3", guest::LEAKS_PANIC_P3),
            ("store", guest::KEYVALUE_P2),
            ("caller", guest::CALLER_P2),
            ("sees-p2", guest::SURROUNDINGS_P2),
            ("sees-p3", guest::SURROUNDINGS_P3),
        ] {
            fs::copy(path, folder.path().join(format!("{name}.wasm"))).unwrap();
        }
        fs::write(folder.path().join("hostel.toml"), TEXT).unwrap();
        let host = Process::up_with(folder.path(), &[("LEAK_TEST", ENVIRONMENT), ("HOSTEL_LOG", log)]);
        let admin = Admin::at(&folder.path().join(".hostel/admin.sock"));
        Self { host, admin, _folder: folder }
    }

    /// What anybody can see but a service's own log: everything else that the host writes or tells.
    fn seen_by_others(&mut self, own: &str) -> Vec<(String, String)> {
        let mut seen: Vec<(String, String)> =
            TOLD_BY_ADMIN.iter().map(|path| ((*path).to_owned(), self.admin.get(path).unwrap().text())).collect();
        assert_eq!(self.host.stop().code(), Some(0));
        seen.push(("the access log".to_owned(), self.host.stdout.text()));
        let log = self.host.stderr.text();
        let own = [format!("service=\"{own}\""), format!("service={own}")];
        let of_others = log.lines().filter(|line| !own.iter().any(|own| line.contains(own.as_str())));
        seen.push(("the log of others".to_owned(), of_others.collect::<Vec<_>>().join("\n")));
        seen
    }
}

/// All that a client sees of an answer.
fn seen(answer: &Answer) -> String {
    format!("{:?} {:?}", answer.headers, answer.text())
}

#[track_caller]
fn is_nowhere(marker: &str, seen: &[(String, String)]) {
    for (place, text) in seen {
        assert!(!text.is_empty(), "nothing was seen in {place}");
        let line = text.lines().find(|line| line.contains(marker));
        assert!(line.is_none(), "`{marker}` is in {place}: {line:?}");
    }
}

#[test]
fn last_words_and_names_of_functions_are_for_the_services_own_log_alone() {
    let mut scene = Scene::new("info");
    let mut answers = Vec::new();
    for method in ["GET", "HEAD", "POST"] {
        let answer = scene.host.request(method, "/leaks?how=secret&kib=4").send();
        assert_eq!(answer.status, 502, "{method}");
        answers.push((format!("the answer to {method}"), seen(&answer)));
    }
    // Another service that calls it learns no more than a client.
    let path = "/caller?scheme=http&authority=leaks.internal&path=/leaks%3Fhow=secret%26kib=4";
    let called = scene.host.get(path);
    answers.push(("the answer of its caller".to_owned(), seen(&called)));
    // They were said: the log of the service itself has them.
    scene.host.stderr.line_with(&["service=\"leaks\"", LAST_WORDS]);
    answers.extend(scene.seen_by_others("leaks"));
    for marker in [LAST_WORDS, FUNCTION] {
        is_nowhere(marker, &answers);
    }
}

#[test]
fn last_words_are_told_in_no_answer_of_either_generation() {
    for service in ["p2", "p3"] {
        let mut scene = Scene::new("info");
        let answer = scene.host.get(&format!("/{service}?text={TOLD}"));
        assert_eq!((answer.status, answer.problem().as_deref()), (502, Some("trap")), "{service}");
        scene.host.stderr.line_with(&[&format!("service=\"{service}\""), TOLD]);
        let mut places = scene.seen_by_others(service);
        places.push(("the answer".to_owned(), seen(&answer)));
        is_nowhere(TOLD, &places);
    }
}

#[test]
fn the_environment_of_the_host_is_seen_by_nobody() {
    // Everything that the host and its libraries could say.
    let mut scene = Scene::new("trace,wasmtime=warn,cranelift=warn");
    let mut places = Vec::new();
    for service in ["sees-p2", "sees-p3"] {
        let answer = scene.host.get(&format!("/{service}"));
        let told: Value = answer.json();
        assert_eq!(told["environment"], serde_json::json!({}), "{told}");
        places.push((service.to_owned(), seen(&answer)));
    }
    for path in ["/leaks?how=secret&kib=4", "/p2?text=x", "/p3?text=x", "/nowhere"] {
        places.push((path.to_owned(), seen(&scene.host.get(path))));
    }
    places.extend(scene.seen_by_others("nobody"));
    is_nowhere(ENVIRONMENT, &places);
    is_nowhere("LEAK_TEST", &places);
}

#[test]
fn what_one_service_was_told_is_seen_by_no_other() {
    let mut scene = Scene::new("info");
    let own = scene.host.request("POST", "/store?op=set&key=mine").body(TOLD).header("x-told", TOLD).send();
    assert_eq!(own.json()["result"], "ok");
    let read = scene.host.get("/store?op=get&key=mine");
    assert!(read.text().contains(TOLD), "{}", read.text());
    let mut places = Vec::new();
    for path in ["/other?op=get&key=mine", "/other?op=list", "/other?op=exists&key=mine", "/p2?text=x", "/sees-p2"] {
        places.push((path.to_owned(), seen(&scene.host.get(path))));
    }
    places.extend(scene.seen_by_others("nobody"));
    is_nowhere(TOLD, &places);
}
