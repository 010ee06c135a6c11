//! What instances wrote is the system's again when they have ended.

use std::thread;

use hostel_model::units::ByteSize;

use crate::harness::{Process, eventually, guest};

/// Instances at once; together they write most of the budget.
const AT_ONCE: usize = 8;
const MEMORY: ByteSize = ByteSize::mib(48);
/// What may stay: the first bytes of each slot are kept for the next instance, and so is some room of the host itself.
const KEPT: ByteSize = ByteSize::mib(64);

/// The budget has back what an instance had as soon as it ends. If the system had it later, the host could hold
/// many times the budget.
#[test]
fn what_instances_wrote_goes_back_to_the_system_when_they_end() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(guest::ALLOCATES_WITHOUT_END_P2, folder.path().join("p2.wasm")).unwrap();
    std::fs::copy(guest::ALLOCATES_WITHOUT_END_P3, folder.path().join("p3.wasm")).unwrap();
    let service = |name: &str| {
        format!(
            "[service.{name}]\ncomponent = \"{name}.wasm\"\nroutes = [\"/{name}\"]\n\
             limits = {{ memory = \"{MEMORY}\", cpu = \"10s\", deadline = \"60s\" }}\n"
        )
    };
    let text = format!(
        "version = 1\nmemory_budget = \"512MiB\"\n[[listener]]\naddress = \"127.0.0.1:0\"\n{}{}",
        service("p2"),
        service("p3")
    );
    std::fs::write(folder.path().join("hostel.toml"), text).unwrap();
    let mut process = Process::up(folder.path());
    for path in ["/p2", "/p3"] {
        let before = process.resident();
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| assert_eq!(process.get(path).status, 502, "{path}"));
            }
        });
        eventually("what they wrote has gone back", || process.resident() < before + KEPT.0);
    }
    assert_eq!(process.stop().code(), Some(0));
}
