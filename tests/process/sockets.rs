//! Sockets that outlive the process, and the last connections at those that do not.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use super::{folder, write};
use crate::harness::{Connection, Process, Request, eventually, guest};

/// How often a host ends and another begins.
const ROUNDS: usize = 20;
/// Clients that send requests all the while.
const CLIENTS: usize = 4;

/// A socket, and a folder whose listener has its address.
fn socket_and_folder() -> (TcpListener, SocketAddr, TempDir) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let folder = folder(&[("hello.wasm", guest::HELLO_P2)], "");
    write(folder.path(), &listening_at(address));
    (socket, address, folder)
}

fn listening_at(address: SocketAddr) -> String {
    format!("version = 1\n[[listener]]\naddress = \"{address}\"\n")
}

/// `hostel up` on `folder` with `socket`; returns once it serves.
fn up(socket: &TcpListener, folder: &Path) -> Process {
    let mut process = Process::handed(socket, [Path::new("up"), folder]);
    process.serves();
    process
}

#[test]
fn connections_wait_at_a_socket_that_was_handed_over_until_the_next_host_takes_it() {
    let (socket, address, folder) = socket_and_folder();
    let mut first = up(&socket, folder.path());
    assert_eq!(first.addresses(), [address]);
    first.stderr.line_with(&["a socket that was handed over", &address.to_string(), "web"]);
    assert_eq!(first.get("/hello").text(), "Hello, World!\n");
    assert_eq!(first.stop().code(), Some(0));
    let mut waiting = Request::new(address, "GET", "/hello").begin();
    let mut second = up(&socket, folder.path());
    assert_eq!(waiting.read_answer("GET").text(), "Hello, World!\n");
    assert_eq!(second.stop().code(), Some(0));
}

#[test]
fn no_request_on_a_new_connection_is_lost_while_hosts_end_and_begin() {
    let (socket, address, folder) = socket_and_folder();
    let (ended, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let client = || {
        while !ended.load(Ordering::Relaxed) {
            let answer = Request::new(address, "GET", "/hello").begin().try_read_answer("GET");
            let answer = answer.expect("a request on a new connection must be answered");
            assert_eq!((answer.status, answer.complete), (200, true), "{}", answer.text());
            answered.fetch_add(1, Ordering::Relaxed);
        }
    };
    let mut lines = 0;
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        for _ in 0..ROUNDS {
            let mut process = up(&socket, folder.path());
            let before = answered.load(Ordering::Relaxed);
            eventually("the clients are answered by this host", || {
                answered.load(Ordering::Relaxed) >= before + 10 * CLIENTS || clients.iter().any(|one| one.is_finished())
            });
            assert_eq!(process.stop().code(), Some(0), "{}", process.stderr.text());
            lines += process.stdout.json_lines().iter().filter(|line| line["outcome"] == "ok").count();
        }
        ended.store(true, Ordering::Relaxed);
        // Those that wait are answered, too, and then all clients are done.
        let _last = up(&socket, folder.path());
        for client in clients {
            client.join().unwrap();
        }
    });
    let answered = answered.load(Ordering::Relaxed);
    assert!(answered >= ROUNDS * 10 * CLIENTS);
    assert!(lines <= answered && lines + CLIENTS >= answered, "{lines} lines for {answered} answers");
}

#[test]
fn a_socket_that_no_listener_has_is_named_and_nothing_is_served() {
    let (socket, address, folder) = socket_and_folder();
    write(folder.path(), &listening_at("127.0.0.1:0".parse().unwrap()));
    let mut process = Process::handed(&socket, [Path::new("up"), folder.path()]);
    assert_eq!(process.wait().code(), Some(64));
    let said = process.stderr.text();
    for words in [format!("`{address}` (web)"), "give one this `address`".to_owned()] {
        assert!(said.contains(&words), "{said}");
    }
}

#[test]
fn the_socket_of_the_admin_plane_may_be_handed_over_and_stays() {
    let folder = folder(&[("hello.wasm", guest::HELLO_P2)], "");
    let text = "version = 1\n[admin]\nsocket = \"hostel.sock\"\n[[listener]]\naddress = \"127.0.0.1:0\"\n";
    write(folder.path(), text);
    let path = folder.path().join("hostel.sock");
    let socket = UnixListener::bind(&path).unwrap();
    for _ in 0..2 {
        let mut process = Process::handed(&socket, [Path::new("up"), folder.path()]);
        process.serves();
        let mut status = Process::run([Path::new("status"), folder.path()]);
        assert_eq!(status.wait().code(), Some(0), "{}", status.stderr.text());
        assert!(status.stdout.text().contains("ready"), "{}", status.stdout.text());
        assert_eq!(process.stop().code(), Some(0));
        assert!(path.exists(), "it belongs to whoever handed it over");
    }
}

#[test]
fn a_build_gets_no_socket_that_was_handed_over() {
    let (socket, address, folder) = socket_and_folder();
    let service = "[service.hello]\ncomponent = \"hello.wasm\"\nroutes = [\"/hello\"]\nbuild = { command = \"ls -l /proc/self/fd\" }\n";
    write(folder.path(), &[&listening_at(address), service].concat());
    let name = fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
    let mut process = Process::handed(&socket, [Path::new("dev"), folder.path()]);
    process.serves();
    assert_eq!(process.get("/hello").status, 200);
    let said = process.stderr.text();
    assert!(said.contains("/dev/null") && !said.contains(name.to_str().unwrap()), "{said}");
    assert_eq!(process.stop().code(), Some(0));
}

#[test]
fn the_service_manager_is_told_when_the_host_serves_and_when_it_stops() {
    let (socket, _, folder) = socket_and_folder();
    // The host listens there itself.
    drop(socket);
    let path = folder.path().join("notify.sock");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let heard = || {
        let mut bytes = [0; 64];
        let count = manager.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    let mut process = Process::up_with(folder.path(), &[("NOTIFY_SOCKET", path.to_str().unwrap())]);
    assert_eq!(heard(), "READY=1");
    assert_eq!(process.get("/hello").status, 200);
    assert_eq!(process.stop().code(), Some(0));
    assert_eq!(heard(), "STOPPING=1");
}

#[test]
fn whoever_is_connected_when_the_host_is_told_to_stop_is_answered() {
    let folder = folder(&[("hello.wasm", guest::HELLO_P2)], "");
    let mut process = Process::up(folder.path());
    let begin = |_| process.request("GET", "/hello").begin();
    // So many wait to be accepted when the signal comes.
    process.signal(Signal::STOP);
    let mut waiting: Vec<Connection> = (0..50).map(begin).collect();
    process.signal(Signal::TERM);
    process.signal(Signal::CONT);
    for connection in &mut waiting {
        let answer = connection.read_answer("GET");
        assert_eq!((answer.status, answer.complete), (200, true), "{}", answer.text());
    }
    assert_eq!(process.wait().code(), Some(0));
}

#[test]
fn a_request_whose_head_has_begun_is_answered_by_a_host_that_stops() {
    let folder = folder(&[("hello.wasm", guest::HELLO_P2)], "");
    let mut process = Process::up(folder.path());
    let mut used = process.connect();
    assert_eq!(process.request("GET", "/hello").send_on(&mut used).status, 200);
    let mut begun = process.connect();
    for connection in [&mut used, &mut begun] {
        connection.send("GET /hello HTTP/1.1\r\nHost: ");
    }
    // Its line is there once the host has read what was sent before.
    assert_eq!(process.get("/nowhere").status, 404);
    process.signal(Signal::TERM);
    process.stderr.line_with(&["stopping"]);
    for connection in [&mut used, &mut begun] {
        connection.send("localhost\r\n\r\n");
        let answer = connection.read_answer("GET");
        assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
        assert!(connection.is_closed_by_host());
    }
    assert_eq!(process.wait().code(), Some(0));
}
