//! Which folders are watched for which files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{FOLDERS_MAX, Places};

/// A folder `root` with others beside it, free of links.
struct Bench {
    _folder: TempDir,
    top: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let top = fs::canonicalize(folder.path()).unwrap();
        for name in ["root/sub", "elsewhere/deep"] {
            fs::create_dir_all(top.join(name)).unwrap();
        }
        Self { _folder: folder, top }
    }

    fn link(&self, target: &str, name: &str) {
        symlink(target, self.top.join(name)).unwrap();
    }

    fn places(&self, files: &[&str]) -> Places {
        let files: Vec<_> = files.iter().map(|file| self.top.join(file)).collect();
        Places::of(&self.top.join("root"), &files)
    }

    /// Which of `names` matter.
    fn wanted<'a>(&self, places: &Places, names: &[&'a str]) -> Vec<&'a str> {
        names.iter().copied().filter(|name| places.want(&self.top.join(name))).collect()
    }
}

#[test]
fn in_the_folder_components_and_tables_matter_and_nothing_else() {
    let bench = Bench::new();
    let places = bench.places(&[]);
    let names = ["root/a.wasm", "root/a.toml", "root/hostel.toml"];
    assert_eq!(bench.wanted(&places, &names), names);
    let others = ["root/.a.wasm.part", "root/.hostel", "root/.a.toml", "root/a.log", "root/sub/a.wasm", "a.wasm"];
    assert_eq!(bench.wanted(&places, &others), [""; 0]);
    assert_eq!(places.folders().into_iter().collect::<Vec<_>>(), [bench.top.join("root")]);
}

#[test]
fn of_other_folders_only_what_is_named_matters() {
    let bench = Bench::new();
    let places = bench.places(&["elsewhere/a.wasm", "root/../elsewhere/deep/key"]);
    assert_eq!(
        bench.wanted(&places, &["elsewhere/a.wasm", "elsewhere/b.wasm", "elsewhere/deep/key", "elsewhere/deep/a.wasm"]),
        ["elsewhere/a.wasm", "elsewhere/deep/key"]
    );
}

#[test]
fn folders_on_the_way_matter_below_the_root_alone() {
    let bench = Bench::new();
    let places = bench.places(&["root/sub/a.wasm", "elsewhere/deep/a.wasm"]);
    assert_eq!(bench.wanted(&places, &["root/sub", "root/sub/a.wasm"]), ["root/sub", "root/sub/a.wasm"]);
    assert!(!places.folders().contains(&bench.top) && !places.folders().contains(&bench.top.join("elsewhere")));
}

#[test]
fn every_link_on_the_way_matters_and_so_does_the_end() {
    let bench = Bench::new();
    bench.link("../elsewhere/current/a-1.wasm", "root/a.wasm");
    bench.link("deep", "elsewhere/current");
    let places = bench.places(&["root/a.wasm"]);
    let names = ["root/a.wasm", "elsewhere/current", "elsewhere/deep/a-1.wasm"];
    assert_eq!(bench.wanted(&places, &names), names);
    assert!(!places.want(&bench.top.join("elsewhere/deep/a-2.wasm")));
}

#[test]
fn the_root_may_be_a_link() {
    let bench = Bench::new();
    bench.link("root", "current");
    let places = Places::of(&bench.top.join("current"), &[]);
    assert_eq!(bench.wanted(&places, &["current", "root/a.wasm", "b.wasm"]), ["current", "root/a.wasm"]);
}

#[test]
fn of_what_is_not_there_the_first_missing_name_matters() {
    let bench = Bench::new();
    bench.link("nowhere/a.wasm", "root/dangling.wasm");
    let places = bench.places(&["root/later/below/a.wasm", "root/dangling.wasm"]);
    let names = ["root/later", "root/dangling.wasm", "root/nowhere"];
    assert_eq!(bench.wanted(&places, &names), names);
    assert!(!places.want(&bench.top.join("root/later/below")));
}

#[test]
fn links_in_a_circle_end() {
    let bench = Bench::new();
    bench.link("b.wasm", "root/a.wasm");
    bench.link("a.wasm", "root/b.wasm");
    let places = bench.places(&["root/a.wasm"]);
    assert!(places.want(&bench.top.join("root/b.wasm")));
}

#[test]
fn a_root_that_is_gone_matters_where_it_was() {
    let bench = Bench::new();
    let places = Places::of(&bench.top.join("gone"), &[]);
    assert_eq!(bench.wanted(&places, &["gone", "gone/a.wasm"]), ["gone"]);
}

#[test]
fn the_number_of_folders_is_bounded_and_the_root_is_among_them() {
    let bench = Bench::new();
    let mut files = Vec::new();
    for number in 0..FOLDERS_MAX + 10 {
        let name = format!("elsewhere/{number}");
        fs::create_dir(bench.top.join(&name)).unwrap();
        files.push(format!("{name}/a.wasm"));
    }
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let folders = bench.places(&files).folders();
    assert!(folders.len() <= FOLDERS_MAX, "{}", folders.len());
    assert!(folders.contains(&bench.top.join("root")));
}

#[test]
fn a_relative_path_is_one_below_the_folder_the_host_was_started_in() {
    let here = fs::canonicalize(".").unwrap();
    let places = Places::of(Path::new("src"), &[PathBuf::from("./Cargo.toml")]);
    assert!(places.want(&here.join("Cargo.toml")) && places.want(&here.join("src/a.wasm")));
}
