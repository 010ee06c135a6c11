//! `wasi:cli`, clocks, random, filesystem and sockets: present, and empty.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hostel_model::limits::fixed;
use hostel_model::platform::{Clock, Platform, Random};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder};

use super::stdio::{GuestLog, Origin};
use crate::ledger::nanoseconds;

/// A context with no environment, no arguments, no folder, no network; the
/// log as stdout and stderr; clocks and randomness from the platform.
pub(crate) fn surroundings(platform: &Platform, log: &GuestLog) -> WasiCtx {
    let mut seed = [0; 16];
    platform.random.fill(&mut seed);
    WasiCtxBuilder::new()
        .stdout(log.stream(Origin::Stdout))
        .stderr(log.stream(Origin::Stderr))
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .allow_blocking_current_thread(false)
        .max_random_size(fixed::RANDOM_BYTES.0)
        .secure_random(PlatformRandom(Arc::clone(&platform.random)))
        .insecure_random(PlatformRandom(Arc::clone(&platform.random)))
        .insecure_random_seed(u128::from_le_bytes(seed))
        .monotonic_clock(PlatformClock(Arc::clone(&platform.clock)))
        .wall_clock(PlatformClock(Arc::clone(&platform.clock)))
        .build()
}

struct PlatformRandom(Arc<dyn Random>);

impl rand_core::TryRng for PlatformRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

struct PlatformClock(Arc<dyn Clock>);

impl HostMonotonicClock for PlatformClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        nanoseconds(self.0.now().0)
    }
}

impl HostWallClock for PlatformClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.0.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }
}
