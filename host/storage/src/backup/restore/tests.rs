//! Tests of what is not restored, and that nothing is left of it.

use std::fs;

use tar::EntryType;

use super::super::tests::{Scene, component, users};
use super::*;

/// A file of a tar.
#[derive(Clone)]
struct Item {
    name: String,
    kind: EntryType,
    bytes: Vec<u8>,
}

fn item(name: &str, bytes: &[u8]) -> Item {
    Item { name: name.to_owned(), kind: EntryType::Regular, bytes: bytes.to_vec() }
}

/// A good backup, and the folder in which it is tried.
pub(super) struct Bench {
    pub(super) scene: Scene,
    pub(super) backup: Vec<u8>,
}

impl Bench {
    pub(super) async fn new() -> Self {
        let scene = Scene::new();
        (1..=2).for_each(|number| scene.deploy(number));
        scene.bucket().set("k".into(), b"value".to_vec()).await.unwrap();
        let (_, backup) = scene.backup().unwrap();
        fs::create_dir(scene.beside("place")).unwrap();
        Self { scene, backup }
    }

    fn items(&self) -> Vec<Item> {
        let mut archive = tar::Archive::new(self.backup.as_slice());
        let items = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            item(&entry.path().unwrap().display().to_string(), &bytes)
        });
        items.collect()
    }

    /// The good files with `change` made, and a manifest that agrees with them.
    fn with(&self, change: impl FnOnce(&mut Vec<Item>)) -> Vec<u8> {
        let mut items = self.items();
        change(&mut items);
        let mut manifest: serde_json::Value = serde_json::from_slice(&items[0].bytes).unwrap();
        let files = items[1..].iter().map(|item| (item.name.clone(), item.bytes.len().into()));
        manifest["files"] = serde_json::Value::Object(files.collect());
        items[0].bytes = serde_json::to_vec(&manifest).unwrap();
        tar_of(&items)
    }

    /// The good files with a manifest that was changed.
    fn with_manifest(&self, from: &str, to: &str) -> Vec<u8> {
        let mut items = self.items();
        let text = String::from_utf8(items[0].bytes.clone()).unwrap();
        assert!(text.contains(from), "{text}");
        items[0].bytes = text.replace(from, to).into_bytes();
        tar_of(&items)
    }

    fn refuse(&self, backup: &[u8]) -> StorageError {
        let parent = self.scene.beside("place");
        let error = restore(backup, &parent.join("state")).unwrap_err();
        let left: Vec<_> = fs::read_dir(&parent).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.is_empty(), "{left:?} after {error}");
        error
    }

    fn refuse_as_no_backup(&self, backup: &[u8], why: &str) {
        let error = self.refuse(backup);
        assert!(matches!(error, StorageError::NotABackup { .. }), "{why}: {error:?}");
        assert!(error.to_string().contains(why), "{error}");
        assert!(error.to_string().contains("use another copy of it"), "{error}");
    }
}

fn tar_of(items: &[Item]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for item in items {
        let mut header = tar::Header::new_gnu();
        // By hand, since the library writes no name that leads astray.
        header.as_old_mut().name[..item.name.len()].copy_from_slice(item.name.as_bytes());
        header.set_entry_type(item.kind);
        header.set_size(item.bytes.len() as u64);
        header.set_mode(0o777);
        if item.kind != EntryType::Regular {
            header.set_link_name("control.redb").unwrap();
        }
        header.set_cksum();
        tar.append(&header, item.bytes.as_slice()).unwrap();
    }
    tar.into_inner().unwrap()
}

#[tokio::test]
async fn the_good_backup_is_restored_after_all_of_this() {
    let bench = Bench::new().await;
    let again = bench.with(|_| {});
    let place = bench.scene.beside("place/state");
    restore(again.as_slice(), &place).unwrap();
    assert_eq!(Journal::open(&place.join("control.redb")).unwrap().version().unwrap(), 2);
}

#[tokio::test]
async fn other_names_are_refused_wherever_they_lead() {
    let bench = Bench::new().await;
    let digest = Digest::of(b"x");
    let names = [
        "admin.token",
        "../state/format",
        "artifacts/../format2",
        "/etc/passwd",
        "./format",
        "artifacts",
        "artifacts/",
        "artifacts/x.wasm",
        &format!("artifacts//{digest}.wasm"),
        &format!("artifacts/./{digest}.wasm"),
        &format!("{digest}.wasm"),
        &format!("artifacts/{}.wasm", digest.to_string().to_uppercase()),
        "control.redb.v1",
        "back\\slash",
        "control.redb/x",
    ];
    for name in names {
        // Said in the manifest, and not said there.
        let said = bench.with(|items| items.push(item(name, b"x")));
        bench.refuse_as_no_backup(&said, "does not belong in it");
        let mut items = bench.items();
        items.push(item(name, b"x"));
        bench.refuse_as_no_backup(&tar_of(&items), "does not belong in it");
    }
    let mut items = bench.items();
    items.push(item(&format!("artifacts/{digest}.wasm"), b"x"));
    bench.refuse_as_no_backup(&tar_of(&items), "does not belong in it");
}

#[tokio::test]
async fn whatever_is_no_plain_file_is_refused() {
    let bench = Bench::new().await;
    let kinds = [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Directory,
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::GNULongName,
        EntryType::GNULongLink,
        EntryType::GNUSparse,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
        EntryType::Continuous,
    ];
    for kind in kinds {
        for at in 0..5 {
            let mut items = bench.items();
            items[at].kind = kind;
            bench.refuse_as_no_backup(&tar_of(&items), "is not a plain file");
            let mut items = bench.items();
            items.insert(at, Item { name: "guests.redb".to_owned(), kind, bytes: b"9 path=x\n".to_vec() });
            bench.refuse_as_no_backup(&tar_of(&items), "is not a plain file");
        }
    }
}

#[tokio::test]
async fn what_is_missing_twice_or_in_another_order_is_refused() {
    let bench = Bench::new().await;
    bench.refuse_as_no_backup(b"", "it is empty");
    bench.refuse_as_no_backup(&tar_of(&[]), "it is empty");
    for at in 1..=5 {
        let mut items = bench.items();
        let removed = items.remove(at);
        bench.refuse_as_no_backup(&tar_of(&items), &format!("`{}` is missing", removed.name));
        let mut items = bench.items();
        items.push(removed);
        bench.refuse_as_no_backup(&tar_of(&items), "is in it twice");
    }
    for at in 1..=3 {
        let gone = bench.with(|items| drop(items.remove(at)));
        bench.refuse_as_no_backup(&gone, "is missing");
        let empty = bench.with(|items| items[at].bytes.clear());
        let error = bench.refuse(&empty);
        assert!(matches!(error, StorageError::NotABackup { .. } | StorageError::Format { .. }), "{error:?}");
    }
    let serving = bench.with(|items| {
        let digest = Digest::of(&component(2)).to_string();
        items.retain(|item| !item.name.contains(&digest));
    });
    bench.refuse_as_no_backup(&serving, "serves and is missing");
    let mut items = bench.items();
    items.swap(0, 1);
    bench.refuse_as_no_backup(&tar_of(&items), "does not begin with `backup.json`");
}

#[tokio::test]
async fn sizes_that_are_not_the_manifests_or_too_large_are_refused() {
    let bench = Bench::new().await;
    let mut items = bench.items();
    items[2].bytes.push(0);
    bench.refuse_as_no_backup(&tar_of(&items), "and should have");
    let huge = "1".to_owned() + &"0".repeat(18);
    for name in ["format", "control.redb", "guests.redb"] {
        let size = bench.items().iter().find(|item| item.name == name).unwrap().bytes.len();
        let backup = bench.with_manifest(&format!("\"{name}\": {size}"), &format!("\"{name}\": {huge}"));
        bench.refuse_as_no_backup(&backup, "is the most there may be");
    }
    let digest = Digest::of(b"x");
    let artifact = format!("\"files\": {{\"artifacts/{digest}.wasm\": {},", 64 * 1024 * 1024 + 1);
    bench.refuse_as_no_backup(&bench.with_manifest("\"files\": {", &artifact), "is the most there may be");

    let mut header = tar::Header::new_gnu();
    header.set_path("backup.json").unwrap();
    header.set_size(1 << 40);
    header.set_cksum();
    bench.refuse_as_no_backup(header.as_bytes(), "does not begin with `backup.json`");
}

#[tokio::test]
async fn an_artifact_with_the_bytes_of_another_is_refused() {
    let bench = Bench::new().await;
    let changed = bench.with(|items| items[4].bytes[0] ^= 1);
    bench.refuse_as_no_backup(&changed, "are others");
    let swapped = bench.with(|items| {
        let bytes = std::mem::take(&mut items[4].bytes);
        items[4].bytes = std::mem::replace(&mut items[5].bytes, bytes);
    });
    bench.refuse_as_no_backup(&swapped, "are others");
}

#[tokio::test]
async fn other_formats_are_refused_with_both_names() {
    let bench = Bench::new().await;
    for found in ["hostel-backup 2", "hostel-backup 1 ", ""] {
        let error = bench.refuse(&bench.with_manifest("hostel-backup 1", found));
        assert!(matches!(error, StorageError::Format { .. }), "{error:?}");
        assert!(error.to_string().contains("this host reads `hostel-backup 1`"), "{error}");
    }
    let newer = bench.with(|items| items[1].bytes = b"hostel-state 2\n".to_vec());
    let text = bench.refuse(&newer).to_string();
    assert!(text.contains("`hostel-state 2`"), "{text}");
    let swapped = bench.with(|items| {
        let bytes = std::mem::take(&mut items[2].bytes);
        items[2].bytes = std::mem::replace(&mut items[3].bytes, bytes);
    });
    let text = bench.refuse(&swapped).to_string();
    assert!(text.contains("`guests 1`"), "{text}");
    for text in ["", "{", "[]", r#"{"format":"hostel-backup 1"}"#] {
        let mut items = bench.items();
        items[0].bytes = text.as_bytes().to_vec();
        bench.refuse_as_no_backup(&tar_of(&items), "`backup.json` cannot be read");
    }
    for letter in [&b"dear reader"[..], &[b'x'; 2_000], &[0; 5_000], &[0xff; 5_000]] {
        bench.refuse(letter);
    }
}

#[tokio::test]
async fn a_backup_that_was_cut_short_anywhere_is_refused() {
    let bench = Bench::new().await;
    let whole = bench.backup.len();
    // The last blocks only say that nothing follows.
    let end = whole - 1_024;
    let lengths =
        (0..end).step_by(4_099).chain((0..end).step_by(512 * 17)).chain([1, 511, 512, 513, end - 512, end - 600]);
    for length in lengths {
        bench.refuse(&bench.backup[..length]);
    }
    let place = bench.scene.beside("place/state");
    restore(&bench.backup[..end], &place).unwrap();
}

#[tokio::test]
async fn a_flipped_byte_is_refused_or_changes_nothing() {
    let bench = Bench::new().await;
    let entries = bench.scene.journal.entries().unwrap();
    let mut refused = 0;
    for at in (0..bench.backup.len()).step_by(2_503) {
        let mut backup = bench.backup.clone();
        backup[at] ^= 0x10;
        let place = bench.scene.beside("place/state");
        match restore(backup.as_slice(), &place) {
            Err(_) => refused += 1,
            Ok(_) => {
                let found = Journal::open(&place.join("control.redb")).unwrap();
                assert_eq!(found.entries().unwrap(), entries, "{at}");
                assert_eq!(found.revisions(&users()).unwrap().len(), 2, "{at}");
                drop(found);
                let found = Scene::on(tempfile::tempdir().unwrap(), &place);
                assert_eq!(found.bucket().get("k").unwrap().as_deref(), Some(&b"value"[..]), "{at}");
                assert_eq!(found.artifacts.get(&Digest::of(&component(2))).unwrap(), component(2), "{at}");
                found.keyvalue.close().await;
                drop(found);
                fs::remove_dir_all(&place).unwrap();
            }
        }
        assert_eq!(fs::read_dir(bench.scene.beside("place")).unwrap().count(), 0, "{at}");
    }
    assert!(refused > 5, "{refused}");
}

#[tokio::test]
async fn a_value_that_the_way_has_changed_is_never_restored() {
    let bench = Bench::new().await;
    let places = bench.backup.windows(5).enumerate().filter(|(_, bytes)| bytes == b"value").map(|(at, _)| at);
    let mut refused = 0;
    for at in places {
        let mut backup = bench.backup.clone();
        backup[at] = b'V';
        let place = bench.scene.beside("place/state");
        if restore(backup.as_slice(), &place).is_err() {
            refused += 1;
            continue;
        }
        // It was a page that is not used any more.
        let found = Scene::on(tempfile::tempdir().unwrap(), &place);
        assert_eq!(found.bucket().get("k").unwrap().as_deref(), Some(&b"value"[..]), "{at}");
        found.keyvalue.close().await;
        drop(found);
        fs::remove_dir_all(&place).unwrap();
    }
    assert!(refused > 0);
}

#[tokio::test]
async fn what_is_there_is_never_replaced() {
    let bench = Bench::new().await;
    let place = bench.scene.beside("place/state");
    let refuse = || {
        let error = restore(bench.backup.as_slice(), &place).unwrap_err();
        assert!(matches!(error, StorageError::NotEmpty { .. }), "{error:?}");
        assert!(error.to_string().contains("is not an empty folder"), "{error}");
    };
    fs::write(&place, b"a file").unwrap();
    refuse();
    assert_eq!(fs::read(&place).unwrap(), b"a file");
    fs::remove_file(&place).unwrap();

    fs::create_dir(&place).unwrap();
    fs::write(place.join(".hidden"), b"").unwrap();
    refuse();
    fs::remove_file(place.join(".hidden")).unwrap();

    let leftover = bench.scene.beside("place/.state.unfinished");
    fs::create_dir(&leftover).unwrap();
    fs::write(leftover.join("format"), b"of a killed attempt").unwrap();
    restore(bench.backup.as_slice(), &place).unwrap();
    assert!(!leftover.exists());
    refuse();
    let itself = restore(bench.backup.as_slice(), bench.scene.folder.path()).unwrap_err();
    assert!(matches!(itself, StorageError::NotEmpty { .. }), "{itself:?}");
}

#[tokio::test]
async fn an_empty_folder_may_be_named_through_a_link_or_with_dots() {
    let bench = Bench::new().await;
    let place = bench.scene.beside("place");
    fs::create_dir(place.join("real")).unwrap();
    std::os::unix::fs::symlink("real", place.join("link")).unwrap();
    restore(bench.backup.as_slice(), &place.join("link")).unwrap();
    assert!(fs::symlink_metadata(place.join("link")).unwrap().is_symlink());
    assert!(place.join("real/control.redb").exists());
    restore(bench.backup.as_slice(), &place.join("real/../other")).unwrap();
    assert!(place.join("other/control.redb").exists());
    restore(bench.backup.as_slice(), &place.join("missing/..")).unwrap_err();
}

/// Gives so much and then fails.
struct Broken<'a>(&'a [u8]);

impl Read for Broken<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(out)? {
            0 => Err(ErrorKind::ConnectionReset.into()),
            count => Ok(count),
        }
    }
}

#[tokio::test]
async fn an_input_that_fails_is_told_from_one_that_is_wrong() {
    let bench = Bench::new().await;
    let parent = bench.scene.beside("place");
    for length in [0, 700, 5_000, bench.backup.len() / 2] {
        let error = restore(Broken(&bench.backup[..length]), &parent.join("state")).unwrap_err();
        assert!(matches!(error, StorageError::Stream { action: "read", .. }), "{length}: {error:?}");
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 0);
    }
}
