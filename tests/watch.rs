//! `hostel up` follows its folder: what is dropped in, replaced and removed there, with nothing lost in between.

mod configuration;
mod half_written;
mod missing;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tempfile::TempDir;

use crate::harness::{Answer, Process, Request, eventually, guest};
use crate::process::{folder, write};
use crate::reload::revision::{Guest, body};

/// A folder that a host follows, and the components that are dropped into it.
struct World {
    folder: TempDir,
    guest: Guest,
    process: Process,
}

impl World {
    /// A host of a folder in which `users.wasm` is the first revision, with `text` in its `hostel.toml`.
    #[track_caller]
    fn up(text: &str) -> Self {
        let folder = folder(&[], text);
        let guest = Guest::read(Path::new(guest::REVISION_P2));
        fs::write(folder.path().join("users.wasm"), guest.revision(1)).unwrap();
        let process = Process::up(folder.path());
        Self { folder, guest, process }
    }

    /// The same with a table for it.
    #[track_caller]
    fn with_table() -> Self {
        Self::up(&table(""))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// As `cp` does it: the file is emptied and written.
    fn copy(&self, revision: u32, name: &str) {
        fs::write(self.path(name), self.guest.revision(revision)).unwrap();
    }

    /// As `mv` does it.
    fn rename(&self, revision: u32, name: &str) {
        self.copy(revision, ".part");
        fs::rename(self.path(".part"), self.path(name)).unwrap();
    }

    /// The revision that answers at `path`, whose answer must be whole; none if nothing answers there.
    #[track_caller]
    fn serves(&self, path: &str) -> Option<u32> {
        revision_of(&self.process.get(path))
    }

    #[track_caller]
    fn eventually_serves(&self, path: &str, revision: Option<u32>) {
        eventually(&format!("{revision:?} at {path}; log: {}", self.process.stderr.text()), || {
            self.serves(path) == revision
        });
    }

    /// Waits until what was done so far has been looked at.
    #[track_caller]
    fn passes(&self) {
        self.rename(99, "marker.wasm");
        self.eventually_serves("/marker", Some(99));
        fs::remove_file(self.path("marker.wasm")).unwrap();
        self.eventually_serves("/marker", None);
    }

    /// How many lines of the log have all of these words.
    fn logged(&self, words: &[&str]) -> usize {
        let text = self.process.stderr.text();
        text.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }
}

/// `hostel.toml` with a table for `users.wasm`.
fn table(more: &str) -> String {
    format!("[service.users]\ncomponent = \"users.wasm\"\nroutes = [\"/users/*\"]\n{more}\n")
}

/// The revision that gave this answer.
#[track_caller]
fn revision_of(answer: &Answer) -> Option<u32> {
    if answer.status == 404 {
        return None;
    }
    assert_eq!((answer.status, answer.complete), (200, true), "{}", answer.text());
    let revision = answer.header("x-revision").expect("a revision says which it is").parse().unwrap();
    assert!(answer.body == body(revision, false), "an answer of {revision} that is not whole");
    Some(revision)
}

/// Asks for `path` without a pause while `work` is done; every answer must be one of `revisions`, and
/// none may be older than the one before.
#[track_caller]
fn while_asking(world: &World, path: &str, revisions: std::ops::RangeInclusive<u32>, work: impl FnOnce()) {
    let done = AtomicBool::new(false);
    let address = world.process.address();
    let ask = || {
        let (mut newest, mut asked) = (*revisions.start(), 0);
        while !done.load(Ordering::Relaxed) {
            let revision = revision_of(&Request::new(address, "GET", path).send());
            let revision = revision.expect("the service must answer all the time");
            assert!(revisions.contains(&revision) && revision >= newest, "{revision} after {newest}");
            newest = revision;
            asked += 1;
        }
        asked
    };
    thread::scope(|scope| {
        let asking = scope.spawn(ask);
        work();
        done.store(true, Ordering::Relaxed);
        assert!(asking.join().unwrap() > 0);
    });
}

#[test]
fn a_component_that_is_dropped_in_is_served_under_its_name() {
    let world = World::up("");
    assert_eq!(world.serves("/users"), Some(1));
    assert_eq!(world.serves("/orders"), None);
    world.copy(7, "orders.wasm");
    world.eventually_serves("/orders", Some(7));
    assert_eq!(world.serves("/orders/below"), Some(7));
    world.process.stderr.line_with(&["revision is live", "orders", "r1"]);
}

#[test]
fn a_configuration_of_another_name_is_followed_with_the_folder_it_is_in() {
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest::read(Path::new(guest::REVISION_P2));
    fs::write(folder.path().join("users.wasm"), guest.revision(1)).unwrap();
    let file = folder.path().join("other.conf");
    fs::write(&file, "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n").unwrap();
    let world = World { process: Process::up(&file), folder, guest };
    assert_eq!(world.serves("/users"), Some(1));
    world.copy(2, "orders.wasm");
    world.eventually_serves("/orders", Some(2));
    fs::write(&file, "version = 1\ndrop_in = false\n[[listener]]\naddress = \"127.0.0.1:0\"\n").unwrap();
    world.eventually_serves("/orders", None);
}

#[test]
fn a_component_is_replaced_in_every_way_and_no_request_is_lost() {
    let world = World::up("");
    while_asking(&world, "/users", 1..=7, || {
        world.copy(2, "users.wasm");
        world.eventually_serves("/users", Some(2));
        world.rename(3, "users.wasm");
        world.eventually_serves("/users", Some(3));
        // As `ln -sfn` does it, and a swap of the link afterwards.
        for revision in [4, 5] {
            fs::create_dir_all(world.path("store")).unwrap();
            let target = format!("store/{revision}.wasm");
            world.copy(revision, &target);
            symlink(&target, world.path(".link")).unwrap();
            fs::rename(world.path(".link"), world.path("users.wasm")).unwrap();
            world.eventually_serves("/users", Some(revision));
        }
        // At the end of the link.
        world.rename(6, "store/5.wasm");
        world.eventually_serves("/users", Some(6));
        // As `install` does it.
        let next = world.guest.revision(7);
        fs::remove_file(world.path("users.wasm")).unwrap();
        fs::write(world.path("users.wasm"), next).unwrap();
        world.eventually_serves("/users", Some(7));
    });
    assert_eq!(world.logged(&["service is gone"]), 0, "{}", world.process.stderr.text());
}

#[test]
fn a_component_that_is_removed_goes_and_may_come_back() {
    let world = World::up("");
    world.copy(2, "orders.wasm");
    world.eventually_serves("/orders", Some(2));
    fs::remove_file(world.path("orders.wasm")).unwrap();
    world.eventually_serves("/orders", None);
    world.process.stderr.line_with(&["service is gone", "orders"]);
    assert_eq!(world.serves("/users"), Some(1));
    world.copy(3, "orders.wasm");
    world.eventually_serves("/orders", Some(3));
}

#[test]
fn the_last_component_may_go_as_well() {
    let world = World::up("");
    fs::remove_file(world.path("users.wasm")).unwrap();
    world.eventually_serves("/users", None);
    world.copy(2, "users.wasm");
    world.eventually_serves("/users", Some(2));
}

#[test]
fn a_request_in_flight_ends_with_the_revision_that_took_it() {
    let folder = folder(&[("slow.wasm", guest::SLEEPS_P2)], "");
    let guest = Guest::read(Path::new(guest::REVISION_P2));
    let process = Process::up(folder.path());
    let mut working = process.request("GET", "/slow?ms=1500").begin();
    let mut other = process.connect();
    // The host has read the first request once it answers one on a later connection.
    assert_eq!(process.request("GET", "/nowhere").send_on(&mut other).status, 404);
    fs::write(folder.path().join("slow.wasm"), guest.revision(2)).unwrap();
    eventually("the new revision serves", || process.get("/slow").header("x-revision") == Some("2"));
    let answer = working.read_answer("GET");
    assert_eq!((answer.status, answer.text().as_str(), answer.complete), (200, "slept", true));
}

#[test]
fn many_changes_at_once_come_to_the_last_of_each() {
    let world = World::up("");
    for revision in 2..40 {
        world.copy(revision, "users.wasm");
        world.rename(revision, "orders.wasm");
    }
    world.eventually_serves("/users", Some(39));
    world.eventually_serves("/orders", Some(39));
    // What was overtaken was never compiled, or at most a few.
    let compiled = world.logged(&["compiling"]);
    assert!(compiled < 30, "{compiled} of 78");
}
