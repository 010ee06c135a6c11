//! The process that is killed: it carries out the plan through the real storage and says what is durable.

use std::io::{Read, Write};
use std::path::Path;

use hostel_storage::{Bucket, KeyValue, Swap};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::plan::{BUCKETS, LANES, Operation, Plan, SERVICES, SHARED_NUMBER, SHARED_SWAP};
use super::plan::{home_of, key, number_key, service_of, swap_count, swap_text};
use super::said::{Acknowledged, Outcome, Said};
use super::storage::{bucket, described, open, runtime};

/// Opens the database and writes until it is killed or fails. Lane `n` begins with its operation `from[n]`.
///
/// With `early` it says that an operation is durable before it has begun, as a host must not: that shows
/// whether the loss is noticed.
pub fn write(state: &Path, plan: Plan, from: &[u64], early: bool) {
    assert_eq!(from.len(), LANES, "every lane must know where it begins");
    let runtime = runtime();
    let Some(keyvalue) = opened(state, &runtime) else {
        return;
    };
    runtime.block_on(async {
        let mut lanes = JoinSet::new();
        for (place, from) in from.iter().enumerate() {
            lanes.spawn(Lane::of(place, plan, &keyvalue, early).run(*from));
        }
        // A lane ends only if something went wrong. The process ends with the first.
        if let Some(ended) = lanes.join_next().await {
            say(&Said::Failed(ended.unwrap_or_else(|error| described(&error))));
        }
    });
}

/// Opens the database, and does nothing until it is killed or its standard input ends.
pub fn recover(state: &Path) {
    let runtime = runtime();
    let keyvalue = opened(state, &runtime);
    // Whoever started this holds the other end.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    drop(keyvalue);
}

fn opened(state: &Path, runtime: &Runtime) -> Option<KeyValue> {
    say(&Said::Opening);
    match open(state, runtime) {
        Ok(keyvalue) => {
            say(&Said::Opened);
            Some(keyvalue)
        }
        Err(failed) => {
            say(&Said::Failed(failed));
            None
        }
    }
}

/// One line, whole: a pipe takes so few bytes at once or not at all. If nobody reads them, nothing matters any more.
fn say(said: &Said) {
    let written = std::io::stdout().lock().write_all(format!("{said}\n").as_bytes());
    if written.is_err() {
        std::process::exit(1);
    }
}

struct Lane {
    place: usize,
    plan: Plan,
    own: Bucket,
    shared: Bucket,
    early: bool,
}

impl Lane {
    fn of(place: usize, plan: Plan, keyvalue: &KeyValue, early: bool) -> Self {
        let (service, name) = home_of(place);
        let shared = bucket(keyvalue, SERVICES[service_of(place)], BUCKETS[0]);
        Self { place, plan, own: bucket(keyvalue, service, name), shared, early }
    }

    /// What went wrong, in the end.
    async fn run(self, from: u64) -> String {
        let place = self.place;
        for index in from.. {
            let operation = self.plan.operation(place, index);
            let acknowledge = |outcome| say(&Said::Done(Acknowledged { lane: place, index, outcome }));
            // Sums are not known before, so they are not told early.
            let early = self.early && matches!(operation, Operation::Set(_) | Operation::Delete(_));
            if early {
                acknowledge(Outcome::Written);
            }
            match self.carry_out(operation, index).await {
                Ok(outcome) if !early => acknowledge(outcome),
                Ok(_) => {}
                Err(failed) => return format!("lane {place}, operation {index}: {failed}"),
            }
        }
        "there are no more operations".to_owned()
    }

    async fn carry_out(&self, operation: Operation, index: u64) -> Result<Outcome, String> {
        let (place, plan) = (self.place, self.plan);
        let written = match operation {
            Operation::Set(slots) => {
                let entries = slots.into_iter().map(|slot| (key(place, slot), plan.value(place, index, slot)));
                self.own.set_many(entries.collect()).await
            }
            Operation::Delete(slots) => {
                self.own.delete_many(slots.iter().map(|slot| key(place, *slot)).collect()).await
            }
            Operation::Swap(slot) => {
                let before = self.own.read_versioned(&key(place, slot)).map_err(|error| described(&error))?;
                let value = plan.value(place, index, slot);
                match self.own.swap(key(place, slot), before.version, value).await {
                    Ok(Swap::Conflict(_)) => return Err("somebody else wrote a key of this lane".to_owned()),
                    other => other.map(drop),
                }
            }
            Operation::Add(delta) => {
                let sum = self.own.increment(number_key(place), delta).await;
                return sum.map(Outcome::Sum).map_err(|error| described(&error));
            }
            Operation::AddShared => {
                let sum = self.shared.increment(SHARED_NUMBER.to_owned(), 1).await;
                return sum.map(Outcome::Sum).map_err(|error| described(&error));
            }
            Operation::SwapShared => return self.swap_shared(index).await,
        };
        written.map(|()| Outcome::Written).map_err(|error| described(&error))
    }

    async fn swap_shared(&self, index: u64) -> Result<Outcome, String> {
        let before = self.shared.read_versioned(SHARED_SWAP).map_err(|error| described(&error))?;
        let count = swap_count(before.value.as_deref()).ok_or("the shared value is not one that was written")? + 1;
        let value = swap_text(count, self.place, index).into_bytes();
        match self.shared.swap(SHARED_SWAP.to_owned(), before.version, value).await {
            Ok(Swap::Done) => Ok(Outcome::Swapped(count)),
            Ok(Swap::Conflict(_)) => Ok(Outcome::Conflict),
            Err(error) => Err(described(&error)),
        }
    }
}
