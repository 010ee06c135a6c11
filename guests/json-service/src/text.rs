//! Small conversions between values and the text that stands for them: ids, instants, hexadecimal.

use crate::checks::LARGEST_INTEGER;

/// Milliseconds in a day.
const DAY: u64 = 86_400_000;

/// The last millisecond of the year 9999: RFC 3339 has four digits for a year.
const LAST_INSTANT: u64 = 253_402_300_799_999;

/// The id that a path segment is: a positive integer in the one way to write it, without sign or leading zero.
#[must_use]
pub fn id(segment: &str) -> Option<u64> {
    let canonical = segment.bytes().all(|byte| byte.is_ascii_digit()) && !segment.starts_with('0');
    if !canonical {
        return None;
    }
    segment.parse().ok().filter(|id| *id <= LARGEST_INTEGER)
}

/// Milliseconds since 1970 as RFC 3339 in UTC with whole seconds, such as `2026-02-03T04:05:06Z`.
#[must_use]
pub fn rfc3339(milliseconds: u64) -> String {
    let milliseconds = milliseconds.min(LAST_INSTANT);
    let (year, month, day) = date(milliseconds / DAY);
    let second = milliseconds % DAY / 1000;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

fn date(mut days: u64) -> (u64, u64, u64) {
    let mut year = 1970;
    while days >= 365 + leap_day(year) {
        days -= 365 + leap_day(year);
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + leap_day(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

fn leap_day(year: u64) -> u64 {
    u64::from(year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)))
}

/// Bytes as hexadecimal digits in lower case.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_in_one_way_only() {
        for (segment, expected) in [
            ("1", Some(1)),
            ("9007199254740991", Some(LARGEST_INTEGER)),
            ("9007199254740992", None),
            ("99999999999999999999999", None),
            ("0", None),
            ("01", None),
            ("+1", None),
            ("-1", None),
            ("1.0", None),
            ("abc", None),
            ("", None),
            ("１", None),
        ] {
            assert_eq!(id(segment), expected, "{segment}");
        }
    }

    #[test]
    fn instants_are_written_as_rfc_3339_has_it() {
        for (milliseconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399_999, "2000-02-28T23:59:59Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_709_251_199_000, "2024-02-29T23:59:59Z"),
            (1_709_251_200_000, "2024-03-01T00:00:00Z"),
            (1_767_225_599_000, "2025-12-31T23:59:59Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
            (u64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(milliseconds), expected);
        }
    }
}
