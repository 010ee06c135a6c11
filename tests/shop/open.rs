//! A shop of its own for each test: a copy of `examples/shop` on a free port, served by a process.

use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Answer, Process, Request, guest};

/// The password of everybody who registers.
pub const PASSWORD: &str = "correct horse";

/// What the shop's own problems begin with.
const PROBLEM: &str = "urn:hostel-shop:problem:";

/// A shop that serves. Dropping it kills it.
pub struct Shop {
    folder: TempDir,
    process: Process,
}

impl Shop {
    /// The shop as `examples/shop` has it.
    #[track_caller]
    pub fn open() -> Self {
        Self::open_with(|toml| toml)
    }

    /// The shop with some of its configuration changed.
    #[track_caller]
    pub fn open_with(change: impl FnOnce(String) -> String) -> Self {
        let folder = TempDir::new().unwrap();
        let toml = change(example("shop").replace("127.0.0.1:8080", "127.0.0.1:0"));
        std::fs::write(folder.path().join("hostel.toml"), toml).unwrap();
        Self { process: Process::up(folder.path()), folder }
    }

    /// Ends it by `kill -9`.
    pub fn kill(&mut self) {
        self.process.signal(Signal::KILL);
        self.process.wait();
    }

    /// Starts it again with the state it left behind.
    #[track_caller]
    pub fn open_again(&mut self) {
        self.process = Process::up(self.folder.path());
    }

    /// The process that serves it.
    pub fn process(&self) -> &Process {
        &self.process
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    #[track_caller]
    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], b"")
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[], body.to_string().as_bytes())
    }

    /// Sends a request; an empty body is none.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let answer = self.request(method, path, headers, body).send();
        assert!(answer.complete, "{method} {path}: the answer broke off: {}", answer.text());
        answer
    }

    /// A request that is still to be sent.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
        let request = self.process.request(method, path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        if body.is_empty() { request } else { request.body(body) }
    }

    /// Registers somebody and returns their id.
    #[track_caller]
    pub fn register(&self, username: &str) -> u64 {
        let answer = self.post("/register", &json!({ "username": username, "password": PASSWORD }));
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.number("user_id")
    }

    /// Logs somebody in and returns their token.
    #[track_caller]
    pub fn login(&self, username: &str) -> String {
        let answer = self.post("/login", &json!({ "username": username, "password": PASSWORD }));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["token"].as_str().expect("a login must bring a token").to_owned()
    }

    /// Orders so much tea and returns the order's id.
    #[track_caller]
    pub fn order(&self, user: u64, quantity: u64) -> u64 {
        let answer = self.post("/order", &json!({ "user_id": user, "items": tea(quantity) }));
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.number("order_id")
    }
}

/// What tests order: so many at 12.50.
pub fn tea(quantity: u64) -> Value {
    json!([{ "sku": "tea", "quantity": quantity, "unit_price": 1250 }])
}

/// The configuration of an example, with the components that the tests built.
pub fn example(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name).join("hostel.toml");
    let toml = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let built = "../../guests/target/wasm32-wasip2/release";
    let toml = toml
        .replace(&format!("{built}/users.wasm"), guest::USERS)
        .replace(&format!("{built}/orders.wasm"), guest::ORDERS);
    assert!(!toml.contains(built), "examples/{name} names a component that the tests do not build");
    toml
}

/// What the tests of the shop expect of an answer.
pub trait Expect {
    /// This status and exactly this JSON.
    #[track_caller]
    fn expect_json(&self, status: u16, body: &Value);

    /// A problem of the shop's services with this slug, whose first refusal names this field.
    #[track_caller]
    fn expect_problem(&self, status: u16, slug: &str, field: &str);

    /// The number of this name in the answer.
    #[track_caller]
    fn number(&self, name: &str) -> u64;
}

impl Expect for Answer {
    fn expect_json(&self, status: u16, body: &Value) {
        assert_eq!((self.status, &self.json()), (status, body));
        assert_eq!(self.header("content-type"), Some("application/json"));
    }

    fn expect_problem(&self, status: u16, slug: &str, field: &str) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{} {}", self.status, self.text());
        let problem = self.json();
        assert_eq!(problem["type"], format!("{PROBLEM}{slug}"), "{problem}");
        assert_eq!((self.status, &problem["status"]), (status, &json!(status)), "{problem}");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(!detail.is_empty(), "{problem}");
    }

    fn number(&self, name: &str) -> u64 {
        self.json()[name].as_u64().unwrap_or_else(|| panic!("no number `{name}`: {} {}", self.status, self.text()))
    }
}
