//! A hundred files that must not be deployed, by the admin plane and by the folder, while the host is under load.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;

use super::broken::Fault;
use super::chance::Chance;
use super::load::figures::millis;
use super::pause::{pause, wait_within};
use super::report::{Faults, Row, progress};
use super::stand::{SERVICES, Stand, World, drop_in};

/// A reason comes sooner than this, or not at all.
const PATIENCE: Duration = Duration::from_secs(30);
/// Revisions that were never seen before have numbers from here on.
const FRESH: u32 = 5000;

/// By which way a file comes.
#[derive(Clone, Copy, Debug)]
enum Way {
    Admin,
    Folder,
}

/// Runs it.
pub fn run(world: &World) -> Row {
    let stand = Stand::start(world, [1, 2]);
    let mut chance = Chance::of(world.seed);
    let rate = stand.usual_rate(world);
    let load = stand.load(rate);
    pause(Duration::from_secs(1));
    let mut faults = Faults::default();
    let mut reasons = BTreeMap::<String, String>::new();
    let (mut number, mut slowest) = (0, Duration::ZERO);
    for _ in 0..world.of(5, 1, 1) {
        for (fault, way) in Fault::ALL.iter().flat_map(|fault| [(*fault, Way::Admin), (*fault, Way::Folder)]) {
            number += 1;
            let file = fault.file(&world.guest, FRESH + number, &mut chance);
            let began = Instant::now();
            let reason = match way {
                Way::Admin => by_admin(&stand, &file),
                Way::Folder => by_folder(&stand, &file),
            };
            let took = began.elapsed();
            slowest = slowest.max(took);
            let lower = reason.to_lowercase();
            let specific = fault.words().iter().any(|word| lower.contains(word));
            faults.unless(specific, || format!("{fault:?} by {way:?}: {reason}"));
            progress(&format!("{fault:?} by {way:?}, {}: {reason}", millis(took)));
            reasons.insert(format!("{fault:?} by {way:?}"), reason);
            drop_in(&stand.folder, SERVICES[0], &world.guest.revision(1));
        }
    }
    let seen = load.stop();
    faults.of("load", seen.faults());
    Row {
        what: "bad deployments under load",
        scenario: "bad",
        seen: format!(
            "{number} files of {} kinds, by the admin plane and by the folder: each refused with its reason, the \
             slowest after {}; {rate} requests a second: {}; {}",
            Fault::ALL.len(),
            millis(slowest),
            seen.shown(),
            seen.latencies()
        ),
        faults: faults.all(),
        figures: json!({
            "files": number, "rate": rate, "slowest_ms": slowest.as_secs_f64() * 1000.0,
            "reasons": reasons, "load": seen.json(),
        }),
    }
}

/// What the admin plane says to the upload, or to the deployment of what it has taken.
fn by_admin(stand: &Stand, file: &[u8]) -> String {
    let refused = stand.admin.upload(file).and_then(|digest| stand.admin.deploy(&[(SERVICES[0], &digest)], None));
    match refused {
        Err(refusal) => format!("{} {}", refusal.status, refusal.reasons()),
        Ok(done) => format!("it was deployed: {done}"),
    }
}

/// What the log says to the file.
fn by_folder(stand: &Stand, file: &[u8]) -> String {
    let before = stand.host.log_text().len();
    // Renamed into place, so that what is said is said of the whole file.
    let [aside, place] = [".part", ".wasm"].map(|end| stand.folder.join(format!("{}{end}", SERVICES[0])));
    if file.iter().all(|byte| *byte == 0) {
        // The same to whoever reads it, and no disk is filled for it.
        let empty = fs::File::create(&aside).and_then(|empty| empty.set_len(file.len() as u64));
        empty.expect("the folder must be writable");
    } else {
        fs::write(&aside, file).expect("the folder must be writable");
    }
    fs::rename(&aside, &place).expect("the folder must be writable");
    let line = wait_within(PATIENCE, || {
        let text = stand.host.log_text();
        let new = text.get(before..).unwrap_or_default();
        let complaint =
            |line: &&str| (line.contains(" WARN ") || line.contains("ERROR ")) && line.contains(SERVICES[0]);
        new.lines().find(complaint).map(str::to_owned)
    });
    line.unwrap_or_else(|| format!("nothing was said within {PATIENCE:?}"))
}
