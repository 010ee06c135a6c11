//! Guests that talk: floods of output, secrets that slip out, and what they see of the machine and of each other.

use super::super::ask::{Ask, Reply};
use super::super::bench::Bench;
use super::super::guest;
use super::super::judge::SECRET;
use super::super::report::Seen;
use super::super::row::{Asked, Expect, Row, Service};
use super::super::trial::ask_all;

/// A guest may write this much; what is more is dropped.
const LOG: &str = "log_request = \"64KiB\", log_second = \"256KiB\", cpu = \"100ms\", deadline = \"30s\"";
const SPENT: Expect = Expect::new(504, "cpu-limit");
const WRITTEN: Expect = Expect::ok(|reply| reply.text() == "written");

/// All of them.
pub fn rows() -> Vec<Row> {
    let flood = |guest, name: &str, how: &str| {
        // A gibibyte, of which the processor's time lets it write what it can.
        let ask = Ask::get(name, &format!("how={how}&kib=1048576"), WRITTEN).or(SPENT);
        Row::asked(
            "G27",
            guest,
            "cut at its quota and counted, escaped",
            Service::of(name, guest::HOSTILE_OUTPUT_P2).limits(LOG),
            vec![ask],
        )
        .alone(1)
        .look(output_is_bounded)
    };
    let panics = |guest, name: &str, component, query: String| {
        let service = Service::of(name, component);
        Row::asked(
            "G28",
            guest,
            "502 trap, the secret nowhere",
            service,
            vec![Ask::get(name, &query, Expect::new(502, "trap"))],
        )
        .look(secret_is_nowhere)
    };
    vec![
        flood("1 GiB of lines of a byte", "g27-lines", "lines"),
        flood("1 GiB without a line's end", "g27-unbroken", "unbroken"),
        flood("1 GiB of escape sequences", "g27-escapes", "escapes"),
        flood("1 GiB that is no UTF-8", "g27-bytes", "bytes"),
        panics("panics with a secret", "g28-p2", guest::LEAKS_PANIC_P2, format!("text={SECRET}")),
        panics("the same, WASI 0.3", "g28-p3", guest::LEAKS_PANIC_P3, format!("text={SECRET}")),
        panics("a secret in a function's name", "g28-name", guest::HOSTILE_OUTPUT_P2, "how=secret".to_owned()),
        sees("reads environment, arguments, folders, input", "g36-p2", guest::SURROUNDINGS_P2),
        sees("the same, WASI 0.3", "g36-p3", guest::SURROUNDINGS_P3),
        scans("looks for another's marker in fresh memory", ["g38-leaves-p2", "g38-looks-p2"], guest::SCANS_MEMORY_P2),
        scans("the same, WASI 0.3", ["g38-leaves-p3", "g38-looks-p3"], guest::SCANS_MEMORY_P3),
    ]
}

/// The host's own log: no line is longer than a quota, none moves a cursor, all of it is text.
fn output_is_bounded(bench: &mut Bench) -> Vec<String> {
    let bytes = std::fs::read(&bench.host.said).unwrap_or_default();
    let mut faults = Vec::new();
    if std::str::from_utf8(&bytes).is_err() {
        faults.push("the host's log is no text".to_owned());
    }
    if bytes.contains(&0x1b) {
        faults.push("an escape sequence in the host's log".to_owned());
    }
    let longest = bytes.split(|byte| *byte == b'\n').map(<[u8]>::len).max().unwrap_or_default();
    if longest > 70 * 1024 {
        faults.push(format!("a line of {longest} bytes in the host's log"));
    }
    let dropped = bench.host.admin().metric("hostel_guest_log_lines_dropped_total").unwrap_or_default();
    if dropped < 1.0 {
        faults.push("nothing was counted as dropped".to_owned());
    }
    faults
}

/// In no metric, no line of the access log, and in the host's log only where the service's own words are.
fn secret_is_nowhere(bench: &mut Bench) -> Vec<String> {
    let mut faults = Vec::new();
    let metrics = bench.host.admin().get("/metrics").map(|reply| reply.text()).unwrap_or_default();
    if metrics.contains(SECRET) {
        faults.push("the secret is in the metrics".to_owned());
    }
    if std::fs::read_to_string(&bench.host.access).is_ok_and(|text| text.contains(SECRET)) {
        faults.push("the secret is in the access log".to_owned());
    }
    for line in bench.host.said_text().lines().filter(|line| line.contains(SECRET)) {
        if !line.contains("service=\"g28") && !line.contains("service=g28") {
            faults.push(format!("the secret is in another's log: {line}"));
            break;
        }
    }
    faults
}

fn sees(guest: &'static str, name: &str, component: &str) -> Row {
    let ask = Ask::get(name, "", Expect::ok(sees_nothing));
    Row::asked("G36", guest, "200, all of it empty", Service::of(name, component), vec![ask])
}

fn sees_nothing(reply: &Reply) -> bool {
    let Ok(seen) = serde_json::from_str::<serde_json::Value>(&reply.text()) else {
        return false;
    };
    let empty = |value: &serde_json::Value| value.as_object().is_some_and(serde_json::Map::is_empty);
    let list = |value: &serde_json::Value| value.as_array().is_some_and(Vec::is_empty);
    empty(&seen["environment"])
        && list(&seen["arguments"])
        && seen["preopens"] == 0
        && seen["stdin"] == "closed"
        && seen["cwd"].is_null()
}

/// One service leaves a marker all over its memory and stack, the other looks for it.
fn scans(guest: &'static str, names: [&'static str; 2], component: &str) -> Row {
    let services =
        names.map(|name| Service::of(name, component).limits("memory = \"16MiB\", cpu = \"2s\", deadline = \"10s\""));
    Row::own("G38", guest, "0 of 100,000 instances find it (quick: 400)", services.to_vec(), look_for_it)
}

fn look_for_it(bench: &mut Bench, services: &[Service]) -> Seen {
    let clean = Expect::ok(|reply| {
        serde_json::from_str::<serde_json::Value>(&reply.text()).is_ok_and(|seen| seen["hits"] == 0)
    });
    // Both leave it, and both must not find it: each instance is a fresh one.
    let asks: Vec<Ask> = services
        .iter()
        .map(|service| Ask::get(&service.name, &format!("marker={SECRET}&mib=2"), clean.clone()))
        .collect();
    let mut asked = Asked::of(asks);
    asked.alone = bench.of(50_000, 200);
    ask_all(bench, &asked)
}
