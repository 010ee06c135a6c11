//! Load while nothing changes: what the other scenarios are compared with.

use std::time::Duration;

use serde_json::json;

use super::load::figures::Figures;
use super::pause::pause;
use super::report::{Faults, Row};
use super::stand::{Stand, World};

/// Runs it.
pub fn run(world: &World) -> Row {
    let stand = Stand::start(world, [1, 6]);
    let rate = stand.usual_rate(world);
    let load = stand.load(rate);
    pause(Duration::from_secs(1));
    load.cut();
    pause(Duration::from_secs(world.of(30, 3, 1)));
    let seen: Figures = load.stop();
    let mut faults = Faults::default();
    faults.of("steady", seen.faults());
    let kept = seen.rate() / rate;
    faults.unless((0.98..1.02).contains(&kept), || format!("the rate was {kept:.3} of what it should have been"));
    Row {
        what: "the load itself, while nothing changes",
        scenario: "steady",
        seen: format!("{rate} requests a second; {}; {}", seen.shown(), seen.latencies()),
        faults: faults.all(),
        figures: json!({ "rate": rate, "seen": seen.json() }),
    }
}
