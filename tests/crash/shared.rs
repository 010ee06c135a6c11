//! The keys that all lanes of a service write: a number that they count up, and a value that they replace in turn.
//!
//! Every success makes the count one more, so the count must be that of all that was acknowledged,
//! and at most one more for each operation that was under way. No two may have been told the same count.

use std::collections::BTreeMap;

use super::expect::Fault;
use super::plan::{BUCKETS, LANES, Operation, Plan, SERVICES, SHARED_NUMBER, SHARED_SWAP};
use super::plan::{service_of, swap_count, swap_text};
use super::said::{Acknowledged, Outcome};
use super::storage::Entries;

/// The counts of one service.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    service: usize,
    number: Count,
    swap: Count,
}

/// One of them.
#[derive(Clone, Debug, Default)]
struct Count {
    /// When the process was started.
    before: u64,
    /// The counts that were acknowledged since, and to whom.
    told: BTreeMap<u64, Acknowledged>,
}

impl Shared {
    /// Those of the service at this place in [`SERVICES`], of which there is nothing yet.
    pub fn new(service: usize) -> Self {
        Self { service, ..Self::default() }
    }

    /// Takes note of an acknowledgement.
    pub fn acknowledged(&mut self, plan: &Plan, said: Acknowledged) -> Result<(), Fault> {
        if service_of(said.lane) != self.service {
            return Ok(());
        }
        match (plan.operation(said.lane, said.index), said.outcome) {
            (Operation::AddShared, Outcome::Sum(sum)) => self.number.tell(u64::try_from(sum).unwrap_or(0), said),
            (Operation::SwapShared, Outcome::Swapped(count)) => self.swap.tell(count, said),
            _ => Ok(()),
        }
    }

    /// Takes these keys out of what was found and compares them. `next` is the operation of each lane
    /// that may have been under way.
    pub fn settle(&mut self, plan: &Plan, next: &[u64], found: &mut BTreeMap<(String, String), Entries>) -> Vec<Fault> {
        let mut nothing = Entries::new();
        let home = (SERVICES[self.service].to_owned(), BUCKETS[0].to_owned());
        let entries = found.get_mut(&home).unwrap_or(&mut nothing);
        let (number, swap) = (entries.remove(SHARED_NUMBER), entries.remove(SHARED_SWAP));
        let under_way = |wanted: Operation| {
            let own = (0..LANES).filter(|lane| service_of(*lane) == self.service);
            own.filter(move |lane| plan.operation(*lane, next[*lane]) == wanted)
        };
        let mut faults = Vec::new();
        let text = number.as_ref().map_or(Some("0"), |number| std::str::from_utf8(number).ok());
        let sum = text.and_then(|text| text.parse().ok());
        faults.extend(self.number.settle("number", sum, under_way(Operation::AddShared).count()));
        let count = swap_count(swap.as_deref());
        let mut last: Vec<Vec<u8>> = under_way(Operation::SwapShared)
            .filter_map(|lane| Some(swap_text(count?, lane, next[lane]).into()))
            .collect();
        let told = count.and_then(|count| self.swap.told.get(&count).map(|said| (count, *said)));
        if let Some((count, Acknowledged { lane, index, .. })) = told {
            last = vec![swap_text(count, lane, index).into()];
        }
        let unchanged = count == Some(self.swap.before);
        if !unchanged && !swap.as_ref().is_some_and(|value| last.contains(value)) {
            faults.push(Fault::Wrong("the shared value is of an operation that did not write it".to_owned()));
        }
        faults.extend(self.swap.settle("value", count, under_way(Operation::SwapShared).count()));
        faults
    }
}

impl Count {
    fn tell(&mut self, count: u64, said: Acknowledged) -> Result<(), Fault> {
        match self.told.insert(count, said) {
            Some(earlier) => Err(Fault::Wrong(format!("{earlier:?} and {said:?} were told the same count"))),
            None if count <= self.before => {
                Err(Fault::Wrong(format!("{said:?}: the count was {} before", self.before)))
            }
            None => Ok(()),
        }
    }

    fn settle(&mut self, what: &str, found: Option<u64>, under_way: usize) -> Option<Fault> {
        let Some(found) = found else {
            return Some(Fault::Torn(format!("the shared {what} is not one that was written")));
        };
        let (told, newest) = (self.told.len() as u64, self.told.keys().next_back().copied().unwrap_or(0));
        let least = newest.max(self.before + told);
        let most = self.before + told + under_way as u64;
        let before = self.before;
        *self = Self { before: found, told: BTreeMap::new() };
        let seen = || {
            format!(
                "the shared {what} counts {found}: {before} before, {told} acknowledged up to {newest}, \
                 {under_way} under way"
            )
        };
        match found {
            _ if found < least => Some(Fault::Lost(seen())),
            _ if found > most => Some(Fault::Wrong(seen())),
            _ => None,
        }
    }
}
