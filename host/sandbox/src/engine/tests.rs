//! What one engine compiles, the other one runs; and slots are clean.

mod residue;

use super::*;

fn running(generation: Generation, limits: &HostLimits) -> Digest {
    compatibility(&engine(generation, limits, ResetMode::KeepResident).unwrap())
}

#[test]
fn the_engine_that_compiles_agrees_with_the_one_that_runs_whatever_the_host_may_have() {
    let small = HostLimits { instances: 4, ..HostLimits::default() };
    let other =
        HostLimits { instances: 9, memory_max: hostel_model::units::ByteSize::mib(16), ..HostLimits::default() };
    let mut found = Vec::new();
    for generation in [Generation::P2, Generation::P3] {
        let compiles = compatibility(&compiling(generation).unwrap());
        assert_eq!(compiles, running(generation, &small));
        assert_eq!(compiles, running(generation, &other));
        found.push(compiles);
    }
    assert_ne!(found[0], found[1], "code of one generation would pass for that of the other");
}
