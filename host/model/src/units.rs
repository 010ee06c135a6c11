//! Sizes and times as people write them: `96MiB`, `200ms`.
//!
//! A bare number is refused on purpose: `memory = 64` says nothing.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// Why a text is not a size or a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// No digits at the start, or more than one point.
    #[error("`{text}` is not {what}; write a number and a unit, as in `{example}`")]
    Number {
        /// The text as given.
        text: String,
        /// What was wanted, in words.
        what: &'static str,
        /// How one looks.
        example: &'static str,
    },
    /// A number without a unit, or with one that does not exist.
    #[error("`{text}` has {unit}; use one of {allowed}")]
    Unit {
        /// The text as given.
        text: String,
        /// The unit found, in words.
        unit: String,
        /// The units there are.
        allowed: &'static str,
    },
    /// Not a whole number of bytes or nanoseconds.
    #[error("`{text}` is not a whole number of {smallest}; use a smaller unit")]
    Fraction {
        /// The text as given.
        text: String,
        /// The unit below which nothing is counted.
        smallest: &'static str,
    },
    /// More than can be counted.
    #[error("`{text}` is too large; write a smaller number")]
    Range {
        /// The text as given.
        text: String,
    },
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

const SIZES: Family = Family {
    what: "a size",
    example: "64MiB",
    allowed: "`B`, `KiB`, `MiB`, `GiB`, `TiB`, `KB`, `MB`, `GB`, `TB`",
    smallest: "bytes",
    units: &[
        ("TiB", 1 << 40),
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("TB", 1_000_000_000_000),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("KB", 1_000),
        ("kB", 1_000),
        ("B", 1),
    ],
};

const TIMES: Family = Family {
    what: "a time",
    example: "200ms",
    allowed: "`ns`, `us`, `ms`, `s`, `m`, `h`",
    smallest: "nanoseconds",
    units: &[
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ],
};

/// Units of one kind, the largest first.
struct Family {
    what: &'static str,
    example: &'static str,
    allowed: &'static str,
    smallest: &'static str,
    units: &'static [(&'static str, u64)],
}

impl ByteSize {
    /// 1,024 bytes.
    pub const KIB: Self = Self(1 << 10);
    /// 1,024 KiB.
    pub const MIB: Self = Self(1 << 20);
    /// 1,024 MiB.
    pub const GIB: Self = Self(1 << 30);

    /// So many times 1,024 bytes.
    #[must_use]
    pub const fn kib(count: u32) -> Self {
        Self((count as u64) << 10)
    }

    /// So many times 1,024 KiB.
    #[must_use]
    pub const fn mib(count: u32) -> Self {
        Self((count as u64) << 20)
    }

    /// Reads `96MiB`, `64 KiB`, `1.5GiB` or `10B`.
    ///
    /// # Errors
    /// When there is no number, no known unit, or no whole number of bytes.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        SIZES.parse(text).map(Self)
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&SIZES.format(u128::from(self.0), "B"))
    }
}

/// Reads `200ms`, `2s`, `1.5s`, `1m` or `1h`.
///
/// # Errors
/// When there is no number, no known unit, or no whole number of nanoseconds.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    TIMES.parse(text).map(Duration::from_nanos)
}

/// Writes a time in the largest unit that says it exactly, as [`parse_duration`] reads it.
#[must_use]
pub fn format_duration(time: Duration) -> String {
    TIMES.format(time.as_nanos(), "s")
}

impl Family {
    fn parse(&self, text: &str) -> Result<u64, UnitError> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at_checked(end).unwrap_or((text, ""));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
            return Err(UnitError::Number { text: text.to_owned(), what: self.what, example: self.example });
        }
        let factor = self.factor(unit.strip_prefix(' ').unwrap_or(unit)).ok_or_else(|| self.no_unit(text, unit))?;
        let range = || UnitError::Range { text: text.to_owned() };
        let scale =
            u32::try_from(fraction.len()).ok().and_then(|digits| 10_u128.checked_pow(digits)).ok_or_else(range)?;
        let digits: u128 = format!("{whole}{fraction}").parse().map_err(|_| range())?;
        let scaled = digits.checked_mul(u128::from(factor)).ok_or_else(range)?;
        if !scaled.is_multiple_of(scale) {
            return Err(UnitError::Fraction { text: text.to_owned(), smallest: self.smallest });
        }
        u64::try_from(scaled / scale).map_err(|_| range())
    }

    fn factor(&self, unit: &str) -> Option<u64> {
        self.units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor)
    }

    fn no_unit(&self, text: &str, unit: &str) -> UnitError {
        let unit = match unit.trim() {
            "" => "no unit".to_owned(),
            name => format!("the unknown unit `{name}`"),
        };
        UnitError::Unit { text: text.to_owned(), unit, allowed: self.allowed }
    }

    /// The shortest exact text; of two as short, that with the larger unit.
    fn format(&self, count: u128, zero_unit: &str) -> String {
        if count == 0 {
            return format!("0{zero_unit}");
        }
        self.units
            .iter()
            .filter(|(_, factor)| count.is_multiple_of(u128::from(*factor)))
            .map(|(name, factor)| format!("{}{name}", count / u128::from(*factor)))
            .min_by_key(String::len)
            .unwrap_or_default()
    }
}
