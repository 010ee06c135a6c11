//! The envelope of compiled code: only what was sealed with the key, for this origin and unchanged, is given out.
//!
//! The first byte says how much of the input is code; what follows the code is a list of changes to the sealed bytes.
//! The input itself is also opened as it is.
#![no_main]

use hostel_model::artifact::{self, ArtifactError, Authentic, HEADER_BYTES, Origin, SEAL_BYTES, SealKey, seal};
use hostel_model::digest::Digest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let key = SealKey::from([7; 32]);
    let origin =
        Origin { component: Digest::of(b"component"), engine: Digest::of(b"engine"), build: Digest::of(b"build") };
    let refused = open(&key, &origin, bytes).expect_err("nobody but the host can seal");
    let least = HEADER_BYTES + SEAL_BYTES;
    let expected = if bytes.len() < least { ArtifactError::Truncated } else { ArtifactError::Forged };
    assert_eq!(refused, expected);

    let Some((share, rest)) = bytes.split_first() else {
        return;
    };
    let (code, changes) = rest.split_at(rest.len() * usize::from(*share) / 256);
    let envelope = seal(&key, &origin, code);
    let sealed = [&envelope.header, code, &envelope.seal].concat();
    assert_eq!(open(&key, &origin, &sealed), Ok(code));
    let changed = changed(&sealed, changes);
    let opened = open(&key, &origin, &changed);
    if changed == sealed {
        assert_eq!(opened, Ok(code));
    } else {
        let expected = if changed.len() < least { ArtifactError::Truncated } else { ArtifactError::Forged };
        assert_eq!(opened, Err(expected), "{changes:?}");
    }
    others(&key, &origin, &sealed);
});

/// The code that would be loaded.
fn open<'a>(key: &SealKey, origin: &Origin, sealed: &'a [u8]) -> Result<&'a [u8], ArtifactError> {
    artifact::open(key, origin, sealed).as_ref().map(Authentic::code).map_err(|error| *error)
}

/// Four bytes make one change: what to do, where, and with what.
fn changed(sealed: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut bytes = sealed.to_vec();
    for change in changes.chunks_exact(4).take(8) {
        let place = usize::from(u16::from_le_bytes([change[1], change[2]]));
        match change[0] % 5 {
            _ if bytes.is_empty() => {}
            0 => {
                let place = place % bytes.len();
                bytes[place] ^= change[3];
            }
            // From the end: the seal.
            1 => {
                let place = bytes.len() - 1 - place % bytes.len();
                bytes[place] = change[3];
            }
            2 => bytes.truncate(place % bytes.len()),
            3 => bytes.insert(place % bytes.len(), change[3]),
            _ => {
                let end = (place + usize::from(change[3])).min(bytes.len());
                drop(bytes.drain(place.min(end)..end));
            }
        }
    }
    bytes
}

/// What was sealed for something else is not given out either, and the host is told why.
fn others(key: &SealKey, origin: &Origin, sealed: &[u8]) {
    let other = Digest::of(b"other");
    let origins = [
        (Origin { component: other, ..*origin }, ArtifactError::Component),
        (Origin { engine: other, ..*origin }, ArtifactError::Engine),
        (Origin { build: other, ..*origin }, ArtifactError::Build),
    ];
    for (wrong, expected) in origins {
        assert_eq!(open(key, &wrong, sealed), Err(expected));
    }
    assert_eq!(open(&SealKey::from([8; 32]), origin, sealed), Err(ArtifactError::Forged));
}
