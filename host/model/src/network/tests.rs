//! Which texts are networks, and which addresses are in them.

use std::net::IpAddr;

use super::Network;

#[test]
fn a_network_is_an_address_and_the_bits_that_count() {
    let texts = [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.1.2.3", "10.1.2.3"),
        ("10.1.2.3/32", "10.1.2.3"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("172.16.0.0/12", "172.16.0.0/12"),
        ("192.168.0.128/25", "192.168.0.128/25"),
        ("10.0.0.0/08", "10.0.0.0/8"),
        ("fd00::/8", "fd00::/8"),
        ("FD00:0::/8", "fd00::/8"),
        ("::1", "::1"),
        ("::1/128", "::1"),
        ("::/0", "::/0"),
        ("2001:db8::/33", "2001:db8::/33"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("::ffff:0.0.0.0/96", "0.0.0.0/0"),
        ("::/95", "::/95"),
    ];
    for (text, shown) in texts {
        let network = Network::parse(text).expect(text);
        assert_eq!(network.to_string(), shown);
        assert_eq!(Network::parse(shown), Ok(network));
    }
}

#[test]
fn what_is_no_network_is_refused_with_its_remedy() {
    let wrong = [
        ("", "`` is not a network; write an address and the bits that count"),
        ("/8", "`/8` is not a network"),
        ("10", "`10` is not a network"),
        ("10.0.0/8", "is not a network"),
        ("10.0.0.256/8", "is not a network"),
        ("010.0.0.0/8", "is not a network"),
        (" 10.0.0.0/8", "is not a network"),
        ("10.0.0.0:80", "is not a network"),
        ("[::1]", "is not a network"),
        ("fe80::1%eth0", "is not a network"),
        ("localhost", "is not a network"),
        ("10.0.0.0/", "does not say how many bits count; write `10.0.0.0/` and a number from 0 to 32"),
        ("10.0.0.0/33", "write `10.0.0.0/` and a number from 0 to 32"),
        ("10.0.0.0/+8", "a number from 0 to 32"),
        ("10.0.0.0/-1", "a number from 0 to 32"),
        ("10.0.0.0/ 8", "a number from 0 to 32"),
        ("10.0.0.0/8/8", "a number from 0 to 32"),
        ("10.0.0.0/255.0.0.0", "a number from 0 to 32"),
        ("fd00::/129", "write `fd00::/` and a number from 0 to 128"),
        ("fd00::/256", "a number from 0 to 128"),
        ("10.1.2.3/8", "`10.1.2.3/8` has bits set beyond the first 8; write `10.0.0.0/8`, or `10.1.2.3` for that"),
        ("10.0.0.1/31", "write `10.0.0.0/31`"),
        ("1.2.3.4/0", "has bits set beyond the first 0; write `0.0.0.0/0`"),
        ("fd00::1/8", "write `fd00::/8`, or `fd00::1` for that address alone"),
        ("::1/0", "write `::/0`"),
        ("::ffff:10.0.0.1/96", "has bits set beyond the first 96"),
        ("::ffff:10.0.0.0/40", "write `::/40`"),
    ];
    for (text, message) in wrong {
        let fault = Network::parse(text).expect_err(text).to_string();
        assert!(fault.contains(message), "{text}: {fault}");
    }
}

#[test]
fn a_network_contains_the_addresses_that_begin_like_it() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        (
            "10.0.0.0/8",
            &["10.0.0.0", "10.255.255.255", "10.1.2.3", "::ffff:10.1.2.3"],
            &["9.255.255.255", "11.0.0.0", "::10.1.2.3", "a00::", "::ffff:11.0.0.0"],
        ),
        ("10.1.2.3", &["10.1.2.3", "::ffff:10.1.2.3"], &["10.1.2.2", "10.1.2.4"]),
        ("192.168.0.128/25", &["192.168.0.128", "192.168.0.255"], &["192.168.0.127", "192.168.1.128"]),
        ("0.0.0.0/0", &["0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"], &["::", "::1", "fd00::1"]),
        ("fd00::/8", &["fd00::", "fdff:ffff::1"], &["fc00::", "fe00::", "10.0.0.1", "253.0.0.0"]),
        ("::1", &["::1"], &["::", "::2", "127.0.0.1", "0.0.0.1"]),
        ("::/0", &["::", "::1", "ffff::"], &["1.2.3.4", "::ffff:1.2.3.4"]),
        ("::ffff:10.0.0.0/104", &["10.1.2.3", "::ffff:10.1.2.3"], &["11.0.0.0", "::10.1.2.3"]),
    ];
    for (network, inside, outside) in cases {
        let network = Network::parse(network).expect(network);
        let contains = |text: &&&str| network.contains(text.parse::<IpAddr>().expect(text));
        assert_eq!(inside.iter().find(|text| !contains(text)), None, "{network}");
        assert_eq!(outside.iter().find(contains), None, "{network}");
    }
}
