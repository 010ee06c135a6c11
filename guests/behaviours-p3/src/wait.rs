//! Waiting without using the processor.

use wasip3::clocks::monotonic_clock::wait_for;

const SECOND: u64 = 1_000_000_000;

pub async fn milliseconds(count: u64) {
    wait_for(count.saturating_mul(SECOND / 1000)).await;
}

pub async fn for_ever() -> ! {
    loop {
        wait_for(3600 * SECOND).await;
    }
}
