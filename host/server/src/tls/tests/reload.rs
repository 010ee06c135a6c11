//! Files that change under a listener at work.

use std::fs;
use std::os::unix::fs::symlink;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Folder, Made, client, half, handshake, peer, shown};

#[tokio::test]
async fn new_files_are_shown_to_new_connections_while_old_ones_live_on() {
    let (old, new) = (Made::new(&["first.test"]), Made::new(&["first.test", "more.test"]));
    let folder = Folder::new();
    folder.put("a", &old);
    let tls = folder.load(&["a"]);
    let (before, server) = handshake(&tls, client(None), "first.test").await;
    let (mut before, server) = (before.unwrap(), server.unwrap());
    assert_eq!(peer(&before), old.der());

    folder.put("a", &new);
    assert!(tls.reload().unwrap());
    assert_eq!(shown(&tls, Some("first.test")).await, new.der());

    let mut stream = server.stream;
    before.write_all(b"still here").await.unwrap();
    let mut said = [0; 10];
    stream.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"still here");
    // It was made under the old certificate, and is judged by that.
    assert!(!server.facts.covers("more.test"));
}

#[tokio::test]
async fn files_written_again_with_the_same_text_are_no_change() {
    let made = Made::new(&["first.test"]);
    let folder = Folder::new();
    folder.put("a", &made);
    let tls = folder.load(&["a"]);
    folder.put("a", &made);
    assert!(!tls.reload().unwrap());
}

#[tokio::test]
async fn a_failed_reload_keeps_what_was_in_force() {
    let (old, new) = (Made::new(&["first.test"]), Made::new(&["first.test"]));
    let folder = Folder::new();
    folder.put("a", &old);
    let tls = folder.load(&["a"]);
    let not_after = tls.not_after();

    for cert in ["", &half(&new.cert), &new.cert] {
        // Even the whole new certificate does not fit the old key.
        folder.write("a.pem", cert);
        tls.reload().unwrap_err();
        assert_eq!(shown(&tls, None).await, old.der());
        assert_eq!(tls.not_after(), not_after);
    }
    fs::remove_file(folder.path().join("a.key")).unwrap();
    tls.reload().unwrap_err();
    assert_eq!(shown(&tls, None).await, old.der());

    folder.write("a.key", &new.key);
    assert!(tls.reload().unwrap());
    assert_eq!(shown(&tls, None).await, new.der());
}

#[tokio::test]
async fn a_failure_that_is_taken_back_is_no_change() {
    let old = Made::new(&["first.test"]);
    let folder = Folder::new();
    folder.put("a", &old);
    let tls = folder.load(&["a"]);
    folder.write("a.pem", "");
    tls.reload().unwrap_err();
    folder.write("a.pem", &old.cert);
    assert!(!tls.reload().unwrap());
}

#[tokio::test]
async fn a_folder_exchanged_by_a_link_is_read_anew() {
    // As a mounted secret does it: the files are links through a link that is renamed over.
    let (old, new) = (Made::new(&["first.test"]), Made::new(&["first.test"]));
    let folder = Folder::new();
    for (name, made) in [("one", &old), ("two", &new)] {
        fs::create_dir(folder.path().join(name)).unwrap();
        folder.put(&format!("{name}/a"), made);
    }
    symlink("one", folder.path().join("current")).unwrap();
    for file in ["a.pem", "a.key"] {
        symlink(format!("current/{file}"), folder.path().join(file)).unwrap();
    }
    let tls = folder.load(&["a"]);
    assert_eq!(shown(&tls, None).await, old.der());

    symlink("two", folder.path().join("next")).unwrap();
    fs::rename(folder.path().join("next"), folder.path().join("current")).unwrap();
    assert!(tls.reload().unwrap());
    assert_eq!(shown(&tls, None).await, new.der());
}
