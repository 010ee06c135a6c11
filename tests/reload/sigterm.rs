//! The host ends politely again and again, and another takes its place at a socket that stays open.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::chance::Chance;
use super::host::{Host, configure};
use super::load::board::Board;
use super::load::figures::millis;
use super::load::latency::Latencies;
use super::pause::pause;
use super::report::{Faults, Row, progress};
use super::stand::{CONNECTIONS, SERVICES, Stand, World, drop_in, temporary};

/// Between a start and the signal: at least so long, and up to twice as long.
const LIFE: Duration = Duration::from_millis(300);

/// Runs it.
pub fn run(world: &World) -> Row {
    let rounds = world.of(100, 5, 2);
    let mut chance = Chance::of(world.seed);
    let (temporary, folder) = temporary();
    for (name, revision) in SERVICES.iter().zip([1, 2]) {
        drop_in(&folder, name, &world.guest.revision(revision));
    }
    // Whoever keeps this open keeps the clients waiting instead of refused.
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port must be free");
    let address = socket.local_addr().expect("a socket must have an address");
    configure(&folder, address, "");
    let mut host = Host::activated(&world.hostel, &folder, &socket);
    host.wait_until_ready();
    let board = Arc::new(Board::new(&[1, 2]));
    let mut stand = Stand::around(host, address, board, temporary);
    let rate = stand.usual_rate(world);
    let load = stand.load(rate);
    let mut faults = Faults::default();
    let (mut drains, mut starts) = (Latencies::default(), Latencies::default());
    for round in 1..=rounds {
        pause(LIFE + chance.time(LIFE));
        let signalled = Instant::now();
        stand.host.terminate();
        let status = stand.host.wait();
        drains.note(signalled.elapsed());
        faults.unless(status.success(), || format!("round {round}: it ended with {status}"));
        let started = Instant::now();
        stand.host = Host::activated(&world.hostel, &stand.folder, &socket);
        stand.host.wait_until_ready();
        starts.note(started.elapsed());
        if round % 10 == 0 {
            progress(&format!("{round} signals"));
        }
    }
    let seen = load.stop();
    faults.of("load", seen.faults());
    let [drain, drain_most, start] = [drains.quantile(0.5), drains.quantile(0.99), starts.quantile(0.5)].map(millis);
    Row {
        what: "SIGTERM under load, and a restart at the same socket",
        scenario: "sigterm",
        seen: format!(
            "{rounds} signals, {rate} requests a second over {CONNECTIONS} connections: {}; drained within {drain} \
             (median), {drain_most} (p99); ready again after {start} (median); an answer took {} at most",
            seen.shown(),
            millis(seen.latency.longest())
        ),
        faults: faults.all(),
        figures: json!({
            "rounds": rounds,
            "rate": rate,
            "load": seen.json(),
            "drain_p50_ms": drains.quantile(0.5).as_secs_f64() * 1000.0,
            "drain_p99_ms": drains.quantile(0.99).as_secs_f64() * 1000.0,
            "start_p50_ms": starts.quantile(0.5).as_secs_f64() * 1000.0,
        }),
    }
}
