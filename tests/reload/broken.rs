//! Components that must not be deployed, each bad in its own way.

use wasmparser::{Validator, WasmFeatures};

use super::chance::Chance;
use super::revision::{Guest, Start, places};

/// More than any component may have.
const ZEROS: usize = 200_000_000;

/// In what way a file is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Truncated,
    BitFlipped,
    WrongWorld,
    MissingImport,
    TrapsAtStart,
    LoopsAtStart,
    Zeros,
    CoreModule,
    Text,
    Precompiled,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Truncated,
        Self::BitFlipped,
        Self::WrongWorld,
        Self::MissingImport,
        Self::TrapsAtStart,
        Self::LoopsAtStart,
        Self::Zeros,
        Self::CoreModule,
        Self::Text,
        Self::Precompiled,
    ];

    /// A file with this fault, made of a revision that nobody has seen.
    pub fn file(self, guest: &Guest, number: u32, chance: &mut Chance) -> Vec<u8> {
        let whole = guest.revision(number);
        match self {
            Self::Truncated => whole[..1 + chance.below(whole.len() - 1)].to_vec(),
            Self::BitFlipped => flipped(whole, chance),
            Self::WrongWorld => empty(b"\0asm\x0d\0\x01\0", number),
            Self::MissingImport => without_import(whole),
            Self::TrapsAtStart => guest.unstartable(number, Start::Traps),
            Self::LoopsAtStart => guest.unstartable(number, Start::Loops),
            Self::Zeros => vec![0; ZEROS + number as usize],
            Self::CoreModule => empty(b"\0asm\x01\0\0\0", number),
            Self::Text => format!("(component ;; {number}\n)").into_bytes(),
            Self::Precompiled => precompiled(number),
        }
    }

    /// Words of which the reason must have one, in lower case, so that whoever reads it knows what is wrong.
    pub fn words(self) -> &'static [&'static str] {
        match self {
            Self::Truncated | Self::Text => &["not a webassembly component ("],
            Self::BitFlipped => &["not a webassembly component (", "core webassembly module", "more than the limit"],
            Self::WrongWorld => &["exports neither"],
            Self::MissingImport => &["wasi:random/ranbom"],
            Self::TrapsAtStart => &["unreachable"],
            Self::LoopsAtStart => &["processor time", "cpu"],
            Self::Zeros => &["64mib", "64 mib"],
            Self::CoreModule => &["core webassembly module"],
            Self::Precompiled => &["precompiled"],
        }
    }
}

/// A module or component that holds nothing, with this preamble; the number is in a section that means nothing.
fn empty(preamble: &[u8; 8], number: u32) -> Vec<u8> {
    const SECTION: [u8; 4] = [0, 6, 1, b'n'];
    [preamble.as_slice(), &SECTION, &number.to_le_bytes()].concat()
}

/// One bit is another, and that makes it invalid: a bit in a name or a constant would only be another component.
fn flipped(whole: Vec<u8>, chance: &mut Chance) -> Vec<u8> {
    loop {
        let mut bent = whole.clone();
        bent[chance.below(whole.len())] ^= 1 << chance.below(8);
        if Validator::new_with_features(WasmFeatures::all()).validate_all(&bent).is_err() {
            return bent;
        }
    }
}

/// It imports an interface that no host has.
fn without_import(mut component: Vec<u8>) -> Vec<u8> {
    const THERE: &[u8] = b"wasi:random/random@";
    const NOWHERE: &[u8] = b"wasi:random/ranbom@";
    let places: Vec<usize> = places(&component, THERE).collect();
    assert!(!places.is_empty(), "the guest imports no randomness");
    for place in places {
        component[place..place + NOWHERE.len()].copy_from_slice(NOWHERE);
    }
    component
}

/// The header by which the engine would know code that it compiled itself: an ELF file for its own system.
fn precompiled(number: u32) -> Vec<u8> {
    const CLASS_64: u8 = 2;
    const LITTLE_ENDIAN: u8 = 1;
    const VERSION: u8 = 1;
    const WASMTIME: u8 = 200;
    const HEADER_BYTES: u8 = 64;
    const COMPONENT: u8 = 2;
    let mut file = vec![0; 256];
    file[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', CLASS_64, LITTLE_ENDIAN, VERSION, WASMTIME]);
    // A relocatable file for x86-64, of version 1, without sections.
    (file[16], file[18], file[20]) = (1, 62, 1);
    (file[48], file[52], file[58]) = (COMPONENT, HEADER_BYTES, 64);
    file[200..204].copy_from_slice(&number.to_le_bytes());
    file
}
