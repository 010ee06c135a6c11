//! Which socket is taken for which address, and what is said of the others.

use std::net::TcpListener as StdListener;

use socket2::{Domain, Socket, Type};

use super::*;

/// `sockets` as if they had been handed over, called by their places.
fn inherited(sockets: impl IntoIterator<Item = StdListener>) -> Inherited {
    let mut inherited = Inherited::default();
    for (place, socket) in sockets.into_iter().enumerate() {
        inherited.add_tcp(socket, format!("socket{place}"), place).unwrap();
    }
    inherited
}

fn bound(address: &str) -> (StdListener, SocketAddr) {
    let socket = StdListener::bind(address).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A socket for every address of IPv6, and of IPv4 unless `only`.
fn for_every_address(only: bool) -> (StdListener, u16) {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
    socket.set_only_v6(only).unwrap();
    socket.bind(&"[::]:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.listen(8).unwrap();
    let socket = StdListener::from(socket);
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

fn unspecified(port: u16) -> SocketAddr {
    (Ipv4Addr::UNSPECIFIED, port).into()
}

#[tokio::test]
async fn a_socket_is_taken_for_its_address_once() {
    let ((one, at_one), (other, at_other)) = (bound("127.0.0.1:0"), bound("127.0.0.1:0"));
    let mut inherited = inherited([one, other]);
    let taken = inherited.listen(at_other, 8).unwrap();
    assert_eq!((taken.address, taken.inherited), (at_other, true));
    let (client, server) = tokio::join!(tokio::net::TcpStream::connect(at_other), taken.socket.accept());
    assert_eq!(server.unwrap().1, client.unwrap().local_addr().unwrap());
    let error = inherited.listen(at_other, 8).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "it was there for one listener");
    assert!(inherited.listen(at_one, 8).unwrap().inherited);
    assert!(inherited.all_taken().is_ok());
}

#[tokio::test]
async fn an_address_that_was_not_handed_over_is_bound() {
    let (socket, address) = bound("127.0.0.1:0");
    let mut inherited = inherited([socket]);
    let bound = inherited.listen("127.0.0.1:0".parse().unwrap(), 8).unwrap();
    assert!(!bound.inherited && bound.address != address && bound.address.port() != 0);
    assert!(inherited.take_tcp(unspecified(address.port())).is_none(), "one address is not every address");
}

#[test]
fn a_socket_for_every_address_is_one_for_every_address_of_ipv4() {
    let (socket, port) = for_every_address(false);
    let mut both = inherited([socket]);
    assert!(both.take_tcp(([127, 0, 0, 1], port).into()).is_none(), "more would reach it than the configuration says");
    assert!(both.take_tcp(unspecified(port)).is_some());
    let (socket, port) = for_every_address(true);
    let mut only = inherited([socket]);
    assert!(only.take_tcp(unspecified(port)).is_none(), "no client by IPv4 would reach it");
    assert!(only.take_tcp((Ipv6Addr::UNSPECIFIED, port).into()).is_some());
}

#[test]
fn what_nobody_takes_is_named_with_its_remedy() {
    let ((one, at_one), (other, at_other)) = (bound("127.0.0.1:0"), bound("127.0.0.1:0"));
    let error = inherited([one, other]).all_taken().unwrap_err().to_string();
    for words in [format!("`{at_one}` (socket0), `{at_other}` (socket1); "), "`address`".to_owned()] {
        assert!(error.contains(&words), "{error}");
    }
}

#[test]
fn a_unix_socket_is_taken_however_its_path_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let mut inherited = Inherited::default();
    inherited.add_unix(UnixListener::bind(&path).unwrap(), "admin".to_owned(), 0).unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("link")).unwrap();
    assert!(inherited.take_unix(&folder.path().join("other.sock")).is_none());
    let mut split = inherited.split_off(&folder.path().join("link/admin.sock"), None);
    assert!(inherited.all_taken().is_ok());
    assert!(split.take_unix(&path).is_some());
    assert!(split.all_taken().is_ok());
}

#[test]
fn what_does_not_listen_is_refused() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let error = Inherited::default().add_tcp(socket.into(), "web".to_owned(), 1).unwrap_err();
    assert!(error.to_string().starts_with("socket 2 of those handed over, `web`, does not listen"), "{error}");
}

#[test]
fn variables_are_read_by_the_process_that_they_are_for() {
    let own = std::process::id().to_string();
    let taken = |process: &str, count: Option<&str>| {
        Inherited::take_over(&|name: &str| match name {
            PROCESS => Some(process.to_owned()),
            COUNT => count.map(str::to_owned),
            _ => None,
        })
    };
    assert!(taken("1", Some("many")).unwrap().all_taken().is_ok());
    assert!(taken(&own, None).unwrap().all_taken().is_ok());
    for count in ["many", "-1", "1001", ""] {
        let error = taken(&own, Some(count)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`LISTEN_FDS` is `{count}`, not a number")), "{error}");
    }
    assert!(Inherited::take_over(&|_| None).unwrap().all_taken().is_ok());
}
