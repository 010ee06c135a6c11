//! Files that are whole, changing, missing, too large or not files at all.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use hostel_model::units::ByteSize;
use tempfile::TempDir;

use super::{Changes, Files, Found, KEPT_BYTES_MAX, Stamp, Unreadable};

const MOST: ByteSize = ByteSize::kib(1);

/// A folder and what was read of it.
struct Bench {
    folder: TempDir,
    files: Files,
}

impl Bench {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), files: Files::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// What a file holds, or why it cannot be read.
    fn read(&mut self, name: &str) -> String {
        match self.files.read(&self.path(name), MOST) {
            Ok(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            Err(error) => format!("error: {error}"),
        }
    }

    /// A round in which these have changed and those are unfinished.
    fn begin(&mut self, changed: &[&str], unfinished: &[&str]) {
        let paths = |names: &[&str]| names.iter().map(|name| fs::canonicalize(self.path(name)).unwrap()).collect();
        let changes = Changes { all: false, changed: paths(changed), unfinished: paths(unfinished) };
        self.files.begin(changes);
    }
}

#[test]
fn a_file_is_read_again_when_it_is_another() {
    let mut bench = Bench::new();
    bench.write("a", "one");
    assert_eq!(bench.read("a"), "one");
    bench.write("a", "longer");
    assert_eq!(bench.read("a"), "longer");
    bench.write("b", "renamed");
    fs::rename(bench.path("b"), bench.path("a")).unwrap();
    assert_eq!(bench.read("a"), "renamed");
    fs::remove_file(bench.path("a")).unwrap();
    assert_eq!(bench.read("a"), "error: it does not exist");
}

#[test]
fn a_file_that_is_the_same_is_not_read_again() {
    let mut bench = Bench::new();
    bench.write("a", "one");
    let first = bench.files.read(&bench.path("a"), MOST).unwrap();
    bench.begin(&[], &[]);
    assert!(std::ptr::eq(&*first, &*bench.files.read(&bench.path("a"), MOST).unwrap()));
    bench.begin(&["a"], &[]);
    assert!(!std::ptr::eq(&*first, &*bench.files.read(&bench.path("a"), MOST).unwrap()));
    let second = bench.files.read(&bench.path("a"), MOST).unwrap();
    bench.files.begin(Changes { all: true, ..Changes::default() });
    assert!(!std::ptr::eq(&*second, &*bench.files.read(&bench.path("a"), MOST).unwrap()));
}

#[test]
fn a_change_is_seen_though_the_stamp_is_the_same() {
    let mut bench = Bench::new();
    bench.write("a", "one");
    bench.read("a");
    // As if it had been written again within one tick of the file system's clock.
    bench.write("a", "two");
    let stamp = Stamp::at(&bench.path("a"));
    for kept in bench.files.kept.values_mut() {
        kept.stamp = stamp;
    }
    assert_eq!(bench.read("a"), "one", "nobody said so");
    bench.begin(&["a"], &[]);
    assert_eq!(bench.read("a"), "two");
}

#[test]
fn what_is_being_written_is_not_read_and_what_it_was_stands() {
    let mut bench = Bench::new();
    bench.write("a", "one");
    bench.read("a");
    bench.write("a", "ha");
    bench.write("new", "ha");
    bench.begin(&["a"], &["a", "new"]);
    assert_eq!(bench.read("a"), "one");
    assert_eq!(bench.read("new"), "error: it is being written");
    bench.write("a", "half no more");
    bench.begin(&[], &["new"]);
    assert_eq!(bench.read("a"), "half no more");
}

#[test]
fn what_is_written_at_the_end_of_a_link_is_not_read_through_it() {
    let mut bench = Bench::new();
    bench.write("end", "one");
    symlink("end", bench.path("link")).unwrap();
    assert_eq!(bench.read("link"), "one");
    bench.write("end", "ha");
    bench.begin(&[], &["end"]);
    assert_eq!(bench.read("link"), "one");
    bench.begin(&["end"], &[]);
    assert_eq!(bench.read("link"), "ha");
}

#[test]
fn a_link_is_followed_wherever_it_leads_now() {
    let mut bench = Bench::new();
    bench.write("1", "one");
    bench.write("2", "two");
    symlink("1", bench.path("link")).unwrap();
    assert_eq!(bench.read("link"), "one");
    symlink("2", bench.path("new")).unwrap();
    fs::rename(bench.path("new"), bench.path("link")).unwrap();
    assert_eq!(bench.read("link"), "two");
    fs::remove_file(bench.path("2")).unwrap();
    assert_eq!(bench.read("link"), "error: it does not exist");
    fs::hard_link(bench.path("1"), bench.path("hard")).unwrap();
    assert_eq!(bench.read("hard"), "one");
}

#[test]
fn what_is_no_file_is_not_read() {
    let mut bench = Bench::new();
    fs::create_dir(bench.path("folder")).unwrap();
    assert_eq!(bench.read("folder"), "error: it is not a file");
    let pipe = std::process::Command::new("mkfifo").arg(bench.path("pipe")).status().unwrap();
    assert!(pipe.success());
    assert_eq!(bench.read("pipe"), "error: it is not a file");
    bench.write("file", "text");
    assert_eq!(bench.read("file/below"), "error: Not a directory (os error 20)");
}

#[test]
fn a_file_may_have_so_many_bytes_and_not_one_more() {
    let mut bench = Bench::new();
    bench.write("a", &"x".repeat(1024));
    assert_eq!(bench.read("a").len(), 1024);
    bench.write("a", &"x".repeat(1025));
    assert_eq!(bench.read("a"), "error: it is larger than 1KiB");
    // Without content, but of the size.
    File::create(bench.path("sparse")).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(bench.read("sparse"), "error: it is larger than 1KiB");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_unfinished() {
    let bench = Bench::new();
    let path = bench.path("growing");
    bench.write("growing", "");
    // Somebody who never stops.
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (stopped, written) = (std::sync::Arc::clone(&stop), path.clone());
    #[expect(clippy::disallowed_methods, reason = "a test may start a thread")]
    let writer = std::thread::spawn(move || {
        let mut file = File::create(written).unwrap();
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            file.write_all(b"x").unwrap();
            file.set_len(0).unwrap();
        }
    });
    let mut seen = 0;
    while seen < 3 {
        match Found::read(&path, ByteSize::GIB, None) {
            Ok(Found::Unfinished) => seen += 1,
            Ok(Found::Whole(..)) => {}
            Ok(Found::Same) | Err(_) => panic!("it is there, and nothing is known of it"),
        }
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    writer.join().unwrap();
}

#[test]
fn text_is_utf_8() {
    let mut bench = Bench::new();
    bench.write("a", "größer");
    assert_eq!(&*bench.files.read_text(&bench.path("a"), MOST).unwrap(), "größer");
    fs::write(bench.path("a"), [0x67, 0xff]).unwrap();
    assert!(matches!(bench.files.read_text(&bench.path("a"), MOST), Err(Unreadable::NotText)));
}

#[test]
fn what_nobody_asks_for_is_forgotten_and_the_rest_is_bounded() {
    let mut bench = Bench::new();
    for name in ["a", "b"] {
        bench.write(name, "text");
        bench.read(name);
    }
    bench.begin(&[], &[]);
    bench.read("a");
    bench.files.end();
    assert_eq!(bench.files.kept.keys().collect::<Vec<_>>(), [&bench.path("a")]);
    let large = ByteSize(KEPT_BYTES_MAX);
    File::create(bench.path("b")).unwrap().set_len(large.0).unwrap();
    bench.files.read(&bench.path("b"), large).unwrap();
    bench.files.end();
    assert_eq!(bench.files.kept.keys().collect::<Vec<_>>(), [&bench.path("a")]);
    // Text is kept in any case.
    bench.write("c", "text");
    bench.files.begin(Changes::default());
    bench.files.read(&bench.path("b"), large).unwrap();
    bench.files.read_text(&bench.path("c"), MOST).unwrap();
    bench.files.end();
    assert_eq!(bench.files.kept.keys().collect::<Vec<_>>(), [&bench.path("b"), &bench.path("c")]);
}

#[test]
fn what_was_read_before_holds_while_it_is_written_for_the_first_time_since() {
    let mut bench = Bench::new();
    bench.write("a.toml", "[rol");
    bench.files = Files::knowing([(bench.path("a.toml"), "weight = 3".into())]);
    bench.begin(&[], &["a.toml"]);
    assert_eq!(bench.read("a.toml"), "weight = 3");
    bench.write("a.toml", "weight = 4");
    bench.begin(&["a.toml"], &[]);
    assert_eq!(bench.read("a.toml"), "weight = 4");
}
