//! What a change of the folder comes to: an order, a warning, or nothing.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hostel_model::name::ServiceName;
use hostel_model::units::ByteSize;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::{DeployError, DeployRequest, Done, Follow, Order, ServiceRequest, Started, Watched, What};
use crate::config::{load, resolve};
use crate::platform::real_platform;

/// Reached by a test that fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder that is followed, with somebody in the deployer's place.
struct Bench {
    folder: TempDir,
    _runtime: Runtime,
    follow: Option<Follow>,
    orders: Receiver<DeployRequest>,
    /// How the next orders end; well, if nothing is said.
    ends: Arc<Mutex<VecDeque<DeployError>>>,
}

impl Bench {
    /// Follows a folder with these files. What is asked for at first has been taken.
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let runtime = Builder::new_current_thread().build().unwrap();
        let platform = real_platform(runtime.handle().clone());
        let mut watched = Watched::at(folder.path(), &platform);
        let mut loaded = load(folder.path());
        watched.watch(&loaded);
        let resolved = resolve(&mut loaded, &|_| None);
        assert!(loaded.is_valid(), "{:?}", loaded.problems);
        let started = Started::with(&loaded, loaded.plan.clone(), &resolved.deploy.services);
        let (asked, orders) = channel();
        let ends = Arc::new(Mutex::new(VecDeque::new()));
        let ending = Arc::clone(&ends);
        let carry_out = move |order: Order| {
            let What::Folder { request, strict: false } = order.what else { panic!("{order:?}") };
            // Before the test learns of it, and decides about the next.
            let end = ending.lock().unwrap().pop_front();
            // Nobody listens to the last one of a test.
            let _ = asked.send(request);
            end.map_or_else(|| Ok(Done::default()), Err)
        };
        let follow = Follow::start(watched, started, Box::new(|_| None), Box::new(carry_out), &platform).unwrap();
        let bench = Self { folder, _runtime: runtime, follow: Some(follow), orders, ends };
        bench.next();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// As an editor or a careful tool does it: all at once.
    fn place(&self, name: &str, text: &str) {
        self.write(".part", text);
        fs::rename(self.path(".part"), self.path(name)).unwrap();
    }

    /// What is asked for next.
    #[track_caller]
    fn next(&self) -> DeployRequest {
        self.orders.recv_timeout(PATIENCE).expect("something must be asked for")
    }

    /// The next request that is so.
    #[track_caller]
    fn until(&self, what: impl Fn(&DeployRequest) -> bool) -> DeployRequest {
        loop {
            let request = self.next();
            if what(&request) {
                return request;
            }
        }
    }

    /// Waits for what comes of a change of something else, so that what came before is over.
    #[track_caller]
    fn passes(&self) -> DeployRequest {
        self.place("marker.wasm", "marker");
        self.until(|request| service(request, "marker").is_some())
    }
}

fn service<'a>(request: &'a DeployRequest, name: &str) -> Option<&'a ServiceRequest> {
    request.services.iter().find(|service| service.name == ServiceName::parse(name).unwrap())
}

/// What the component of a service holds.
fn component(request: &DeployRequest, name: &str) -> Option<String> {
    let component = service(request, name)?.component.as_ref()?;
    Some(String::from_utf8(component.to_vec()).unwrap())
}

fn is(request: &DeployRequest, name: &str, text: &str) -> bool {
    component(request, name).as_deref() == Some(text)
}

/// A table for a service.
fn table(name: &str, more: &str) -> String {
    format!("[service.{name}]\ncomponent = \"{name}.wasm\"\nroutes = [\"/{name}\"]\n{more}\n")
}

#[test]
fn components_that_come_change_and_go_are_asked_for() {
    let bench = Bench::new(&[("a.wasm", "one")]);
    bench.write("b.wasm", "new");
    let request = bench.until(|request| is(request, "b", "new"));
    assert!(is(&request, "a", "one"));
    assert!(service(&request, "b").unwrap().dropped);
    bench.place("a.wasm", "two");
    bench.until(|request| is(request, "a", "two"));
    fs::remove_file(bench.path("b.wasm")).unwrap();
    bench.until(|request| service(request, "b").is_none());
    fs::remove_file(bench.path("a.wasm")).unwrap();
    let request = bench.until(|request| service(request, "a").is_none());
    assert!(request.services.is_empty(), "an empty folder is no mistake while a host serves");
}

#[test]
fn of_a_file_that_is_half_written_the_last_whole_one_is_asked_for() {
    let bench = Bench::new(&[("a.wasm", "old")]);
    let mut file = fs::File::create(bench.path("a.wasm")).unwrap();
    std::io::Write::write_all(&mut file, b"ha").unwrap();
    assert!(is(&bench.passes(), "a", "old"));
    std::io::Write::write_all(&mut file, b"lf").unwrap();
    drop(file);
    bench.until(|request| is(request, "a", "half"));
}

#[test]
fn a_file_that_is_half_written_while_the_host_starts_is_left_out() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.wasm"), "old").unwrap();
    let runtime = Builder::new_current_thread().build().unwrap();
    let platform = real_platform(runtime.handle().clone());
    let watched = Watched::at(folder.path(), &platform);
    let loaded = load(folder.path());
    let mut file = fs::File::create(folder.path().join("a.wasm")).unwrap();
    std::io::Write::write_all(&mut file, b"ha").unwrap();
    let (asked, orders) = channel();
    let carry_out = move |order: Order| {
        let What::Folder { request, .. } = order.what else { panic!("{order:?}") };
        let _ = asked.send(request);
        Ok(Done::default())
    };
    let started = Started::with(&loaded, loaded.plan.clone(), &[]);
    let _follow = Follow::start(watched, started, Box::new(|_| None), Box::new(carry_out), &platform).unwrap();
    assert_eq!(component(&orders.recv_timeout(PATIENCE).unwrap(), "a"), None);
    drop(file);
    assert!(is(&orders.recv_timeout(PATIENCE).unwrap(), "a", "ha"));
}

#[test]
fn a_new_file_that_is_half_written_is_not_there_yet() {
    let bench = Bench::new(&[("a.wasm", "old")]);
    let mut file = fs::File::create(bench.path("new.wasm")).unwrap();
    std::io::Write::write_all(&mut file, b"ha").unwrap();
    assert_eq!(component(&bench.passes(), "new"), None);
    drop(file);
    bench.until(|request| is(request, "new", "ha"));
}

#[test]
fn a_component_of_a_table_that_is_gone_is_asked_for_without_its_bytes() {
    let text = format!("version = 1\n{}", table("a", ""));
    let bench = Bench::new(&[("a.wasm", "one"), ("hostel.toml", &text)]);
    fs::remove_file(bench.path("a.wasm")).unwrap();
    bench.until(|request| service(request, "a").is_some_and(|service| service.component.is_none()));
    // A folder in its place is no component either.
    fs::create_dir(bench.path("a.wasm")).unwrap();
    assert_eq!(component(&bench.passes(), "a"), None);
    fs::remove_dir(bench.path("a.wasm")).unwrap();
    bench.write("a.wasm", "two");
    bench.until(|request| is(request, "a", "two"));
}

#[test]
fn a_configuration_that_is_wrong_changes_nothing_until_it_is_mended() {
    let good = format!("version = 1\n{}", table("a", ""));
    let bench = Bench::new(&[("a.wasm", "one"), ("hostel.toml", &good)]);
    for wrong in ["version = 1\n[service.a", "version = 2", "version = 1\n[service.a]\nunknown = 1\n", ""] {
        bench.place("hostel.toml", wrong);
        bench.place("a.wasm", wrong);
    }
    bench.place("a.wasm", "two");
    bench.place("hostel.toml", &format!("{good}limits = {{ calls = 7 }}\n"));
    let request = bench.next();
    assert!(is(&request, "a", "two"), "{request:?}");
    assert_eq!(service(&request, "a").unwrap().limits.calls, 7);
}

#[test]
fn a_configuration_that_is_gone_changes_nothing() {
    let good = format!("version = 1\n{}", table("a", "variables = { one = \"1\" }"));
    let bench = Bench::new(&[("a.wasm", "one"), ("hostel.toml", &good)]);
    fs::remove_file(bench.path("hostel.toml")).unwrap();
    bench.place("a.wasm", "two");
    bench.place("b.wasm", "two");
    bench.place("hostel.toml", &good);
    let request = bench.next();
    assert!(is(&request, "a", "two") && !service(&request, "a").unwrap().grants.variables.is_empty(), "{request:?}");
}

#[test]
fn a_configuration_that_comes_later_holds_and_cannot_go_any_more() {
    let bench = Bench::new(&[("a.wasm", "one")]);
    bench.write("hostel.toml", &format!("version = 1\n{}", table("a", "variables = { one = \"1\" }")));
    let request = bench.until(|request| !service(request, "a").unwrap().dropped);
    assert_eq!(service(&request, "a").unwrap().grants.variables.len(), 1);
}

#[test]
fn a_secret_that_cannot_be_read_leaves_its_service_as_it_is() {
    let text = |calls: u32, more: &str| {
        let secrets = format!("secrets = {{ key = {{ file = \"key\" }} }}\nlimits = {{ calls = {calls} }}");
        format!("version = 1\n{}{}{more}", table("a", &secrets), table("b", &format!("limits = {{ calls = {calls} }}")))
    };
    let bench = Bench::new(&[("a.wasm", "one"), ("b.wasm", "one"), ("key", "first\n"), ("hostel.toml", &text(1, ""))]);
    let secret = |request: &DeployRequest| {
        let service = service(request, "a").unwrap();
        (
            service.grants.secrets.values().map(|secret| secret.expose().to_owned()).collect::<String>(),
            service.limits.calls,
        )
    };
    bench.write("key", "second\n");
    let request = bench.until(|request| secret(request).0 == "second");
    assert!(is(&request, "a", "one"));
    fs::remove_file(bench.path("key")).unwrap();
    bench.write("hostel.toml", &text(2, ""));
    let request = bench.until(|request| service(request, "b").unwrap().limits.calls == 2);
    assert_eq!(secret(&request), ("second".to_owned(), 1));
    assert!(is(&request, "a", "one"), "its component is the same");
    bench.place("a.wasm", "two");
    bench.until(|request| component(request, "a").is_none());
    // A service that is new is not there without its secret.
    let new = table("c", "secrets = { key = { env = \"NOT_SET\" } }");
    bench.write("hostel.toml", &text(3, &new));
    let request = bench.until(|request| service(request, "b").unwrap().limits.calls == 3);
    assert!(service(&request, "c").is_none());
    bench.write("key", "third");
    let request = bench.until(|request| is(request, "a", "two"));
    assert_eq!(secret(&request), ("third".to_owned(), 3));
}

#[test]
fn what_needs_a_restart_is_asked_for_as_far_as_the_host_can() {
    let listener = |port: u16, more: &str| format!("[[listener]]\naddress = \"127.0.0.1:{port}\"\n{more}\n");
    let text = format!("version = 1\n{}{}", listener(8001, ""), table("a", ""));
    let bench = Bench::new(&[("a.wasm", "one"), ("hostel.toml", &text)]);
    let services = listener(8001, "services = [\"a\"]");
    let larger = table("a", "limits = { memory = \"1GiB\" }");
    bench
        .write("hostel.toml", &format!("version = 1\nmemory_max = \"1GiB\"\n{}{services}{larger}", listener(8002, "")));
    let request = bench.until(|request| request.listeners.iter().any(Option::is_some));
    assert_eq!(request.listeners.len(), 1);
    let slot = hostel_model::limits::HostLimits::default().memory_max;
    assert_eq!(service(&request, "a").unwrap().limits.memory, slot);
    assert!(slot < ByteSize::GIB);
}

#[test]
fn a_deployer_without_time_is_asked_again() {
    let bench = Bench::new(&[("a.wasm", "one")]);
    bench.ends.lock().unwrap().push_back(DeployError::Busy);
    bench.place("a.wasm", "two");
    assert!(is(&bench.next(), "a", "two"));
    assert!(is(&bench.next(), "a", "two"));
}

#[test]
fn what_happens_while_the_deployer_works_is_one_more_round() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("a.wasm", "0");
    let runtime = Builder::new_current_thread().build().unwrap();
    let platform = real_platform(runtime.handle().clone());
    let watched = Watched::at(folder.path(), &platform);
    let loaded = load(folder.path());
    let (asked, orders) = channel();
    let (go, may_go) = channel::<()>();
    let carry_out = move |order: Order| {
        let What::Folder { request, .. } = order.what else { panic!("{order:?}") };
        let _ = asked.send(request);
        // The test has ended if nobody says so.
        let _ = may_go.recv();
        Ok(Done::default())
    };
    let started = Started::with(&loaded, loaded.plan.clone(), &[]);
    let _follow = Follow::start(watched, started, Box::new(|_| None), Box::new(carry_out), &platform).unwrap();
    assert!(is(&orders.recv_timeout(PATIENCE).unwrap(), "a", "0"));
    for number in 1..=100 {
        write("a.wasm", &number.to_string());
        write("b.wasm", &number.to_string());
    }
    go.send(()).unwrap();
    let request = orders.recv_timeout(PATIENCE).unwrap();
    assert!(is(&request, "a", "100") && is(&request, "b", "100"), "{request:?}");
}

#[test]
fn it_ends_when_it_is_dropped_and_lets_go_of_the_deployer() {
    let mut bench = Bench::new(&[("a.wasm", "one")]);
    bench.follow = None;
    let ended = bench.orders.recv_timeout(PATIENCE);
    assert!(matches!(ended, Err(std::sync::mpsc::RecvTimeoutError::Disconnected)), "{ended:?}");
}

#[test]
fn a_folder_that_is_gone_changes_nothing() {
    let bench = Bench::new(&[("a.wasm", "one")]);
    let away = TempDir::new().unwrap();
    let kept = away.path().join("kept");
    fs::rename(bench.folder.path(), &kept).unwrap();
    fs::rename(&kept, bench.folder.path()).unwrap();
    assert!(is(&bench.passes(), "a", "one"));
    assert!(Path::new(bench.folder.path()).is_dir());
}
