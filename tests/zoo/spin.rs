//! Eight guests that spin all the time: what canaries, the admin plane and a signal see of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::ask::Ask;
use super::bench::Bench;
use super::guest;
use super::load::figures::millis;
use super::load::latency::Latencies;
use super::pause::pause;
use super::report::{Faults, Seen, ms};
use super::row::{Expect, Row, Service};
use super::trial::{Crowd, Watch};

/// Guests that spin at once.
const SPINNING: usize = 8;
const CROWD: Crowd = Crowd { count: SPINNING, turn: Duration::MAX };
/// An answer of the admin plane comes sooner than this.
const ADMIN: Duration = Duration::from_millis(50);
/// What is under way when the host is told to stop may go on for so long.
const DRAIN: Duration = Duration::from_secs(3);
/// Closing databases and flushing logs take a moment after that.
const AFTER_DRAIN: Duration = Duration::from_secs(2);

/// The row.
pub fn rows() -> Vec<Row> {
    vec![Row::own(
        "M2",
        "eight that spin, beside canaries, the admin plane and SIGTERM",
        "canary p99 within the formula, admin p99 under 50 ms, the end within the drain limit",
        Vec::new(),
        spin,
    )]
}

fn spin(bench: &mut Bench, _: &[Service]) -> Seen {
    // They spin for as long as a request may, so that always eight of them do.
    let services = [
        Service::of("spins-p2", guest::LOOPS_FOREVER_P2).limits("cpu = \"10m\", deadline = \"1h\""),
        Service::of("spins-p3", guest::LOOPS_FOREVER_P3).limits("cpu = \"10m\", deadline = \"1h\""),
    ];
    let drain = format!("drain = \"{}s\"", DRAIN.as_secs());
    let mut own = Bench::start(&bench.settled, &bench.guest, &services, &drain);
    own.quiet = bench.quiet;
    let mut faults = Faults::default();
    let mut watch = Watch::start(&own);
    let ended = AtomicBool::new(false);
    let (canaries, admin, stopped) = thread::scope(|scope| {
        for number in 0..SPINNING {
            let (service, address, ended) = (&services[number % services.len()].name, own.address, &ended);
            scope.spawn(move || {
                let ask = Ask::get(service, "", Expect::new(504, "cpu-limit"));
                while !ended.load(Ordering::Relaxed) {
                    ask.send(address, false, None);
                    pause(Duration::from_millis(10));
                }
            });
        }
        super::pause::wait_for("all of them spin", || {
            own.host.gauges().filter(|gauges| gauges.instances >= SPINNING as u64)
        });
        watch.cut(&own, "while they begin", CROWD, &mut Faults::default());
        let admin = ask_admin(&own, own.of(Duration::from_secs(10), Duration::from_secs(3)), &mut faults);
        let canaries = watch.stop(&own, "eight spin", CROWD, &mut faults);
        let began = Instant::now();
        own.host.terminate();
        let status = own.host.wait(DRAIN + AFTER_DRAIN + DRAIN);
        let took = began.elapsed();
        ended.store(true, Ordering::Relaxed);
        faults.unless(status.is_some_and(|status| status.success()), "the end by SIGTERM", || format!("{status:?}"));
        faults.unless(took <= DRAIN + AFTER_DRAIN, "within the drain limit", || millis(took));
        (canaries, admin, took)
    });
    let p99 = admin.quantile(0.99);
    faults.unless(p99 < ADMIN, "admin p99", || millis(p99));
    Seen {
        seen: format!(
            "admin: {} answers, p99 {}, longest {}; ended {} after SIGTERM (drain {})",
            admin.number(),
            millis(p99),
            millis(admin.longest()),
            millis(stopped),
            millis(DRAIN)
        ),
        faults: faults.all(),
        canaries: Some(canaries),
        overshoot: None,
        memory: None,
        figures: json!({
            "admin_requests": admin.number(), "admin_p99_ms": ms(p99), "admin_longest_ms": ms(admin.longest()),
            "sigterm_ms": ms(stopped),
        }),
    }
}

/// Asks the admin plane two things in turn, for so long.
fn ask_admin(bench: &Bench, time: Duration, faults: &mut Faults) -> Latencies {
    let until = Instant::now() + time;
    let mut latencies = Latencies::default();
    while Instant::now() < until {
        for path in ["/livez", "/v1/services"] {
            let began = Instant::now();
            let status = bench.host.admin().get(path).map(|reply| reply.status);
            latencies.note(began.elapsed());
            faults.unless(matches!(status, Ok(200)), "the admin plane answers", || format!("{path}: {status:?}"));
            pause(Duration::from_millis(5));
        }
    }
    latencies
}
