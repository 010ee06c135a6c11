//! Tries one row: alone, fifty at once, and beside canaries; then everything must be as it was before.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::ask::{Ask, Reply};
use super::bench::{Bench, MEMORY_BUDGET_BYTES};
use super::host::{Gauges, Held};
use super::journal::Journal;
use super::judge::{self, judge};
use super::load::Load;
use super::pause::{pause, pause_until, wait_within};
use super::report::{Canaries, Faults, Seen};
use super::row::{Asked, Row, Trial};

/// Requests at once, and how many of them in a quick run.
pub const AT_ONCE: usize = 50;
const AT_ONCE_QUICK: usize = 16;
/// Requests under way all the time, beside canaries.
pub const BESIDE: usize = 8;
/// Between two requests of one of those.
const BREATH: Duration = Duration::from_millis(10);
/// How long the host may take until nothing is left.
const SETTLE: Duration = Duration::from_secs(2);
/// The clock tick by which guests are interrupted.
const TICK: Duration = Duration::from_millis(5);
/// How often a canary's request must be scheduled: when it arrives, and if a tick falls into it.
const SCHEDULINGS: u32 = 2;
/// What a request costs besides its guest: a connection is accepted, a trap is written to the log.
const CONNECTION: Duration = Duration::from_millis(1);
/// A machine that does other things as well lets everybody wait now and then: a quick run is judged with it.
const NOISE: Duration = Duration::from_millis(25);
/// By how much memory may grow, or by how many bytes if those are more: each slot of the pool keeps what its
/// instances wrote to the first 256 KiB, and so does the allocator of the host with some of what it had.
const GROWTH: f64 = 1.10;
const KEPT_BYTES: u64 = 32 << 20;
/// Mappings that may be there or not: a slot of the pool has a few more of them while it keeps what the last
/// instance began with, and which slots do is chance. Far fewer than the requests of a row.
const MAPS_BY_CHANCE: u64 = 384;
/// Mappings of one component's code and of the memory that it begins with.
const MAPS_OF_CODE: u64 = 4;
/// Compiled code that the host keeps, beyond that of its services.
const CODE_KEPT: usize = 64;
/// Ticks by which a limit may be passed.
const OVERSHOOT: u32 = 2;

/// Tries a row.
pub fn run(bench: &mut Bench, row: &Row) -> Seen {
    let mut seen = match &row.trial {
        Trial::Asked(asked) => ask_all(bench, asked),
        Trial::Refused(refused) => super::refused::run(bench, refused),
        Trial::Own(scenario) => scenario(bench, &row.services),
    };
    if !bench.host.is_alive() {
        seen.faults.push(format!("the host ended: {}", last_words(bench)));
    }
    seen
}

fn last_words(bench: &Bench) -> String {
    let text = bench.host.said_text();
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
}

/// What the host holds and says when nobody asks it anything.
#[derive(Clone, Debug, Default)]
pub struct Rest {
    pub held: Held,
    gauges: Gauges,
}

/// Asks in all three ways.
pub fn ask_all(bench: &mut Bench, asked: &Asked) -> Seen {
    let mut faults = Faults::default();
    let mut journal = Journal::from_now(&bench.host.access);
    // What is grown once is grown before it is looked at.
    let crowd = bench.of(AT_ONCE, AT_ONCE_QUICK);
    let warm = at_once(bench, &asked.asks, crowd.max(asked.asks.len().min(AT_ONCE)));
    journal.wait_for(&asked.asks.iter().map(Ask::service).collect(), warm.len());
    settle(bench, None);
    journal.forget();
    let before = rest(bench);

    let mut all = Vec::new();
    for ask in std::iter::repeat_n(&asked.asks, asked.alone).flatten() {
        let reply = ask.send(bench.address, true, None);
        all.push(judge::Asked { ask, reply, alone: true });
    }
    let turn = judge::processor_time(&mut journal, &all) + CONNECTION;
    let (canaries, most, others) = beside(bench, asked, turn, &mut faults);
    all.extend(others);
    let after = settle(bench, Some(&before));
    compare(&before, &after, &mut faults);
    faults.unless(most <= MEMORY_BUDGET_BYTES, "the memory budget", || format!("{most} bytes in use"));

    let verdict = judge(&mut bench.sentences, &mut journal, &all, asked.limit, &mut faults);
    if let Some((alone, _)) = verdict.overshoot {
        let allowed = TICK * OVERSHOOT + bench.of(Duration::ZERO, NOISE);
        faults.unless(alone <= allowed, "kill overshoot", || format!("{alone:?} past the limit, alone"));
    }
    let mut faults = faults.all();
    if let Some(look) = asked.look {
        faults.extend(look(bench));
    }
    let outcomes: Vec<String> = verdict.outcomes.iter().map(|(what, count)| format!("{count} x {what}")).collect();
    Seen {
        seen: outcomes.join(", "),
        faults,
        canaries,
        overshoot: verdict.overshoot,
        memory: Some((before.held.bytes, after.held.bytes)),
        figures: json!({
            "outcomes": verdict.outcomes, "memory_budget_most_bytes": most,
            "descriptors": [before.held.descriptors.len(), after.held.descriptors.len()],
            "maps": [before.held.maps, after.held.maps],
        }),
    }
}

/// Fifty at once, and a few all the time, each while canaries are asked. Also the most memory that was in use.
fn beside<'a>(
    bench: &Bench,
    asked: &'a Asked,
    turn: Duration,
    faults: &mut Faults,
) -> (Option<Canaries>, u64, Vec<judge::Asked<'a>>) {
    let mut watch = asked.canaries.then(|| Watch::start(bench));
    let (mut all, mut most) = (Vec::new(), 0);
    let together = bench.of(AT_ONCE, AT_ONCE_QUICK);
    for _ in 0..bench.of(4, 1) {
        let until = Instant::now() + bench.of(Duration::from_secs(1), Duration::from_millis(400));
        let (replies, peak) = watched(bench, || at_once(bench, &asked.asks, together));
        all.extend(replies);
        most = most.max(peak);
        pause_until(until);
    }
    let crowd = |count| Crowd { count: count + asked.others, turn };
    if let Some(watch) = &mut watch {
        watch.cut(bench, "all at once", crowd(together), faults);
    }
    let time = bench.of(Duration::from_secs(5), Duration::from_millis(800));
    let (replies, peak) = watched(bench, || all_the_time(bench, &asked.asks, time));
    all.extend(replies);
    let canaries = watch.map(|watch| watch.stop(bench, "8 all the time", crowd(BESIDE), faults));
    (canaries, most.max(peak), all)
}

/// Canaries that are asked, and what was seen of them.
pub struct Watch {
    load: Load,
    canaries: Canaries,
}

impl Watch {
    /// Begins, and looks how long canaries take when nothing else is asked.
    pub fn start(bench: &Bench) -> Self {
        let load = bench.canaries();
        // The first requests make the connections.
        pause(Duration::from_millis(100));
        load.cut();
        pause(bench.of(Duration::from_secs(3), Duration::from_millis(400)));
        let quiet = load.cut().latency.quantile(0.99);
        Self { load, canaries: Canaries { baseline: quiet.max(bench.quiet), ..Canaries::default() } }
    }

    /// Judges what was seen since the last time, beside a crowd.
    pub fn cut(&mut self, bench: &Bench, phase: &'static str, crowd: Crowd, faults: &mut Faults) {
        self.canaries.note(phase, &self.load.cut(), bound(bench, self.canaries.baseline, crowd), faults);
    }

    /// The same, for the last time.
    pub fn stop(mut self, bench: &Bench, phase: &'static str, crowd: Crowd, faults: &mut Faults) -> Canaries {
        let bound = bound(bench, self.canaries.baseline, crowd);
        self.canaries.note(phase, &self.load.stop(), bound, faults);
        self.canaries
    }
}

/// What is asked beside the canaries.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// So many requests at once.
    pub count: usize,
    /// The processor time that one of them takes.
    pub turn: Duration,
}

/// The p99 that a canary may have beside them: the formula of the limits. A request that takes less than two ticks
/// in all takes no more than that of anybody else.
fn bound(bench: &Bench, baseline: Duration, crowd: Crowd) -> Duration {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let turns = u32::try_from(crowd.count.div_ceil(threads)).unwrap_or(u32::MAX);
    let turn = crowd.turn.min(TICK * 2);
    baseline * 2 + turn * turns * SCHEDULINGS + bench.of(Duration::ZERO, NOISE)
}

/// Runs `act`, and tells the most memory that instances held meanwhile.
fn watched<T>(bench: &Bench, act: impl FnOnce() -> T) -> (T, u64) {
    thread::scope(|scope| {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let watch = scope.spawn(move || {
            let mut most = 0;
            while let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(Duration::from_millis(50))
            {
                most = most.max(bench.host.gauges().map_or(0, |gauges| gauges.memory));
            }
            most
        });
        let done = act();
        drop(stop);
        (done, watch.join().expect("looking at gauges must not panic"))
    })
}

/// So many requests at once, each on a connection of its own.
fn at_once<'a>(bench: &Bench, asks: &'a [Ask], count: usize) -> Vec<judge::Asked<'a>> {
    let together = Barrier::new(count);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|number| {
                let (ask, together) = (&asks[number % asks.len()], &together);
                scope.spawn(move || {
                    together.wait();
                    judge::Asked { ask, reply: ask.send(bench.address, false, None), alone: false }
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a client must not panic")).collect()
    })
}

/// A few clients that ask again as soon as they are answered, for so long.
fn all_the_time<'a>(bench: &Bench, asks: &'a [Ask], time: Duration) -> Vec<judge::Asked<'a>> {
    let until = Instant::now() + time;
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..BESIDE)
            .map(|_| {
                let next = &next;
                scope.spawn(move || {
                    let mut done = Vec::new();
                    while Instant::now() < until {
                        let ask = &asks[next.fetch_add(1, Ordering::Relaxed) % asks.len()];
                        let reply: Reply = ask.send(bench.address, false, None);
                        done.push(judge::Asked { ask, reply, alone: false });
                        pause(BREATH);
                    }
                    done
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a client must not panic")).collect()
    })
}

/// What is held and said now.
pub fn rest(bench: &Bench) -> Rest {
    // The connection that was asked before is closed by then, and the next is not there yet.
    pause(Duration::from_millis(10));
    let held = bench.host.held();
    Rest { gauges: bench.host.gauges().unwrap_or_default(), held }
}

/// Waits until nothing is under way, and no more is held than before if that is given; then tells what is.
pub fn settle(bench: &Bench, before: Option<&Rest>) -> Rest {
    let mut last = Rest::default();
    let _ = wait_within(SETTLE, || {
        last = rest(bench);
        let idle = last.gauges.instances == 0 && last.gauges.connections == 0;
        let no_more = before.is_none_or(|before| {
            descriptors(&last.held) <= descriptors(&before.held)
                && last.held.maps <= maps_allowed(&before.held, &last.held)
                && last.gauges == before.gauges
                && last.held.bytes <= bytes_allowed(&before.held)
        });
        (idle && no_more).then_some(())
    });
    last
}

/// Descriptors but those of the memories that compiled code begins with: code is kept for whoever deploys the same
/// again, as much as the host's cache holds.
fn descriptors(held: &Held) -> usize {
    held.descriptors.iter().filter(|of| !of.contains("wasm-memory-image")).count()
}

fn images(held: &Held) -> usize {
    held.descriptors.len() - descriptors(held)
}

/// Mappings that may be there now: those of code that is kept besides those of before.
fn maps_allowed(before: &Held, now: &Held) -> u64 {
    let kept = images(now).saturating_sub(images(before)) as u64;
    before.maps + MAPS_BY_CHANCE + kept * MAPS_OF_CODE
}

/// Resident memory that there may be now.
fn bytes_allowed(before: &Held) -> u64 {
    ((before.bytes as f64 * GROWTH) as u64).max(before.bytes + KEPT_BYTES)
}

/// Whether everything is back.
pub fn compare(before: &Rest, after: &Rest, faults: &mut Faults) {
    let (old, new) = (&before.held, &after.held);
    faults.unless(after.gauges == before.gauges, "gauges back within 2 s", || {
        format!("{:?}, before {:?}", after.gauges, before.gauges)
    });
    faults.unless(after.gauges.panics == 0, "hostel_host_panics_total is 0", || format!("{}", after.gauges.panics));
    faults.unless(descriptors(new) <= descriptors(old), "descriptors back within 2 s", || {
        format!("{}, before {}: {:?}", descriptors(new), descriptors(old), new.more_than(old))
    });
    faults.unless(images(new) <= images(old) + CODE_KEPT, "code kept", || {
        format!("{} images of memories, before {}", images(new), images(old))
    });
    faults.unless(new.maps <= maps_allowed(old, new), "maps back within 2 s", || {
        format!("{}, before {}", new.maps, old.maps)
    });
    faults.unless(new.bytes <= bytes_allowed(old), "resident memory within 10 %, or what slots keep", || {
        format!("{} KiB, before {} KiB", new.bytes / 1024, old.bytes / 1024)
    });
}
