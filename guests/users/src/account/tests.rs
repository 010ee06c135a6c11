//! Tests that a registration cut off at any write leaves a name that somebody can use, and only one.

use super::*;
use json_service::memory::{CountingRandom, Crash, MemoryStore, SetClock, SetSettings};

#[derive(Default)]
struct World {
    store: MemoryStore,
    clock: SetClock,
    random: CountingRandom,
    settings: SetSettings,
}

impl World {
    fn ports(&self) -> Ports<'_> {
        Ports { store: &self.store, clock: &self.clock, random: &self.random, settings: &self.settings }
    }

    fn register(&self, name: &str, password: &str) -> Result<Registered, Problem> {
        register(self.ports(), &Username::parse(name).unwrap(), password)
    }

    fn may_log_in(&self, name: &str, password: &str) -> bool {
        let account = find_by_name(self.ports(), name).unwrap();
        password::verify(password, account.as_ref().map(|account| account.password.as_str()))
    }
}

#[test]
fn a_registration_cut_off_at_any_write_leaves_one_user_or_a_free_name() {
    // Four writes: counter, claim, account, claim without the account.
    for (writes, crash) in (0..4).flat_map(|writes| [(writes, Crash::BeforeWrite), (writes, Crash::AfterWrite)]) {
        let world = World::default();
        world.store.crash_after(writes, crash);
        assert!(world.register("Alice", "first password").is_err(), "write {writes} must be needed");
        world.store.restart();

        let claimed = writes > 1 || (writes == 1 && crash == Crash::AfterWrite);
        let second = world.register("alice", "second password").unwrap();
        assert_eq!(second == Registered::NameTaken, claimed, "{writes} {crash:?}");
        assert_eq!(world.may_log_in("ALICE", "first password"), claimed, "{writes} {crash:?}");
        assert_eq!(world.may_log_in("ALICE", "second password"), !claimed, "{writes} {crash:?}");
        assert_eq!(world.store.keys("user:").len(), 1, "{writes} {crash:?}");
        let claim: Claim = store::read(&world.store, "name:alice").unwrap().unwrap();
        assert_eq!(claim.account, None, "no copy of a hash may stay behind");
    }
}

#[test]
fn a_registration_finished_late_does_not_undo_a_changed_password() {
    let world = World::default();
    world.store.crash_after(3, Crash::BeforeWrite);
    assert!(world.register("alice", "first password").is_err());
    world.store.restart();
    let account = find(world.ports(), 1).unwrap().unwrap();
    assert_eq!(replace_password(world.ports(), &account, "other password").unwrap(), Replaced::Done);
    assert!(world.may_log_in("alice", "other password"));
    assert!(!world.may_log_in("alice", "first password"));
}

#[test]
fn of_two_registrations_of_one_name_at_once_one_wins() {
    let world = World::default();
    world.store.interrupt_next_swap(|store| {
        let account =
            Account { user_id: 77, username: "ALICE".to_owned(), created_at: String::new(), password: String::new() };
        let claim = Claim { user_id: 77, account: Some(account) };
        store::create(store, "name:alice", &claim).unwrap();
    });
    assert_eq!(world.register("alice", "first password").unwrap(), Registered::NameTaken);
    assert_eq!(world.store.keys("user:"), ["user:77"]);
}

#[test]
fn a_password_changed_by_somebody_else_meanwhile_is_kept() {
    let world = World::default();
    world.register("alice", "first password").unwrap();
    let account = find(world.ports(), 1).unwrap().unwrap();
    assert_eq!(replace_password(world.ports(), &account, "faster password").unwrap(), Replaced::Done);
    assert_eq!(replace_password(world.ports(), &account, "slower password").unwrap(), Replaced::ChangedMeanwhile);
    assert!(world.may_log_in("alice", "faster password"));
}
