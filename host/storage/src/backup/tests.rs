//! Tests of making backups, and of what comes back from them. What is refused is in `restore/tests.rs`.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hostel_model::digest::{RevisionId, RevisionNumber};
use hostel_model::limits::KeyValueLimits;
use hostel_model::name::{BucketName, ServiceName};
use hostel_model::standing::Standing;

use super::*;
use crate::journal::{Batch, Change, KeptRevision, NewEntry};
use crate::keyvalue::Bucket;
use crate::state::StateFolder;
use crate::testing::{HandClock, platform};

/// A state folder in use.
pub(super) struct Scene {
    root: tempfile::TempDir,
    pub(super) folder: StateFolder,
    pub(super) journal: Journal,
    pub(super) keyvalue: KeyValue,
    pub(super) artifacts: Artifacts,
}

impl Scene {
    pub(super) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let state = root.path().join("state");
        Self::on(root, &state)
    }

    pub(super) fn on(root: tempfile::TempDir, state: &Path) -> Self {
        let folder = StateFolder::open(state).unwrap();
        let journal = Journal::open(&folder.control()).unwrap();
        let keyvalue = KeyValue::open(&folder.guests(), &platform(&Arc::new(HandClock::default()))).unwrap();
        let artifacts = Artifacts::open(&folder.artifacts()).unwrap();
        Self { root, folder, journal, keyvalue, artifacts }
    }

    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(super) fn bucket(&self) -> Bucket {
        let limits = KeyValueLimits { writes: u32::MAX, ..KeyValueLimits::default() };
        self.keyvalue.bucket(&users(), &BucketName::from_identifier("").unwrap(), &limits)
    }

    /// Deploys a revision of `users`; of those before it one is kept.
    pub(super) fn deploy(&self, number: u64) {
        let component = component(number);
        let digest = self.artifacts.put(&component).unwrap();
        let id = |number| RevisionId { number: revision(number), digest: Digest::of(&super::tests::component(number)) };
        let previous = (number > 1).then(|| id(number - 1));
        let standing =
            Standing { live: Some(id(number)), previous, newest: Some(revision(number)), ..Standing::default() };
        let entry = NewEntry {
            at_unix_ms: number,
            service: users(),
            revision: revision(number),
            digest,
            change: Change::Deployed,
            by: "folder".to_owned(),
            why: String::new(),
            standing,
        };
        let kept =
            KeptRevision { service: users(), revision: id(number), bytes: component.len() as u64, at_unix_ms: 1 };
        let collected = if number > 2 { vec![(users(), revision(number - 2))] } else { vec![] };
        self.journal.record(Batch { revisions: vec![kept], entries: vec![entry], collected }).unwrap();
        if number > 2 {
            self.artifacts.remove(&id(number - 2).digest).unwrap();
        }
    }

    pub(super) fn backup(&self) -> Result<(Summary, Vec<u8>), StorageError> {
        let mut out = Vec::new();
        self.backup_to(&mut out).map(|summary| (summary, out))
    }

    fn backup_to(&self, out: impl Write) -> Result<Summary, StorageError> {
        let scratch = self.folder.scratch();
        let Self { journal, keyvalue, artifacts, .. } = self;
        write(&Source { journal, keyvalue, artifacts, scratch: &scratch }, 1_234_567, out)
    }

    /// The state folder that comes of `backup`, in use.
    fn restored(backup: &[u8]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let state = root.path().join("restored");
        restore(backup, &state).unwrap();
        Self::on(root, &state)
    }
}

/// Ends the threads of a test, however it ends.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(super) fn users() -> ServiceName {
    ServiceName::parse("users").unwrap()
}

fn revision(number: u64) -> RevisionNumber {
    NonZeroU64::new(number).unwrap().into()
}

pub(super) fn component(number: u64) -> Vec<u8> {
    format!("component {number} ").repeat(100).into_bytes()
}

fn number(bucket: &Bucket, key: &str) -> u64 {
    bucket.get(key).unwrap().map_or(0, |value| String::from_utf8(value).unwrap().parse().unwrap())
}

#[tokio::test]
async fn what_was_backed_up_comes_back() {
    let scene = Scene::new();
    (1..=4).for_each(|number| scene.deploy(number));
    for n in 0..50 {
        scene.bucket().set(format!("key {n}"), vec![n; 100 * usize::from(n)]).await.unwrap();
    }
    let uploaded = scene.artifacts.put(b"not deployed yet").unwrap();
    let (summary, backup) = scene.backup().unwrap();
    assert!(!scene.folder.scratch().exists());

    let found = Scene::restored(&backup);
    assert_eq!(found.journal.entries().unwrap(), scene.journal.entries().unwrap());
    assert_eq!(found.journal.revisions(&users()).unwrap(), scene.journal.revisions(&users()).unwrap());
    assert_eq!(found.artifacts.list().unwrap(), scene.artifacts.list().unwrap());
    for digest in scene.artifacts.list().unwrap() {
        assert_eq!(found.artifacts.get(&digest).unwrap(), scene.artifacts.get(&digest).unwrap());
    }
    assert!(found.artifacts.list().unwrap().contains(&uploaded));
    let keys = scene.bucket().list_keys(None).unwrap().keys;
    assert_eq!(found.bucket().list_keys(None).unwrap().keys, keys);
    assert_eq!(found.bucket().get_many(&keys).unwrap(), scene.bucket().get_many(&keys).unwrap());
    assert_eq!(found.keyvalue.usage(&users()).unwrap(), scene.keyvalue.usage(&users()).unwrap());

    let files = [component(3), component(4), b"not deployed yet".to_vec()];
    assert_eq!(summary.artifacts, 3);
    assert_eq!(summary.artifact_bytes, files.iter().map(|file| file.len() as u64).sum::<u64>());
    assert_eq!(summary.at_unix_ms, 1_234_567);
    assert!(summary.control_bytes > 0 && summary.guests_bytes > 0);
    // Life goes on in both.
    found.deploy(5);
    scene.deploy(5);
    found.bucket().set("new".into(), vec![]).await.unwrap();
    assert_eq!(scene.bucket().get("new").unwrap(), None);
}

#[tokio::test]
async fn a_host_that_has_nothing_yet_can_be_backed_up() {
    let (summary, backup) = Scene::new().backup().unwrap();
    assert_eq!(summary.artifacts, 0);
    let found = Scene::restored(&backup);
    assert_eq!(found.journal.version().unwrap(), 0);
    found.deploy(1);
}

#[tokio::test]
async fn what_comes_back_is_private_and_nothing_else_is_left_beside_it() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new();
    scene.deploy(1);
    let (summary, backup) = scene.backup().unwrap();
    let place = scene.beside("else/where/state");
    assert_eq!(restore(backup.as_slice(), &place).unwrap(), summary);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = StateFolder::open(&place).unwrap();
    let digest = Digest::of(&component(1));
    for folder in [place.clone(), folder.artifacts()] {
        assert_eq!(mode(&folder), 0o700, "{folder:?}");
    }
    let artifact = folder.artifacts().join(format!("{digest}.wasm"));
    for file in [folder.control(), folder.guests(), place.join("format"), artifact] {
        assert_eq!(mode(&file), 0o600, "{file:?}");
    }
    assert_eq!(fs::read_dir(&place).unwrap().count(), 4);
    assert_eq!(fs::read_dir(place.parent().unwrap()).unwrap().count(), 1);
}

#[tokio::test]
async fn every_write_acknowledged_before_a_backup_began_is_in_it_and_every_batch_whole() {
    let scene = Scene::new();
    scene.deploy(1);
    let writers = 4;
    let acknowledged: Vec<AtomicU64> = (0..writers).map(|_| AtomicU64::new(0)).collect();
    let done = AtomicBool::new(false);
    let mut checked = Vec::new();
    std::thread::scope(|scope| {
        for (writer, acknowledged) in acknowledged.iter().enumerate() {
            let (bucket, done) = (scene.bucket(), &done);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                for n in 1_u64.. {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    let text = n.to_string().into_bytes();
                    let pair = ["a", "b"].map(|part| (format!("{part}{writer}"), text.clone())).to_vec();
                    runtime.block_on(bucket.set_many(pair)).unwrap();
                    acknowledged.store(n, Ordering::SeqCst);
                }
            });
        }
        let _done = Done(&done);
        for _ in 0..5 {
            let before: Vec<u64> = acknowledged.iter().map(|n| n.load(Ordering::SeqCst)).collect();
            let (_, backup) = scene.backup().unwrap();
            checked.push((before, backup));
        }
    });
    let last: u64 = acknowledged.iter().map(|n| n.load(Ordering::SeqCst)).sum();
    let first: u64 = checked[1].0.iter().sum();
    assert!(last > first, "nobody wrote during the backups");
    for (before, backup) in checked {
        let found = Scene::restored(&backup);
        for (writer, before) in before.into_iter().enumerate() {
            let [a, b] = ["a", "b"].map(|part| number(&found.bucket(), &format!("{part}{writer}")));
            assert_eq!(a, b, "half a batch");
            assert!(a >= before, "writer {writer}: {a}, {before} were acknowledged");
        }
    }
}

#[tokio::test]
async fn backups_made_while_revisions_come_and_go_hold_whatever_they_name() {
    let scene = Scene::new();
    scene.deploy(1);
    let (done, deployed) = (AtomicBool::new(false), AtomicU64::new(1));
    let mut backups = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                scene.deploy(deployed.fetch_add(1, Ordering::Relaxed) + 1);
            }
        });
        let _done = Done(&done);
        for _ in 0..8 {
            let before = scene.journal.version().unwrap();
            backups.push((before, scene.backup().unwrap().1));
        }
    });
    assert!(deployed.load(Ordering::Relaxed) > 16, "hardly anything was deployed");
    for (before, backup) in backups {
        let found = Scene::restored(&backup);
        assert!(found.journal.version().unwrap() >= before);
        let live = found.journal.latest(&users()).unwrap().unwrap().standing.live.unwrap();
        assert_eq!(found.artifacts.get(&live.digest).unwrap(), component(live.number.get()));
    }
}

#[tokio::test]
async fn without_the_component_of_what_serves_there_is_no_backup() {
    let scene = Scene::new();
    (1..=2).for_each(|number| scene.deploy(number));
    let digest = Digest::of(&component(2));
    scene.artifacts.remove(&digest).unwrap();
    let error = scene.backup().unwrap_err();
    assert!(matches!(&error, StorageError::Missing { path } if path.ends_with(format!("artifacts/{digest}.wasm"))));
    assert!(!scene.folder.scratch().exists());

    scene.artifacts.put(&component(2)).unwrap();
    scene.artifacts.remove(&Digest::of(&component(1))).unwrap();
    let (_, backup) = scene.backup().unwrap();
    let found = Scene::restored(&backup);
    assert_eq!(found.artifacts.list().unwrap(), [digest], "a way back that is gone keeps nothing else from being kept");
}

#[tokio::test]
async fn a_component_that_the_disk_has_changed_is_not_passed_on() {
    let scene = Scene::new();
    scene.deploy(1);
    let digest = Digest::of(&component(1));
    fs::write(scene.folder.artifacts().join(format!("{digest}.wasm")), b"others").unwrap();
    let mut out = Vec::new();
    let error = scene.backup_to(&mut out).unwrap_err();
    assert!(matches!(error, StorageError::Corrupt { .. }), "{error:?}");
    assert!(!scene.folder.scratch().exists());
    let place = scene.beside("restored");
    restore(out.as_slice(), &place).unwrap_err();
    assert!(!place.exists());
}

/// Takes so many bytes and then no more.
struct Narrow(usize);

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.0);
        self.0 -= count;
        if count == 0 { Err(ErrorKind::StorageFull.into()) } else { Ok(count) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_reader_that_leaves_ends_the_backup() {
    let scene = Scene::new();
    scene.deploy(1);
    let whole = scene.backup().unwrap().1.len();
    for room in [0, 100, 1_000, 10_000, whole / 2, whole - 1] {
        let error = scene.backup_to(Narrow(room)).unwrap_err();
        assert!(matches!(error, StorageError::Stream { action: "write", .. }), "{room}: {error:?}");
        assert!(error.is_full());
        assert!(!scene.folder.scratch().exists());
    }
    scene.backup_to(Narrow(whole)).unwrap();
}

#[tokio::test]
async fn what_a_killed_backup_left_is_swept() {
    let scene = Scene::new();
    scene.deploy(1);
    let scratch = scene.folder.scratch();
    for _ in 0..2 {
        fs::create_dir_all(scratch.join("artifacts")).unwrap();
        fs::write(scratch.join("control.redb"), b"half").unwrap();
        fs::write(scratch.join("artifacts/half"), b"half").unwrap();
        scene.backup().unwrap();
        assert!(!scratch.exists());
    }
    fs::create_dir(&scratch).unwrap();
    sweep(&scratch).unwrap();
    sweep(&scratch).unwrap();
    assert!(!scratch.exists());
}

#[tokio::test]
async fn other_tools_can_look_into_a_backup() {
    let scene = Scene::new();
    scene.deploy(1);
    let (_, backup) = scene.backup().unwrap();
    let mut archive = tar::Archive::new(backup.as_slice());
    let mut names = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        if name == "backup.json" {
            let manifest: serde_json::Value = serde_json::from_reader(&mut entry).unwrap();
            assert_eq!(manifest["format"], "hostel-backup 1");
            assert_eq!(manifest["at_unix_ms"], 1_234_567);
            assert_eq!(manifest["files"]["format"], 15);
        }
        assert_eq!(entry.header().mtime().unwrap(), 1_234);
        names.push(name);
    }
    let artifact = format!("artifacts/{}.wasm", Digest::of(&component(1)));
    assert_eq!(names, ["backup.json", "format", "control.redb", "guests.redb", &artifact]);
}
