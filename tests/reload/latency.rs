//! How soon a file that was copied into the folder answers.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::Client;
use super::load::figures::millis;
use super::pause::{pause, wait_for};
use super::report::{Faults, Row, progress};
use super::stand::{SERVICES, Stand, World};

/// From the copy to the first answer, besides compiling.
const BOUND_COLD: Duration = Duration::from_millis(100);
/// The same for a revision whose code is there.
const BOUND_CACHED: Duration = Duration::from_millis(150);
/// Before each copy: what the one before has left to do is done by then.
const REST: Duration = Duration::from_millis(500);
/// Revisions that were never seen before have numbers from here on.
const FRESH: u32 = 1000;

/// One copy.
struct Taken {
    whole: Duration,
    /// What the host says that compiling took.
    compiling: Duration,
}

/// Runs it.
pub fn run(world: &World) -> Row {
    let stand = Stand::start(world, [1, 2]);
    let mut client = Client::of(stand.address);
    let rounds = world.of(20, 4, 2);
    let cold: Vec<Taken> = (0..rounds).map(|round| copy(&stand, world, &mut client, FRESH + round)).collect();
    progress("cold: done");
    let last = FRESH + rounds - 1;
    let cached: Vec<Taken> = (0..rounds).map(|round| copy(&stand, world, &mut client, last - 1 + round % 2)).collect();
    let mut faults = Faults::default();
    for taken in &cached {
        faults.unless(taken.compiling.is_zero(), || "a revision that was there is compiled again".to_owned());
    }
    let besides = times(&cold, |taken| taken.whole.saturating_sub(taken.compiling));
    let (whole, compiling) = (times(&cold, |taken| taken.whole), times(&cold, |taken| taken.compiling));
    let cached = times(&cached, |taken| taken.whole);
    let judged = world.judges_figures();
    faults.unless(!judged || besides.1 <= BOUND_COLD, || format!("besides compiling it took {}", millis(besides.1)));
    faults.unless(!judged || cached.1 <= BOUND_CACHED, || format!("cached it took {}", millis(cached.1)));
    let shown =
        |(median, worst): (Duration, Duration)| format!("{} (median), {} (worst)", millis(median), millis(worst));
    let ms = |(median, worst): (Duration, Duration)| json!([median.as_secs_f64() * 1e3, worst.as_secs_f64() * 1e3]);
    Row {
        what: "from `cp new.wasm services/users.wasm` to the first answer of the new revision",
        scenario: "latency",
        seen: format!(
            "{rounds} new ones: {}, of which compiling {}, the rest {}; {rounds} cached ones: {}",
            shown(whole),
            shown(compiling),
            shown(besides),
            shown(cached)
        ),
        faults: faults.all(),
        figures: json!({
            "whole_ms": ms(whole), "compiling_ms": ms(compiling), "besides_ms": ms(besides), "cached_ms": ms(cached),
        }),
    }
}

/// Copies a revision into the folder and asks until it answers.
fn copy(stand: &Stand, world: &World, client: &mut Client, number: u32) -> Taken {
    let new = stand.folder.with_file_name("new.wasm");
    fs::write(&new, world.guest.revision(number)).expect("the folder must be writable");
    pause(REST);
    let lines = live_lines(stand).len();
    let path = format!("/{}", SERVICES[0]);
    let began = Instant::now();
    fs::copy(&new, stand.folder.join("users.wasm")).expect("the folder must be writable");
    let whole = wait_for("the new revision answers", || {
        let found = client.revision(&path).unwrap_or_else(|error| panic!("{error}"));
        (found == number).then(|| began.elapsed())
    });
    // The line is written after the swap, so the answer may be faster.
    let line = wait_for("the log says that it is live", || live_lines(stand).into_iter().nth(lines));
    let compiling = line.split("compile_ms=").nth(1).map_or(Duration::ZERO, |rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Duration::from_millis(digits.parse().unwrap_or_else(|error| panic!("{error}: {line}")))
    });
    Taken { whole, compiling }
}

fn live_lines(stand: &Stand) -> Vec<String> {
    let text = stand.host.log_text();
    let lines = text.lines().filter(|line| line.contains("revision is live") && line.contains(SERVICES[0]));
    lines.map(str::to_owned).collect()
}

/// The median and the worst.
fn times(all: &[Taken], time: impl Fn(&Taken) -> Duration) -> (Duration, Duration) {
    let mut times: Vec<Duration> = all.iter().map(time).collect();
    times.sort();
    (times[times.len() / 2], times[times.len() - 1])
}
