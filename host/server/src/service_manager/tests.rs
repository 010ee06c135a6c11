//! What a service manager hears, however its socket is named.

use super::*;

/// An environment in which only the socket is named.
fn at(place: &str) -> impl Fn(&str) -> Option<String> + '_ {
    move |name| (name == SOCKET).then(|| place.to_owned())
}

#[track_caller]
fn heard(manager: &UnixDatagram) -> String {
    manager.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut bytes = [0; 64];
    let count = manager.recv(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

#[test]
fn a_manager_is_told_at_the_path_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let listening = UnixDatagram::bind(&path).unwrap();
    let manager = ServiceManager::of(&at(path.to_str().unwrap()));
    manager.tell(State::Ready);
    assert_eq!(heard(&listening), "READY=1");
    manager.tell(State::Stopping);
    assert_eq!(heard(&listening), "STOPPING=1");
}

#[test]
fn a_manager_is_told_by_a_name_that_is_no_path() {
    let name = format!("hostel-test-{}", std::process::id());
    let listening = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    ServiceManager::of(&at(&format!("@{name}"))).tell(State::Ready);
    assert_eq!(heard(&listening), "READY=1");
}

#[test]
fn without_a_manager_or_with_one_that_is_gone_nothing_happens() {
    for place in ["", "/nowhere/notify", "@hostel-nobody-has-this-name", "vsock:2:1234"] {
        ServiceManager::of(&at(place)).tell(State::Ready);
    }
    ServiceManager::of(&|_| None).tell(State::Stopping);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let listening = UnixDatagram::bind(&path).unwrap();
    let manager = ServiceManager::of(&at(path.to_str().unwrap()));
    drop(listening);
    manager.tell(State::Stopping);
}
