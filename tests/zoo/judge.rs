//! Whether what came of requests is what had to come: the answer, its one line in the access log, and nothing of the guest's words.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use serde_json::Value;

use super::ask::{Ask, Reply};
use super::journal::Journal;
use super::report::Faults;
use super::row::{Expect, Limit};

/// What guests put where it might slip out.
pub const SECRET: &str = "ZOO-SECRET-7b1f";
/// The members of a problem; each holds what the host alone says.
const MEMBERS: [&str; 7] = ["type", "title", "status", "detail", "instance", "service", "retryable"];

/// Requests that were answered, with what came of them.
pub struct Asked<'a> {
    pub ask: &'a Ask,
    pub reply: Reply,
    /// Whether nothing else was asked at the time.
    pub alone: bool,
}

/// The processor time of the requests that were asked alone, calls below them included: the most that one took.
pub fn processor_time(journal: &mut Journal, asked: &[Asked<'_>]) -> Duration {
    let services: BTreeSet<&str> = asked.iter().map(|one| one.ask.service()).collect();
    journal.wait_for(&services, asked.len());
    let most = journal.of_services(&services).filter_map(|line| {
        let id = line["id"].as_str()?;
        Some(journal.all_of(id).filter_map(|line| line["cpu_ms"].as_f64()).sum::<f64>())
    });
    Duration::from_secs_f64(most.fold(0.0, f64::max) / 1000.0)
}

/// What a row's requests came to.
#[derive(Default)]
pub struct Verdict {
    /// How often each outcome was seen.
    pub outcomes: BTreeMap<String, u64>,
    /// The most by which a limit was passed, alone and at all.
    pub overshoot: Option<(Duration, Duration)>,
}

/// Looks at every answer and at every line. `sentences` are those that the host has for its failures, as the
/// first answer had them.
pub fn judge(
    sentences: &mut BTreeMap<String, String>,
    journal: &mut Journal,
    asked: &[Asked<'_>],
    limit: Option<Limit>,
    faults: &mut Faults,
) -> Verdict {
    let services: BTreeSet<&str> = asked.iter().map(|one| one.ask.service()).collect();
    let lines = journal.wait_for(&services, asked.len());
    faults.unless(lines == asked.len(), "one line in the access log for each request", || {
        format!("{lines} lines of {} requests", asked.len())
    });
    let mut verdict = Verdict::default();
    let claimed: HashSet<&str> = asked.iter().filter_map(|one| one.reply.id()).collect();
    faults.unless(claimed.len() == asked.iter().filter(|one| one.reply.id().is_some()).count(), "ids", || {
        "two answers have the same id".to_owned()
    });
    // Answers without an id that a client can read go with any line that nobody has claimed.
    let mut free: Vec<&Value> = journal
        .of_services(&services)
        .filter(|line| line["id"].as_str().is_none_or(|id| !claimed.contains(id)))
        .collect();
    for one in asked {
        let line = match one.reply.id() {
            Some(id) => {
                let lines = journal.of(id);
                faults.unless(lines.len() == 1, "one event for each failure", || {
                    format!("{} lines of {id}", lines.len())
                });
                lines.first().copied()
            }
            None => {
                let fits = |line: &&Value| one.ask.expect.iter().any(|expect| fault(expect, one, line).is_none());
                let place = free.iter().position(fits).or((!free.is_empty()).then_some(0));
                place.map(|place| free.swap_remove(place))
            }
        };
        let Some(line) = line else {
            faults.unless(false, "a line in the access log", || {
                format!("{} has none: {:?} {:?}", one.ask.path, one.reply.answer.status, one.reply.error)
            });
            continue;
        };
        *verdict.outcomes.entry(shown(&one.reply, line)).or_default() += 1;
        let wrong: Vec<String> = one.ask.expect.iter().map_while(|expect| fault(expect, one, line)).collect();
        faults.unless(wrong.len() < one.ask.expect.len(), "the expected outcome", || {
            format!("{}: {}", one.ask.path, wrong.first().cloned().unwrap_or_default())
        });
        if let Some(next) = &one.reply.next {
            faults.unless(false, "the next answer on the connection", || format!("{}: {next}", one.ask.path));
        }
        if let Some(what) = words(sentences, &one.reply, line) {
            faults.unless(false, "no words of the guest in the body", || format!("{}: {what}", one.ask.path));
        }
        note_overshoot(&mut verdict, one, line, limit);
    }
    verdict
}

fn shown(reply: &Reply, line: &Value) -> String {
    let word = |name: &str| line[name].as_str().map(|word| format!(" {word}")).unwrap_or_default();
    let status = if reply.answer.status == 0 { "no answer".to_owned() } else { reply.answer.status.to_string() };
    format!("{status}{}{}{}", word("outcome"), word("cause"), word("trap"))
}

/// Why this is not what was expected.
fn fault(expect: &Expect, asked: &Asked<'_>, line: &Value) -> Option<String> {
    let reply = &asked.reply;
    let broken = matches!(expect.outcome, "truncated" | "client-gone");
    let right = line["outcome"] == expect.outcome
        && (reply.answer.status == expect.status || (expect.outcome == "client-gone" && reply.answer.status == 0))
        && expect.why.is_none_or(|why| line["cause"] == why || line["trap"] == why)
        && (reply.answer.complete != broken || expect.outcome == "client-gone")
        && (reply.error.is_none() || broken)
        && (expect.outcome == "ok" || broken || reply.problem().is_none_or(|slug| slug == expect.outcome))
        && (expect.says)(reply)
        && !(expect.crowded && asked.alone);
    (!right).then(|| {
        let body: String = reply.text().chars().take(80).collect();
        let (complete, error) = (reply.answer.complete, &reply.error);
        format!(
            "{} (complete: {complete}, error: {error:?}, {body:?}), not {} {}",
            shown(reply, line),
            expect.status,
            expect.outcome
        )
    })
}

/// What a body of the host says that it must not: anything but the sentence it has for this failure.
fn words(sentences: &mut BTreeMap<String, String>, reply: &Reply, line: &Value) -> Option<String> {
    let text = reply.text();
    if text.contains(SECRET) || reply.answer.head.contains(SECRET) {
        return Some("the guest's secret".to_owned());
    }
    let slug = reply.problem()?;
    let problem: Value = serde_json::from_slice(&reply.answer.body).ok()?;
    let members = problem.as_object()?;
    if let Some(other) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        return Some(format!("a member `{other}`"));
    }
    if problem["service"] != line["service"] || problem["instance"] != line["id"] {
        return Some(format!("a service or an id that are not its own: {problem}"));
    }
    let said = format!("{} {}", problem["title"], problem["detail"]);
    let first = sentences.entry(slug.clone()).or_insert_with(|| said.clone());
    (*first != said).then(|| format!("two sentences for `{slug}`: {first} and {said}"))
}

fn note_overshoot(verdict: &mut Verdict, one: &Asked<'_>, line: &Value, limit: Option<Limit>) {
    let (slug, field, limit) = match limit {
        Some(Limit::Cpu(limit)) => ("cpu-limit", "cpu_ms", limit),
        Some(Limit::Deadline(limit)) => ("deadline", "duration_ms", limit),
        None => return,
    };
    if line["outcome"] != slug && line["cause"] != slug {
        return;
    }
    let used = Duration::from_secs_f64(line[field].as_f64().unwrap_or_default() / 1000.0);
    let over = used.saturating_sub(limit);
    let (alone, most) = verdict.overshoot.unwrap_or_default();
    verdict.overshoot = Some((if one.alone { alone.max(over) } else { alone }, most.max(over)));
}

#[cfg(test)]
mod tests;
