//! Sizes and times as people write them, and what is refused.

use std::time::Duration;

use super::{ByteSize, format_duration, parse_duration};

#[test]
fn a_size_is_a_number_and_a_unit() {
    let sizes = [
        ("0B", 0),
        ("10B", 10),
        ("64 KiB", 65_536),
        ("96MiB", 96 << 20),
        ("1GiB", 1 << 30),
        ("2TiB", 2 << 40),
        ("1MB", 1_000_000),
        ("3kB", 3_000),
        ("1.5GiB", 3 << 29),
        ("0.5KiB", 512),
        ("18446744073709551615B", u64::MAX),
    ];
    for (text, bytes) in sizes {
        assert_eq!(ByteSize::parse(text), Ok(ByteSize(bytes)), "{text}");
    }
}

#[test]
fn what_is_no_size_is_refused_with_a_remedy() {
    let wrong = [
        ("", "is not a size; write a number and a unit, as in `64MiB`"),
        ("MiB", "is not a size"),
        ("-1MiB", "is not a size"),
        (".5MiB", "is not a size"),
        ("1.MiB", "is not a size"),
        ("1.2.3MiB", "is not a size"),
        (" 1MiB", "is not a size"),
        ("64", "has no unit; use one of `B`, `KiB`"),
        ("64M", "has the unknown unit `M`"),
        ("64mib", "has the unknown unit `mib`"),
        ("64  KiB", "has the unknown unit `KiB`"),
        ("64MiB/s", "has the unknown unit `MiB/s`"),
        ("0.5B", "is not a whole number of bytes; use a smaller unit"),
        ("16777216TiB", "is too large"),
        ("99999999999999999999999999999999999999999B", "is too large"),
        ("0.0000000000000000000000000000000000000001B", "is too large"),
    ];
    for (text, message) in wrong {
        let fault = ByteSize::parse(text).expect_err(text).to_string();
        assert!(fault.contains(message), "{text}: {fault}");
    }
}

#[test]
fn a_size_is_shown_as_short_as_is_exact_and_read_back() {
    let sizes = [
        (0, "0B"),
        (1, "1B"),
        (1_000, "1KB"),
        (1_024, "1KiB"),
        (1_025, "1025B"),
        (1_536, "1536B"),
        (1_000_000, "1MB"),
        (1 << 20, "1MiB"),
        (96 << 20, "96MiB"),
        (1_000_000_000_000, "1TB"),
        (u64::MAX, "18446744073709551615B"),
    ];
    for (bytes, text) in sizes {
        assert_eq!(ByteSize(bytes).to_string(), text);
        assert_eq!(text.parse(), Ok(ByteSize(bytes)));
    }
    assert_eq!(
        (ByteSize::KIB, ByteSize::MIB, ByteSize::GIB),
        (ByteSize::kib(1), ByteSize::mib(1), ByteSize::mib(1024))
    );
}

#[test]
fn a_time_is_a_number_and_a_unit() {
    let times = [
        ("0s", Duration::ZERO, "0s"),
        ("200ms", Duration::from_millis(200), "200ms"),
        ("2s", Duration::from_secs(2), "2s"),
        ("1.5s", Duration::from_millis(1_500), "1500ms"),
        ("0.25 h", Duration::from_mins(15), "15m"),
        ("1m", Duration::from_mins(1), "1m"),
        ("60s", Duration::from_mins(1), "1m"),
        ("90s", Duration::from_secs(90), "90s"),
        ("24h", Duration::from_hours(24), "24h"),
        ("7us", Duration::from_micros(7), "7us"),
        ("3ns", Duration::from_nanos(3), "3ns"),
    ];
    for (text, time, shown) in times {
        assert_eq!(parse_duration(text), Ok(time), "{text}");
        assert_eq!(format_duration(time), shown);
        assert_eq!(parse_duration(shown), Ok(time));
    }
    for (text, message) in [
        ("", "is not a time; write a number and a unit, as in `200ms`"),
        ("5", "has no unit; use one of `ns`"),
        ("5sec", "has the unknown unit `sec`"),
        ("-5s", "is not a time"),
        ("0.5ns", "is not a whole number of nanoseconds"),
        ("999999999h", "is too large"),
    ] {
        let fault = parse_duration(text).expect_err(text).to_string();
        assert!(fault.contains(message), "{text}: {fault}");
    }
}
