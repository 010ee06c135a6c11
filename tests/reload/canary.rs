//! A revision that fails now and then gets a share of the requests: the host sees it and takes it back.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::load::figures::Share;
use super::pause::{pause, wait_within};
use super::report::{Faults, Row, progress};
use super::stand::{SERVICES, Stand, World};

/// The watch period of a service that says nothing else.
const WATCH: Duration = Duration::from_secs(60);
/// The bad revision.
const BAD: u32 = 666;

/// Runs it.
pub fn run(world: &World) -> Row {
    let stand = Stand::start(world, [1, 2]);
    // The share of the requests that it gets, and of those the share that it fails, in percent.
    let (weight, fails) = world.of((10, 5), (10, 5), (50, 40));
    let digest = stand.admin.upload(&world.guest.failing(BAD, fails)).expect("a valid component must be taken");
    let rate = stand.usual_rate(world);
    let load = stand.load(rate);
    pause(Duration::from_secs(world.of(10, 2, 1)));
    let before = load.cut();
    stand.board.announce(0, BAD);
    let began = Instant::now();
    let deployed = stand.admin.deploy(&[(SERVICES[0], &digest)], Some(weight));
    if let Err(refusal) = deployed {
        panic!("a share for revision {BAD}: {}", refusal.reasons());
    }
    let taken_back = wait_within(WATCH + WATCH / 2, || {
        pause(Duration::from_millis(20));
        taken_back(&stand)
    });
    let after = began.elapsed();
    stand.board.announce(0, 1);
    stand.board.confirm(0);
    // From here on the bad one must not answer, which the board sees to.
    pause(Duration::from_secs(2));
    let seen = load.stop();
    let share = seen.revisions.get(&BAD).copied().unwrap_or_default();
    progress(&format!("{}; {share:?}", seen.shown()));
    let mut faults = Faults::default();
    faults.of("before", before.faults());
    let bad = [(seen.lost, "lost"), (seen.mixed, "mixed"), (seen.stale, "answered after it was taken back")];
    for (number, what) in bad {
        faults.unless(number == 0, || format!("{number} {what}: {:?}", seen.notes));
    }
    let failed = seen.wrong_status();
    faults.unless(failed == share.failed, || format!("{failed} failed, and {} of the bad one", share.failed));
    faults.unless(taken_back.is_some(), || format!("it was not taken back within {WATCH:?} and half of that"));
    faults.unless(after <= WATCH, || format!("it was taken back after {after:?}"));
    let why = taken_back.as_ref().and_then(|entry| entry["why"].as_str()).unwrap_or_default().to_owned();
    faults.unless(!why.is_empty(), || "the history does not say why".to_owned());
    row(rate, share, after, &why, &before.json(), &seen.json(), faults)
}

fn row(rate: f64, share: Share, after: Duration, why: &str, before: &Value, seen: &Value, faults: Faults) -> Row {
    let asked = share.good + share.failed;
    Row {
        what: "a revision that fails 5 % of its requests, at weight 10",
        scenario: "canary",
        seen: format!(
            "{rate} requests a second on two services: taken back after {:.2} s and {asked} requests, of which {} failed; \
             the history says: {why}",
            after.as_secs_f64(),
            share.failed
        ),
        faults: faults.all(),
        figures: json!({
            "rate": rate, "seconds": after.as_secs_f64(), "requests": asked, "failed": share.failed,
            "why": why, "before": before, "during": seen,
        }),
    }
}

/// The entry of the history that says so.
fn taken_back(stand: &Stand) -> Option<Value> {
    let history = stand.admin.json(&format!("/v1/services/{}/history", SERVICES[0]));
    let entries = history["entries"].as_array()?;
    entries.iter().find(|entry| entry["change"] == "taken-back").cloned()
}
