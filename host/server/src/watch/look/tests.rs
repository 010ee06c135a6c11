//! What looking again finds where events do not come.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Looks, Stamp, Stamps};

/// Stamps that differ if their letters do.
struct Bench {
    folder: tempfile::TempDir,
    looks: Looks,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for letter in ["A", "B", "C", "D"] {
            fs::write(folder.path().join(letter), letter).unwrap();
        }
        Self { folder, looks: Looks::default() }
    }

    /// `a=A b=B`: the file `a` has the stamp of letter `A`.
    fn stamps(&self, files: &str) -> Stamps {
        let stamp = |file: &str| {
            let (path, letter) = file.split_once('=').unwrap();
            (PathBuf::from(path), Stamp::at(&self.folder.path().join(letter)).unwrap())
        };
        files.split_whitespace().map(stamp).collect()
    }

    /// The files that are whole after a look, joined.
    fn look(&mut self, files: &str) -> String {
        self.look_while(files, "")
    }

    fn look_while(&mut self, files: &str, writing: &str) -> String {
        let seen = self.stamps(files);
        let whole = self.looks.compare(seen, |path| path == Path::new(writing));
        joined(whole.iter())
    }

    fn act_on(&mut self, files: &str, unfinished: &[&str]) {
        let unfinished: BTreeSet<PathBuf> = unfinished.iter().map(PathBuf::from).collect();
        self.looks.act_on(self.stamps(files), &unfinished);
    }

    fn restless(&self) -> String {
        joined(self.looks.restless())
    }
}

fn joined<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> String {
    paths.map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_change_counts_at_the_second_look_that_sees_it() {
    let mut bench = Bench::new();
    bench.act_on("a=A b=B", &[]);
    assert_eq!(bench.look("a=A b=B"), "");
    assert_eq!(bench.look("a=C b=B"), "");
    assert_eq!(bench.restless(), "a");
    assert_eq!(bench.look("a=C b=B"), "a");
    bench.act_on("a=C b=B", &[]);
    assert_eq!((bench.look("a=C b=B"), bench.restless()), (String::new(), String::new()));
}

#[test]
fn a_file_that_is_another_at_each_look_holds_up_no_other() {
    let mut bench = Bench::new();
    bench.act_on("a=A b=B", &[]);
    bench.look("a=B b=C");
    assert_eq!(bench.look("a=C b=C"), "b");
    assert_eq!(bench.restless(), "a");
    bench.act_on("a=C b=C", &["a"]);
    assert_eq!(bench.look("a=D b=C"), "");
    assert_eq!(bench.look("a=D b=C"), "a");
}

#[test]
fn files_that_come_and_go_are_changes() {
    let mut bench = Bench::new();
    bench.act_on("a=A", &[]);
    bench.look("b=B");
    assert_eq!(bench.look("b=B"), "a b");
    bench.act_on("b=B", &[]);
    assert_eq!(bench.look("b=B"), "");
}

#[test]
fn what_is_being_written_is_not_whole_though_it_is_still() {
    let mut bench = Bench::new();
    bench.act_on("a=A", &[]);
    bench.look_while("a=B", "a");
    assert_eq!(bench.look_while("a=B", "a"), "");
    assert_eq!(bench.restless(), "a");
    assert_eq!(bench.look("a=B"), "a");
}

#[test]
fn a_new_file_that_was_unfinished_is_new_afterwards() {
    let mut bench = Bench::new();
    bench.act_on("a=A b=B", &["b"]);
    bench.look("a=A b=B");
    assert_eq!(bench.look("a=A b=B"), "b");
}
