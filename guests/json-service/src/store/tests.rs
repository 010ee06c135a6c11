//! Tests of creating and changing entities while others do the same.

use super::*;
use crate::memory::MemoryStore;

#[test]
fn a_change_is_decided_again_on_what_somebody_else_wrote_meanwhile() {
    let store = MemoryStore::default();
    create(&store, "n", &1_u64).unwrap();
    store.interrupt_next_swap(|store| store.put("n", b"10"));
    let seen = change(&store, "n", |n: &mut u64| {
        *n += 1;
        Change::Write(*n)
    });
    assert_eq!(seen, Ok(Some(11)));
    assert_eq!(read::<u64>(&store, "n"), Ok(Some(11)));
}

#[test]
fn creating_what_exists_leaves_it_and_returns_it() {
    let store = MemoryStore::default();
    assert_eq!(create(&store, "n", &1_u64), Ok(Created::New));
    assert_eq!(create(&store, "n", &2_u64), Ok(Created::Exists(1)));
    assert_eq!(read::<u64>(&store, "n"), Ok(Some(1)));
}

#[test]
fn a_value_that_is_not_ours_is_damage_not_absence() {
    let store = MemoryStore::default();
    store.put("n", b"{");
    assert!(matches!(read::<u64>(&store, "n"), Err(StoreError::Damaged { .. })));
}
