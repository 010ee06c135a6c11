//! What must be in the database after a kill: all that was acknowledged, and of each lane at most one operation more.

use std::collections::BTreeMap;

use super::plan::{Operation, Plan, SLOTS, home_of, key, number_key};
use super::said::{Acknowledged, Outcome};
use super::storage::Entries;
use super::value::is_whole;

/// How a lane's keys stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    place: usize,
    /// Its next operation.
    pub next: u64,
    /// Which operation wrote the value of each slot.
    values: Vec<Option<u64>>,
    number: Option<i64>,
}

/// What is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What was acknowledged is not there.
    Lost(String),
    /// Part of a value, or part of an operation.
    Torn(String),
    /// Something else: an answer that cannot be, a key that nobody wrote.
    Wrong(String),
}

/// Whether the operation that was under way is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    There,
    Missing,
    /// It changes nothing of the lane's own, so its keys do not tell.
    Unseen,
}

impl Lane {
    /// A lane that has done nothing.
    pub fn new(place: usize) -> Self {
        Self { place, next: 0, values: vec![None; SLOTS], number: None }
    }

    /// Whether it has done nothing.
    pub fn is_new(&self) -> bool {
        self.next == 0
    }

    /// The next operation was acknowledged.
    pub fn acknowledged(&mut self, plan: &Plan, said: Acknowledged) -> Result<(), Fault> {
        if said.index != self.next {
            let Acknowledged { lane, index, .. } = said;
            return Err(Fault::Wrong(format!("lane {lane}: {index} acknowledged, {} was the next", self.next)));
        }
        let operation = plan.operation(self.place, self.next);
        *self = self.after(&operation);
        let fits = match (operation, said.outcome) {
            (Operation::Add(_), Outcome::Sum(sum)) => Some(sum) == self.number,
            (Operation::AddShared, Outcome::Sum(_)) => true,
            (Operation::SwapShared, Outcome::Swapped(_) | Outcome::Conflict) => true,
            (Operation::Set(_) | Operation::Delete(_) | Operation::Swap(_), Outcome::Written) => true,
            _ => false,
        };
        if fits { Ok(()) } else { Err(Fault::Wrong(format!("{said:?} with {:?}", self.number))) }
    }

    /// After its next operation.
    fn after(&self, operation: &Operation) -> Self {
        let mut after = self.clone();
        match operation {
            Operation::Set(slots) => slots.iter().for_each(|slot| after.values[*slot] = Some(self.next)),
            Operation::Delete(slots) => slots.iter().for_each(|slot| after.values[*slot] = None),
            Operation::Swap(slot) => after.values[*slot] = Some(self.next),
            Operation::Add(delta) => after.number = Some(self.number.unwrap_or(0) + delta),
            Operation::AddShared | Operation::SwapShared => {}
        }
        after.next += 1;
        after
    }

    /// Takes this lane's keys out of what was found, compares them, and goes on after the operation
    /// that was under way, whether or not it is there.
    pub fn settle(&mut self, plan: &Plan, found: &mut BTreeMap<(String, String), Entries>) -> Result<Tail, Vec<Fault>> {
        let (service, bucket) = home_of(self.place);
        let mut nothing = Entries::new();
        let entries = found.get_mut(&(service.to_owned(), bucket.to_owned())).unwrap_or(&mut nothing);
        let mut own: Vec<Seen> = (0..SLOTS).map(|slot| Seen::of(key(self.place, slot), entries)).collect();
        own.push(Seen::of(number_key(self.place), entries));
        let operation = plan.operation(self.place, self.next);
        let (before, after) = (self.clone(), self.after(&operation));
        let values = |lane: &Self| -> Vec<Option<Vec<u8>>> { lane.values(plan) };
        let (old, new) = (values(&before), values(&after));
        let is = |wanted: &[Option<Vec<u8>>]| own.iter().map(|seen| &seen.value).eq(wanted);
        self.next = after.next;
        match (is(&old), is(&new)) {
            (true, true) => Ok(Tail::Unseen),
            (true, false) => Ok(Tail::Missing),
            (false, true) => {
                *self = after;
                Ok(Tail::There)
            }
            (false, false) => Err(faults(&own, &old, &new, &format!("{operation:?} of lane {}", self.place))),
        }
    }

    /// The value that each key must have, the lane's own number last.
    fn values(&self, plan: &Plan) -> Vec<Option<Vec<u8>>> {
        let value = |(slot, index): (usize, &Option<u64>)| index.map(|index| plan.value(self.place, index, slot));
        let mut values: Vec<_> = self.values.iter().enumerate().map(value).collect();
        values.push(self.number.map(|number| number.to_string().into_bytes()));
        values
    }
}

/// A key of a lane as it was found.
struct Seen {
    key: String,
    value: Option<Vec<u8>>,
}

impl Seen {
    fn of(key: String, entries: &mut Entries) -> Self {
        let value = entries.remove(&key);
        Self { key, value }
    }
}

/// What is wrong with each key that is neither as before nor as after the operation under way; if there is
/// none, the operation is there by half.
fn faults(own: &[Seen], old: &[Option<Vec<u8>>], new: &[Option<Vec<u8>>], operation: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (seen, (old, new)) in own.iter().zip(old.iter().zip(new)) {
        if seen.value == *old || seen.value == *new {
            continue;
        }
        let short = seen.key.chars().take(24).collect::<String>();
        faults.push(match &seen.value {
            None => Fault::Lost(format!("`{short}` has no value, {} bytes were acknowledged", length(old))),
            Some(value) if !is_whole(value) => Fault::Torn(format!(
                "`{short}` has {} bytes of no write, {} were acknowledged",
                value.len(),
                length(old)
            )),
            Some(value) => Fault::Lost(format!(
                "`{short}` has {} bytes of another write, {} were acknowledged",
                value.len(),
                length(old)
            )),
        });
    }
    if faults.is_empty() {
        faults.push(Fault::Torn(format!("half of {operation} is there")));
    }
    faults
}

fn length(value: &Option<Vec<u8>>) -> usize {
    value.as_ref().map_or(0, Vec::len)
}

#[cfg(test)]
mod tests;
