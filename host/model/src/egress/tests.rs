//! Which texts grant what, and that nothing else is reached by any spelling.

mod outbound;
mod policy;
mod reachable;

use std::collections::BTreeSet;

use super::{Outbound, Policy};

fn outbound(text: &str) -> Outbound {
    Outbound::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn policy(texts: &[&str]) -> Policy {
    let grants: BTreeSet<Outbound> = texts.iter().map(|text| outbound(text)).collect();
    Policy::of(&grants)
}
