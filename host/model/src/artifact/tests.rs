//! The code is that of the standard, and nothing passes but what was sealed, whole and for this purpose.

use super::*;

const KEY: [u8; 32] = [9; 32];

fn origin() -> Origin {
    Origin { component: Digest::of(b"component"), engine: Digest::of(b"engine"), build: Digest::of(b"build") }
}

fn sealed(key: &SealKey, origin: &Origin, code: &[u8]) -> Vec<u8> {
    let Envelope { header, seal } = seal(key, origin, code);
    [&header[..], code, &seal].concat()
}

/// Bytes with a seal that is right whatever they say.
fn sealed_again(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() - SEAL_BYTES);
    let mut mac = Mac::new(&KEY);
    mac.update(&bytes);
    [bytes, mac.finish().to_vec()].concat()
}

#[test]
fn the_code_is_that_of_rfc_4231() {
    // Shorter keys are filled with zeroes, which is what the standard does with them.
    let filled = |key: &[u8]| {
        let mut filled = [0; 32];
        filled[..key.len()].copy_from_slice(key);
        filled
    };
    let counted: Vec<u8> = (1..=25).collect();
    let cases: [(&[u8], &[u8], &str); 4] = [
        (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (&counted, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    ];
    for (key, text, expected) in cases {
        for cut in [0, 1, text.len()] {
            let mut mac = Mac::new(&filled(key));
            mac.update(&text[..cut]);
            mac.update(&text[cut..]);
            assert_eq!(Digest::from(mac.finish()).to_string(), expected);
        }
    }
}

#[test]
fn what_was_sealed_is_opened() {
    let key = SealKey::from(KEY);
    for code in [&b""[..], b"x", &[7; 10_000]] {
        assert_eq!(open(&key, &origin(), &sealed(&key, &origin(), code)).map(|opened| opened.code()), Ok(code));
    }
}

#[test]
fn the_layout_is_the_one_that_is_written_down() {
    let bytes = sealed(&SealKey::from(KEY), &origin(), b"code");
    assert_eq!(bytes.len(), HEADER_BYTES + 4 + SEAL_BYTES);
    assert_eq!(&bytes[..16], b"\xc7hostel\n\x01\0\0\0\0\0\0\0");
    assert_eq!(&bytes[16..48], Digest::of(b"component").as_bytes());
    assert_eq!(&bytes[48..80], Digest::of(b"engine").as_bytes());
    assert_eq!(&bytes[80..112], Digest::of(b"build").as_bytes());
    assert_eq!(&bytes[112..124], b"\x04\0\0\0\0\0\0\0code");
}

#[test]
fn no_flipped_bit_passes() {
    let key = SealKey::from(KEY);
    let whole = sealed(&key, &origin(), b"some code");
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open(&key, &origin(), &flipped), Err(ArtifactError::Forged), "bit {bit}");
    }
}

#[test]
fn no_piece_and_no_more_than_the_whole_passes() {
    let key = SealKey::from(KEY);
    let whole = sealed(&key, &origin(), b"some code");
    for end in 0..whole.len() {
        let expected = if end < HEADER_BYTES + SEAL_BYTES { ArtifactError::Truncated } else { ArtifactError::Forged };
        assert_eq!(open(&key, &origin(), &whole[..end]), Err(expected), "{end} bytes");
    }
    let longer = [&whole[..], b"\0"].concat();
    assert_eq!(open(&key, &origin(), &longer), Err(ArtifactError::Forged));
}

#[test]
fn another_key_opens_nothing() {
    let whole = sealed(&SealKey::from([8; 32]), &origin(), b"some code");
    assert_eq!(open(&SealKey::from(KEY), &origin(), &whole), Err(ArtifactError::Forged));
}

#[test]
fn code_of_something_else_is_told_by_what_differs() {
    let (key, other) = (SealKey::from(KEY), Digest::of(b"other"));
    let wrong = [
        (Origin { component: other, ..origin() }, ArtifactError::Component),
        (Origin { engine: other, ..origin() }, ArtifactError::Engine),
        (Origin { build: other, ..origin() }, ArtifactError::Build),
    ];
    for (made, error) in wrong {
        assert_eq!(open(&key, &origin(), &sealed(&key, &made, b"code")), Err(error));
    }
}

#[test]
fn another_layout_or_length_is_refused_even_with_a_right_seal() {
    let key = SealKey::from(KEY);
    for (place, error) in [
        (0, ArtifactError::Format),
        (8, ArtifactError::Format),
        (12, ArtifactError::Format),
        (112, ArtifactError::Length),
        (119, ArtifactError::Length),
    ] {
        let mut bytes = sealed(&key, &origin(), b"code");
        bytes[place] ^= 1;
        assert_eq!(open(&key, &origin(), &sealed_again(bytes)), Err(error), "byte {place}");
    }
}

#[test]
fn a_key_is_drawn_and_does_not_show_itself() {
    struct Sevens;
    impl Random for Sevens {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }
    let key = SealKey::draw(&Sevens);
    assert_eq!(key.as_bytes(), &[7; 32]);
    assert_eq!(format!("{key:?}"), "SealKey");
}
