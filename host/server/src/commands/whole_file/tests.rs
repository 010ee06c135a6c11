//! Tests of files, links, pipes and devices that an answer is written to.

use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;

use super::*;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_has_its_name_once_it_is_finished_and_replaces_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    fs::write(&path, "old").unwrap();
    let mut file = WholeFile::at(&path).unwrap();
    file.write_all(b"new").unwrap();
    file.flush().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    file.finish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(names(folder.path()), ["a.tar"]);
}

#[test]
fn what_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = WholeFile::at(&folder.path().join("a.tar")).unwrap();
    file.write_all(b"half").unwrap();
    drop(file);
    assert!(names(folder.path()).is_empty());
    assert!(WholeFile::at(folder.path()).is_err(), "a folder is no file");
    assert!(WholeFile::at(&folder.path().join("missing/a.tar")).is_err());
}

#[test]
fn a_link_stays_and_what_it_leads_to_is_written_whole() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("disk")).unwrap();
    fs::write(at("disk/old.tar"), "old").unwrap();
    symlink("disk/old.tar", at("there")).unwrap();
    symlink("second", at("first")).unwrap();
    symlink(at("disk/new.tar"), at("second")).unwrap();
    for (link, target) in [("there", "disk/old.tar"), ("first", "disk/new.tar")] {
        let mut file = WholeFile::at(&at(link)).unwrap();
        file.write_all(b"new").unwrap();
        file.flush().unwrap();
        assert!(fs::read(at(target)).is_ok_and(|found| found == b"old") || !at(target).exists());
        file.finish().unwrap();
        assert!(fs::symlink_metadata(at(link)).unwrap().is_symlink(), "{link}");
        assert_eq!(fs::read(at(target)).unwrap(), b"new");
        // What is given up leaves the old one.
        WholeFile::at(&at(link)).unwrap().write_all(b"half").unwrap();
        assert_eq!(fs::read(at(target)).unwrap(), b"new");
    }
    assert_eq!(names(folder.path()), ["disk", "first", "second", "there"]);
    assert_eq!(names(&at("disk")), ["new.tar", "old.tar"]);
    symlink("around", at("around")).unwrap();
    assert!(WholeFile::at(&at("around")).is_err());
}

#[test]
fn a_device_is_written_into_and_stays_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("null");
    // By a link, so that the device is safe from a fault in what is tested here.
    symlink("/dev/null", &link).unwrap();
    let mut file = WholeFile::at(&link).unwrap();
    assert!(matches!(file, WholeFile::Direct { .. }) && !file.is_terminal());
    file.write_all(&vec![1; 100_000]).unwrap();
    file.finish().unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::metadata(&link).unwrap().file_type().is_char_device());
    assert_eq!(names(folder.path()), ["null"]);
    symlink("/dev/full", folder.path().join("full")).unwrap();
    let mut file = WholeFile::at(&folder.path().join("full")).unwrap();
    file.write_all(b"small").unwrap();
    let error = file.finish().unwrap_err();
    assert!(error.to_string().contains("cannot write `"), "{error}");
}

#[test]
fn a_pipe_gets_the_bytes() {
    let (mut reader, writer) = io::pipe().unwrap();
    let path = PathBuf::from(format!("/proc/self/fd/{}", writer.as_raw_fd()));
    let mut file = WholeFile::at(&path).unwrap();
    drop(writer);
    file.write_all(b"all of it").unwrap();
    file.finish().unwrap();
    let mut found = String::new();
    reader.read_to_string(&mut found).unwrap();
    assert_eq!(found, "all of it");
}

#[test]
fn standard_output_is_known_by_any_name() {
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        assert!(matches!(WholeFile::at(Path::new(name)).unwrap(), WholeFile::Output(_)), "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("other"), "").unwrap();
    assert!(matches!(WholeFile::at(&folder.path().join("other")).unwrap(), WholeFile::File { .. }));
}
