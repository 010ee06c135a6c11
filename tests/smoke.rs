//! Proves that the harness itself works.

use crate::harness::{Harness, Process, guest};

#[test]
fn a_service_answers_in_process() {
    let host = Harness::new().serves("hello", guest::HELLO_P2).start();
    let answer = host.get("/hello");
    assert_eq!((answer.status, answer.text().as_str(), answer.complete), (200, "Hello, World!\n", true));
    assert_eq!(host.log_line_for(answer.id())["outcome"], "ok");
}

#[test]
fn a_service_answers_in_a_process_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(guest::HELLO_P3, folder.path().join("hello.wasm")).unwrap();
    std::fs::write(folder.path().join("hostel.toml"), "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n")
        .unwrap();
    let mut process = Process::up(folder.path());
    assert_eq!(process.get("/hello").text(), "Hello, World!\n");
    assert_eq!(process.stop().code(), Some(0));
}
