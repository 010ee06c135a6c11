//! What the host tells a process that compiles for it, and what that answers: bytes on two pipes.
//!
//! Both ends are this program, so the layout needs no negotiation; but one end
//! has read a stranger's component, so the other takes nothing of it on trust.
//! Numbers have their lowest byte first.

use hostel_model::artifact::SealKey;
use hostel_model::digest::Digest;

use crate::engine::Generation;

/// What an errand begins with; another layout gets another number.
const MAGIC: [u8; 8] = *b"hostel\x00\x01";
/// Bytes before the component.
pub(crate) const ERRAND_BYTES: usize = 8 + 32 + 32 + 4 + 8 + 8 + 8 + 1;

/// What is to be compiled and how. The component follows it.
pub(crate) struct Errand {
    /// Which build of the program asks: another one would not be understood.
    pub(crate) build: Digest,
    /// What the answer is sealed with. It serves this errand alone.
    pub(crate) key: SealKey,
    /// The process that waits for the answer.
    pub(crate) parent: u32,
    /// Seconds of processor time that it may take.
    pub(crate) cpu_seconds: u64,
    /// Bytes of addresses that it may have.
    pub(crate) memory: u64,
    /// How long the component is.
    pub(crate) component_bytes: u64,
    /// For which engine.
    pub(crate) generation: Generation,
}

impl Errand {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let generation = match self.generation {
            Generation::P2 => 2,
            Generation::P3 => 3,
        };
        let parts: [&[u8]; 8] = [
            &MAGIC,
            self.build.as_bytes(),
            self.key.as_bytes(),
            &self.parent.to_le_bytes(),
            &self.cpu_seconds.to_le_bytes(),
            &self.memory.to_le_bytes(),
            &self.component_bytes.to_le_bytes(),
            &[generation],
        ];
        parts.concat()
    }

    /// What was told, unless somebody else told it.
    pub(crate) fn parse(bytes: &[u8; ERRAND_BYTES]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (build, rest) = rest.split_first_chunk::<32>()?;
        let (key, rest) = rest.split_first_chunk::<32>()?;
        let (parent, rest) = rest.split_first_chunk::<4>()?;
        let (cpu_seconds, rest) = rest.split_first_chunk::<8>()?;
        let (memory, rest) = rest.split_first_chunk::<8>()?;
        let (component_bytes, rest) = rest.split_first_chunk::<8>()?;
        let generation = match rest {
            [2] => Generation::P2,
            [3] => Generation::P3,
            _ => return None,
        };
        (*magic == MAGIC).then(|| Self {
            build: Digest::from(*build),
            key: SealKey::from(*key),
            parent: u32::from_le_bytes(*parent),
            cpu_seconds: u64::from_le_bytes(*cpu_seconds),
            memory: u64::from_le_bytes(*memory),
            component_bytes: u64::from_le_bytes(*component_bytes),
            generation,
        })
    }
}

/// What kind of answer it is: its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerKind {
    /// A sealed artifact follows.
    Code,
    /// The component breaks the rules of its format; the rule follows.
    Invalid,
    /// It cannot be compiled; the reason follows.
    Refused,
    /// There was not enough memory.
    OutOfMemory,
    /// The process could not begin; the reason follows.
    Unfit,
}

impl AnswerKind {
    const ALL: [Self; 5] = [Self::Code, Self::Invalid, Self::Refused, Self::OutOfMemory, Self::Unfit];

    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::Code => b'C',
            Self::Invalid => b'I',
            Self::Refused => b'R',
            Self::OutOfMemory => b'M',
            Self::Unfit => b'U',
        }
    }

    pub(crate) fn of(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.byte() == byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errand() -> Errand {
        Errand {
            build: Digest::of(b"build"),
            key: SealKey::from([3; 32]),
            parent: 0x0102_0304,
            cpu_seconds: 60,
            memory: u64::MAX - 1,
            component_bytes: 7,
            generation: Generation::P3,
        }
    }

    #[test]
    fn an_errand_arrives_as_it_was_told() {
        let bytes: [u8; ERRAND_BYTES] = errand().to_bytes().try_into().unwrap();
        let told = Errand::parse(&bytes).unwrap();
        let Errand { build, key, parent, cpu_seconds, memory, component_bytes, generation } = errand();
        assert_eq!((told.build, told.key.as_bytes(), told.parent), (build, key.as_bytes(), parent));
        assert_eq!((told.cpu_seconds, told.memory), (cpu_seconds, memory));
        assert_eq!((told.component_bytes, told.generation), (component_bytes, generation));
    }

    #[test]
    fn what_is_no_errand_is_not_understood() {
        let bytes: [u8; ERRAND_BYTES] = errand().to_bytes().try_into().unwrap();
        for place in [0, 7, ERRAND_BYTES - 1] {
            let mut wrong = bytes;
            wrong[place] ^= 0x40;
            assert!(Errand::parse(&wrong).is_none(), "byte {place}");
        }
    }

    #[test]
    fn every_kind_of_answer_has_a_byte_of_its_own() {
        for kind in AnswerKind::ALL {
            assert_eq!(AnswerKind::of(kind.byte()), Some(kind));
        }
        assert_eq!((0..=u8::MAX).filter_map(AnswerKind::of).count(), AnswerKind::ALL.len());
    }
}
