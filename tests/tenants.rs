//! Tenants share one host: what each owns, what its services may use together, and that nobody else is the worse for it.

mod calls;
mod share;
mod sums;
mod tokens;

use std::fs;
use std::path::Path;

use hostel_model::tenant::TenantLimits;
use serde_json::Value;

use crate::deploy::hostel;
use crate::failures::{Expected, check_problem};
use crate::harness::{Harness, Process, Request, Running, eventually, guest};

/// Tenants `acme` and `beta`, each with a host of its name; `acme` has these limits.
fn tenants(limits: TenantLimits) -> Harness {
    Harness::new().tenant("acme", "acme-*", &["acme.example"], limits).tenant(
        "beta",
        "beta-*",
        &["beta.example"],
        TenantLimits::default(),
    )
}

trait OfTenant {
    /// Adds a service of the tenant that its name begins with, which answers below its name at the tenant's host.
    #[must_use]
    fn owned(self, name: &str, path: &str) -> Self;
}

impl OfTenant for Harness {
    fn owned(self, name: &str, path: &str) -> Self {
        self.service(name, path).route_at(&host_of(name), &format!("/{name}/*"))
    }
}

/// `acme.example` for `acme-users`.
fn host_of(service: &str) -> String {
    format!("{}.example", service.split('-').next().unwrap())
}

/// A request below the name of a tenant's service, at the tenant's host.
fn to(host: &Running, service: &str, rest: &str) -> Request {
    host.request("GET", &format!("/{service}{rest}")).header("Host", &host_of(service))
}

#[test]
fn a_tenants_service_answers_at_its_own_hosts_alone() {
    let host = tenants(TenantLimits::default())
        .owned("acme-hello", guest::HELLO_P2)
        .owned("beta-hello", guest::HELLO_P3)
        .serves("hello", guest::HELLO_P2)
        .start();
    let status = |service: &str, at: &str| host.request("GET", &format!("/{service}")).header("Host", at).send().status;
    assert_eq!((status("acme-hello", "acme.example"), status("beta-hello", "beta.example")), (200, 200));
    for elsewhere in ["beta.example", "localhost", "x.acme.example"] {
        assert_eq!(status("acme-hello", elsewhere), 404, "{elsewhere}");
    }
    assert_eq!(
        (status("hello", "localhost"), status("hello", "acme.example")),
        (200, 200),
        "the operator's is anywhere"
    );
}

/// A folder with tenants, whose host listens on a port of its own choice.
fn folder(more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"127.0.0.1:0\"\n";
    write(folder.path(), &format!("{text}{more}"));
    folder
}

fn write(folder: &Path, text: &str) {
    crate::process::write(folder, text);
}

const ACME: &str = "[tenant.acme]\nservices = \"acme-*\"\nhosts = [\"acme.example\"]\n";

#[test]
fn what_belongs_to_another_is_refused_before_the_host_starts() {
    let folder = folder(&format!(
        "{ACME}[tenant.beta]\nservices = \"acme-eu-*\"\nhosts = [\"*.example\"]\n\
         [service.acme-one]\ncomponent = \"hello.wasm\"\nroutes = [\"/one\"]\n\
         [service.shop]\ncomponent = \"hello.wasm\"\nroutes = [{{ path = \"/\", host = \"acme.example\" }}]\n"
    ));
    fs::copy(guest::HELLO_P2, folder.path().join("hello.wasm")).unwrap();
    let said = hostel(&["check", folder.path().to_str().unwrap()]);
    assert_eq!(said.code, Some(64), "{}", said.stderr);
    // Long lines are broken.
    let told = said.stderr.replace("\n  | ", " ");
    for words in [
        "tenants `acme` and `beta` own the same services",
        "tenants `acme` and `beta` own the same hosts",
        "route `/one` of service `acme-one` names no host, but belongs to tenant `acme`",
        "route `acme.example/` of service `shop` is at a host of tenant `acme`",
        "hostel.toml:10:",
        "hostel.toml:14:",
        "help:",
    ] {
        assert!(told.contains(words), "`{words}` is not in\n{told}");
    }
}

#[test]
fn what_is_dropped_in_or_deployed_under_a_tenants_name_answers_at_its_hosts() {
    let folder = folder(ACME);
    fs::copy(guest::HELLO_P2, folder.path().join("acme-one.wasm")).unwrap();
    let process = Process::up(folder.path());
    let at = folder.path().to_str().unwrap();
    let status =
        |service: &str, host: &str| process.request("GET", &format!("/{service}")).header("Host", host).send().status;
    assert_eq!((status("acme-one", "acme.example"), status("acme-one", "localhost")), (200, 404));
    let deployed = hostel(&["deploy", "acme-two", guest::HELLO_P3, "-C", at]);
    assert_eq!(deployed.code, Some(0), "{}", deployed.stderr);
    assert_eq!((status("acme-two", "acme.example"), status("acme-two", "localhost")), (200, 404));
    // A tenant may come and go while its services serve.
    let text = fs::read_to_string(folder.path().join("hostel.toml")).unwrap();
    write(folder.path(), &text.replace(ACME, ""));
    eventually("the operator has them", || {
        status("acme-one", "localhost") == 200 && status("acme-two", "localhost") == 200
    });
    write(folder.path(), &text);
    eventually("the tenant has them again", || {
        status("acme-one", "localhost") == 404 && status("acme-two", "acme.example") == 200
    });
}

/// The lines of the log about requests of `service` that have ended.
fn ended(host: &Running, service: &str) -> Vec<Value> {
    host.log().json_lines().into_iter().filter(|line| line["service"] == service).collect()
}

#[track_caller]
fn refused(request: &Request, service: &str, status: u16, slug: &'static str) {
    check_problem(&request.send(), service, Expected { status, slug });
}
