//! One command, one call: the way back to the revision before, under load.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::Client;
use super::host::Host;
use super::load::figures::millis;
use super::load::latency::Latencies;
use super::pause::pause;
use super::report::{Faults, Row};
use super::stand::{SERVICES, Stand, World};

/// A rollback takes at most so long, the command's own start included.
const BOUND: Duration = Duration::from_millis(100);
/// Between two of them.
const PERIOD: Duration = Duration::from_millis(200);

/// Runs it.
pub fn run(world: &World) -> Row {
    let mut stand = Stand::start(world, [1, 2]);
    let digest = stand.admin.upload(&world.guest.revision(3)).expect("a good component must be taken");
    let rate = stand.usual_rate(world);
    stand.swap(0, 3, &digest);
    let load = stand.load(rate);
    pause(Duration::from_secs(1));
    let rounds = world.of(20, 4, 2);
    let mut faults = Faults::default();
    let (mut by_call, mut by_command) = (Latencies::default(), Latencies::default());
    for round in 0..2 * rounds {
        let back = if stand.board.latest(0) == 3 { 1 } else { 3 };
        stand.board.announce(0, back);
        let began = Instant::now();
        let went = if round % 2 == 0 { call(&stand) } else { command(world, &stand) };
        let took = began.elapsed();
        match went {
            Ok(()) => stand.board.confirm(0),
            Err(error) => faults.unless(false, || format!("round {round}: {error}")),
        }
        if round % 2 == 0 { &mut by_call } else { &mut by_command }.note(took);
        pause(PERIOD);
    }
    let seen = load.stop();
    faults.of("load", seen.faults());
    let first = first_after_a_start(world, &mut stand, &mut faults);
    for (name, times) in [("by a call", &by_call), ("by the command", &by_command)] {
        let kept = !world.judges_figures() || times.longest() < BOUND;
        faults.unless(kept, || format!("{name} it took {}", millis(times.longest())));
    }
    let shown =
        |times: &Latencies| format!("{} (median), {} (longest)", millis(times.quantile(0.5)), millis(times.longest()));
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    Row {
        what: "rollback under load",
        scenario: "rollback",
        seen: format!(
            "{rounds} times by the command: {}; {rounds} times by a call of the admin plane: {}; {rate} requests a second: {}. \
             The first after a start of the host, by the command: {}",
            shown(&by_command),
            shown(&by_call),
            seen.shown(),
            millis(first)
        ),
        faults: faults.all(),
        figures: json!({
            "rate": rate,
            "command_ms": { "median": ms(by_command.quantile(0.5)), "max": ms(by_command.longest()) },
            "call_ms": { "median": ms(by_call.quantile(0.5)), "max": ms(by_call.longest()) },
            "after_start_ms": ms(first),
            "load": seen.json(),
        }),
    }
}

/// How long the way back takes where nothing but what serves was compiled since the start.
fn first_after_a_start(world: &World, stand: &mut Stand, faults: &mut Faults) -> Duration {
    stand.host.terminate();
    stand.host.wait();
    stand.host = Host::up(&world.hostel, &stand.folder);
    let back = if stand.board.latest(0) == 3 { 1 } else { 3 };
    let began = Instant::now();
    let went = command(world, stand);
    let took = began.elapsed();
    let found = Client::of(stand.address).revision("/users");
    faults.unless(went.is_ok(), || format!("after a start: {went:?}"));
    faults.unless(found == Ok(back), || format!("after a start: revision {found:?} and not {back}"));
    took
}

fn call(stand: &Stand) -> Result<(), String> {
    stand.admin.rollback(SERVICES[0]).map(drop).map_err(|refusal| refusal.reasons())
}

fn command(world: &World, stand: &Stand) -> Result<(), String> {
    let mut command = Command::new(&world.hostel);
    command.args(["rollback", SERVICES[0]]).env("HOSTEL_ADMIN", stand.admin.socket()).stdin(Stdio::null());
    let output = command.output().map_err(|error| error.to_string())?;
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(format!("{}: {}", output.status, said())) }
}
