//! A thousand reloads under constant load: what they cost the requests, and what they leave behind.

use std::time::{Duration, Instant};

use serde_json::json;

use super::host::Held;
use super::load::figures::{Figures, millis};
use super::pause::{pause, pause_until, wait_for};
use super::report::{Faults, Row, progress};
use super::stand::{Stand, World};

/// Between the beginnings of two swaps.
const PERIOD: Duration = Duration::from_millis(200);
/// From the beginning of a load to where it counts.
const SETTLE: Duration = Duration::from_millis(500);
/// Revisions whose code stays in the cache.
const CACHED: usize = 10;
/// How many times longer the slowest hundredth may take while cached revisions are swapped.
const SLOWER_CACHED: f64 = 1.5;
/// The same while revisions are compiled.
const SLOWER_COMPILED: f64 = 3.0;
/// How much more the process may hold afterwards.
const GROWTH: f64 = 0.05;
/// Revisions that were never seen before have numbers from here on.
const FRESH: u32 = 1000;

/// Figures before and during swaps.
struct Measured {
    before: Figures,
    during: Figures,
    slowest_swap: Duration,
    repeated: bool,
}

/// Runs it.
pub fn run(world: &World) -> Row {
    let stand = Stand::start(world, [1, 6]);
    let rate = stand.usual_rate(world);
    let digests = warm_up(&stand, world, rate);
    let held_before = stand.held_at_rest(world);
    progress(&format!("at rest: {held_before:?}"));
    let mut turn = 0;
    let swaps = world.of(990, 50, 10);
    let cached = measure(&stand, world, rate, SLOWER_CACHED, || {
        for_each_period(swaps, |_| {
            let (service, place) = place(turn);
            turn += 1;
            stand.swap(service, place as u32 + 1, &digests[place]);
        })
    });
    progress(&format!("cached: {}; {}", cached.during.shown(), cached.during.latencies()));
    let mut fresh = FRESH;
    let compiled = measure(&stand, world, rate, SLOWER_COMPILED, || {
        for_each_period(world.of(10, 3, 2), |turn| {
            fresh += 1;
            let digest = upload(&stand, world, fresh);
            stand.swap(turn % 2, fresh, &digest);
        })
    });
    progress(&format!("compiled: {}; {}", compiled.during.shown(), compiled.during.latencies()));
    let held_after = stand.held_at_rest(world);
    progress(&format!("at rest: {held_after:?}"));
    let revisions = wait_for("only live revisions are left", || {
        stand.admin.metric("hostel_live_revisions").filter(|number| *number <= 2.0)
    });
    row(world, &cached, &compiled, [held_before, held_after], revisions)
}

fn upload(stand: &Stand, world: &World, number: u32) -> String {
    stand.admin.upload(&world.guest.revision(number)).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

/// Brings the host to where it stays: its code cache is full, if there is time for that, and everything was used
/// once under load. Then compiles what is to be swapped; its digests.
fn warm_up(stand: &Stand, world: &World, rate: f64) -> Vec<String> {
    let load = stand.load(rate);
    for number in 0..world.of(270, 12, 2) {
        let number = FRESH * 2 + number;
        let digest = upload(stand, world, number);
        stand.swap(number as usize % 2, number, &digest);
    }
    let digests: Vec<String> = (1..=CACHED as u32).map(|number| upload(stand, world, number)).collect();
    for turn in 0..2 * CACHED {
        let (service, place) = place(turn);
        stand.swap(service, place as u32 + 1, &digests[place]);
    }
    let seen = load.stop();
    assert!(seen.faults().is_empty(), "while warming up: {:?}", seen.faults());
    digests
}

/// The service that is swapped in this turn, and to which of the cached revisions.
fn place(turn: usize) -> (usize, usize) {
    let (service, step) = (turn % 2, turn / 2);
    // The two never serve the same one.
    (service, (step + service * CACHED / 2) % CACHED)
}

/// Measures without and with `swaps`, once more if the bound is not kept: other programs use the machine as well.
fn measure(stand: &Stand, world: &World, rate: f64, slower: f64, mut swaps: impl FnMut() -> Duration) -> Measured {
    let mut repeated = false;
    loop {
        let load = stand.load(rate);
        pause(SETTLE);
        load.cut();
        pause(Duration::from_secs(world.of(20, 3, 1)));
        let before = load.cut();
        let slowest_swap = swaps();
        let during = load.stop();
        let measured = Measured { before, during, slowest_swap, repeated };
        let once = repeated || !world.judges_figures() || !measured.during.faults().is_empty();
        if once || measured.slower() <= slower {
            return measured;
        }
        progress(&format!("p99 is {:.2} times that before; once more", measured.slower()));
        repeated = true;
    }
}

/// Swaps so many times; the longest that one took.
fn for_each_period(number: usize, mut swap: impl FnMut(usize)) -> Duration {
    let (mut next, mut slowest) = (Instant::now(), Duration::ZERO);
    for turn in 0..number {
        let began = Instant::now();
        swap(turn);
        slowest = slowest.max(began.elapsed());
        next += PERIOD;
        pause_until(next);
    }
    slowest
}

impl Measured {
    fn slower(&self) -> f64 {
        let p99 = |figures: &Figures| figures.latency.quantile(0.99).as_secs_f64();
        p99(&self.during) / p99(&self.before)
    }

    fn shown(&self) -> String {
        let p99 = |figures: &Figures| millis(figures.latency.quantile(0.99));
        let repeated = if self.repeated { ", at the second attempt" } else { "" };
        format!(
            "{}; p99 {} before, {} during ({:.2} times{repeated}), longest {}; slowest swap {}",
            self.during.shown(),
            p99(&self.before),
            p99(&self.during),
            self.slower(),
            millis(self.during.latency.longest()),
            millis(self.slowest_swap)
        )
    }

    fn judge(&self, world: &World, part: &str, slower: f64, faults: &mut Faults) {
        faults.of(part, self.during.faults());
        faults.of(&format!("before {part}"), self.before.faults());
        let kept = !world.judges_figures() || self.slower() <= slower;
        faults.unless(kept, || format!("{part}: p99 is {:.2} times that before", self.slower()));
    }
}

fn row(world: &World, cached: &Measured, compiled: &Measured, [before, after]: [Held; 2], revisions: f64) -> Row {
    let mut faults = Faults::default();
    cached.judge(world, "cached", SLOWER_CACHED, &mut faults);
    compiled.judge(world, "compiled", SLOWER_COMPILED, &mut faults);
    let growth = |one: u64, other: u64| other as f64 / one as f64 - 1.0;
    let grown = [
        ("resident memory", growth(before.bytes, after.bytes)),
        ("descriptors", growth(before.descriptors, after.descriptors)),
        ("maps", growth(before.maps, after.maps)),
    ];
    for (what, growth) in grown {
        faults.unless(!world.judges_figures() || growth <= GROWTH, || {
            format!("{what} changed by {:+.1} %", growth * 100.0)
        });
    }
    faults.unless((revisions - 2.0).abs() < 0.5, || format!("{revisions} live revisions of 2 services"));
    let held = format!(
        "memory {:.1} to {:.1} MiB, descriptors {} to {}, maps {} to {}",
        before.bytes as f64 / 1048576.0,
        after.bytes as f64 / 1048576.0,
        before.descriptors,
        after.descriptors,
        before.maps,
        after.maps
    );
    Row {
        what: "reloads under constant load",
        scenario: "reloads",
        seen: format!("cached: {}. Compiled: {}. {held}; {revisions} live revisions", cached.shown(), compiled.shown()),
        faults: faults.all(),
        figures: json!({
            "cached": { "before": cached.before.json(), "during": cached.during.json() },
            "compiled": { "before": compiled.before.json(), "during": compiled.during.json() },
            "bytes": [before.bytes, after.bytes],
            "descriptors": [before.descriptors, after.descriptors],
            "maps": [before.maps, after.maps],
            "live_revisions": revisions,
        }),
    }
}
