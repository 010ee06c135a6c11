//! Tests that a batch is there wholly or not at all, whatever happens to the disk.

use std::io::ErrorKind;

use super::*;
use crate::testing::{Disk, Fault};

fn on(disk: &Disk) -> Journal {
    Journal::start(Path::new("disk"), Box::new(disk.clone())).unwrap()
}

/// What the host does for each deployment: a new revision of two services, and the oldest goes.
fn deployment(number: u64) -> Batch {
    let both = ["users", "orders"];
    let number_of = |number| revision("", number).number;
    Batch {
        revisions: both.map(|name| kept(name, number)).to_vec(),
        entries: both.map(|name| event(number, name, number, Change::Deployed)).to_vec(),
        collected: both.iter().filter(|_| number > 2).map(|name| (service(name), number_of(number - 2))).collect(),
    }
}

/// The number of deployments that the journal holds, after checking that it holds them whole.
fn whole(journal: &Journal) -> u64 {
    let version = journal.version().unwrap();
    assert_eq!(version % 2, 0, "half a deployment");
    let count = version / 2;
    for name in ["users", "orders"] {
        let entries = journal.history(&service(name), usize::MAX).unwrap();
        assert_eq!(entries.len() as u64, count);
        assert_eq!(entries.first().map_or(0, |entry| entry.revision.get()), count);
        let live = journal.latest(&service(name)).unwrap().and_then(|entry| entry.standing.live);
        assert_eq!(live, (count > 0).then(|| revision(name, count)));
        let revisions = journal.revisions(&service(name)).unwrap();
        let numbers: Vec<u64> = revisions.iter().map(|kept| kept.revision.number.get()).collect();
        let expected: Vec<u64> = (count.saturating_sub(1).max(1)..=count).collect();
        assert_eq!(numbers, expected);
    }
    assert_eq!(journal.entries().unwrap().len() as u64, version);
    count
}

#[test]
fn whatever_a_power_cut_loses_a_batch_is_there_wholly_or_not_at_all() {
    let disk = Disk::default();
    let journal = on(&disk);
    disk.record();
    for number in 1..=12 {
        journal.record(deployment(number)).unwrap();
        let images = disk.recorded();
        assert!(images.len() >= 6, "a commit of two syncs, three images each");
        for image in images {
            let found = whole(&on(&Disk::holding(image)));
            assert!(found == number - 1 || found == number, "{found} at {number}");
        }
        for image in [disk.after_power_cut(), disk.after_kill()] {
            assert_eq!(whole(&on(&Disk::holding(image))), number, "what was recorded is durable");
        }
    }
}

#[test]
fn a_failing_disk_leaves_the_old_state_and_the_next_batch_is_recorded() {
    for fault in [Fault::Write(ErrorKind::Other), Fault::Write(ErrorKind::StorageFull), Fault::Sync, Fault::PanicOnSync]
    {
        let disk = Disk::default();
        let journal = on(&disk);
        journal.record(deployment(1)).unwrap();
        disk.fail(fault);
        let error = journal.record(deployment(2)).unwrap_err();
        assert_eq!(error.is_full(), fault == Fault::Write(ErrorKind::StorageFull), "{fault:?}: {error:?}");
        disk.fail(Fault::None);
        assert_eq!(whole(&journal), 1, "{fault:?}");
        assert_eq!(whole(&on(&Disk::holding(disk.after_power_cut()))), 1, "{fault:?}");
        journal.record(deployment(2)).unwrap();
        assert_eq!(whole(&journal), 2);
        assert_eq!(whole(&on(&Disk::holding(disk.after_power_cut()))), 2);
    }
}

#[test]
fn a_batch_without_anything_does_not_touch_the_disk() {
    let disk = Disk::default();
    let journal = on(&disk);
    disk.fail(Fault::Sync);
    assert_eq!(journal.record(Batch::default()).unwrap(), []);
}

#[test]
fn a_copy_holds_what_was_recorded_before_it_began() {
    let folder = tempfile::tempdir().unwrap();
    let journal = on(&Disk::default());
    for number in 1..=3 {
        journal.record(deployment(number)).unwrap();
        let path = folder.path().join(number.to_string());
        journal.copy_to(&path).unwrap();
        let copy = Journal::open(&path).unwrap();
        assert_eq!(whole(&copy), number);
        assert_eq!(copy.entries().unwrap(), journal.entries().unwrap());
        copy.record(deployment(number + 1)).unwrap();
        assert_eq!((whole(&copy), whole(&journal)), (number + 1, number));
    }
}
