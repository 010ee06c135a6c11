//! Who shares a count with whom.

use super::*;

#[test]
fn each_address_has_its_own_limit_and_gives_places_back() {
    let addresses = Arc::new(Addresses::default());
    let address: IpAddr = "192.0.2.1".parse().unwrap();
    let first = addresses.count(address, 2).unwrap();
    let _second = addresses.count(address, 2).unwrap();
    assert!(addresses.count(address, 2).is_none());
    assert!(addresses.count("192.0.2.2".parse().unwrap(), 2).is_some());
    drop(first);
    assert!(addresses.count(address, 2).is_some());
}

#[test]
fn a_network_of_ipv6_is_one_client_and_mapped_addresses_are_ipv4() {
    let addresses = Arc::new(Addresses::default());
    let count = |text: &str| addresses.count(text.parse().unwrap(), 1);
    let _one = count("2001:db8:0:1::1").unwrap();
    assert!(count("2001:db8:0:1:ffff::2").is_none());
    assert!(count("2001:db8:0:2::1").is_some());
    let _four = count("192.0.2.1").unwrap();
    assert!(count("::ffff:192.0.2.1").is_none());
}

#[test]
fn nothing_is_kept_of_addresses_that_left() {
    let addresses = Arc::new(Addresses::default());
    drop(addresses.count("192.0.2.1".parse().unwrap(), 1));
    assert!(addresses.0.lock().unwrap().is_empty());
}
