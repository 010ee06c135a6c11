//! Waiting without using the processor.

use wasip2::clocks::monotonic_clock::subscribe_duration;

const SECOND: u64 = 1_000_000_000;

pub fn milliseconds(count: u64) {
    subscribe_duration(count.saturating_mul(SECOND / 1000)).block();
}

pub fn for_ever() -> ! {
    loop {
        subscribe_duration(3600 * SECOND).block();
    }
}
