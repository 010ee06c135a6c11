//! What is lost, torn or wrong is told apart, for every operation that a lane may be at.

use super::*;

const PLAN: Plan = Plan { seed: 11 };
const PLACE: usize = 4;

type Buckets = BTreeMap<(String, String), Entries>;

/// A lane after so many operations, and the entries it has then.
fn after(operations: u64) -> (Lane, Entries) {
    let mut lane = Lane::new(PLACE);
    for _ in 0..operations {
        lane = lane.after(&PLAN.operation(PLACE, lane.next));
    }
    let mut keys: Vec<String> = (0..SLOTS).map(|slot| key(PLACE, slot)).collect();
    keys.push(number_key(PLACE));
    let entries = keys.into_iter().zip(lane.values(&PLAN)).filter_map(|(key, value)| Some((key, value?)));
    let entries = entries.collect();
    (lane, entries)
}

fn settle(lane: &mut Lane, entries: Entries) -> Result<Tail, Vec<Fault>> {
    let (service, bucket) = home_of(PLACE);
    let mut found = Buckets::from([((service.to_owned(), bucket.to_owned()), entries)]);
    let settled = lane.settle(&PLAN, &mut found);
    assert!(found.values().all(Entries::is_empty), "its keys are taken out");
    settled
}

#[test]
fn what_was_under_way_may_be_there_or_not() {
    let mut seen = [0; 3];
    for count in 0..400 {
        let ((mut lane, entries), (next, later)) = (after(count), after(count + 1));
        let same = entries == later;
        let mut other = lane.clone();
        let missing = settle(&mut lane, entries).unwrap();
        assert_eq!(missing, if same { Tail::Unseen } else { Tail::Missing }, "{count}");
        assert_eq!(lane.next, next.next);
        let there = settle(&mut other, later).unwrap();
        assert_eq!(there, if same { Tail::Unseen } else { Tail::There }, "{count}");
        assert!(same || other == next);
        seen[usize::from(same)] += 1;
        seen[2] += 1;
    }
    assert!(seen.iter().all(|count| *count > 20), "{seen:?}");
}

#[test]
fn a_value_that_is_missing_or_older_is_lost_and_one_of_no_write_is_torn() {
    let (lane, entries) = after(400);
    let under_way = |slot: usize| match PLAN.operation(PLACE, 400) {
        Operation::Set(slots) | Operation::Delete(slots) => slots.contains(&slot),
        Operation::Swap(own) => own == slot,
        Operation::Add(_) | Operation::AddShared | Operation::SwapShared => false,
    };
    let long = |slot: usize| entries.get(&key(PLACE, slot)).is_some_and(|value| value.len() > 100);
    let slot = (0..SLOTS).find(|slot| long(*slot) && !under_way(*slot)).unwrap();
    let index = lane.values[slot].unwrap();
    let name = key(PLACE, slot);
    let with = |value: Option<Vec<u8>>| {
        let mut entries = entries.clone();
        match value {
            Some(value) => entries.insert(name.clone(), value),
            None => entries.remove(&name),
        };
        settle(&mut lane.clone(), entries).unwrap_err()
    };
    assert!(matches!(with(None).as_slice(), [Fault::Lost(_)]));
    let older = PLAN.value(PLACE, index + 100_000, slot);
    assert!(matches!(with(Some(older)).as_slice(), [Fault::Lost(_)]));
    let mut torn = entries[&name].clone();
    torn[60..].fill(0);
    assert!(matches!(with(Some(torn)).as_slice(), [Fault::Torn(_)]));
}

#[test]
fn half_of_an_operation_is_torn() {
    let (mut lane, mut entries) = after(300);
    let (slots, at) = (300..)
        .find_map(|index| match PLAN.operation(PLACE, index) {
            Operation::Set(slots) if slots.len() > 2 => Some((slots, index)),
            _ => None,
        })
        .unwrap();
    if at > 300 {
        (lane, entries) = after(at);
    }
    entries.insert(key(PLACE, slots[0]), PLAN.value(PLACE, at, slots[0]));
    let faults = settle(&mut lane, entries).unwrap_err();
    assert!(matches!(faults.as_slice(), [Fault::Torn(words)] if words.contains("half of Set")), "{faults:?}");
}

#[test]
fn acknowledgements_come_in_order_and_with_their_sums() {
    let index = (0..).find(|index| matches!(PLAN.operation(PLACE, *index), Operation::Add(_))).unwrap();
    let (lane, _) = after(index);
    let sum = after(index + 1).0.number.unwrap();
    let said = |index, outcome| Acknowledged { lane: PLACE, index, outcome };
    assert_eq!(lane.clone().acknowledged(&PLAN, said(index, Outcome::Sum(sum))), Ok(()));
    for wrong in [said(index, Outcome::Sum(sum + 1)), said(index, Outcome::Written), said(index + 1, Outcome::Sum(sum))]
    {
        assert!(matches!(lane.clone().acknowledged(&PLAN, wrong), Err(Fault::Wrong(_))), "{wrong:?}");
    }
}
