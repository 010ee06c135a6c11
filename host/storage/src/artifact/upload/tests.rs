//! Tests of artifacts that arrive piece by piece.

use super::*;
use crate::Artifacts;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn pieces_become_the_artifact_of_all_their_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(folder.path()).unwrap();
    let whole: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
    let mut upload = artifacts.begin().unwrap();
    for piece in whole.chunks(7_777) {
        upload.write(piece).unwrap();
    }
    upload.write(b"").unwrap();
    assert_eq!(artifacts.list().unwrap(), [], "it has no name before it is whole");
    let (digest, bytes) = upload.finish().unwrap();
    assert_eq!((digest, bytes), (Digest::of(&whole), 300_000));
    assert_eq!(artifacts.get(&digest).unwrap(), whole);
    assert_eq!(artifacts.size(&digest).unwrap(), Some(300_000));
    assert_eq!(names(folder.path()), [format!("{digest}.wasm")]);
}

#[test]
fn uploads_at_once_do_not_meet_and_two_of_the_same_bytes_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(folder.path()).unwrap();
    let mut uploads: Vec<Upload> = (0..10).map(|_| artifacts.begin().unwrap()).collect();
    for (n, upload) in uploads.iter_mut().enumerate() {
        upload.write(&[n as u8 / 2]).unwrap();
    }
    for (n, upload) in uploads.into_iter().enumerate() {
        assert_eq!(upload.finish().unwrap(), (Digest::of(&[n as u8 / 2]), 1));
    }
    assert_eq!(artifacts.list().unwrap().len(), 5);
}

#[test]
fn an_upload_repairs_what_the_disk_has_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(folder.path()).unwrap();
    let digest = artifacts.put(b"whole").unwrap();
    fs::write(folder.path().join(format!("{digest}.wasm")), b"hole").unwrap();
    let mut upload = artifacts.begin().unwrap();
    upload.write(b"whole").unwrap();
    upload.finish().unwrap();
    assert_eq!(artifacts.get(&digest).unwrap(), b"whole");
}

#[test]
fn an_upload_of_the_most_there_may_be_is_kept_and_of_one_byte_more_refused() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(folder.path()).unwrap();
    let piece = vec![0; 1024 * 1024];
    let mut upload = artifacts.begin().unwrap();
    for _ in 0..fixed::COMPONENT_FILE.0 / piece.len() as u64 {
        upload.write(&piece).unwrap();
    }
    let path = upload.path.clone();
    let refused = upload.write(b"x").unwrap_err();
    assert!(matches!(refused, StorageError::TooLarge { limit } if limit == fixed::COMPONENT_FILE), "{refused:?}");
    assert_eq!(fs::metadata(&path).unwrap().len(), fixed::COMPONENT_FILE.0, "what is too much is not even written");
    for _ in 0..2 {
        assert!(matches!(upload.write(b""), Err(StorageError::TooLarge { .. })), "it stays refused");
    }
    assert!(matches!(upload.finish(), Err(StorageError::TooLarge { .. })));
    assert!(names(folder.path()).is_empty());

    let mut upload = artifacts.begin().unwrap();
    (0..64).for_each(|_| upload.write(&piece).unwrap());
    assert_eq!(upload.finish().unwrap().1, fixed::COMPONENT_FILE.0);
}

#[test]
fn an_upload_that_is_dropped_or_killed_leaves_nothing_to_be_seen() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(folder.path()).unwrap();
    let mut upload = artifacts.begin().unwrap();
    upload.write(b"half").unwrap();
    assert_eq!(names(folder.path()).len(), 1);
    drop(upload);
    assert!(names(folder.path()).is_empty());

    let mut killed = artifacts.begin().unwrap();
    killed.write(b"half").unwrap();
    std::mem::forget(killed);
    assert_eq!(artifacts.list().unwrap(), []);
    Artifacts::open(folder.path()).unwrap();
    assert!(names(folder.path()).is_empty(), "the next start sweeps it");
}

#[test]
fn a_file_that_only_its_user_may_read_comes_of_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let upload = Artifacts::open(folder.path()).unwrap().begin().unwrap();
    let (digest, _) = upload.finish().unwrap();
    let mode = fs::metadata(folder.path().join(format!("{digest}.wasm"))).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
