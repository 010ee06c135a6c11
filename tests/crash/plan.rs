//! What is written: lanes that each do one operation after the other, all derived from the seed.
//!
//! Both sides know the plan, the process that writes and the one that kills it. So an acknowledgement
//! is only a lane's name and a number, and whoever checks knows every byte that must be there.
//! A lane waits for each of its operations: when the process is killed, at most one is under way.

use super::chance::Chance;
use super::value::Origin;

/// Services that write.
pub const SERVICES: [&str; 3] = ["users", "orders", "users-2"];
/// Buckets of each service. The names of the first two services and these could be mistaken for
/// one another if they were joined.
pub const BUCKETS: [&str; 2] = ["default", "2-default"];
/// Writers at once: four in each bucket.
pub const LANES: usize = 24;
/// Keys that a lane writes again and again.
pub const SLOTS: usize = 32;
/// A number that all lanes of a service count up together.
pub const SHARED_NUMBER: &str = "shared/number";
/// A value that all lanes of a service change by compare-and-swap, each time its number is one more.
pub const SHARED_SWAP: &str = "shared/swap";
/// The most keys that one operation writes or deletes.
const BATCH: usize = 6;
/// Bytes of the longest key, below the limit of 1 KiB.
const KEY_BYTES: usize = 900;

/// What one of a lane's operations does. Keys are named by their slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Gives all these keys new values, or none.
    Set(Vec<usize>),
    /// Takes the values of all these keys away, or of none.
    Delete(Vec<usize>),
    /// Replaces the value that was just read; nobody else writes this key.
    Swap(usize),
    /// Adds to the lane's own number.
    Add(i64),
    /// Adds one to the number of the service.
    AddShared,
    /// Tries once to replace the shared value of the service.
    SwapShared,
}

/// The plan of a seed.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
}

impl Plan {
    /// The lane's operation with this number.
    pub fn operation(&self, lane: usize, index: u64) -> Operation {
        let mut chance = Chance::of(Chance::of(self.seed ^ lane as u64).number() ^ index);
        match chance.below(100) {
            0..45 => Operation::Set(slots(&mut chance, 1)),
            45..62 => Operation::Set(slots(&mut chance, BATCH)),
            62..70 => Operation::Delete(slots(&mut chance, 1)),
            70..74 => Operation::Delete(slots(&mut chance, BATCH)),
            74..82 => Operation::Swap(chance.below(SLOTS)),
            82..90 => Operation::Add(chance.below(2_001) as i64 - 1_000),
            90..95 => Operation::AddShared,
            _ => Operation::SwapShared,
        }
    }

    /// The value that the operation with this number gives a key.
    pub fn value(&self, lane: usize, index: u64, slot: usize) -> Vec<u8> {
        Origin { seed: self.seed, lane, index, slot }.bytes()
    }
}

/// Up to `most` slots in their order, at least one.
fn slots(chance: &mut Chance, most: usize) -> Vec<usize> {
    let mut slots: Vec<usize> = (0..1 + chance.below(most)).map(|_| chance.below(SLOTS)).collect();
    slots.sort_unstable();
    slots.dedup();
    slots
}

/// The lane's service, by its place in [`SERVICES`].
pub fn service_of(lane: usize) -> usize {
    lane % SERVICES.len()
}

/// The service and the bucket in which the lane writes.
pub fn home_of(lane: usize) -> (&'static str, &'static str) {
    (SERVICES[service_of(lane)], BUCKETS[lane / SERVICES.len() % BUCKETS.len()])
}

/// The key of a slot: most are short, some long, some not of ASCII.
pub fn key(lane: usize, slot: usize) -> String {
    let key = format!("{lane:02}/{slot:02}");
    match slot % 8 {
        6 => format!("{key}/ключ-鍵"),
        7 => format!("{key}/{}", "k".repeat(KEY_BYTES - key.len() - 1)),
        _ => key,
    }
}

/// The key of the lane's own number.
pub fn number_key(lane: usize) -> String {
    format!("{lane:02}/number")
}

/// The text of the shared value: how often it was replaced, and by which operation the last time.
pub fn swap_text(count: u64, lane: usize, index: u64) -> String {
    format!("{count} {lane} {index}")
}

/// How often the shared value was replaced. None if this is not such a value.
pub fn swap_count(value: Option<&[u8]>) -> Option<u64> {
    let Some(value) = value else {
        return Some(0);
    };
    let mut words = std::str::from_utf8(value).ok()?.split(' ').map(str::parse::<u64>);
    match (words.next()?, words.next()?, words.next()?, words.next()) {
        (Ok(count), Ok(_), Ok(_), None) => Some(count),
        _ => None,
    }
}
