//! What tests need of a host: a platform with the machine's clocks, a sandbox of few slots, components as text.

#![expect(clippy::disallowed_methods, reason = "this is where the tests of the sandbox meet the machine")]

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hostel_model::digest::{Digest, RevisionId, RevisionNumber};
use hostel_model::grant::Grants;
use hostel_model::limits::{HostLimits, Limits};
use hostel_model::name::ServiceName;
use hostel_model::plan::Isolation;
use hostel_model::platform::{BoxTask, Clock, Monotonic, Platform, Random, Spawn};
use hostel_storage::KeyValue;
use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;

use crate::compile::Sandbox;
use crate::compiler::CompileWith;
use crate::service::{CompiledService, ServiceSpec};
use crate::tenant::TenantShare;

struct Machine {
    start: Instant,
}

impl Clock for Machine {
    fn now(&self) -> Monotonic {
        Monotonic(self.start.elapsed())
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep_until(&self, at: Monotonic) -> BoxTask {
        Box::pin(tokio::time::sleep_until((self.start + at.0).into()))
    }

    fn pause_thread(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn thread_cpu(&self) -> Duration {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
    }
}

impl Random for Machine {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

impl Spawn for Machine {
    fn task(&self, _task: BoxTask) {
        panic!("nothing in these tests starts a task");
    }

    fn thread(&self, name: &'static str, body: Box<dyn FnOnce() + Send>) -> std::io::Result<()> {
        std::thread::Builder::new().name(name.to_owned()).spawn(body).map(drop)
    }
}

/// The machine's clocks and threads.
pub(crate) fn platform() -> Platform {
    let start = Instant::now();
    Platform {
        clock: Arc::new(Machine { start }),
        random: Arc::new(Machine { start }),
        spawn: Arc::new(Machine { start }),
    }
}

/// The program that compiles for these tests: the example `compile_child`, which cargo builds
/// together with them and puts into a folder beside theirs.
pub(crate) fn compile_with() -> CompileWith {
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples/compile_child");
    let build = "cargo build --release -p hostel-sandbox --examples";
    assert!(program.is_file(), "`{}` is missing; build it with `{build}`", program.display());
    CompileWith::program(program, &[])
}

/// A sandbox with a database beside it.
pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    keyvalue: KeyValue,
    _folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::compiling(compile_with())
    }

    /// With another program that compiles, or other limits for it.
    pub(crate) fn compiling(with: CompileWith) -> Self {
        let (platform, folder) = (platform(), TempDir::new().unwrap());
        let limits = HostLimits { instances: 4, ..HostLimits::default() };
        Self {
            sandbox: Sandbox::start(&limits, 64 << 20, with, &platform).unwrap(),
            keyvalue: KeyValue::open(&folder.path().join("guests.redb"), &platform).unwrap(),
            _folder: folder,
        }
    }

    /// The service `it`, which runs `bytes` within `limits`.
    pub(crate) fn service(&self, bytes: &[u8], limits: Limits) -> Arc<CompiledService> {
        self.service_of(None, bytes, limits)
    }

    /// The same of a tenant.
    pub(crate) fn service_of(
        &self,
        tenant: Option<Arc<TenantShare>>,
        bytes: &[u8],
        limits: Limits,
    ) -> Arc<CompiledService> {
        let digest = Digest::of(bytes);
        let spec = ServiceSpec {
            name: ServiceName::parse("it").unwrap(),
            revision: RevisionId { number: RevisionNumber::FIRST, digest },
            grants: Grants::default(),
            limits,
            isolation: Isolation::Request,
            tenant,
        };
        let code = self.sandbox.code(bytes, digest).unwrap();
        Arc::new(self.sandbox.service(&code, spec, &self.keyvalue))
    }
}

/// What every service of WASI 0.2 needs, and exports: a handler that is never
/// called here. `core` is the inside of the core module that is started.
pub(crate) fn component_p2(core: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(component
            (import "wasi:http/types@0.2.0" (instance $types
                (export "incoming-request" (type (sub resource)))
                (export "response-outparam" (type (sub resource)))))
            (alias export $types "incoming-request" (type $request))
            (alias export $types "response-outparam" (type $response))
            {WAITING}
            (core module $core
                (import "host" "later" (func $later (param i64) (result i32)))
                (import "host" "wait" (func $wait (param i32)))
                (func (export "handle") (param i32 i32))
                {core})
            (core instance $started (instantiate $core (with "host" (instance
                (export "later" (func $later)) (export "wait" (func $wait))))))
            (func $handle (param "request" (own $request)) (param "response-out" (own $response))
                (canon lift (core func $started "handle")))
            (instance $handler (export "handle" (func $handle)))
            (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#
    ))
    .unwrap()
}

/// The same with the handler of WASI 0.3 in name only: its type is not checked
/// before the core module has started.
pub(crate) fn component_p3(core: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(component
            {WAITING}
            (core module $core
                (import "host" "later" (func $later (param i64) (result i32)))
                (import "host" "wait" (func $wait (param i32)))
                (func (export "handle"))
                {core})
            (core instance $started (instantiate $core (with "host" (instance
                (export "later" (func $later)) (export "wait" (func $wait))))))
            (func $handle (canon lift (core func $started "handle")))
            (instance $handler (export "handle" (func $handle)))
            (export "wasi:http/handler@0.3.0" (instance $handler)))"#
    ))
    .unwrap()
}

/// The core functions `later`, of nanoseconds, and `wait`, of what that returned.
const WAITING: &str = r#"
    (import "wasi:io/poll@0.2.0" (instance $poll
        (export "pollable" (type $pollable (sub resource)))
        (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
    (alias export $poll "pollable" (type $pollable))
    (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
        (alias outer 1 $pollable (type $theirs))
        (export "pollable" (type $pollable (eq $theirs)))
        (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))
    (core func $later (canon lower (func $clock "subscribe-duration")))
    (core func $wait (canon lower (func $poll "[method]pollable.block")))"#;
