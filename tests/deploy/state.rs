//! What services keep, by command: listed, moved, taken away, backed up and restored.

use std::fs;

use super::{Ground, hostel, said};
use crate::harness::{Process, guest};

const KEEPS: &str = "[service.p2]\ncomponent = \"p2.wasm\"\nroutes = [\"/p2\"]\nkeyvalue = [\"default\", \"other\"]\n";

/// A host with a service that keeps what it is told.
fn ground() -> Ground {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(guest::KEYVALUE_P2, folder.path().join("p2.wasm")).unwrap();
    let ground = Ground::on(folder, KEEPS);
    for (key, value) in [("a", "one"), ("user%2F1", "two"), ("user%2F2", "three")] {
        set(&ground, key, value);
    }
    ground
}

fn set(ground: &Ground, key: &str, value: &str) {
    let answer = ground.process.get(&format!("/p2?op=set&key={key}&value={value}"));
    assert_eq!(answer.json()["result"], "ok", "{}", answer.text());
}

#[test]
fn what_a_service_keeps_is_listed_and_read() {
    let ground = ground();
    let buckets = said(&["kv", "list", "p2", "-C", ground.at()]);
    let rows: Vec<String> = buckets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(rows, ["BUCKET KEYS BYTES", "default 3 24"]);
    assert_eq!(said(&["kv", "list", "p2", "default", "-C", ground.at()]), "a\nuser/1\nuser/2\n");
    assert_eq!(said(&["kv", "list", "p2", "default", "--prefix", "user/", "-C", ground.at()]), "user/1\nuser/2\n");
    assert_eq!(said(&["kv", "list", "p2", "default", "--json", "-C", ground.at()]), "\"a\"\n\"user/1\"\n\"user/2\"\n");
    assert_eq!(said(&["kv", "get", "p2", "default", "user/2", "-C", ground.at()]), "three");
    let none = hostel(&["kv", "get", "p2", "default", "b", "-C", ground.at()]);
    assert_eq!((none.code, none.stdout.as_str()), (Some(1), ""));
    assert!(none.stderr.contains("`b` has no value in `default` of `p2`"), "{}", none.stderr);
}

#[test]
fn what_is_exported_is_imported_into_another_service() {
    let ground = ground();
    let file = ground.file("export.jsonl", "");
    said(&["kv", "export", "p2", &file, "-C", ground.at()]);
    let lines = fs::read_to_string(&file).unwrap();
    assert_eq!(lines.lines().next(), Some(r#"{"bucket":"default","key":"YQ==","value":"b25l"}"#));
    assert_eq!(said(&["kv", "export", "p2", "-C", ground.at()]), lines, "to standard output without a file");
    let output = said(&["kv", "import", "copy", &file, "-C", ground.at()]);
    assert_eq!(output, "copy: 3 keys written\n");
    assert_eq!(said(&["kv", "get", "copy", "default", "a", "-C", ground.at()]), "one");
    fs::write(&file, "{\"bucket\":\"default\",\"key\":\"YQ==\"}\n").unwrap();
    let wrong = hostel(&["kv", "import", "copy", &file, "-C", ground.at()]);
    assert_eq!(wrong.code, Some(64));
    assert!(wrong.stderr.contains("line 1 is wrong: missing field `value`"), "{}", wrong.stderr);
}

#[test]
fn a_purge_wants_the_name_twice() {
    let ground = ground();
    said(&["kv", "import", "copy", &export(&ground), "-C", ground.at()]);
    let wrong = hostel(&["kv", "purge", "p2", "--confirm", "copy", "-C", ground.at()]);
    assert_eq!(wrong.code, Some(64), "{}", wrong.stderr);
    let output = said(&["kv", "purge", "p2", "--confirm", "p2", "-C", ground.at()]);
    assert_eq!(output, "p2: 3 keys and 24 bytes are gone\n");
    assert_eq!(ground.process.get("/p2?op=get&key=a").json()["result"], serde_json::Value::Null);
    assert_eq!(said(&["kv", "get", "copy", "default", "a", "-C", ground.at()]), "one");
    let output = said(&["kv", "purge", "copy", "default", "--confirm", "copy", "-C", ground.at()]);
    assert_eq!(output, "copy: 3 keys and 24 bytes are gone\n");
}

fn export(ground: &Ground) -> String {
    let file = ground.file("copy.jsonl", "");
    said(&["kv", "export", "p2", &file, "-C", ground.at()]);
    file
}

#[test]
fn a_backup_is_restored_elsewhere_with_code_and_data() {
    let ground = ground();
    said(&["deploy", "extra", &ground.component(5), "-C", ground.at()]);
    let file = ground.file("backup.tar", "old");
    assert_eq!(said(&["backup", &file, "-C", ground.at()]), "");
    set(&ground, "a", "later");
    let elsewhere = tempfile::tempdir().unwrap();
    let to = elsewhere.path().to_str().unwrap();
    let restored = hostel(&["restore", &file, to]);
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    assert!(restored.stderr.contains("2 components and all records"), "{}", restored.stderr);
    // Nothing but the configuration has to be brought along.
    crate::process::write(elsewhere.path(), &format!("version = 1\n{KEEPS}[[listener]]\naddress = \"127.0.0.1:0\"\n"));
    let process = Process::up(elsewhere.path());
    assert_eq!(process.get("/p2?op=get&key=a").json()["result"], "one");
    assert_eq!(process.get("/extra").header("x-revision"), Some("5"));
    let again = hostel(&["restore", &file, to]);
    assert_eq!(again.code, Some(64), "{}", again.stderr);
    assert!(
        again.stderr.contains("is not an empty folder; restore into one that does not exist yet"),
        "{}",
        again.stderr
    );
    drop(process);
}

#[test]
fn what_is_no_backup_is_not_restored() {
    let folder = tempfile::tempdir().unwrap();
    let (to, file) = (folder.path().to_str().unwrap(), folder.path().join("a.tar"));
    for (bytes, code, words) in [
        (b"".as_slice(), 64, "not a whole backup"),
        (&[0; 4_096], 64, "not a whole backup"),
        (b"hello", 74, "cannot read the backup; check where it lies, or use another copy of it"),
    ] {
        fs::write(&file, bytes).unwrap();
        let said = hostel(&["restore", file.to_str().unwrap(), to]);
        assert_eq!(said.code, Some(code), "{}", said.stderr);
        assert!(said.stderr.contains(words), "{}", said.stderr);
    }
    assert_eq!(hostel(&["restore", "no/such.tar", to]).code, Some(74));
    assert_eq!(hostel(&["restore", file.to_str().unwrap(), "no/such/folder"]).code, Some(64));
    assert!(!folder.path().join(".hostel").exists());
}

#[test]
fn a_backup_that_cannot_be_written_or_asked_for_leaves_nothing() {
    let ground = ground();
    let (folder, missing) = (ground.folder().display().to_string(), ground.folder().join("no/such.tar"));
    assert_eq!(hostel(&["backup", missing.to_str().unwrap(), "-C", ground.at()]).code, Some(74));
    assert_eq!(hostel(&["backup", &folder, "-C", ground.at()]).code, Some(74));
    let file = ground.file("kept.tar", "kept");
    assert_eq!(hostel(&["backup", &file, "--admin", "nowhere.sock"]).code, Some(69));
    assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
    let names = fs::read_dir(ground.elsewhere.path()).unwrap();
    assert_eq!(names.count(), 1, "no half of a file is left");
}
