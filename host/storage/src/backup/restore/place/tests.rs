//! Tests of folders that are there before: mount points, and what a killed attempt leaves.

use std::io::Read;
use std::os::unix::fs::MetadataExt;

use super::super::restore;
use super::super::tests::Bench;
use super::*;
use crate::journal::Journal;

/// A backup, and an empty folder with another name in it.
async fn bench() -> (Bench, PathBuf) {
    let bench = Bench::new().await;
    let volume = bench.scene.beside("place/volume");
    fs::create_dir(&volume).unwrap();
    (bench, volume)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[track_caller]
fn is_whole(state: &Path) {
    let folder = StateFolder::open(state).unwrap();
    assert_eq!(Journal::open(&folder.control()).unwrap().version().unwrap(), 2);
    assert_eq!(names(&folder.artifacts()).len(), 2);
    let rest: Vec<_> = names(state).into_iter().filter(|name| name != LOST_AND_FOUND).collect();
    assert_eq!(rest, ["artifacts", "control.redb", "format", "guests.redb"]);
}

/// Looks, whenever it is read, at what lies beside the folder that is filled.
struct Looking<'a> {
    bytes: &'a [u8],
    beside: PathBuf,
}

impl Read for Looking<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        assert_eq!(names(&self.beside), ["volume"]);
        self.bytes.read(out)
    }
}

#[tokio::test]
async fn a_folder_that_may_be_a_mount_point_is_filled_and_not_replaced() {
    let (bench, volume) = bench().await;
    let before = fs::metadata(&volume).unwrap().ino();
    restore(Looking { bytes: &bench.backup, beside: bench.scene.beside("place") }, &volume).unwrap();
    assert_eq!(fs::metadata(&volume).unwrap().ino(), before);
    assert_eq!(names(&bench.scene.beside("place")), ["volume"]);
    is_whole(&volume);
    let again = restore(bench.backup.as_slice(), &volume).unwrap_err();
    assert!(matches!(again, StorageError::NotEmpty { .. }), "{again:?}");
    is_whole(&volume);
}

#[tokio::test]
async fn a_new_volume_is_empty_although_its_file_system_has_a_folder_in_it() {
    let (bench, volume) = bench().await;
    fs::create_dir(volume.join(LOST_AND_FOUND)).unwrap();
    restore(&bench.backup[..2_000], &volume).unwrap_err();
    assert_eq!(names(&volume), [LOST_AND_FOUND]);
    restore(bench.backup.as_slice(), &volume).unwrap();
    assert!(volume.join(LOST_AND_FOUND).is_dir());
    is_whole(&volume);
    // A file of that name is somebody's.
    let other = bench.scene.beside("place/other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join(LOST_AND_FOUND), b"").unwrap();
    let error = restore(bench.backup.as_slice(), &other).unwrap_err();
    assert!(matches!(error, StorageError::NotEmpty { .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_refused_leaves_an_empty_folder_empty() {
    let (bench, volume) = bench().await;
    let before = fs::metadata(&volume).unwrap().ino();
    let end = bench.backup.len() - 1_024;
    for length in [0, 511, 2_000, end / 2, end - 512] {
        restore(&bench.backup[..length], &volume).unwrap_err();
        assert_eq!((names(&volume), fs::metadata(&volume).unwrap().ino()), (Vec::new(), before), "{length}");
    }
}

#[tokio::test]
async fn no_host_takes_a_folder_for_a_state_before_it_is_whole_and_the_next_attempt_makes_it_so() {
    let (bench, volume) = bench().await;
    let half = || Half::make(Place::find(&volume).unwrap()).unwrap();
    // Killed after each step of the way.
    for steps in 0..5 {
        let half = half();
        if steps > 0 {
            half.receive(&bench.backup[..]).unwrap();
        }
        if steps > 1 {
            half.prove().unwrap();
        }
        if steps > 2 {
            fs::rename(half.path().join(CONTROL_FILE), volume.join(CONTROL_FILE)).unwrap();
        }
        if steps > 3 {
            move_up(half.path(), &volume).unwrap();
            sweep(half.path()).unwrap();
        }
        std::mem::forget(half);
        let error = StateFolder::open(&volume).unwrap_err().to_string();
        assert!(error.contains(&format!("has format `{MARK}`,")), "{steps}: {error}");
        // Another attempt that fails takes all of it away, and one that does not makes the state.
        let seen = names(&volume);
        assert_eq!(seen.contains(&CONTROL_FILE.to_owned()), steps > 2, "{seen:?}");
        if steps % 2 == 0 {
            restore(&bench.backup[..700], &volume).unwrap_err();
            assert!(names(&volume).is_empty(), "{steps}");
        }
        restore(bench.backup.as_slice(), &volume).unwrap();
        is_whole(&volume);
        fs::remove_dir_all(&volume).unwrap();
        fs::create_dir(&volume).unwrap();
    }
}

#[tokio::test]
async fn what_somebody_put_beside_a_killed_attempt_is_never_taken_away() {
    let (bench, volume) = bench().await;
    std::mem::forget(Half::make(Place::find(&volume).unwrap()).unwrap());
    fs::write(volume.join("notes.txt"), b"mine").unwrap();
    let error = restore(bench.backup.as_slice(), &volume).unwrap_err();
    assert!(matches!(error, StorageError::NotEmpty { .. }), "{error:?}");
    assert_eq!(names(&volume), [INSIDE, FORMAT_FILE, "notes.txt"]);
    fs::remove_file(volume.join("notes.txt")).unwrap();
    restore(bench.backup.as_slice(), &volume).unwrap();
    is_whole(&volume);
}
