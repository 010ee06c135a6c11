//! Uploads: what is kept, what is refused, and that nothing is left of what broke off.

use std::fs::File;
use std::io::Write;
use std::net::Shutdown;
use std::time::Duration;

use hostel_model::digest::Digest;
use hostel_model::limits::fixed;
use hostel_model::standing::Standing;
use hostel_storage::Change;

use super::scene::{EMPTY_COMPONENT, Reply, Scene, record, revision};
use crate::admin::artifacts::room::UNDEPLOYED_MAX;
use crate::admin::context::UPLOADS_MAX;

/// A file that begins as a component does and is `bytes` long.
fn component(bytes: usize) -> Vec<u8> {
    let mut component = EMPTY_COMPONENT.to_vec();
    component.resize(bytes, 7);
    component
}

/// Waits until nothing is being written.
#[track_caller]
fn nothing_unfinished(scene: &Scene) {
    let clock = &scene.plane.ground.platform.clock;
    for _ in 0..3_000 {
        if scene.files().iter().all(|name| !name.contains("unfinished")) {
            return;
        }
        clock.pause_thread(std::time::Duration::from_millis(10));
    }
    panic!("{:?}", scene.files());
}

#[test]
fn a_component_is_kept_under_its_digest() {
    let scene = Scene::new();
    for size in [8, 100_000, 3_000_001] {
        let bytes = component(size);
        let reply = scene.send("POST /v1/artifacts", &[], &bytes);
        let digest = Digest::of(&bytes);
        assert_eq!(reply.status, 201, "{}", reply.text());
        assert_eq!(reply.json(), serde_json::json!({ "digest": digest.to_string(), "bytes": size }));
        assert_eq!(scene.store.artifacts.get(&digest).unwrap(), bytes);
    }
    // Once more is no error.
    assert_eq!(scene.send("POST /v1/artifacts", &[], &component(8)).status, 201);
    assert_eq!(scene.files().len(), 3);
}

#[test]
fn a_component_in_chunks_of_any_size_is_kept() {
    let scene = Scene::new();
    let bytes = component(20);
    let mut chunks = Vec::new();
    for chunk in bytes.chunks(3) {
        chunks.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunks.extend(chunk);
        chunks.extend(b"\r\n");
    }
    chunks.extend(b"0\r\n\r\n");
    let reply = scene.send_raw("POST /v1/artifacts", &[("Transfer-Encoding", "chunked")], &chunks);
    assert_eq!(reply.json()["digest"], Digest::of(&bytes).to_string());
}

#[test]
fn what_is_no_component_is_refused_by_its_beginning() {
    let scene = Scene::new();
    let mut native = b"\x7fELF\x02\x01\x01\0".to_vec();
    native.resize(1_000_000, 0);
    for (bytes, words) in [
        (native, "precompiled native code"),
        (b"\0asm\x01\0\0\0and more".to_vec(), "a core WebAssembly module"),
        (b"hello, world".to_vec(), "not a WebAssembly component"),
        (b"\0asm\x0d\0".to_vec(), "not a WebAssembly component"),
        (Vec::new(), "the file is empty"),
        (vec![0; 200_000], "not a WebAssembly component"),
    ] {
        let (status, kind, detail) = scene.send("POST /v1/artifacts", &[], &bytes).problem();
        assert_eq!((status, kind.as_str()), (422, "unprocessable"), "{detail}");
        assert!(detail.to_lowercase().contains(&words.to_lowercase()), "{words}: {detail}");
    }
    nothing_unfinished(&scene);
    assert!(scene.files().is_empty(), "{:?}", scene.files());
}

#[test]
fn a_component_that_is_too_large_is_refused_before_it_is_sent() {
    let scene = Scene::new();
    let length = (fixed::COMPONENT_FILE.0 + 1).to_string();
    let reply = scene.send_raw("POST /v1/artifacts", &[("Content-Length", &length)], b"");
    let (status, kind, detail) = reply.problem();
    assert_eq!((status, kind.as_str()), (413, "content-too-large"));
    assert!(detail.contains("64MiB"), "{detail}");
}

#[test]
fn a_component_of_unknown_length_is_refused_once_it_is_too_large() {
    let scene = Scene::new();
    let mut stream = scene.begin("POST /v1/artifacts", &[("Transfer-Encoding", "chunked")]);
    let chunk = component(1024 * 1024);
    for _ in 0..=64 {
        // The host closes as soon as it has seen enough.
        let written = write!(stream, "{:x}\r\n", chunk.len()).and_then(|()| stream.write_all(&chunk));
        if written.and_then(|()| stream.write_all(b"\r\n")).is_err() {
            break;
        }
    }
    let (status, kind, _) = Reply::read(stream).problem();
    assert_eq!((status, kind.as_str()), (413, "content-too-large"));
    nothing_unfinished(&scene);
    assert!(scene.files().is_empty(), "{:?}", scene.files());
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let scene = Scene::new();
    let bytes = component(500_000);
    let mut stream = scene.begin("POST /v1/artifacts", &[("Content-Length", "1000000")]);
    stream.write_all(&bytes).unwrap();
    drop(stream);
    nothing_unfinished(&scene);
    // One that says it has ended before its length, too.
    let mut stream = scene.begin("POST /v1/artifacts", &[("Content-Length", "1000000")]);
    stream.write_all(&bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let _ = std::io::Read::read_to_end(&mut stream, &mut Vec::new());
    nothing_unfinished(&scene);
    assert!(scene.files().is_empty(), "{:?}", scene.files());
}

#[test]
fn only_so_many_are_uploaded_at_once() {
    let scene = Scene::new();
    let bytes = component(1_000);
    let mut held = Vec::new();
    for _ in 0..UPLOADS_MAX {
        let mut stream = scene.begin("POST /v1/artifacts", &[("Content-Length", "1001")]);
        stream.write_all(&bytes).unwrap();
        held.push(stream);
    }
    // All of them are being written once each has a file.
    let clock = &scene.plane.ground.platform.clock;
    while scene.files().len() < UPLOADS_MAX {
        clock.pause_thread(std::time::Duration::from_millis(5));
    }
    let reply = scene.send("POST /v1/artifacts", &[], &bytes);
    assert!(reply.head.contains("retry-after: 1"), "{}", reply.head);
    let (status, kind, _) = reply.problem();
    assert_eq!((status, kind.as_str()), (503, "busy"));
    held.clear();
    nothing_unfinished(&scene);
    assert_eq!(scene.send("POST /v1/artifacts", &[], &bytes).status, 201);
}

#[test]
fn parameters_that_are_not_known_are_refused() {
    let scene = Scene::new();
    let (status, _, detail) = scene.send("POST /v1/artifacts?digest=1", &[], &EMPTY_COMPONENT).problem();
    assert_eq!(status, 400);
    assert!(detail.contains("known are: none"), "{detail}");
}

/// Keeps a component that was uploaded `minutes` ago and takes `bytes`, without their being written.
fn lies_there(scene: &Scene, content: &[u8], minutes: u64, bytes: u64) -> Digest {
    let digest = scene.store.artifacts.put(content).unwrap();
    let file = File::options().write(true).open(scene.folder.artifacts().join(format!("{digest}.wasm"))).unwrap();
    file.set_len(bytes).unwrap();
    let now = scene.plane.ground.platform.clock.wall();
    file.set_modified(now - Duration::from_secs(60 * minutes)).unwrap();
    digest
}

/// Waits until the component is taken away.
#[track_caller]
fn is_swept(scene: &Scene, digest: &Digest) {
    let clock = &scene.plane.ground.platform.clock;
    for _ in 0..3_000 {
        if scene.store.artifacts.size(digest).unwrap().is_none() {
            return;
        }
        clock.pause_thread(Duration::from_millis(10));
    }
    panic!("{:?}", scene.files());
}

#[test]
fn what_nobody_deployed_goes_although_nobody_deploys_anything() {
    let scene = Scene::after(|store| {
        let live = revision(1, b"live");
        record(store, "users", &[(Change::Deployed, live, Standing::default().deployed(live, None).unwrap())]);
    });
    let (old, young) = (lies_there(&scene, b"old", 61, 3), lies_there(&scene, b"young", 59, 5));
    let live = lies_there(&scene, b"live", 10_000, 4);
    assert_eq!(scene.send("POST /v1/artifacts", &[], &EMPTY_COMPONENT).status, 201);
    is_swept(&scene, &old);
    for digest in [young, live, Digest::of(&EMPTY_COMPONENT)] {
        assert!(scene.store.artifacts.size(&digest).unwrap().is_some(), "{digest}");
    }
}

#[test]
fn nothing_is_swept_while_something_is_being_deployed() {
    let scene = Scene::new();
    let old = lies_there(&scene, b"old", 61, 3);
    let hold = scene.plane.ground.runtime.block_on(scene.deployer.hold()).unwrap();
    assert_eq!(scene.send("POST /v1/artifacts", &[], &EMPTY_COMPONENT).status, 201, "nobody waits for the sweep");
    scene.plane.ground.platform.clock.pause_thread(Duration::from_millis(100));
    assert!(scene.store.artifacts.size(&old).unwrap().is_some());
    drop(hold);
    is_swept(&scene, &old);
}

#[test]
fn what_nobody_deploys_takes_no_more_than_its_room() {
    let scene = Scene::after(|store| {
        let live = revision(1, b"live");
        record(store, "users", &[(Change::Deployed, live, Standing::default().deployed(live, None).unwrap())]);
    });
    // What serves does not count, nor what goes with the next sweep.
    lies_there(&scene, b"live", 1, UNDEPLOYED_MAX.0);
    lies_there(&scene, b"expired", 100, UNDEPLOYED_MAX.0);
    let other = lies_there(&scene, b"other", 1, UNDEPLOYED_MAX.0 - 1_000);
    let send = |bytes: usize| scene.send("POST /v1/artifacts", &[], &component(bytes));
    let (status, kind, detail) = send(1_001).problem();
    assert_eq!((status, kind.as_str()), (507, "storage-full"));
    assert!(detail.contains("may take 1GiB together") && detail.contains("an hour after it came"), "{detail}");
    // Of unknown length it might be as large as any.
    let reply = scene.send_raw("POST /v1/artifacts", &[("Transfer-Encoding", "chunked")], b"0\r\n\r\n");
    assert_eq!(reply.problem().0, 507);
    // One that is on its way has its room already.
    let mut stream = scene.begin("POST /v1/artifacts", &[("Content-Length", "600")]);
    stream.write_all(&component(100)).unwrap();
    let clock = &scene.plane.ground.platform.clock;
    while scene.files().iter().all(|name| !name.contains("unfinished")) {
        clock.pause_thread(Duration::from_millis(5));
    }
    assert_eq!(send(401).problem().0, 507);
    assert_eq!(send(400).status, 201);
    drop(stream);
    nothing_unfinished(&scene);
    assert_eq!(send(601).problem().0, 507);
    // Its room is given back a moment after its file has gone.
    let given_back = (0..3_000).any(|_| {
        clock.pause_thread(Duration::from_millis(1));
        send(600).status == 201
    });
    assert!(given_back);
    assert_eq!(send(8).problem().0, 507);
    scene.store.artifacts.remove(&other).unwrap();
    assert_eq!(send(8).status, 201);
}
