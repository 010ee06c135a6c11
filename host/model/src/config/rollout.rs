//! `[service.NAME.rollout]`: how a service goes from one revision to the next.

use std::num::NonZeroU32;
use std::time::Duration;

use super::problem::Report;
use super::section::{Item, Section, wrong_type};
use crate::rollout::{BreakerLimits, Keep, Margin, Rollout, Sticky};
use crate::units::{ByteSize, format_duration, parse_duration};

const KEYS: &[&str] = &["watch", "margin", "sticky", "require_approval", "keep", "breaker"];
const EXAMPLE: &str = "`[service.NAME.rollout]` above `watch = \"60s\"`";
const MARGIN: &str = "`margin = { failures = \"2%\", p99 = 2.0 }`";
const KEEP: &str = "`keep = { revisions = 10, bytes = \"1GiB\" }`";
const BREAKER: &str = "`breaker = { failures = 20, within = \"10s\", open = \"1s..60s\" }`";
const PERCENT: &str = "`\"0%\"` to `\"100%\"` with at most two decimals, as in `\"2%\"`";
const FACTOR: &str = "a number from 1 to 100 with at most two decimals, as in `2.0`";
const OPEN: &str = "the shortest and the longest time, more than none and at most `1h`, as in `\"1s..60s\"`";

/// A revision that is watched for longer has long become the old one itself.
const WATCH_MAX: Duration = Duration::from_hours(1);
/// All that a list of revisions is still read for.
const REVISIONS_MAX: u64 = 1_000;
/// So many failures in a row are no matter of chance, however few a client may cause.
const FAILURES_MAX: u64 = 1_000;
/// The clock that a breaker is kept by tells shorter times apart from nothing, but not from each other.
const BREAKER_MIN: Duration = Duration::from_millis(1);
/// Left alone for longer, a service that is well again would seem dead.
const BREAKER_MAX: Duration = Duration::from_hours(1);
/// A factor in hundredths: as fast as before, and what no margin is any more.
const FACTORS: std::ops::RangeInclusive<u32> = 100..=10_000;

/// What the service's table says about it, and the default for the rest.
pub(super) fn read(service: &Section<'_>, report: &mut Report<'_>) -> Rollout {
    let mut rollout = Rollout::default();
    let Some(section) = service.section("rollout", EXAMPLE, report) else {
        return rollout;
    };
    section.expect_only(KEYS, report);
    section.set("watch", Duration::ZERO..=WATCH_MAX, &mut rollout.watch, report);
    margin(&section, &mut rollout.margin, report);
    let words = [("none", Sticky::None), ("cookie", Sticky::Cookie), ("address", Sticky::Address)];
    if let Some(sticky) = section.word("sticky", &words, report) {
        rollout.sticky = sticky;
    }
    if let Some(required) = section.boolean("require_approval", report) {
        rollout.require_approval = required;
    }
    keep(&section, &mut rollout.keep, report);
    breaker(&section, &mut rollout.breaker, report);
    rollout
}

fn margin(section: &Section<'_>, margin: &mut Margin, report: &mut Report<'_>) {
    let Some(section) = section.section("margin", MARGIN, report) else {
        return;
    };
    section.expect_only(&["failures", "p99"], report);
    if let Some(text) = section.string("failures", PERCENT, report) {
        match percent(text.value) {
            Some(failures) => margin.failures = failures,
            None => refuse(&section, "failures", &text, "no such share", PERCENT, report),
        }
    }
    if let Some(p99) = factor(&section, "p99", report) {
        margin.p99 = p99;
    }
}

fn keep(section: &Section<'_>, keep: &mut Keep, report: &mut Report<'_>) {
    let Some(section) = section.section("keep", KEEP, report) else {
        return;
    };
    section.expect_only(&["revisions", "bytes"], report);
    set_positive(&section, "revisions", REVISIONS_MAX, &mut keep.revisions, report);
    section.set("bytes", ByteSize(0)..=ByteSize(u64::MAX), &mut keep.bytes, report);
}

fn breaker(section: &Section<'_>, breaker: &mut BreakerLimits, report: &mut Report<'_>) {
    let Some(section) = section.section("breaker", BREAKER, report) else {
        return;
    };
    section.expect_only(&["failures", "within", "open"], report);
    set_positive(&section, "failures", FAILURES_MAX, &mut breaker.failures, report);
    section.set("within", BREAKER_MIN..=BREAKER_MAX, &mut breaker.within, report);
    if let Some(text) = section.string("open", OPEN, report) {
        match times(text.value) {
            Some((min, max)) if min > max => {
                let (min, max) = (format_duration(min), format_duration(max));
                let message = format!("`{}` begins with `{min}`, which is longer than `{max}`", section.path("open"));
                report.error(text.span, "this one", message, format!("write `\"{max}..{min}\"`"));
            }
            Some((min, max)) if min >= BREAKER_MIN && max <= BREAKER_MAX => {
                (breaker.open_min, breaker.open_max) = (min, max);
            }
            _ => refuse(&section, "open", &text, "no two such times", OPEN, report),
        }
    }
}

fn set_positive(section: &Section<'_>, key: &str, most: u64, limit: &mut NonZeroU32, report: &mut Report<'_>) {
    let mut count = limit.get();
    section.set_count(key, 1..=most, &mut count, report);
    *limit = NonZeroU32::new(count).unwrap_or(*limit);
}

fn refuse(section: &Section<'_>, key: &str, text: &Item<&str>, what: &str, wanted: &str, report: &mut Report<'_>) {
    let message = format!("`{}` is `{}`, which is {what}", section.path(key), text.value);
    report.error(text.span.clone(), "this one", message, format!("write {wanted}"));
}

/// `2%` as 200 hundredths of a percentage point, up to all of them.
fn percent(text: &str) -> Option<u32> {
    let number = text.strip_suffix('%')?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(decimals) || decimals.len() > 2 {
        return None;
    }
    let hundredths = format!("{whole}{decimals:0<2}").parse().ok()?;
    (hundredths <= 10_000).then_some(hundredths)
}

/// `1s..60s` as two times.
fn times(text: &str) -> Option<(Duration, Duration)> {
    let (min, max) = text.split_once("..")?;
    Some((parse_duration(min.trim()).ok()?, parse_duration(max.trim()).ok()?))
}

/// A number, with or without decimals, in hundredths.
fn factor(section: &Section<'_>, key: &str, report: &mut Report<'_>) -> Option<u32> {
    let value = section.get(key)?;
    let (number, shown) = if let Some(float) = value.get_ref().as_float() {
        (float.as_str().parse::<f64>().ok(), float.to_string())
    } else if let Some(integer) = value.get_ref().as_integer() {
        let number = u32::from_str_radix(integer.as_str(), integer.radix()).ok();
        (number.map(f64::from), integer.to_string())
    } else {
        wrong_type(value, &section.path(key), "a number", FACTOR, report);
        return None;
    };
    let found = number.and_then(hundredths).filter(|hundredths| FACTORS.contains(hundredths));
    if found.is_none() {
        let message = format!("`{}` is `{shown}`, which is no such factor", section.path(key));
        report.error(value.span(), "this one", message, format!("write {FACTOR}"));
    }
    found
}

/// So many hundredths, if it is no more exact than that.
fn hundredths(number: f64) -> Option<u32> {
    let hundredths = (number * 100.0).round();
    // What is beyond the range of the type becomes its end, which no limit reaches.
    ((number * 100.0 - hundredths).abs() < 1e-6).then_some(hundredths as u32)
}
