//! Tests of artifacts as files.

use std::os::unix::fs::MetadataExt;

use sha2::{Digest as _, Sha256};

use super::*;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_was_put_is_got_listed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(folder.path()).unwrap();
    let big = vec![7; 300_000];
    let mut digests: Vec<Digest> = [&b""[..], b"one", &big]
        .into_iter()
        .map(|bytes| {
            let digest = artifacts.put(bytes).unwrap();
            assert_eq!(artifacts.get(&digest).unwrap(), bytes);
            digest
        })
        .collect();
    digests.sort_unstable();
    assert_eq!(artifacts.list().unwrap(), digests);
    for digest in &digests {
        artifacts.remove(digest).unwrap();
        artifacts.remove(digest).unwrap();
        let gone = artifacts.get(digest).unwrap_err();
        assert!(matches!(gone, StorageError::Missing { .. }), "{gone:?}");
    }
    assert!(names(folder.path()).is_empty());
}

#[test]
fn the_name_is_the_sha256_of_the_bytes() {
    let folder = tempfile::tempdir().unwrap();
    Artifacts::open(folder.path()).unwrap().put(b"abc").unwrap();
    let hex = format!("{:x}", Sha256::digest(b"abc"));
    assert_eq!(names(folder.path()), [format!("{hex}.wasm")]);
}

#[test]
fn putting_what_is_there_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(folder.path()).unwrap();
    let inode = |digest| {
        let path = folder.path().join(file_name(&digest));
        fs::metadata(path).unwrap().ino()
    };
    let first = inode(artifacts.put(b"same").unwrap());
    assert_eq!(inode(artifacts.put(b"same").unwrap()), first);
}

#[test]
fn damage_is_noticed_and_repaired_by_putting_again() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(folder.path()).unwrap();
    let digest = artifacts.put(b"whole").unwrap();
    let path = folder.path().join(file_name(&digest));
    for damaged in [&b"whol"[..], b"", b"wholf", b"whole "] {
        fs::write(&path, damaged).unwrap();
        let error = artifacts.get(&digest).unwrap_err();
        assert!(matches!(&error, StorageError::Corrupt { path: named, .. } if *named == path), "{error:?}");
        assert_eq!(artifacts.put(b"whole").unwrap(), digest);
        assert_eq!(artifacts.get(&digest).unwrap(), b"whole");
    }
}

#[test]
fn opening_sweeps_unfinished_files_and_listing_passes_over_strangers() {
    let folder = tempfile::tempdir().unwrap();
    let digest = Artifacts::open(folder.path()).unwrap().put(b"x").unwrap();
    let unfinished = format!(".{}.0.{UNFINISHED}", file_name(&digest));
    fs::write(folder.path().join(&unfinished), b"half").unwrap();
    fs::write(folder.path().join("notes.wasm"), b"").unwrap();
    let artifacts = Artifacts::open(folder.path()).unwrap();
    let mut left = vec![file_name(&digest), "notes.wasm".to_owned()];
    left.sort();
    assert_eq!(names(folder.path()), left);
    assert_eq!(artifacts.list().unwrap(), [digest]);
}

#[test]
fn a_leftover_of_the_same_name_does_not_block_a_put() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(folder.path()).unwrap();
    let name = file_name(&Digest::of(b"x"));
    fs::write(folder.path().join(format!(".{name}.0.{UNFINISHED}")), b"?").unwrap();
    let digest = artifacts.put(b"x").unwrap();
    assert_eq!(artifacts.get(&digest).unwrap(), b"x");
}

#[test]
fn the_size_and_the_age_of_an_artifact_are_told_without_reading_it() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(folder.path()).unwrap();
    let digest = artifacts.put(b"twelve bytes").unwrap();
    let written = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    let file = File::options().write(true).open(folder.path().join(file_name(&digest))).unwrap();
    file.set_modified(written).unwrap();
    let later = |seconds| written + Duration::from_secs(seconds);
    assert_eq!(artifacts.size(&digest).unwrap(), Some(12));
    assert_eq!(artifacts.age(&digest, later(90)).unwrap(), Some(Duration::from_secs(90)));
    let before = written - Duration::from_secs(1);
    assert_eq!(artifacts.age(&digest, before).unwrap(), Some(Duration::ZERO), "a clock that was set back");

    let missing = Digest::of(b"missing");
    assert_eq!(artifacts.size(&missing).unwrap(), None);
    assert_eq!(artifacts.age(&missing, later(90)).unwrap(), None);
}

#[test]
fn a_second_name_outlives_the_first_and_is_never_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let second = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(folder.path()).unwrap();
    let digest = artifacts.put(b"bytes").unwrap();
    assert!(artifacts.link(&digest, second.path()).unwrap());
    let again = artifacts.link(&digest, second.path()).unwrap_err();
    assert!(matches!(again, StorageError::Io { .. }), "{again:?}");
    assert_eq!(artifacts.get(&digest).unwrap(), b"bytes");
    artifacts.remove(&digest).unwrap();
    assert!(!artifacts.link(&digest, folder.path()).unwrap());
    assert_eq!(Artifacts::open(second.path()).unwrap().get(&digest).unwrap(), b"bytes");
}
