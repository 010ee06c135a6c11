//! When a certificate ends: the one fact that the TLS libraries check and do not tell.
//!
//! RFC 5280, 4.1: a certificate is a sequence that begins with a sequence of
//! version (tagged, may be missing), serial number, algorithm, issuer, and
//! validity, which is a sequence of two times. Only as much of DER is
//! understood as leads there; whether the rest is sound is for others to say.

use std::str;
use std::time::{SystemTime, UNIX_EPOCH};

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The last second in which the certificate `der` is valid, since the epoch.
pub(super) fn end_of_validity(der: &[u8]) -> Option<i64> {
    let (certificate, _) = of_tag(SEQUENCE, der)?;
    let (fields, _) = of_tag(SEQUENCE, certificate)?;
    let fields = of_tag(VERSION, fields).map_or(fields, |(_, rest)| rest);
    let (_, _, after_serial) = element(fields)?;
    let (_, after_algorithm) = of_tag(SEQUENCE, after_serial)?;
    let (_, after_issuer) = of_tag(SEQUENCE, after_algorithm)?;
    let (validity, _) = of_tag(SEQUENCE, after_issuer)?;
    let (_, _, end) = element(validity)?;
    let (tag, end, _) = element(end)?;
    seconds(tag, str::from_utf8(end).ok()?)
}

/// Tag and content of the element that `bytes` begin with, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    // Up to 127 it is the length, above that the number of bytes that are.
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // A certificate in a file of a megabyte needs three.
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            (length.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn of_tag(wanted: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = element(bytes)?;
    (tag == wanted).then_some((content, rest))
}

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`. From the year 2050 on it is the longer one.
fn seconds(tag: u8, text: &str) -> Option<i64> {
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let century = if year.parse::<u8>().ok()? >= 50 { "19" } else { "20" };
            (format!("{century}{year}"), rest)
        }
        GENERALIZED_TIME => text.split_at_checked(4).map(|(year, rest)| (year.to_owned(), rest))?,
        _ => return None,
    };
    let two = |at: usize| rest.get(at..at + 2);
    if rest.len() != "MMDDhhmmssZ".len() || !rest.ends_with('Z') {
        return None;
    }
    let time = format!("{year}-{}-{}T{}:{}:{}Z", two(0)?, two(2)?, two(4)?, two(6)?, two(8)?);
    since_epoch(humantime::parse_rfc3339(&time).ok()?)
}

/// `time` in seconds since the epoch.
pub(super) fn since_epoch(time: SystemTime) -> Option<i64> {
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}
