//! A backup while guests write, restored elsewhere: nothing that was acknowledged before is missing, nothing is half there.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::Client;
use super::host::{Host, configure, free_address};
use super::load::figures::millis;
use super::pause::pause;
use super::report::{Faults, Row, progress};
use super::stand::{World, temporary};

/// The service that writes.
const SERVICE: &str = "
[service.store]
component = \"store.wasm\"
routes = [\"/store\"]
keyvalue = [\"default\"]
";
/// Clients that write, each its own entities.
const WRITERS: usize = 4;
/// Entities of each, written again and again.
const ENTITIES: usize = 50;
/// Keys of one entity, written all at once.
const PARTS: [&str; 3] = ["head", "body", "foot"];

/// The version of each entity that was acknowledged last; 0 if none was.
type Acknowledged = Vec<u64>;

/// Runs it.
pub fn run(world: &World) -> Row {
    let (_temporary, folder) = temporary();
    let address = free_address();
    furnish(world, &folder, address);
    let host = Host::up(&world.hostel, &folder);
    let file = folder.with_extension("backup");
    let mut faults = Faults::default();
    let acknowledged = Mutex::new(vec![0; WRITERS * ENTITIES]);
    let stop = AtomicBool::new(false);
    let (before, took, written) = std::thread::scope(|scope| {
        let (acknowledged, stop) = (&acknowledged, &stop);
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| scope.spawn(move || write(writer, address, acknowledged, stop))).collect();
        pause(Duration::from_secs(world.of(10, 2, 1)));
        let before: Acknowledged = acknowledged.lock().expect("no writer may panic").clone();
        let began = Instant::now();
        let mut command = Command::new(&world.hostel);
        command.arg("backup").arg(&file).env("HOSTEL_ADMIN", host.admin().socket());
        run_command(&mut command, &mut faults);
        let took = began.elapsed();
        pause(Duration::from_secs(1));
        stop.store(true, Ordering::Relaxed);
        let written: u64 = writers.into_iter().map(|writer| writer.join().expect("a writer must not panic")).sum();
        (before, took, written)
    });
    let last = acknowledged.into_inner().expect("no writer may panic");
    drop(host);
    let bytes = fs::metadata(&file).map(|file| file.len()).unwrap_or_default();
    progress(&format!("{written} writes, a backup of {bytes} bytes after {}", millis(took)));
    let newer = restored(world, &file, &before, &last, &mut faults);
    let entities = before.iter().filter(|version| **version > 0).count();
    faults.unless(entities > ENTITIES, || format!("only {entities} entities were written before"));
    Row {
        what: "backup under write load, restored elsewhere",
        scenario: "backup",
        seen: format!(
            "{written} writes of {} keys each, acknowledged; `backup` took {} and made {bytes} bytes; restored: all \
             {entities} entities whole, at the version acknowledged before it began or later ({newer} of them later)",
            PARTS.len(),
            millis(took)
        ),
        faults: faults.all(),
        figures: json!({
            "writes": written, "entities": entities, "newer": newer, "bytes": bytes,
            "backup_ms": took.as_secs_f64() * 1000.0,
        }),
    }
}

fn furnish(world: &World, folder: &Path, address: SocketAddr) {
    fs::copy(&world.keyvalue, folder.join("store.wasm")).expect("the guest must be there");
    configure(folder, address, SERVICE);
}

fn run_command(command: &mut Command, faults: &mut Faults) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    faults.unless(output.status.success(), || format!("{command:?}: {}: {}", output.status, said()));
}

/// Writes its entities in turn, each time one version further; how many writes were acknowledged.
fn write(writer: usize, address: SocketAddr, acknowledged: &Mutex<Acknowledged>, stop: &AtomicBool) -> u64 {
    let mut client = Client::of(address);
    let (mut version, mut written) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let entity = writer * ENTITIES + version as usize % ENTITIES;
        version += 1;
        let pairs: String =
            PARTS.iter().map(|part| format!("&pair={entity}-{part}:{}", value(entity, version))).collect();
        let answer = client.get(&format!("/store?op=set_many{pairs}"));
        match answer {
            Ok(got) if got.status == 200 && got.body == br#"{"result":"ok"}"# => {
                written += 1;
                acknowledged.lock().expect("no writer may panic")[entity] = version;
            }
            // Guests may write only so fast; what is refused was not acknowledged.
            Ok(_) => pause(Duration::from_millis(5)),
            Err(error) => panic!("a write was not answered: {error}"),
        }
    }
    written
}

/// Of every version another length, so that a half would be seen.
fn value(entity: usize, version: u64) -> String {
    format!("{version}.{}", format!("{entity}x{version}.").repeat(1 + (version % 17) as usize))
}

/// Restores `file` into another folder, starts a host there, and looks at every entity. How many
/// are newer than they had to be.
fn restored(world: &World, file: &Path, before: &Acknowledged, last: &Acknowledged, faults: &mut Faults) -> usize {
    let (_temporary, folder) = temporary();
    let address = free_address();
    furnish(world, &folder, address);
    run_command(Command::new(&world.hostel).arg("restore").arg(file).arg(&folder), faults);
    let _host = Host::up(&world.hostel, &folder);
    let mut client = Client::of(address);
    let mut newer = 0;
    for (entity, (before, last)) in before.iter().zip(last).enumerate() {
        let keys: String = PARTS.iter().map(|part| format!("&key={entity}-{part}")).collect();
        let got = client.get(&format!("/store?op=get_many{keys}")).unwrap_or_else(|error| panic!("{error}"));
        let answer: Value = serde_json::from_slice(&got.body).unwrap_or_default();
        match version(entity, &answer) {
            // One further than the last acknowledged: it was written, and its answer was on the way.
            Ok(version) if (*before..=last + ENTITIES as u64).contains(&version) => {
                newer += usize::from(version > *before);
            }
            Ok(version) => {
                faults.unless(false, || format!("entity {entity}: version {version}, acknowledged {before}"))
            }
            Err(error) => faults.unless(false, || format!("entity {entity}: {error}: {answer}")),
        }
    }
    newer
}

/// The version of an entity, if all its parts have the same, each whole; 0 if none is there.
fn version(entity: usize, answer: &Value) -> Result<u64, &'static str> {
    let pairs = answer["result"].as_array().ok_or("no result")?;
    let values: Vec<Option<&str>> = pairs.iter().map(|pair| pair[1].as_str()).collect();
    if values.len() != PARTS.len() || values.iter().any(|value| *value != values[0]) {
        return Err("its parts differ");
    }
    let Some(text) = values[0] else {
        return Ok(0);
    };
    let version = text.split('.').next().and_then(|version| version.parse().ok()).ok_or("a value without a version")?;
    if text == value(entity, version) { Ok(version) } else { Err("a value that was never written") }
}
