//! Tries a row of components that must not be deployed: each refused with its reason, and nobody the worse.

use std::time::{Duration, Instant};

use serde_json::json;

use super::bench::Bench;
use super::load::figures::millis;
use super::report::{Faults, Seen};
use super::row::{Bad, Refused};
use super::trial::{Crowd, Watch, compare, rest, settle};

/// Deployments under way at a time: a compilation takes a core, though at the lowest priority.
const COMPILING: usize = 2;
/// The service that is to be made of it, and never is.
const NAME: &str = "refused";

/// Tries all of them.
pub fn run(bench: &mut Bench, refused: &Refused) -> Seen {
    let mut faults = Faults::default();
    let files = (refused.files)(bench);
    if let Some(first) = files.first() {
        // What is grown once is grown before it is looked at.
        let _ = deploy(bench, first);
    }
    settle(bench, None);
    let before = rest(bench);
    let watch = Watch::start(bench);
    let (mut slowest, mut reasons) = (Duration::ZERO, serde_json::Map::new());
    let mut compiled = 0;
    for bad in &files {
        let began = Instant::now();
        let reason = deploy(bench, bad);
        let took = began.elapsed();
        slowest = slowest.max(took);
        faults.unless(took <= refused.within, "refused in time", || format!("{}: {}", bad.what, millis(took)));
        match reason {
            Err((status, reason)) => {
                let lower = reason.to_lowercase();
                let told = bad.words.is_empty() || bad.words.iter().any(|word| lower.contains(word));
                faults.unless(matches!(status, 413 | 422), "refused as the file's fault", || {
                    format!("{}: {status} {reason}", bad.what)
                });
                faults.unless(told && !reason.is_empty(), "refused with its reason", || {
                    format!("{}: {reason}, not one of {:?}", bad.what, bad.words)
                });
                reasons.insert(bad.what.clone(), format!("{status} {reason}").into());
            }
            Ok(()) if bad.words.is_empty() => compiled += 1,
            Ok(()) => faults.unless(false, "refused", || format!("{} could be deployed", bad.what)),
        }
    }
    let canaries = watch.stop(bench, "while deploying", Crowd { count: COMPILING, turn: Duration::MAX }, &mut faults);
    let services = bench.host.admin().json("/v1/services").to_string();
    faults.unless(!services.contains(&format!("\"{NAME}\"")), "nothing changed", || {
        format!("there is a service `{NAME}` now")
    });
    let after = settle(bench, Some(&before));
    compare(&before, &after, &mut faults);
    let passed = if compiled > 0 { format!(", {compiled} are as good as before") } else { String::new() };
    Seen {
        seen: format!("{} refused{passed}; the slowest after {}", files.len() - compiled, millis(slowest)),
        faults: faults.all(),
        canaries: Some(canaries),
        overshoot: None,
        memory: Some((before.held.bytes, after.held.bytes)),
        figures: json!({
            "files": files.len(), "deployable": compiled, "slowest_ms": slowest.as_secs_f64() * 1000.0,
            "reasons": if reasons.len() <= 32 { reasons.into() } else { json!(null) },
            "descriptors": [before.held.descriptors.len(), after.held.descriptors.len()],
            "maps": [before.held.maps, after.held.maps],
        }),
    }
}

/// Uploads it and has the host find out what deploying it would change, which it does as if it deployed it. A file
/// that must be refused is deployed in earnest, so that a host that takes it has it.
fn deploy(bench: &Bench, bad: &Bad) -> Result<(), (u16, String)> {
    let admin = bench.host.admin();
    let digest = admin.upload(&bad.bytes).map_err(|refusal| (refusal.status, refusal.reasons()))?;
    let services = [(NAME, digest.as_str())];
    let done = if bad.words.is_empty() { admin.rehearse(&services) } else { admin.deploy(&services, None) };
    done.map(drop).map_err(|refusal| (refusal.status, refusal.reasons()))
}
