//! Compiled code on its way: what it was made of and by, and the seal that proves that nobody else wrote it.
//!
//! Loading compiled code runs it. So the host loads nothing but what carries a
//! seal under a key that only it and whom it told have, over exactly the bytes
//! that are loaded and over everything that makes them the right ones. The
//! layout serves a pipe and a file alike; numbers have their lowest byte first:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | [`MAGIC`] |
//! | 4 | [`FORMAT`] |
//! | 4 | zero |
//! | 32 | digest of the component |
//! | 32 | digest of what the engine's code depends on |
//! | 32 | digest of the host's build |
//! | 8 | bytes of code |
//! | … | the code |
//! | 32 | HMAC-SHA-256 of all before |
//!
//! The key stands beside it nowhere: it reaches a compiling process by another
//! way than its result takes, and that of a folder of files lies outside of it.

use std::fmt;

use subtle::ConstantTimeEq;

use crate::digest::Digest;
use crate::platform::Random;
use mac::Mac;

mod mac;

/// What a sealed artifact begins with. The first byte is in no text and no other format.
pub const MAGIC: [u8; 8] = *b"\xc7hostel\n";
/// The layout above; another one gets another number.
pub const FORMAT: u32 = 1;
/// Bytes before the code.
pub const HEADER_BYTES: usize = 8 + 4 + 4 + 3 * 32 + 8;
/// Bytes behind the code.
pub const SEAL_BYTES: usize = 32;

/// Why sealed bytes are not loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactError {
    /// Too short to be one.
    #[error("it ends before its code begins")]
    Truncated,
    /// The seal is not ours, or not of these bytes.
    #[error("its seal is not that of this host")]
    Forged,
    /// Not what this version of the host writes.
    #[error("its format is not the one this host reads")]
    Format,
    /// Longer or shorter than it says.
    #[error("its length is not the one it names")]
    Length,
    /// It is code of another component.
    #[error("it was compiled from other bytes")]
    Component,
    /// It was compiled for an engine that is set up in another way, or for another processor.
    #[error("it was compiled for another engine")]
    Engine,
    /// Another build of the host made it.
    #[error("another build of this program made it")]
    Build,
}

/// The key under which artifacts are sealed. It never shows itself.
#[derive(Clone)]
pub struct SealKey([u8; 32]);

impl SealKey {
    /// A new one.
    #[must_use]
    pub fn draw(random: &dyn Random) -> Self {
        let mut key = [0; 32];
        random.fill(&mut key);
        Self(key)
    }

    /// The bytes of it, for whom it is told.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for SealKey {
    fn from(key: [u8; 32]) -> Self {
        Self(key)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SealKey")
    }
}

/// What code was made of, for what, and by whom: whatever must be the same for it to be the right code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The component.
    pub component: Digest,
    /// Everything about the engine that its code depends on, the processor included.
    pub engine: Digest,
    /// The build of the host.
    pub build: Digest,
}

/// What stands around code: before it and behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Before it.
    pub header: [u8; HEADER_BYTES],
    /// Behind it.
    pub seal: [u8; SEAL_BYTES],
}

/// Code whose seal was found to be right. Only [`open`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authentic<'a>(&'a [u8]);

impl<'a> Authentic<'a> {
    /// Exactly the bytes that the seal covers, without header and seal.
    #[must_use]
    pub fn code(&self) -> &'a [u8] {
        self.0
    }
}

/// Seals `code` as made of and by `origin`. Code is large: it is not copied into the result.
#[must_use]
pub fn seal(key: &SealKey, origin: &Origin, code: &[u8]) -> Envelope {
    let header = header(origin, code.len() as u64);
    let mut mac = Mac::new(&key.0);
    mac.update(&header);
    mac.update(code);
    Envelope { header, seal: mac.finish() }
}

/// The code in `artifact`, if it is sealed with `key` and was made of and by `origin`.
///
/// Nothing in it is looked at before its seal was, so that nobody without the
/// key learns anything from what is said about it.
///
/// # Errors
/// The first thing that keeps it from being loaded.
pub fn open<'a>(key: &SealKey, origin: &Origin, artifact: &'a [u8]) -> Result<Authentic<'a>, ArtifactError> {
    let (sealed, seal) = artifact.split_last_chunk::<SEAL_BYTES>().ok_or(ArtifactError::Truncated)?;
    let (found, code) = sealed.split_first_chunk::<HEADER_BYTES>().ok_or(ArtifactError::Truncated)?;
    let mut mac = Mac::new(&key.0);
    mac.update(sealed);
    if !bool::from(mac.finish().ct_eq(seal)) {
        return Err(ArtifactError::Forged);
    }
    let expected = header(origin, code.len() as u64);
    if *found == expected { Ok(Authentic(code)) } else { Err(difference(found, &expected)) }
}

fn header(origin: &Origin, code_bytes: u64) -> [u8; HEADER_BYTES] {
    let parts: [&[u8]; 7] = [
        &MAGIC,
        &FORMAT.to_le_bytes(),
        &[0; 4],
        origin.component.as_bytes(),
        origin.engine.as_bytes(),
        origin.build.as_bytes(),
        &code_bytes.to_le_bytes(),
    ];
    parts.concat().try_into().expect("the parts of a header must have its size")
}

/// The first part in which two headers differ. The layout comes before all else:
/// by another one, the rest would mean something else.
fn difference(found: &[u8; HEADER_BYTES], expected: &[u8; HEADER_BYTES]) -> ArtifactError {
    let parts = [
        (0..16, ArtifactError::Format),
        (16..48, ArtifactError::Component),
        (48..80, ArtifactError::Engine),
        (80..112, ArtifactError::Build),
    ];
    let differs = |range: &std::ops::Range<usize>| found.get(range.clone()) != expected.get(range.clone());
    parts.into_iter().find(|(range, _)| differs(range)).map_or(ArtifactError::Length, |(_, error)| error)
}

#[cfg(test)]
mod tests;
