//! Digests and revisions survive being written and read, and nothing else is one.

use super::{Digest, RevisionId, RevisionNumber};

/// SHA-256 of the empty text, from FIPS 180-4's examples.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn a_digest_is_sha_256_in_lower_case() {
    let digest = Digest::of(b"");
    assert_eq!(digest.to_string(), EMPTY);
    assert_eq!(digest.short(), "e3b0c44298fc");
    assert_eq!(EMPTY.parse(), Ok(digest));
    assert_eq!(Digest::from(*digest.as_bytes()), digest);
    assert_ne!(Digest::of(b"a"), digest);
}

#[test]
fn what_is_not_64_lower_case_hex_digits_is_no_digest() {
    let upper = EMPTY.to_uppercase();
    let short = "e3".repeat(31);
    let long = "e3".repeat(33);
    let odd = "e".repeat(63);
    let other = "g".repeat(64);
    for text in ["", &upper, &short, &long, &odd, &other] {
        assert!(text.parse::<Digest>().is_err(), "{text}");
    }
}

#[test]
fn a_revision_is_named_r_and_its_number() {
    let third = RevisionNumber::FIRST.next().next();
    assert_eq!((third.get(), third.to_string().as_str()), (3, "r3"));
    assert_eq!("r12".parse::<RevisionNumber>().map(RevisionNumber::get), Ok(12));
    for text in ["", "r", "12", "r0", "r01", "r+1", "R1", "r1 ", "r18446744073709551616"] {
        assert!(text.parse::<RevisionNumber>().is_err(), "{text}");
    }
    let id = RevisionId { number: third, digest: Digest::of(b"") };
    assert_eq!(id.to_string(), "r3 (e3b0c44298fc)");
}
