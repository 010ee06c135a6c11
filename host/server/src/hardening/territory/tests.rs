//! Which folders a name opens.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Territory, is_shared, loaded_objects};

/// A folder without links on the way to it, with files and links in it.
fn place(files: &[&str], links: &[(&str, &str)]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let top = fs::canonicalize(folder.path()).unwrap();
    for file in files {
        fs::create_dir_all(top.join(file).parent().unwrap()).unwrap();
        fs::write(top.join(file), "").unwrap();
    }
    for (target, name) in links {
        fs::create_dir_all(top.join(name).parent().unwrap()).unwrap();
        symlink(target, top.join(name)).unwrap();
    }
    (folder, top)
}

fn opened(file: &Path) -> Vec<PathBuf> {
    let mut territory = Territory::nothing();
    territory.file(file);
    territory.read.into_iter().collect()
}

#[test]
fn a_file_opens_its_folder_so_that_it_can_be_replaced() {
    let (_folder, top) = place(&["certs/a.pem"], &[]);
    assert_eq!(opened(&top.join("certs/a.pem")), [top.join("certs")]);
    // It may come later.
    assert_eq!(opened(&top.join("certs/b.pem")), [top.join("certs")]);
}

#[test]
fn a_renewed_certificate_is_where_the_last_one_was() {
    let (_folder, top) = place(&["archive/site/cert1.pem"], &[("../../archive/site/cert1.pem", "live/site/cert.pem")]);
    assert_eq!(opened(&top.join("live/site/cert.pem")), [top.join("archive/site")]);
}

#[test]
fn folders_that_are_switched_by_a_link_are_open_all() {
    let (_folder, top) =
        place(&["certs/..2026_1/tls.crt"], &[("..2026_1", "certs/..data"), ("..data/tls.crt", "certs/tls.crt")]);
    // The folder in which the next one will be made, and that of the file as it is.
    assert_eq!(opened(&top.join("certs/tls.crt")), [top.join("certs"), top.join("certs/..2026_1")]);
}

#[test]
fn a_folder_behind_a_link_opens_those_beside_it() {
    let (_folder, top) = place(&["releases/1/app.wasm"], &[("releases/1", "current")]);
    let mut territory = Territory::nothing();
    territory.folder(&top.join("current"));
    assert_eq!(territory.read.into_iter().collect::<Vec<_>>(), [top.join("releases"), top.join("releases/1")]);
}

#[test]
fn links_that_lead_nowhere_or_in_a_circle_come_to_an_end() {
    let (_folder, top) = place(&["a"], &[("c", "b/c"), ("../nowhere/x", "b/d")]);
    assert_eq!(opened(&top.join("b/c")), [top.join("b")]);
    assert!(opened(&top.join("b/d")).contains(&top.join("nowhere")));
}

#[test]
fn folders_of_everybody_stay_closed_and_their_files_open_one_by_one() {
    for shared in ["/", "/etc", "/run", "/tmp", "/srv", "/etc/ssl", "/var/lib"] {
        assert!(is_shared(Path::new(shared)), "{shared}");
    }
    for own in ["/etc/hostel", "/run/secrets/one", "/srv/shop", "/var/lib/hostel"] {
        assert!(!is_shared(Path::new(own)), "{own}");
    }
    let somebody = Path::new("/home").join("somebody");
    assert!(is_shared(&somebody) && !is_shared(&somebody.join("shop")));
    // Somewhere below a folder at the top that is not a link on this machine.
    assert_eq!(
        opened(Path::new("/etc/hostel-that-is-not-there.pem")),
        [Path::new("/etc/hostel-that-is-not-there.pem")]
    );
}

#[test]
fn code_is_loaded_from_what_the_memory_map_says() {
    let maps = "\
55d1c0000000-55d1c0400000 r--p 00000000 fd:01 4711                       /usr/bin/hostel
55d1c0400000-55d1c1400000 r-xp 00400000 fd:01 4711                       /usr/bin/hostel
7f0000000000-7f0000100000 rw-p 00000000 00:00 0 
7f1000000000-7f1000100000 r-xp 00026000 fd:01 815                        /usr/lib/a folder/libc.so.6
7f2000000000-7f2000100000 r-xp 00000000 00:00 0                          [vdso]
7f3000000000-7f3000100000 r-xp 00000000 00:01 22                         /memfd:image (deleted)
";
    let found: Vec<_> = loaded_objects(maps).into_iter().collect();
    let expected = ["/memfd:image (deleted)", "/usr/bin/hostel", "/usr/lib/a folder/libc.so.6"];
    assert_eq!(found, expected.map(PathBuf::from));
}

#[test]
fn every_host_may_run_itself_and_nothing_of_a_usual_path() {
    let territory = Territory::of_every_host();
    assert!(territory.run.contains(&std::env::current_exe().unwrap()));
    for tool in ["/bin/sh", "/usr/bin/env", "/usr/bin/python3"] {
        assert!(!territory.run.contains(Path::new(tool)), "{tool}");
    }
    let readable = |path: &str| territory.read.iter().any(|open| Path::new(path).starts_with(open));
    for closed in ["/etc/passwd", "/etc/shadow", "/var/log/syslog", "/proc/1/environ"] {
        assert!(!readable(closed), "{closed}");
    }
    assert!(territory.change.is_empty() && territory.ports.is_empty());
}

#[test]
fn a_state_folder_is_changed_and_the_one_around_it_only_listed() {
    let (_folder, top) = place(&["state/format"], &[]);
    let mut territory = Territory::nothing();
    territory.state(&top.join("state"));
    assert_eq!(territory.change.into_iter().collect::<Vec<_>>(), [top.join("state")]);
    assert_eq!(territory.list.into_iter().collect::<Vec<_>>(), [top]);
    assert!(territory.read.is_empty());
}
