//! `[service.NAME.rollout]`: every key, its bounds and its remedies.

use std::num::NonZeroU32;
use std::time::Duration;

use super::mistake::expect;
use super::{FULL, plan, service};
use crate::rollout::{BreakerLimits, Keep, Margin, Rollout, Sticky};
use crate::units::ByteSize;

/// The rollout of a service with these lines in its table.
fn rollout(lines: &str) -> Rollout {
    let text = format!("version = 1\n[service.b]\ncomponent = \"b.wasm\"\n[service.b.rollout]\n{lines}\n");
    service(&plan(&text), "b").rollout.clone()
}

fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("not zero")
}

#[test]
fn everything_about_a_rollout_is_read() {
    let expected = Rollout {
        watch: Duration::from_secs(90),
        margin: Margin { failures: 25, p99: 150 },
        sticky: Sticky::Cookie,
        require_approval: true,
        keep: Keep { revisions: count(3), bytes: ByteSize::mib(64) },
        breaker: BreakerLimits {
            failures: count(5),
            within: Duration::from_mins(1),
            open_min: Duration::from_millis(500),
            open_max: Duration::from_hours(1),
        },
    };
    assert_eq!(service(&plan(FULL), "users").rollout, expected);
    assert_eq!(service(&plan(FULL), "orders").rollout, Rollout::default());
}

#[test]
fn the_defaults_are_what_the_manual_shows() {
    let lines = "watch = \"60s\"\nmargin = { failures = \"2%\", p99 = 2.0 }\nsticky = \"none\"\nrequire_approval = false\nkeep = { revisions = 10, bytes = \"1GiB\" }\nbreaker = { failures = 20, within = \"10s\", open = \"1s..60s\" }";
    assert_eq!(rollout(lines), Rollout::default());
    assert_eq!(rollout(""), Rollout::default());
    assert_eq!(rollout("margin = {}\nkeep = {}\nbreaker = {}"), Rollout::default());
}

#[test]
fn a_margin_is_a_percentage_and_a_factor() {
    for (written, hundredths) in
        [("0%", 0), ("2%", 200), ("0.5%", 50), ("2.25%", 225), ("007.10%", 710), ("100%", 10_000)]
    {
        assert_eq!(rollout(&format!("margin.failures = \"{written}\"")).margin.failures, hundredths, "{written}");
    }
    let factors =
        [("1", 100), ("2.0", 200), ("1.05", 105), ("1_0", 1_000), ("100.00", 10_000), ("1.5e1", 1_500), ("0x2", 200)];
    for (written, hundredths) in factors {
        assert_eq!(rollout(&format!("margin.p99 = {written}")).margin.p99, hundredths, "{written}");
    }
}

#[test]
fn bounds_belong_to_what_may_be_written() {
    assert_eq!(rollout("watch = \"0s\"").watch, Duration::ZERO);
    assert_eq!(rollout("watch = \"1h\"").watch, Duration::from_hours(1));
    assert_eq!(rollout("sticky = \"address\"").sticky, Sticky::Address);
    assert_eq!(rollout("keep.revisions = 1000").keep.revisions, count(1_000));
    let breaker = rollout("breaker.open = \"1ms .. 1ms\"\nbreaker.failures = 1").breaker;
    assert_eq!((breaker.failures, breaker.open_min, breaker.open_max), (count(1), breaker.open_min, breaker.open_min));
    assert_eq!(breaker.open_min, Duration::from_millis(1));
}

/// In the table `rollout` of service `b`: what is written, the message and the remedy.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("wach = \"1s\"", "unknown key `service.b.rollout.wach`", "did you mean `watch`?"),
    ("sticki = \"none\"", "unknown key `service.b.rollout.sticki`", "did you mean `sticky`?"),
    ("canary = 5", "unknown key `service.b.rollout.canary`", "the keys here are `watch`, `margin`"),
    ("watch = 60", "`service.b.rollout.watch` must be a string", "write a number and a unit, as in `\"200ms\"`"),
    ("watch = \"61m\"", "`service.b.rollout.watch` is `61m`, which is out of range", "write `\"0s\"` to `\"1h\"`"),
    ("watch = \"60\"", "`service.b.rollout.watch`: `60` has no unit", "use one of `ns`"),
    (
        "margin = \"2%\"",
        "`service.b.rollout.margin` must be a table",
        "write `margin = { failures = \"2%\", p99 = 2.0 }`",
    ),
    ("margin = { p9 = 2.0 }", "unknown key `service.b.rollout.margin.p9`", "did you mean `p99`?"),
    (
        "margin = { failures = 2 }",
        "`service.b.rollout.margin.failures` must be a string",
        "write `\"0%\"` to `\"100%\"`",
    ),
    (
        "margin = { failures = \"2\" }",
        "`service.b.rollout.margin.failures` is `2`, which is no such share",
        "as in `\"2%\"`",
    ),
    ("margin = { failures = \"100.01%\" }", "is `100.01%`, which is no such share", "to `\"100%\"`"),
    ("margin = { failures = \"0.125%\" }", "is `0.125%`, which is no such share", "at most two decimals"),
    ("margin = { failures = \"-1%\" }", "is `-1%`, which is no such share", "write `\"0%\"`"),
    ("margin = { failures = \"+1%\" }", "is `+1%`, which is no such share", "write `\"0%\"`"),
    ("margin = { failures = \"2 %\" }", "is `2 %`, which is no such share", "write `\"0%\"`"),
    ("margin = { failures = \".5%\" }", "is `.5%`, which is no such share", "write `\"0%\"`"),
    ("margin = { failures = \"5.%\" }", "is `5.%`, which is no such share", "write `\"0%\"`"),
    ("margin = { failures = \"%\" }", "is `%`, which is no such share", "write `\"0%\"`"),
    ("margin = { failures = \"99999999999%\" }", "which is no such share", "write `\"0%\"`"),
    (
        "margin = { p99 = \"2\" }",
        "`service.b.rollout.margin.p99` must be a number, but this is a string",
        "as in `2.0`",
    ),
    ("margin = { p99 = 0.99 }", "`service.b.rollout.margin.p99` is `0.99`, which is no such factor", "from 1 to 100"),
    ("margin = { p99 = 100.01 }", "is `100.01`, which is no such factor", "from 1 to 100"),
    ("margin = { p99 = 101 }", "is `101`, which is no such factor", "from 1 to 100"),
    ("margin = { p99 = 1.005 }", "is `1.005`, which is no such factor", "at most two decimals"),
    ("margin = { p99 = -2 }", "is `-2`, which is no such factor", "from 1 to 100"),
    ("margin = { p99 = inf }", "is `inf`, which is no such factor", "from 1 to 100"),
    ("margin = { p99 = nan }", "is `nan`, which is no such factor", "from 1 to 100"),
    ("margin = { p99 = 1e300 }", "is `1e300`, which is no such factor", "from 1 to 100"),
    ("sticky = \"cookies\"", "`service.b.rollout.sticky` is `cookies`, which it cannot be", "did you mean `cookie`?"),
    ("sticky = \"ip\"", "is `ip`, which it cannot be", "write `\"none\"`, `\"cookie\"` or `\"address\"`"),
    ("sticky = false", "`service.b.rollout.sticky` must be a string", "write `\"none\"`"),
    ("require_approval = \"yes\"", "`service.b.rollout.require_approval` must be a boolean", "write `true` or `false`"),
    ("keep = 10", "`service.b.rollout.keep` must be a table", "write `keep = { revisions = 10, bytes = \"1GiB\" }`"),
    ("keep = { revisions = 0 }", "`service.b.rollout.keep.revisions` is `0`, which is out of range", "from 1 to 1000"),
    ("keep = { revisions = 1001 }", "`service.b.rollout.keep.revisions` is `1001`", "from 1 to 1000"),
    ("keep = { bytes = \"1\" }", "`service.b.rollout.keep.bytes`: `1` has no unit", "use one of `B`"),
    ("keep = { count = 1 }", "unknown key `service.b.rollout.keep.count`", "the keys here are `revisions`, `bytes`"),
    ("breaker = false", "`service.b.rollout.breaker` must be a table", "write `breaker = { failures = 20"),
    ("breaker = { failure = 20 }", "unknown key `service.b.rollout.breaker.failure`", "did you mean `failures`?"),
    ("breaker = { failures = 0 }", "`service.b.rollout.breaker.failures` is `0`", "from 1 to 1000"),
    ("breaker = { within = \"0s\" }", "`service.b.rollout.breaker.within` is `0s`", "write `\"1ms\"` to `\"1h\"`"),
    (
        "breaker = { open = \"1s\" }",
        "`service.b.rollout.breaker.open` is `1s`, which is no two such times",
        "as in `\"1s..60s\"`",
    ),
    ("breaker = { open = \"0s..1s\" }", "is `0s..1s`, which is no two such times", "more than none"),
    ("breaker = { open = \"1s..2h\" }", "is `1s..2h`, which is no two such times", "at most `1h`"),
    ("breaker = { open = \"1..60\" }", "is `1..60`, which is no two such times", "as in `\"1s..60s\"`"),
    ("breaker = { open = \"1s...6s\" }", "is `1s...6s`, which is no two such times", "as in `\"1s..60s\"`"),
    (
        "breaker = { open = \"60s..1s\" }",
        "`service.b.rollout.breaker.open` begins with `1m`, which is longer than `1s`",
        "write `\"1s..1m\"`",
    ),
    ("breaker = { open = [1, 60] }", "`service.b.rollout.breaker.open` must be a string", "as in `\"1s..60s\"`"),
];

#[test]
fn every_mistake_in_a_rollout_has_its_line_and_its_remedy() {
    for (written, message, help) in MISTAKES {
        let text = format!("version = 1\n[service.b]\ncomponent = \"b.wasm\"\n[service.b.rollout]\n{written}\n");
        expect(&text, message, help, 5..=5);
    }
    let text = "version = 1\n[service.b]\ncomponent = \"b.wasm\"\nrollout = \"fast\"\n";
    expect(text, "`service.b.rollout` must be a table", "write `[service.NAME.rollout]`", 4..=4);
}
