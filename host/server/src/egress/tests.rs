//! Requests to outside against a resolver and servers of the test's own, without a guest.

mod connections;
mod dns;
mod hand;
mod http2;
mod messages;
mod names;
mod places;
mod responses;
mod secured;
mod secured_upstream;
mod target;
mod times;
mod upstream;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hostel_model::egress::{Denied, Outbound};
use hostel_model::name::ServiceName;
use hostel_model::platform::{Clock, Platform};
use hostel_sandbox::{BodyError, Forbidden, IncomingBody, OutgoingError, Patience};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use rustls::RootCertStore;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use super::{Egress, EgressSettings, Outlet, Sent, Target};
use crate::metrics::Metrics;
use crate::platform::real_platform;

use dns::Dns;

type Answer = Result<Response<IncomingBody>, OutgoingError>;

/// A way out, with a resolver of its own.
struct Scene {
    runtime: Runtime,
    platform: Platform,
    egress: Arc<Egress>,
    dns: Dns,
    metrics: Metrics,
    descriptors: Arc<Semaphore>,
}

impl Scene {
    fn new() -> Self {
        Self::believing(RootCertStore::empty())
    }

    /// One that takes certificates of `authorities`.
    fn believing(authorities: RootCertStore) -> Self {
        Self::of(authorities, 1_000, None)
    }

    /// One in a process that has so many connections, with another clock if there is one.
    fn of(authorities: RootCertStore, descriptors: usize, clock: Option<Arc<dyn Clock>>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut platform = real_platform(runtime.handle().clone());
        platform.clock = clock.unwrap_or(platform.clock);
        let dns = Dns::start();
        let settings = EgressSettings { resolvers: vec![dns.address], authorities };
        let descriptors = Arc::new(Semaphore::new(descriptors));
        let egress = Arc::new(Egress::new(settings, platform.clone(), Arc::clone(&descriptors)));
        Self { runtime, platform, egress, dns, metrics: Metrics::new(), descriptors }
    }

    /// The way out of a service with these grants.
    fn outlet(&self, grants: &[&str]) -> Arc<Outlet> {
        self.outlet_of(grants, 32)
    }

    fn outlet_of(&self, grants: &[&str], connections: u32) -> Arc<Outlet> {
        self.outlet_after(grants, connections, None)
    }

    fn outlet_after(&self, grants: &[&str], connections: u32, current: Option<&Arc<Outlet>>) -> Arc<Outlet> {
        let grants: BTreeSet<Outbound> = grants.iter().map(|text| Outbound::parse(text).expect(text)).collect();
        let metrics = self.metrics.egress(&ServiceName::parse("asker").unwrap());
        Outlet::of(&grants, connections, metrics, current)
    }

    fn get(&self, outlet: &Arc<Outlet>, uri: &str) -> Answer {
        self.ask(outlet, get(uri), Patience::default())
    }

    fn ask(&self, outlet: &Arc<Outlet>, request: Request<IncomingBody>, patience: Patience) -> Answer {
        self.runtime.block_on(self.asking(outlet, request, patience))
    }

    /// As a guest's request is sent, with a deadline that no test reaches.
    async fn asking(&self, outlet: &Arc<Outlet>, request: Request<IncomingBody>, patience: Patience) -> Answer {
        let target = Target::of(&request)?;
        let granted = outlet.policy().name(target.scheme, &target.host, target.port).map_err(|denied| {
            let what = if matches!(denied, Denied::Address { .. }) { Forbidden::Address } else { Forbidden::Host };
            OutgoingError::Denied { what, detail: denied.to_string() }
        })?;
        let expires = self.platform.clock.now().after(Duration::from_mins(1));
        self.egress.send(outlet, granted, Sent { target, request, patience, expires }).await
    }

    /// The whole body of an answer.
    fn text(&self, answer: Answer) -> String {
        let response = answer.expect("there must be an answer");
        let body = self.runtime.block_on(response.into_body().collect()).expect("the body must be complete");
        String::from_utf8(body.to_bytes().to_vec()).unwrap()
    }

    /// Why the body of an answer broke off.
    fn broken(&self, answer: Answer) -> BodyError {
        let response = answer.expect("there must be an answer");
        self.runtime.block_on(response.into_body().collect()).expect_err("the body must break off")
    }

    fn counted(&self, line: &str) -> u64 {
        let text = self.metrics.text(crate::metrics::Levels::default());
        let found = text.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' ')?.parse().ok());
        found.unwrap_or_default()
    }
}

fn get(uri: &str) -> Request<IncomingBody> {
    request("GET", uri, &[], "")
}

fn request(method: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> Request<IncomingBody> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Full::new(Bytes::from(body.to_owned())).map_err(|never| match never {});
    request.body(body.boxed_unsync()).unwrap()
}

/// Waits until `holds`, and fails if that takes longer than anything here should.
#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let mut tries = 0;
    while !holds() {
        assert!(tries < 500, "{what}: never");
        tries += 1;
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "a test waits for other threads of its own")]
fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}
