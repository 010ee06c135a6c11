//! The sockets and the token: who may come in, and what an earlier host left behind.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use super::{Answer, Ground, Plane, exchange};
use crate::admin::AdminSettings;
use crate::admin::serve::{CONNECTIONS_MAX, HEADER_TIME};
use crate::admin::socket::may_enter;

#[test]
fn the_socket_and_the_token_are_for_the_hosts_own_user_alone() {
    let plane = Plane::new();
    let socket = fs::symlink_metadata(&plane.socket).unwrap();
    assert!(socket.file_type().is_socket());
    assert_eq!(socket.mode() & 0o777, 0o600);
    let token = fs::metadata(plane.ground.settings().token_file).unwrap();
    assert_eq!(token.mode() & 0o777, 0o600);
    assert_eq!(plane.token.len(), 64);
    assert_eq!(plane.get("/livez").status, 200);
}

#[test]
fn only_the_hosts_own_user_and_the_superuser_may_enter() {
    assert!(may_enter(1000, 1000));
    assert!(may_enter(0, 1000));
    assert!(!may_enter(1001, 1000));
    assert!(!may_enter(1000, 0));
}

#[test]
fn without_an_address_there_is_neither_a_port_nor_a_token() {
    let ground = Ground::new();
    let settings = AdminSettings { address: None, ..ground.settings() };
    let token = settings.token_file.clone();
    let admin = ground.start(settings).unwrap();
    assert_eq!(admin.address(), None);
    assert!(!token.exists());
}

#[test]
fn a_socket_that_nobody_answers_at_any_more_is_replaced() {
    let ground = Ground::new();
    let settings = ground.settings();
    drop(UnixListener::bind(&settings.socket).unwrap());
    assert!(settings.socket.exists(), "the test needs what a host that was killed leaves");
    let admin = ground.start(ground.settings()).unwrap();
    let answer = exchange(UnixStream::connect(&settings.socket).unwrap(), "GET /livez", &[("Host", "localhost")]);
    assert_eq!(answer.status, 200);
    drop(admin);
}

#[test]
fn a_socket_that_somebody_answers_at_is_not_stolen() {
    let plane = Plane::new();
    let error = plane.ground.error(plane.ground.settings());
    assert!(error.contains("another process answers") && error.contains("admin.sock`"), "{error}");
    assert_eq!(plane.get("/livez").status, 200);
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let ground = Ground::new();
    let settings = ground.settings();
    fs::write(&settings.socket, "mine").unwrap();
    let error = ground.error(ground.settings());
    assert!(error.contains("is no socket; remove it"), "{error}");
    assert_eq!(fs::read_to_string(&settings.socket).unwrap(), "mine");
}

#[test]
fn a_path_that_no_socket_can_have_is_refused_with_its_length() {
    let ground = Ground::new();
    let socket = ground.folder.path().join("s".repeat(120));
    let bytes = socket.as_os_str().len();
    let error = ground.error(AdminSettings { socket, ..ground.settings() });
    assert!(error.contains(&format!("has {bytes} bytes, and may have 107; give a shorter one")), "{error}");
}

#[test]
fn the_longest_path_that_a_socket_can_have_is_taken() {
    let ground = Ground::new();
    let room = 107 - ground.folder.path().as_os_str().len() - 1;
    let socket = ground.folder.path().join("s".repeat(room));
    let admin = ground.start(AdminSettings { socket: socket.clone(), ..ground.settings() }).unwrap();
    assert!(UnixStream::connect(&socket).is_ok());
    drop(admin);
}

#[test]
fn an_address_that_is_taken_is_said_to_be() {
    let ground = Ground::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let settings = ground.settings();
    let error = ground.error(AdminSettings { address: Some(address), ..ground.settings() });
    assert!(error.starts_with(&format!("the admin address `{address}` is taken; ")), "{error}");
    assert!(!settings.socket.exists(), "what was made before is taken away");
}

#[test]
fn stopping_ends_everything_and_takes_the_socket_away() {
    let Plane { admin, socket, address, ground, .. } = Plane::new();
    // A connection that is idle does not hold it up.
    let idle = UnixStream::connect(&socket).unwrap();
    let began = ground.platform.clock.now();
    ground.runtime.block_on(admin.stop());
    assert!(ground.platform.clock.now().since(began) < Duration::from_secs(5));
    assert!(!socket.exists());
    assert!(std::net::TcpStream::connect(address).is_err());
    drop(idle);
    assert!(ground.start(ground.settings()).is_ok(), "there is room for the next");
}

#[test]
fn stopping_leaves_the_socket_of_another_host_alone() {
    let Plane { admin, socket, ground, .. } = Plane::new();
    fs::remove_file(&socket).unwrap();
    let other = UnixListener::bind(&socket).unwrap();
    ground.runtime.block_on(admin.stop());
    assert!(socket.exists());
    drop(other);
}

#[test]
fn a_token_is_kept_across_restarts() {
    let Plane { admin, ground, token, .. } = Plane::new();
    ground.runtime.block_on(admin.stop());
    let state = ground.state();
    assert_eq!(Plane::with(ground, state).token, token);
}

#[test]
fn a_token_that_others_can_read_is_refused() {
    let Plane { admin, ground, .. } = Plane::new();
    ground.runtime.block_on(admin.stop());
    let token = ground.settings().token_file;
    fs::set_permissions(&token, fs::Permissions::from_mode(0o640)).unwrap();
    let error = ground.error(ground.settings());
    assert!(error.contains("can be read by others; delete it"), "{error}");
    fs::remove_file(&token).unwrap();
    assert!(ground.start(ground.settings()).is_ok());
}

#[test]
fn a_file_that_holds_no_token_is_refused() {
    for text in ["", "secret", &"0".repeat(63), &"0".repeat(65), &format!("{}\nmore", "0".repeat(64)), &"x".repeat(64)]
    {
        let ground = Ground::new();
        let file = ground.settings().token_file;
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let error = ground.error(ground.settings());
        assert!(error.contains("does not hold a token; delete it"), "{text:?}: {error}");
    }
}

#[test]
fn so_many_connections_are_served_and_more_wait_for_their_turn() {
    let plane = Plane::new();
    let mut held: Vec<UnixStream> = (0..CONNECTIONS_MAX).map(|_| UnixStream::connect(&plane.socket).unwrap()).collect();
    // Each is answered once, so that all of them were accepted.
    for stream in &mut held {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
    }
    let mut waiting = UnixStream::connect(&plane.socket).unwrap();
    waiting.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    waiting.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    assert!(waiting.read(&mut [0; 1024]).is_err(), "it was answered although all were taken");
    // The other door has its own.
    assert_eq!(plane.ask_tcp("GET /livez", &[("Host", "localhost")]).status, 200);
    held.pop();
    waiting.set_read_timeout(None).unwrap();
    assert!(waiting.read(&mut [0; 1024]).unwrap() > 0);
}

#[test]
fn a_client_that_never_finishes_its_head_is_sent_away() {
    let plane = Plane::new();
    let clock = &plane.ground.platform.clock;
    let began = clock.now();
    let silent = UnixStream::connect(&plane.socket).unwrap();
    let mut half = UnixStream::connect(&plane.socket).unwrap();
    half.write_all(b"GET /livez HTTP/1.1\r\nHost: loc").unwrap();
    for mut stream in [silent, half] {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        let took = clock.now().since(began);
        assert!(took < HEADER_TIME + Duration::from_secs(2), "{took:?}");
        assert!(took > HEADER_TIME - Duration::from_secs(1), "{took:?}");
    }
}

#[test]
fn a_head_or_a_body_that_is_too_large_is_refused() {
    let plane = Plane::new();
    let filler = "x".repeat(33 * 1024);
    let Answer { status, .. } = plane.ask("GET /livez", &[("X-Filler", &filler)]);
    assert_eq!(status, 431);
    let answer = plane.ask("GET /livez", &[("Content-Length", "65537")]);
    assert_eq!((answer.status, answer.problem().as_str()), (413, "content-too-large"));
}
