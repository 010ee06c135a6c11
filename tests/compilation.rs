//! Components that nobody should compile: what becomes of them, while others are served without a loss.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hostel::deploy::{Author, DeployError, Order, What};
use hostel_model::name::ServiceName;
use hostel_model::units::ByteSize;

use crate::harness::{Connection, Harness, Running, guest};
use crate::reload::chance::Chance;

/// Mutants that are tried, and the seed they come from.
const MUTANTS: usize = 500;
const SEED: u64 = 2_026;

/// A component that answers requests by its type, with this inside its one module.
fn component(module: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(component
            (import "wasi:http/types@0.2.0" (instance $types
                (export "incoming-request" (type (sub resource)))
                (export "response-outparam" (type (sub resource)))))
            (alias export $types "incoming-request" (type $request))
            (alias export $types "response-outparam" (type $response))
            (core module $core (func (export "handle") (param i32 i32)) {module})
            (core instance $started (instantiate $core))
            (func $handle (param "request" (own $request)) (param "response-out" (own $response))
                (canon lift (core func $started "handle")))
            (instance $handler (export "handle" (func $handle)))
            (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#
    ))
    .unwrap()
}

/// Values that live across loops: what a compiler keeps of it grows with their product.
pub fn bomb(locals: usize, loops: usize) -> Vec<u8> {
    let set: String = (0..locals).map(|n| format!("local.get {n} i32.const 1 i32.add local.set {n} ")).collect();
    let ends = "local.get 0 br_if 0 end ".repeat(loops);
    component(&format!("(func (param i32) (local {}) {}{set}{ends})", "i32 ".repeat(locals), "loop ".repeat(loops)))
}

/// A host with one service, and limits of compiling that tests can wait for. What is honest takes a tenth of them.
fn host() -> Running {
    Harness::new()
        .compile(|limits| {
            limits.cpu = Duration::from_secs(4);
            limits.wall = Duration::from_secs(60);
            limits.memory = ByteSize::mib(768);
        })
        .serves("hello", guest::HELLO_P2)
        .start()
}

/// What deploying `bytes` would come to. Nothing is put in force.
fn tried(host: &Running, bytes: &[u8]) -> Result<(), String> {
    let deployer = host.host().deployer();
    let digest = deployer.store().artifacts.put(bytes).unwrap();
    let services = BTreeMap::from([(ServiceName::parse("tried").unwrap(), digest)]);
    let what = What::Deploy { services, weight: None };
    let order = Order { what, by: Author::Token, dry_run: true, if_version: None };
    match deployer.ask_from_thread(order) {
        Ok(_) => Ok(()),
        Err(DeployError::Rejected(reasons)) => Err(reasons.first().unwrap().1.to_string()),
        Err(error) => panic!("{error}"),
    }
}

/// Does `work` while two clients ask without pause, each on a connection of its own. How many
/// answers they got: every one of them must be right.
fn meanwhile(host: &Running, work: impl FnOnce()) -> u64 {
    let (over, answers) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut connection = Connection::to(host.address());
                while !over.load(Ordering::Relaxed) {
                    connection.send("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
                    let answer = connection.read_answer("GET");
                    assert!(answer.complete && answer.status == 200, "{}", answer.status);
                    assert_eq!(answer.text(), "Hello, World!\n");
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        over.store(true, Ordering::Relaxed);
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    answers.load(Ordering::Relaxed)
}

#[test]
fn a_bomb_dies_in_a_process_of_its_own_and_no_request_is_lost() {
    let host = host();
    let answers = meanwhile(&host, || {
        for (bytes, why) in [
            (bomb(3_000, 1_000), "`compile-timeout`"),
            (bomb(9_000, 4_000), "`compile-"),
            (component(&format!("(func (local {}))", "i32 ".repeat(50_000))), "locals in one function"),
            (component(&format!("(func {}{})", "block ".repeat(15_000), "end ".repeat(15_000))), "blocks inside"),
            (component(&format!("(func {})", "nop ".repeat(7_600_000))), "bytes in one function"),
        ] {
            let began = Instant::now();
            let refused = tried(&host, &bytes).unwrap_err();
            assert!(refused.contains(why), "{refused}");
            assert!(began.elapsed() < Duration::from_secs(70), "{refused}: after {:?}", began.elapsed());
            eprintln!("refused after {:?}: {refused}", began.elapsed());
        }
    });
    assert!(answers > 100, "only {answers} answers while bombs were compiled");
    eprintln!("5 bombs refused, the host serves; meanwhile {answers} requests answered, 0 lost");
    // What is honest is compiled as before.
    tried(&host, &std::fs::read(guest::HELLO_P3).unwrap()).unwrap();
}

#[test]
fn five_hundred_mutants_are_compiled_or_refused_and_no_request_is_lost() {
    let host = host();
    let whole = component(
        r#"(memory 1) (table 4 funcref) (global (mut i32) (i32.const 1)) (elem (i32.const 0) $f $f)
        (data (i32.const 8) "some data")
        (func $f (param i32) (result i32) (local i64)
            (block $out (loop $again
                (br_if $out (i32.eqz (local.get 0)))
                (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                (i32.store (i32.const 16) (local.get 0))
                (br $again)))
            (call_indirect (param i32) (result i32) (i32.load (i32.const 16)) (i32.const 1)))"#,
    );
    let mut chance = Chance::of(SEED);
    let (mut compiled, mut invalid, mut others) = (0, 0, 0);
    tried(&host, &whole).expect("what they are made of must be fine");
    let answers = meanwhile(&host, || {
        for number in 0..MUTANTS {
            let mut mutant = whole.clone();
            for _ in 0..=chance.below(3) {
                let place = 8 + chance.below(mutant.len() - 8);
                mutant[place] ^= 1 << chance.below(8);
            }
            match tried(&host, &mutant) {
                Ok(()) => compiled += 1,
                Err(reason) => {
                    // Neither dead nor late, nor too large, nor killed.
                    assert!(!reason.contains("compile-"), "mutant {number}: {reason}");
                    assert!(!reason.contains("was not compiled"), "mutant {number}: {reason}");
                    *(if reason.contains("not a WebAssembly component") { &mut invalid } else { &mut others }) += 1;
                }
            }
        }
    });
    eprintln!(
        "{MUTANTS} mutants: {compiled} compiled, {invalid} invalid, {others} refused otherwise; \
         meanwhile {answers} requests answered, 0 lost"
    );
    assert_eq!(compiled + invalid + others, MUTANTS);
    assert!(compiled > 20 && invalid > 50 && others > 5, "{compiled}, {invalid}, {others}: that tries little");
    assert!(answers > 100, "only {answers} answers while mutants were compiled");
}

#[test]
fn a_bomb_that_is_being_compiled_holds_up_no_other_change() {
    let host = host();
    let (hello, bomb) = (ServiceName::parse("hello").unwrap(), bomb(3_000, 1_000));
    let digest = host.host().deployer().store().artifacts.put(&bomb).unwrap();
    let order = |what| Order { what, by: Author::Token, dry_run: false, if_version: None };
    let (over, mut changes) = (AtomicBool::new(false), 0);
    let deployed = std::thread::scope(|scope| {
        let bombing = scope.spawn(|| {
            let services = BTreeMap::from([(hello.clone(), digest)]);
            let deployed = host.host().deployer().ask_from_thread(order(What::Deploy { services, weight: None }));
            over.store(true, Ordering::Relaxed);
            deployed
        });
        while !over.load(Ordering::Relaxed) {
            for what in [What::Disable(hello.clone()), What::Enable(hello.clone())] {
                host.host().deployer().ask_from_thread(order(what)).unwrap();
                changes += 1;
            }
        }
        bombing.join().unwrap()
    });
    eprintln!("{changes} changes while one component was compiled");
    assert!(changes > 10, "{changes}");
    // Whoever changed the same service meanwhile was later, and what they decided holds.
    assert!(matches!(deployed, Err(DeployError::Outdated { .. })), "{deployed:?}");
    assert_eq!(host.get("/hello").status, 200);
}
