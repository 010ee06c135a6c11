//! Tests of the service from request to answer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use json_service::memory::{CountingRandom, Crash, MemoryStore, SetClock, SetSettings, request};
use json_service::request::BodyError;
use serde_json::{Value, json};

use super::*;

/// 2026-02-03T04:05:06.789Z.
const NOW: u64 = 1_770_091_506_789;

struct World {
    store: MemoryStore,
    clock: SetClock,
    random: CountingRandom,
    settings: SetSettings,
}

impl World {
    fn new() -> Self {
        let world = Self {
            store: MemoryStore::default(),
            clock: SetClock::default(),
            random: CountingRandom::default(),
            settings: SetSettings::default(),
        };
        world.clock.0.set(NOW);
        world
    }

    fn answer(&self, request: &Request) -> Answer {
        let ports = Ports { store: &self.store, clock: &self.clock, random: &self.random, settings: &self.settings };
        Users { ports }.answer(request)
    }

    fn send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let answer = self.answer(&request(method, path, &[], body.as_bytes()));
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }

    fn with_alice() -> Self {
        let world = Self::new();
        assert_eq!(world.send("POST", "/register", ALICE).0, 201);
        world
    }
}

const ALICE: &str = r#"{"username":"alice","password":"correct horse"}"#;

#[test]
fn a_user_registers_logs_in_and_is_shown() {
    let world = World::new();
    let (status, registered) =
        world.send("POST", "/register", r#"{"username":" Alice ","password":"correct horse","age":30}"#);
    assert_eq!((status, &registered["message"], &registered["user_id"]), (201, &json!("用户注册成功"), &json!(1)));
    let (status, login) = world.send("POST", "/login", ALICE);
    assert_eq!((status, &login["message"], &login["user_id"]), (200, &json!("用户登录成功"), &json!(1)));
    let (status, shown) = world.send("GET", "/user/1", "");
    assert_eq!(
        (status, shown),
        (200, json!({ "user_id": 1, "username": "Alice", "created_at": "2026-02-03T04:05:06Z" }))
    );
}

#[test]
fn a_token_is_signed_by_the_published_key_and_expires() {
    let world = World::with_alice();
    world.settings.set("token_minutes", "5");
    let (_, login) = world.send("POST", "/login", ALICE);
    let (_, keys) = world.send("GET", "/.well-known/jwks.json", "");
    let token = login["token"].as_str().unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let parts: Vec<Value> =
        signed.split('.').map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()).collect();
    assert_eq!(parts[0], json!({ "alg": "EdDSA", "typ": "JWT", "kid": keys["keys"][0]["kid"] }));
    assert_eq!(parts[1], json!({ "iss": "hostel-shop", "sub": "1", "iat": NOW / 1000, "exp": NOW / 1000 + 300 }));
    let public: [u8; 32] = URL_SAFE_NO_PAD.decode(keys["keys"][0]["x"].as_str().unwrap()).unwrap().try_into().unwrap();
    let signature = ed25519_dalek::Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    let public = ed25519_dalek::VerifyingKey::from_bytes(&public).unwrap();
    assert!(public.verify_strict(signed.as_bytes(), &signature).is_ok());
}

#[test]
fn the_operators_key_signs_if_there_is_one_and_a_kept_one_if_not() {
    let world = World::with_alice();
    let key = |world: &World| world.send("GET", "/.well-known/jwks.json", "").1["keys"][0]["x"].clone();
    let kept = key(&world);
    assert_eq!(key(&world), kept);
    // The seed and public key of RFC 8032, section 7.1, test 1.
    world.settings.set("signing_key", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60\n");
    assert_eq!(key(&world), "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    for (name, value) in [("signing_key", "too short"), ("token_minutes", "0")] {
        world.settings.set("signing_key", &"00".repeat(32));
        world.settings.set(name, value);
        let (status, problem) = world.send("POST", "/login", ALICE);
        assert_eq!((status, &problem["type"]), (503, &json!("urn:hostel-shop:problem:misconfigured")));
        assert!(problem["detail"].as_str().unwrap().contains(name) && !problem.to_string().contains("too short"));
    }
}

#[test]
fn a_wrong_password_and_an_unknown_name_are_answered_alike() {
    let world = World::with_alice();
    let wrong = world.answer(&request("POST", "/login", &[], br#"{"username":"alice","password":"wrong"}"#));
    let unknown = world.answer(&request("POST", "/login", &[], br#"{"username":"bob","password":"correct horse"}"#));
    let impossible = world.answer(&request("POST", "/login", &[], b"{\"username\":\"\",\"password\":\"\"}"));
    assert_eq!(wrong.status, 401);
    assert!(wrong.header_value("www-authenticate").is_some());
    assert_eq!(wrong, unknown);
    assert_eq!(wrong, impossible);
}

#[test]
fn a_name_is_registered_once_however_it_is_written() {
    let world = World::with_alice();
    let (status, problem) = world.send("POST", "/register", r#"{"username":"ALICE ","password":"another horse"}"#);
    assert_eq!((status, &problem["errors"][0]["field"]), (409, &json!("username")));
    assert_eq!(world.send("POST", "/login", ALICE).0, 200);
}

#[test]
fn who_knows_the_old_password_changes_it() {
    let world = World::with_alice();
    let put = |path: &str, old: &str| {
        world.send("PUT", path, &json!({ "old_password": old, "new_password": "battery staple" }).to_string()).0
    };
    assert_eq!(put("/user/1", "wrong horse"), 401);
    assert_eq!(put("/user/2", "correct horse"), 404);
    assert_eq!(put("/user/one", "correct horse"), 404);
    assert_eq!(put("/user/1", "correct horse"), 200);
    assert_eq!(world.send("POST", "/login", ALICE).0, 401);
    assert_eq!(world.send("POST", "/login", r#"{"username":"alice","password":"battery staple"}"#).0, 200);
}

#[test]
fn every_bad_request_is_a_problem_that_names_its_field() {
    let world = World::with_alice();
    let long = format!(r#"{{"username":"{}","password":"correct horse"}}"#, "a".repeat(65));
    let cases = [
        ("POST", "/register", "", 400, "body"),
        ("POST", "/register", "no", 400, "body"),
        ("POST", "/register", "[1]", 422, "body"),
        ("POST", "/register", "{}", 422, "username"),
        ("POST", "/register", r#"{"username":"bob"}"#, 422, "password"),
        ("POST", "/register", r#"{"username":"bob","password":"short"}"#, 422, "password"),
        ("POST", "/register", r#"{"username":["bob"],"password":"correct horse"}"#, 422, "username"),
        ("POST", "/register", r#"{"username":"b\u0000b","password":"correct horse"}"#, 422, "username"),
        ("POST", "/register", &long, 422, "username"),
        ("POST", "/register", r#"{"username":1e999,"password":"correct horse"}"#, 400, "username"),
        ("POST", "/login", r#"{"username":null,"password":"x"}"#, 422, "username"),
        ("POST", "/login", r#"{"username":"alice","password":12345678}"#, 422, "password"),
        ("PUT", "/user/1", r#"{"old_password":"correct horse","new_password":"x"}"#, 422, "new_password"),
        ("PUT", "/user/1", r#"{"new_password":"battery staple"}"#, 422, "old_password"),
        ("GET", "/user/9", "", 404, "user_id"),
        ("GET", "/user/9999999999999999999999", "", 404, "user_id"),
        ("GET", "/user/x", "", 404, "user_id"),
    ];
    for (method, path, body, status, field) in cases {
        let answer = world.answer(&request(method, path, &[], body.as_bytes()));
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer.status, &problem["errors"][0]["field"]), (status, &json!(field)), "{method} {path} {body}");
        assert_eq!(answer.header_value("content-type"), Some("application/problem+json"));
        assert_eq!(problem["status"], status);
    }
    assert_eq!(world.store.keys("name:"), ["name:alice"], "nothing of them may be stored");
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let (_, problem) = World::new().send("POST", "/register", r#"{"username":"","password":1}"#);
    let fields: Vec<&Value> = problem["errors"].as_array().unwrap().iter().map(|error| &error["pointer"]).collect();
    assert_eq!(fields, [&json!("#/username"), &json!("#/password")]);
}

#[test]
fn a_body_too_large_is_refused_but_not_at_an_unknown_path() {
    let world = World::new();
    let mut large = request("POST", "/register", &[], b"");
    large.body = Err(BodyError::TooLarge { limit: 1024 });
    assert_eq!(world.answer(&large).status, 413);
    large.path = "/elsewhere".to_owned();
    assert_eq!(world.answer(&large).status, 404);
}

#[test]
fn what_the_client_has_is_not_sent_again() {
    let world = World::with_alice();
    for path in ["/user/1", "/.well-known/jwks.json"] {
        let first = world.answer(&request("GET", path, &[], b""));
        let tag = first.header_value("etag").unwrap();
        let again = world.answer(&request("HEAD", path, &[("if-none-match", &format!("\"other\", W/{tag}"))], b""));
        assert_eq!((again.status, again.body.len(), again.header_value("etag")), (304, 0, Some(tag)));
        assert_eq!(world.answer(&request("GET", path, &[("if-none-match", "\"other\"")], b"")), first);
    }
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let world = World::new();
    for (method, path, allow) in [
        ("GET", "/register", "POST"),
        ("DELETE", "/user/1", "GET, HEAD, PUT"),
        ("POST", "/.well-known/jwks.json", "GET, HEAD"),
    ] {
        let answer = world.answer(&request(method, path, &[], b""));
        assert_eq!((answer.status, answer.header_value("allow")), (405, Some(allow)), "{method} {path}");
    }
}

#[test]
fn state_that_cannot_be_written_is_a_retryable_503_whose_reason_only_the_log_has() {
    let world = World::new();
    world.store.crash_after(0, Crash::BeforeWrite);
    let answer = world.answer(&request("POST", "/register", &[], ALICE.as_bytes()));
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, &problem["retryable"]), (503, &json!(true)));
    assert!(answer.cause.is_some_and(|cause| cause.contains("user-ids")));
    assert!(!problem.to_string().contains("user-ids"));
}
