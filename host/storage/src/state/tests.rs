//! Tests of the state folder.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn a_new_folder_is_private_and_says_its_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join(".hostel");
    let state = StateFolder::open(&path).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert_eq!(fs::read_to_string(path.join("format")).unwrap(), "hostel-state 1\n");
    assert_eq!(state.control(), path.join("control.redb"));
    assert_eq!(state.guests(), path.join("guests.redb"));
    assert_eq!(state.artifacts(), path.join("artifacts"));
    StateFolder::open(&path).unwrap();
}

#[test]
fn a_folder_of_another_format_is_refused_and_left_alone() {
    for (written, found) in [
        (&b"hostel-state 2\n"[..], "hostel-state 2"),
        (b"", ""),
        (b"\x1b[2J", "\\u{1b}[2J"),
        (b"\xff\xfe", "\u{fffd}\u{fffd}"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let format = folder.path().join("format");
        fs::write(&format, written).unwrap();
        let error = StateFolder::open(folder.path()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("has format `{found}`")), "{text}");
        assert!(text.contains("point `state` at another folder"), "{text}");
        assert_eq!(fs::read(&format).unwrap(), written);
    }
}

#[test]
fn a_file_in_the_folders_place_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = StateFolder::open(file.path()).unwrap_err();
    assert!(matches!(error, StorageError::Io { .. }), "{error:?}");
}
