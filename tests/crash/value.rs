//! Values that tell what wrote them, and whether they are whole.

use super::chance::Chance;

/// Which write it was, its length, and a checksum of all before it.
const STAMP_BYTES: usize = 8 + 4 + 4 + 4 + 8;
/// The longest value.
pub const BYTES_MAX: usize = 100 * 1024;

/// The write that a value is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    pub seed: u64,
    pub lane: usize,
    /// Which of the lane's operations.
    pub index: u64,
    /// Which of the lane's keys.
    pub slot: usize,
}

impl Origin {
    /// The value: from one byte to [`BYTES_MAX`], most of them short. One that is long enough begins with its stamp.
    pub fn bytes(&self) -> Vec<u8> {
        let mut chance = self.chance();
        let length = match chance.below(100) {
            0..10 => 1 + chance.below(STAMP_BYTES - 1),
            10..70 => STAMP_BYTES + chance.below(600),
            70..95 => STAMP_BYTES + chance.below(8 * 1024),
            95..99 => STAMP_BYTES + chance.below(BYTES_MAX - STAMP_BYTES),
            _ => BYTES_MAX,
        };
        let mut bytes = Vec::with_capacity(length + 8);
        if length >= STAMP_BYTES {
            bytes.extend(self.index.to_le_bytes());
            for number in [self.lane, self.slot, length] {
                bytes.extend((number as u32).to_le_bytes());
            }
        }
        let checked = if length >= STAMP_BYTES { length - 8 } else { length };
        while bytes.len() < checked {
            bytes.extend(chance.number().to_le_bytes());
        }
        bytes.truncate(checked);
        if length >= STAMP_BYTES {
            bytes.extend(checksum(&bytes).to_le_bytes());
        }
        bytes
    }

    fn chance(&self) -> Chance {
        let parts = [self.lane as u64, self.index, self.slot as u64];
        Chance::of(parts.into_iter().fold(self.seed, |mixed, part| Chance::of(mixed ^ part).number()))
    }
}

/// Whether these are the bytes of one write, of whichever. What is too short for a stamp may be.
pub fn is_whole(bytes: &[u8]) -> bool {
    if bytes.len() < STAMP_BYTES {
        return true;
    }
    let (checked, sum) = bytes.split_at(bytes.len() - 8);
    let length = u32::from_le_bytes(checked[16..20].try_into().expect("a stamp must have its length"));
    length as usize == bytes.len() && sum == checksum(checked).to_le_bytes()
}

/// FNV-1a with 64 bits: a flipped bit, a zeroed page and a mixture of two writes all show.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
