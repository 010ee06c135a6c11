//! Which certificate a name leads to, and which hosts may be asked for under it.

use super::{Folder, Made, client, handshake, shown};

/// `a` is first; the names of the others overlap with each other's.
fn four() -> (Folder, [Made; 4]) {
    let folder = Folder::new();
    let made = [
        Made::new(&["first.test"]),
        Made::new(&["exact.b.test", "Mixed.Test", "10.0.0.1"]),
        Made::new(&["*.b.test", "*.Upper.Test"]),
        Made::new(&["exact.b.test", "deep.x.b.test", "*.x.b.test"]),
    ];
    for (name, made) in ["a", "b", "c", "d"].iter().zip(&made) {
        folder.put(name, made);
    }
    (folder, made)
}

#[tokio::test]
async fn the_name_asked_for_chooses_the_certificate() {
    let (folder, made) = four();
    let tls = folder.load(&["a", "b", "c", "d"]);
    let rows: [(Option<&str>, usize); 15] = [
        (Some("first.test"), 0),
        (None, 0),
        (Some("unknown.test"), 0),
        // An exact name before one with `*`, and the earlier of two equal ones.
        (Some("exact.b.test"), 1),
        (Some("other.b.test"), 2),
        // `*` is one label: not two, and not none.
        (Some("one.two.b.test"), 0),
        (Some("b.test"), 0),
        (Some("one.x.b.test"), 3),
        (Some("deep.x.b.test"), 3),
        // Case is none of a name's, whether in the certificate or asked for.
        (Some("EXACT.B.test"), 1),
        (Some("mixed.test"), 1),
        (Some("MIXED.test"), 1),
        (Some("one.upper.test"), 2),
        (Some("ONE.UPPER.TEST"), 2),
        (Some("test"), 0),
    ];
    for (name, wanted) in rows {
        assert!(shown(&tls, name).await == made[wanted].der(), "{name:?} does not lead to certificate {wanted}");
    }
}

#[test]
fn a_dot_at_the_end_of_a_name_is_not_part_of_it() {
    // Clients leave it out, so that no handshake here would have it.
    let (folder, made) = four();
    let tls = folder.load(&["a", "b", "c", "d"]);
    let (certificates, loaded) = (tls.certificates(), tls.loaded.load_full());
    for (name, wanted) in [("exact.b.test.", 1), ("other.b.test.", 2), ("b.test.", 0), (".", 0), ("", 0)] {
        assert_eq!(certificates.chosen(Some(name)).own, made[wanted].der(), "{name}");
    }
    let facts = loaded.facts(Some("exact.b.test."), true);
    assert_eq!(facts.server_name.as_deref(), Some("exact.b.test"));
    assert!(facts.covers("exact.b.test") && facts.covers("mixed.test") && !facts.covers("first.test"));
}

#[tokio::test]
async fn a_connection_covers_the_name_asked_for_and_those_of_its_certificate() {
    let (folder, _) = four();
    let tls = folder.load(&["a", "b", "c", "d"]);
    let rows: [(&str, &str, bool); 14] = [
        ("exact.b.test", "exact.b.test", true),
        ("exact.b.test", "mixed.test", true),
        // That certificate names an address, too.
        ("exact.b.test", "10.0.0.1", true),
        ("exact.b.test", "10.0.0.2", false),
        ("exact.b.test", "[::1]", false),
        // Another certificate of this listener is not the one that was shown.
        ("exact.b.test", "other.b.test", false),
        ("exact.b.test", "first.test", false),
        ("other.b.test", "exact.b.test", true),
        ("other.b.test", "one.two.b.test", false),
        ("other.b.test", "b.test", false),
        // The first one is shown for it, and does not name it: the client has asked for it nevertheless.
        ("unknown.test", "unknown.test", true),
        ("unknown.test", "first.test", true),
        ("unknown.test", "elsewhere.test", false),
        ("unknown.test", "not a name", false),
    ];
    for (name, host, covered) in rows {
        let facts = handshake(&tls, client(None), name).await.1.unwrap().facts;
        assert_eq!(facts.server_name.as_deref(), Some(name));
        assert_eq!(facts.covers(host), covered, "{host} on a connection for {name}");
    }
}

#[tokio::test]
async fn a_connection_for_no_name_covers_every_host() {
    let (folder, _) = four();
    let tls = folder.load(&["a", "b"]);
    let mut config = client(None);
    config.enable_sni = false;
    let facts = handshake(&tls, config, "nobody.test").await.1.unwrap().facts;
    assert_eq!(facts.server_name, None);
    assert!(facts.covers("first.test") && facts.covers("elsewhere.test") && facts.covers("[::1]"));
}

#[tokio::test]
async fn an_address_with_brackets_is_found_in_the_certificate() {
    let folder = Folder::new();
    folder.put("a", &Made::new(&["first.test", "::1"]));
    let facts = handshake(&folder.load(&["a"]), client(None), "first.test").await.1.unwrap().facts;
    assert!(facts.covers("[::1]"));
    assert!(!facts.covers("[::2]"));
}

#[tokio::test]
async fn the_name_of_a_connection_is_in_lower_case() {
    let (folder, _) = four();
    let facts = handshake(&folder.load(&["a"]), client(None), "FIRST.Test").await.1.unwrap().facts;
    assert_eq!(facts.server_name.as_deref(), Some("first.test"));
}
