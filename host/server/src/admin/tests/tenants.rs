//! Tokens of tenants: what each resource answers to them, that they see nothing of others, and how they come and go.

use std::collections::BTreeSet;

use hostel_model::name::BucketName;
use hostel_model::route::HostPattern;
use hostel_model::standing::Standing;
use hostel_model::tenant::{ServicePattern, Tenant, TenantLimits, TenantName, Tenants};
use hostel_storage::Change;
use serde_json::{Value, json};

use super::scene::{EMPTY_COMPONENT, Reply, Scene, name, record, revision};
use crate::deploy::{Author, DeployRequest, Order, What};

fn tenant(name: &str, limits: TenantLimits) -> Tenant {
    Tenant {
        name: TenantName::parse(name).unwrap(),
        services: ServicePattern::parse(&format!("{name}-*")).unwrap(),
        hosts: vec![HostPattern::parse(&format!("{name}.example")).unwrap()],
        limits,
    }
}

/// The folder names these tenants and no services.
fn configure(scene: &Scene, tenants: Vec<Tenant>) {
    let request = DeployRequest { tenants: Tenants::of(tenants), ..DeployRequest::default() };
    let what = What::Folder { request, strict: false };
    let order = Order { what, by: Author::Folder, dry_run: false, if_version: None };
    scene.deployer.ask_from_thread(order).unwrap();
}

/// Services of two tenants and of the operator, each of which keeps something.
fn scene() -> Scene {
    let scene = Scene::after(|store| {
        store.artifacts.put(&EMPTY_COMPONENT).unwrap();
        for service in ["acme-users", "acme-orders", "beta-users", "users"] {
            let bytes = if service == "acme-orders" { &EMPTY_COMPONENT[..] } else { service.as_bytes() };
            let live = revision(1, bytes);
            let standing = Standing::default().deployed(live, None).unwrap().pinned(None);
            record(store, service, &[(Change::Deployed, live, standing)]);
        }
    });
    let one_slot = TenantLimits { compile_slots: std::num::NonZeroU32::new(1), ..TenantLimits::default() };
    configure(&scene, vec![tenant("acme", one_slot), tenant("beta", TenantLimits::default())]);
    let runtime = &scene.plane.ground.runtime;
    for service in ["acme-users", "beta-users", "users"] {
        let bucket = BucketName::from_identifier("").unwrap();
        let bucket = scene.store.keyvalue.bucket(&name(service), &bucket, &Default::default());
        runtime.block_on(bucket.set("key".into(), format!("of {service}").into_bytes())).unwrap();
    }
    scene
}

/// A token of `tenant` as the operator gets it.
fn issue(scene: &Scene, tenant: &str) -> (String, String) {
    let reply = scene.send("POST /v1/tokens", &[], json!({ "tenant": tenant, "name": "ci" }).to_string().as_bytes());
    assert_eq!(reply.status, 201, "{}", reply.text());
    let made = reply.json();
    let text = |key: &str| made[key].as_str().unwrap().to_owned();
    (text("id"), format!("Bearer {}", text("token")))
}

fn ask(scene: &Scene, line: &str, bearer: &str, body: &str) -> Reply {
    scene.send(line, &[("Authorization", bearer)], body.as_bytes())
}

fn tells_of_nobody_else(reply: &Reply) -> bool {
    let text = reply.text();
    !text.contains("beta") && !text.contains("\"users\"") && !text.contains("`users`")
}

/// What a tenant's token gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gets {
    /// What everybody gets.
    Same,
    /// The same, without what is another's.
    OwnPart,
    /// What the operator gets for a service of the tenant, and nothing for another.
    OwnService,
    /// Nothing.
    Nothing,
}

/// Every operation of the document, with a query that makes it valid and changes nothing.
const RULES: [(&str, &str, &str, Gets); 32] = [
    ("get", "/livez", "", Gets::Same),
    ("get", "/readyz", "", Gets::Same),
    ("get", "/readyz/{name}", "", Gets::Nothing),
    ("get", "/metrics", "", Gets::Nothing),
    ("get", "/openapi.json", "", Gets::Same),
    ("get", "/v1/status", "", Gets::OwnPart),
    ("get", "/v1/services", "", Gets::OwnPart),
    ("get", "/v1/routes", "", Gets::OwnPart),
    ("get", "/v1/limits", "", Gets::OwnPart),
    ("get", "/v1/explain", "?method=GET&url=http://localhost/x", Gets::OwnPart),
    ("get", "/v1/services/{name}", "", Gets::OwnService),
    ("delete", "/v1/services/{name}", "?dry_run=true", Gets::OwnService),
    ("get", "/v1/services/{name}/history", "", Gets::OwnService),
    ("post", "/v1/services/{name}/rollback", "?dry_run=true", Gets::OwnService),
    ("post", "/v1/services/{name}/promote", "?dry_run=true", Gets::OwnService),
    ("post", "/v1/services/{name}/disable", "?dry_run=true", Gets::OwnService),
    ("post", "/v1/services/{name}/enable", "?dry_run=true", Gets::OwnService),
    ("post", "/v1/services/{name}/approve", "?dry_run=true", Gets::OwnService),
    ("get", "/v1/services/{name}/keyvalue", "", Gets::OwnService),
    ("delete", "/v1/services/{name}/keyvalue", "", Gets::OwnService),
    ("get", "/v1/services/{name}/keyvalue/{bucket}", "", Gets::OwnService),
    ("delete", "/v1/services/{name}/keyvalue/{bucket}", "", Gets::OwnService),
    ("get", "/v1/services/{name}/keyvalue/{bucket}/{key}", "", Gets::OwnService),
    ("get", "/v1/services/{name}/export", "", Gets::OwnService),
    ("post", "/v1/services/{name}/import", "", Gets::OwnService),
    ("post", "/v1/artifacts", "?no=parameters", Gets::Same),
    // The services are in the body: see `a_deployment_is_of_own_services_and_own_components`.
    ("post", "/v1/deployments", "", Gets::Same),
    ("post", "/v1/backup", "", Gets::Nothing),
    ("get", "/v1/tokens", "", Gets::Nothing),
    ("post", "/v1/tokens", "", Gets::Nothing),
    ("delete", "/v1/tokens/{id}", "", Gets::Nothing),
    // Not in the document: the empty key.
    ("get", "/v1/services/{name}/keyvalue/{bucket}/", "", Gets::OwnService),
];

#[test]
fn every_resource_has_a_rule_for_tenants_and_keeps_it() {
    let scene = scene();
    let document = scene.send("GET /openapi.json", &[], b"").json();
    let mut described: BTreeSet<(String, String)> = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        described.extend(item.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())));
    }
    let documented = RULES.iter().filter(|(_, path, ..)| !path.ends_with('/'));
    let ruled: BTreeSet<_> = documented.map(|(method, path, ..)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(described, ruled, "each operation has one row");
    let (_, bearer) = issue(&scene, "acme");
    for (method, path, query, gets) in RULES {
        let line = |service: &str| {
            let path = path.replace("{name}", service).replace("{bucket}", "default");
            let path = path.replace("{key}", "key").replace("{id}", "0123456789abcdef");
            format!("{} {path}{query}", method.to_uppercase())
        };
        let tenants = |service: &str| ask(&scene, &line(service), &bearer, "");
        match gets {
            Gets::Same | Gets::OwnPart => {
                let (own, all) = (tenants("acme-users"), scene.send(&line("acme-users"), &[], b""));
                assert_eq!(own.status, all.status, "{method} {path}: {}", own.text());
                assert!(gets == Gets::Same || tells_of_nobody_else(&own), "{method} {path}: {}", own.text());
            }
            Gets::OwnService => {
                let (own, all) = (tenants("acme-users"), scene.send(&line("acme-users"), &[], b""));
                assert_eq!(own.status, all.status, "{method} {path}: {} {}", own.text(), all.text());
                // What there is none of is not found, also by its owner.
                let is_let_in = ![401, 403, 404].contains(&own.status) || own.text().contains("The key has no value.");
                assert!(is_let_in, "{method} {path}: {}", own.text());
                assert!(tells_of_nobody_else(&own), "{method} {path}: {}", own.text());
                for foreign in ["users", "beta-users", "nobody", "acme", "%61cme-users", "acme-users%2F", "Acme-users"]
                {
                    let (status, kind, detail) = tenants(foreign).problem();
                    assert_eq!((status, kind.as_str()), (404, "no-route"), "{method} {path} {foreign}: {detail}");
                    assert!(detail.contains("no such service"), "{method} {path} {foreign}: {detail}");
                }
            }
            Gets::Nothing => {
                let (status, kind, _) = tenants("not-draining").problem();
                assert_eq!((status, kind.as_str()), (403, "forbidden"), "{method} {path}");
            }
        }
    }
    assert_eq!(scene.store.journal.version().unwrap(), 4, "nothing has changed");
    for path in ["/v1/anything", "/v2", "/", "/metrics/", "/v1/tokens/", "/v1/status/"] {
        assert_eq!(ask(&scene, &format!("GET {path}"), &bearer, "").status, 403, "{path}: what has no rule is closed");
    }
}

#[test]
fn lists_show_a_tenant_its_own() {
    let scene = scene();
    let (_, bearer) = issue(&scene, "acme");
    let own = ask(&scene, "GET /v1/services", &bearer, "");
    let names = |value: &Value| {
        let services = value["services"].as_array().unwrap();
        services.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&own.json()), ["acme-orders", "acme-users"]);
    // What was recorded for others since is not its affair.
    assert_eq!(own.etag(), Some("\"2\""));
    assert_eq!(scene.send("GET /v1/services", &[], b"").etag(), Some("\"4\""));
    let status = ask(&scene, "GET /v1/status", &bearer, "").json();
    assert_eq!((names(&status), status.get("connections")), (names(&own.json()), None));
    let limits = ask(&scene, "GET /v1/limits", &bearer, "").json();
    assert_eq!((&limits["host"], &limits["listeners"]), (&json!([]), &json!([])));
    let slots = json!({
        "name": "compile_slots", "unit": "count", "text": "1", "value": 1, "default_text": "none",
        "origin": { "from": "default" },
    });
    assert_eq!(limits["tenants"][0]["name"], "acme");
    assert_eq!(limits["tenants"][0]["limits"][4], slots);
    assert_eq!(limits["tenants"].as_array().unwrap().len(), 1);
    let all = scene.send("GET /v1/limits", &[], b"").json();
    assert_eq!((all["tenants"].as_array().unwrap().len(), all["host"].as_array().unwrap().len()), (2, 4));
}

#[test]
fn a_deployment_is_of_own_services_and_own_components() {
    let scene = scene();
    let (_, acme) = issue(&scene, "acme");
    let (_, beta) = issue(&scene, "beta");
    // The component of `acme-orders`, which is on the disk.
    let digest = hostel_model::digest::Digest::of(&EMPTY_COMPONENT).to_string();
    let deploy = |bearer: &str, services: &[&str], digest: &str| {
        let services: serde_json::Map<_, _> =
            services.iter().map(|name| ((*name).to_owned(), json!({ "digest": digest }))).collect();
        ask(&scene, "POST /v1/deployments", bearer, &json!({ "services": services }).to_string())
    };
    for services in [&["users"][..], &["beta-users"], &["acme-users", "beta-users"], &["acme-users", "nobody"]] {
        let (status, kind, detail) = deploy(&acme, services, &digest).problem();
        assert_eq!((status, kind.as_str()), (404, "no-route"), "{services:?}: {detail}");
        assert!(!detail.contains("beta") && !detail.contains("nobody"), "{detail}");
    }
    let reason = |bearer: &str, service: &str, digest: &str| {
        let reply = deploy(bearer, &[service], digest);
        assert_eq!(reply.problem().0, 422, "{}", reply.text());
        reply.json()["problems"][0]["reason"].as_str().unwrap().replace(digest, "it")
    };
    // What another tenant has is not there, whoever knows its digest.
    let missing = "0".repeat(64);
    assert_eq!(reason(&beta, "beta-users", &digest), reason(&beta, "beta-users", &missing));
    assert!(reason(&beta, "beta-users", &digest).contains("upload it first"));
    // With what one of its services has had it comes as far as being inspected, and so it does with its own copy.
    let inspected = "wasi:http/incoming-handler";
    assert!(reason(&acme, "acme-users", &digest).contains(inspected));
    let own = scene.send("POST /v1/artifacts", &[("Authorization", &beta)], &EMPTY_COMPONENT);
    assert_eq!((own.status, own.json()["digest"].as_str()), (201, Some(digest.as_str())), "{}", own.text());
    assert!(reason(&beta, "beta-users", &digest).contains(inspected));
    assert_eq!(scene.store.journal.version().unwrap(), 4);
}

#[test]
fn several_own_services_are_changed_under_the_version_that_was_seen() {
    let scene = scene();
    let (_, bearer) = issue(&scene, "acme");
    let digest =
        scene.send("POST /v1/artifacts", &[("Authorization", &bearer)], &EMPTY_COMPONENT).json()["digest"].clone();
    let body = json!({ "services": { "acme-users": { "digest": digest }, "acme-orders": { "digest": digest } } });
    for (version, status) in [("\"2\"", 422), ("\"4\"", 412), ("\"1\"", 412)] {
        let headers = [("Authorization", bearer.as_str()), ("If-Match", version)];
        let reply = scene.send("POST /v1/deployments", &headers, body.to_string().as_bytes());
        assert_eq!(reply.problem().0, status, "{version}: {}", reply.text());
    }
}

#[test]
fn a_tenant_has_only_so_many_deployments_under_way() {
    let scene = scene();
    let (_, bearer) = issue(&scene, "acme");
    let held = scene.plane.ground.runtime.block_on(scene.deployer.hold()).unwrap();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| ask(&scene, "POST /v1/services/acme-users/promote?dry_run=true", &bearer, ""));
        let busy = loop {
            let second = ask(&scene, "POST /v1/services/acme-orders/rollback?dry_run=nonsense", &bearer, "");
            assert_eq!(second.status, 400, "what is wrong is told first");
            let tenancy = std::sync::Arc::clone(&scene.plane.live.load().tenancy);
            let acme = tenancy.tenant(&TenantName::parse("acme").unwrap()).unwrap();
            if acme.deployments.used() == 1 {
                break ask(&scene, "POST /v1/services/acme-orders/promote?dry_run=true", &bearer, "").problem();
            }
        };
        assert_eq!((busy.0, busy.1.as_str()), (503, "busy"));
        assert!(busy.2.contains("compile_slots"), "{}", busy.2);
        drop(held);
        assert_eq!(first.join().unwrap().status, 409);
    });
    assert_eq!(ask(&scene, "POST /v1/services/acme-orders/promote?dry_run=true", &bearer, "").status, 409);
}

#[test]
fn an_import_is_held_to_the_quota_of_the_tenant() {
    let scene = scene();
    let storage = Some(hostel_model::units::ByteSize(40));
    configure(&scene, vec![tenant("acme", TenantLimits { storage, ..TenantLimits::default() })]);
    let (_, bearer) = issue(&scene, "acme");
    let line = |key: &str| json!({ "bucket": "default", "key": key, "value": "MDEyMzQ1Njc4OQ==" }).to_string();
    // `key` and `of acme-users` are 16 bytes, each of these 13.
    assert_eq!(ask(&scene, "POST /v1/services/acme-orders/import", &bearer, &line("MTIz")).status, 200);
    let (status, _, detail) = ask(&scene, "POST /v1/services/acme-users/import", &bearer, &line("MTI0")).problem();
    assert_eq!(status, 409);
    assert!(detail.contains("services of the tenant may keep `40B`"), "{detail}");
}

#[test]
fn tokens_are_made_listed_and_revoked_by_the_operator() {
    let scene = scene();
    assert_eq!(scene.send("GET /v1/tokens", &[], b"").json(), json!({ "tokens": [] }));
    let (id, bearer) = issue(&scene, "acme");
    let listed = scene.send("GET /v1/tokens", &[], b"");
    let token = &listed.json()["tokens"][0];
    assert_eq!((&token["id"], &token["tenant"], &token["name"]), (&json!(id), &json!("acme"), &json!("ci")));
    assert!(!listed.text().contains(bearer.trim_start_matches("Bearer ")), "it is shown once");
    // By TCP and on the Unix socket it is the same token.
    let tcp =
        |bearer: &str| scene.plane.ask_tcp("GET /v1/services", &[("Host", "127.0.0.1"), ("Authorization", bearer)]);
    let by_tcp = tcp(&bearer);
    assert_eq!((by_tcp.status, by_tcp.json()), (200, ask(&scene, "GET /v1/services", &bearer, "").json()));
    let gone = scene.send(&format!("DELETE /v1/tokens/{id}"), &[], b"");
    assert_eq!((gone.status, &gone.json()["id"]), (200, &json!(id)));
    assert_eq!(scene.send(&format!("DELETE /v1/tokens/{id}"), &[], b"").problem().0, 404);
    assert_eq!(tcp(&bearer).status, 401);
    assert_eq!(ask(&scene, "GET /v1/services", &bearer, "").problem().0, 401, "nor is it the operator's on the socket");
    for wrong in ["Bearer nonsense", "Basic eDp5", "", "Bearer "] {
        assert_eq!(ask(&scene, "GET /v1/services", wrong, "").problem().0, 401, "{wrong}");
    }
    let operator = scene.plane.authorization();
    assert_eq!(ask(&scene, "GET /v1/tokens", &operator, "").status, 200, "its own token makes nobody less");
}

#[test]
fn a_token_is_made_for_a_tenant_that_there_is() {
    let scene = scene();
    for (body, status, words) in [
        (r#"{"tenant":"nobody"}"#, 404, "no such tenant"),
        (r#"{"tenant":"Acme"}"#, 404, "no such tenant"),
        (r#"{"tenant":""}"#, 404, "no such tenant"),
        (r#"{}"#, 400, "missing field `tenant`"),
        (r#"{"tenant":"acme","id":"1"}"#, 400, "unknown field `id`"),
        ("{\"tenant\":\"acme\",\"name\":\"a\\nb\"}", 400, "on one line"),
        (&json!({ "tenant": "acme", "name": "x".repeat(65) }).to_string(), 400, "at most 64 letters"),
    ] {
        let (found, _, detail) = scene.send("POST /v1/tokens", &[], body.as_bytes()).problem();
        assert_eq!(found, status, "{body}: {detail}");
        assert!(detail.contains(words), "{body}: {detail}");
    }
    assert_eq!(scene.send("POST /v1/tokens?dry_run=true", &[], br#"{"tenant":"acme"}"#).problem().0, 400);
    assert_eq!(scene.send("GET /v1/tokens", &[], b"").json(), json!({ "tokens": [] }));
}

#[test]
fn a_token_of_a_tenant_that_is_gone_opens_nothing() {
    let scene = scene();
    let (_, bearer) = issue(&scene, "beta");
    configure(&scene, vec![tenant("acme", TenantLimits::default())]);
    let (status, kind, detail) = ask(&scene, "GET /v1/services", &bearer, "").problem();
    assert_eq!((status, kind.as_str()), (403, "forbidden"));
    assert!(detail.contains("not in the configuration"), "{detail}");
    configure(&scene, vec![tenant("beta", TenantLimits::default())]);
    assert_eq!(ask(&scene, "GET /v1/services", &bearer, "").status, 200);
}
