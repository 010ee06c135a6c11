//! The watch over a real folder.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hostel_model::platform::Clock;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::{Changes, Settling, Stopper, System, Watcher};
use crate::platform::real_platform;

/// A folder, something beside it, and a watcher of it.
struct Bench {
    _folder: TempDir,
    _runtime: Runtime,
    top: PathBuf,
    watcher: Watcher,
    stopper: Option<Stopper>,
}

impl Bench {
    /// A watcher of the folder `root` and of `files`, which has told what there is at the start.
    fn new(prepare: impl FnOnce(&Path), files: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let top = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir(top.join("root")).unwrap();
        prepare(&top);
        let runtime = Builder::new_current_thread().build().unwrap();
        let clock: Arc<dyn Clock> = real_platform(runtime.handle().clone()).clock;
        let (mut watcher, stopper) = Watcher::start(&top.join("root"), clock);
        watcher.watch(files.iter().map(|file| top.join(file)).collect());
        let mut bench = Self { _folder: folder, _runtime: runtime, top, watcher, stopper: Some(stopper) };
        assert!(bench.wait().all, "at first all may have changed");
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.top.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn wait(&mut self) -> Changes {
        self.watcher.wait().expect("nobody stopped it")
    }

    /// Waits until this file is told to have changed, or to be gone.
    #[track_caller]
    fn wait_for(&mut self, name: &str) -> Changes {
        let path = self.path(name);
        loop {
            let changes = self.wait();
            if changes.changed.contains(&path) {
                return changes;
            }
        }
    }

    /// From now on nothing is told by the system.
    fn deafen(&mut self) {
        self.watcher.system = System::deaf();
        // What came so far is not heard either.
        let _heard = self.watcher.inbox.wait(std::time::Duration::ZERO);
        self.watcher.settling = Settling::default();
    }
}

#[test]
fn a_file_that_appears_is_changed_or_goes_is_told() {
    let mut bench = Bench::new(|_| {}, &[]);
    bench.write("root/a.wasm", "one");
    let changes = bench.wait_for("root/a.wasm");
    assert!(!changes.all && changes.unfinished.is_empty(), "{changes:?}");
    bench.write("root/a.wasm", "two");
    bench.wait_for("root/a.wasm");
    fs::remove_file(bench.path("root/a.wasm")).unwrap();
    bench.wait_for("root/a.wasm");
}

#[test]
fn a_file_is_whole_when_it_is_closed() {
    let mut bench = Bench::new(|top| fs::write(top.join("root/slow.wasm"), "old").unwrap(), &[]);
    let mut slow = File::create(bench.path("root/slow.wasm")).unwrap();
    slow.write_all(b"ha").unwrap();
    bench.write("root/quick.wasm", "whole");
    let changes = bench.wait_for("root/quick.wasm");
    assert!(changes.unfinished.contains(&bench.path("root/slow.wasm")), "{changes:?}");
    assert!(!changes.changed.contains(&bench.path("root/slow.wasm")), "{changes:?}");
    slow.write_all(b"lf").unwrap();
    drop(slow);
    let changes = bench.wait_for("root/slow.wasm");
    assert!(changes.unfinished.is_empty(), "{changes:?}");
}

#[test]
fn a_new_file_that_is_open_and_empty_is_unfinished() {
    let mut bench = Bench::new(|_| {}, &[]);
    let new = File::create_new(bench.path("root/new.wasm")).unwrap();
    bench.write("root/quick.wasm", "whole");
    let changes = bench.wait_for("root/quick.wasm");
    assert!(changes.unfinished.contains(&bench.path("root/new.wasm")), "{changes:?}");
    drop(new);
    bench.wait_for("root/new.wasm");
}

#[test]
fn a_name_that_is_given_to_a_whole_file_is_told_at_once() {
    let mut bench = Bench::new(|top| fs::write(top.join("made.wasm"), "made").unwrap(), &[]);
    // None of these is followed by a close.
    fs::hard_link(bench.path("made.wasm"), bench.path("root/hard.wasm")).unwrap();
    let changes = bench.wait_for("root/hard.wasm");
    assert!(changes.unfinished.is_empty(), "{changes:?}");
    symlink("../made.wasm", bench.path("root/soft.wasm")).unwrap();
    bench.wait_for("root/soft.wasm");
    fs::rename(bench.path("made.wasm"), bench.path("root/moved.wasm")).unwrap();
    bench.wait_for("root/moved.wasm");
}

#[test]
fn a_link_that_is_swapped_is_told_and_so_is_a_change_at_its_end() {
    let prepare = |top: &Path| {
        fs::create_dir(top.join("store")).unwrap();
        fs::write(top.join("store/1.wasm"), "one").unwrap();
        fs::write(top.join("store/2.wasm"), "two").unwrap();
        symlink("../store/1.wasm", top.join("root/a.wasm")).unwrap();
    };
    let mut bench = Bench::new(prepare, &["root/a.wasm"]);
    bench.write("store/1.wasm", "another");
    bench.wait_for("store/1.wasm");
    // As `ln -sfn` does it.
    symlink("../store/2.wasm", bench.path("root/.new")).unwrap();
    fs::rename(bench.path("root/.new"), bench.path("root/a.wasm")).unwrap();
    bench.wait_for("root/a.wasm");
    bench.watcher.watch(vec![bench.path("root/a.wasm")]);
    bench.write("store/2.wasm", "another");
    bench.wait_for("store/2.wasm");
}

#[test]
fn folders_that_are_swapped_by_a_link_are_told() {
    let prepare = |top: &Path| {
        for release in ["1", "2"] {
            fs::create_dir_all(top.join("releases").join(release)).unwrap();
            fs::write(top.join("releases").join(release).join("a.wasm"), release).unwrap();
        }
        symlink("../releases/1", top.join("root/current")).unwrap();
    };
    let mut bench = Bench::new(prepare, &["root/current/a.wasm"]);
    symlink("../releases/2", bench.path("root/.new")).unwrap();
    fs::rename(bench.path("root/.new"), bench.path("root/current")).unwrap();
    bench.wait_for("root/current");
}

#[test]
fn a_folder_that_is_replaced_by_another_is_watched_again() {
    let prepare = |top: &Path| fs::create_dir(top.join("store")).unwrap();
    let mut bench = Bench::new(prepare, &["store/a.wasm"]);
    fs::rename(bench.path("store"), bench.path("old")).unwrap();
    bench.wait_for("store");
    fs::create_dir(bench.path("store")).unwrap();
    bench.watcher.watch(vec![bench.path("store/a.wasm")]);
    bench.write("store/a.wasm", "new");
    bench.wait_for("store/a.wasm");
    bench.write("store/a.wasm", "newer");
    bench.wait_for("store/a.wasm");
}

#[test]
fn what_was_being_written_in_a_folder_that_was_replaced_is_not_waited_for() {
    let prepare = |top: &Path| {
        for name in ["store", "next"] {
            fs::create_dir(top.join(name)).unwrap();
            fs::write(top.join(name).join("a.wasm"), name).unwrap();
        }
    };
    let mut bench = Bench::new(prepare, &["store/a.wasm"]);
    let mut half = File::create(bench.path("store/a.wasm")).unwrap();
    half.write_all(b"ha").unwrap();
    bench.write("root/marker.wasm", "marker");
    assert!(bench.wait_for("root/marker.wasm").unfinished.contains(&bench.path("store/a.wasm")));
    fs::rename(bench.path("store"), bench.path("old")).unwrap();
    fs::rename(bench.path("next"), bench.path("store")).unwrap();
    bench.wait_for("store");
    bench.watcher.watch(vec![bench.path("store/a.wasm")]);
    bench.write("root/marker.wasm", "marker");
    assert!(bench.wait_for("root/marker.wasm").unfinished.is_empty());
    bench.write("store/a.wasm", "newer");
    bench.wait_for("store/a.wasm");
}

#[test]
fn a_folder_that_goes_away_and_comes_back_is_watched_again_and_so_is_what_is_in_it() {
    let prepare = |top: &Path| fs::create_dir_all(top.join("root/store/deep")).unwrap();
    let files = ["root/store/a.wasm", "root/store/deep/b.wasm"];
    let mut bench = Bench::new(prepare, &files);
    fs::rename(bench.path("root/store"), bench.path("root/away")).unwrap();
    bench.wait_for("root/store");
    fs::rename(bench.path("root/away"), bench.path("root/store")).unwrap();
    bench.wait_for("root/store");
    bench.watcher.watch(files.map(|file| bench.path(file)).to_vec());
    // Nothing is found by looking, only by what the system tells.
    bench.watcher.next_look = bench.watcher.next_look.after(std::time::Duration::from_hours(1));
    for file in files {
        bench.write(file, "new");
        bench.wait_for(file);
    }
}

#[test]
fn a_file_in_a_folder_that_is_yet_to_be_made_is_told() {
    let mut bench = Bench::new(|_| {}, &["root/build/a.wasm"]);
    fs::create_dir(bench.path("root/build")).unwrap();
    bench.wait_for("root/build");
    bench.watcher.watch(vec![bench.path("root/build/a.wasm")]);
    bench.write("root/build/a.wasm", "built");
    bench.wait_for("root/build/a.wasm");
}

#[test]
fn other_files_are_never_told() {
    let mut bench = Bench::new(|top| fs::create_dir(top.join("root/.hostel")).unwrap(), &[]);
    for name in ["root/.hostel/control.redb", "root/notes.txt", "root/.a.wasm.swp", "beside.wasm"] {
        bench.write(name, "noise");
    }
    bench.write("root/a.wasm", "whole");
    let changes = bench.wait();
    assert_eq!(changes.changed.into_iter().collect::<Vec<_>>(), [bench.path("root/a.wasm")]);
    assert!(bench.watcher.looks.compare(bench.watcher.stamps(), |_| false).is_empty());
}

#[test]
fn where_the_system_tells_nothing_two_looks_do() {
    let mut bench = Bench::new(|top| fs::write(top.join("root/gone.wasm"), "here").unwrap(), &[]);
    bench.deafen();
    bench.write("root/a.wasm", "whole");
    let changes = bench.wait_for("root/a.wasm");
    assert!(changes.unfinished.is_empty(), "{changes:?}");
    fs::remove_file(bench.path("root/gone.wasm")).unwrap();
    bench.wait_for("root/gone.wasm");
}

#[test]
fn what_was_lost_is_found_by_looking() {
    let mut bench = Bench::new(|_| {}, &[]);
    bench.watcher.inbox.lose();
    bench.write("root/a.wasm", "whole");
    let changes = bench.wait();
    assert!(changes.all && changes.unfinished.is_empty(), "{changes:?}");
}

#[test]
fn what_is_half_written_before_the_first_wait_is_unfinished_then() {
    let folder = tempfile::tempdir().unwrap();
    let top = fs::canonicalize(folder.path()).unwrap();
    let runtime = Builder::new_current_thread().build().unwrap();
    let (mut watcher, _stopper) = Watcher::start(&top, real_platform(runtime.handle().clone()).clock);
    let mut slow = File::create(top.join("slow.wasm")).unwrap();
    slow.write_all(b"ha").unwrap();
    let changes = watcher.wait().unwrap();
    assert!(changes.all && changes.unfinished.contains(&top.join("slow.wasm")), "{changes:?}");
}

#[test]
fn one_can_ask_to_be_called_again() {
    let mut bench = Bench::new(|_| {}, &[]);
    bench.watcher.again_after(std::time::Duration::from_millis(1));
    assert_eq!(bench.wait(), Changes::default());
}

#[test]
fn waiting_ends_with_the_stopper_whatever_is_left() {
    let mut bench = Bench::new(|_| {}, &[]);
    bench.watcher.again_after(std::time::Duration::ZERO);
    bench.stopper = None;
    assert_eq!(bench.watcher.wait(), None);
}
