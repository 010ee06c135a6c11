//! What counts as the expected outcome, and what as the guest's words.

use serde_json::json;

use super::*;
use crate::client::Answer;

const STOPPED: Expect = Expect::new(504, "cpu-limit");
const BROKEN: Expect = Expect::new(200, "truncated");

fn answered(status: u16, complete: bool, headers: &[(&str, &str)], body: &str) -> Reply {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let answer = Answer { status, headers, complete, body: body.into(), ..Answer::default() };
    Reply { answer, error: None, took: Duration::ZERO, next: None }
}

fn problem(status: u16, slug: &str, detail: &str) -> Reply {
    let body = json!({
        "type": format!("urn:hostel:problem:{slug}"), "title": "t", "status": status, "detail": detail,
        "instance": "1", "service": "g", "retryable": false,
    });
    answered(status, true, &[("content-type", "application/problem+json")], &body.to_string())
}

fn line(outcome: &str, trap: &str) -> Value {
    json!({ "id": "1", "service": "g", "outcome": outcome, "trap": trap })
}

/// Whether it is what was expected, alone or in a crowd.
fn right(expect: &Expect, reply: Reply, line: &Value, alone: bool) -> bool {
    let ask = Ask::get("g", "", expect.clone());
    fault(expect, &Asked { ask: &ask, reply, alone }, line).is_none()
}

#[test]
fn status_and_outcome_must_both_be_as_expected() {
    let good = || problem(504, "cpu-limit", "");
    assert!(right(&STOPPED, good(), &line("cpu-limit", "interrupt"), true));
    assert!(!right(&STOPPED, good(), &line("deadline", ""), true));
    assert!(!right(&STOPPED, problem(502, "cpu-limit", ""), &line("cpu-limit", "interrupt"), true));
    assert!(!right(&STOPPED, problem(504, "deadline", ""), &line("cpu-limit", "interrupt"), true));
}

#[test]
fn the_trap_must_be_the_one_expected() {
    let expect = Expect::new(502, "trap").why("stack-overflow");
    assert!(right(&expect, problem(502, "trap", ""), &line("trap", "stack-overflow"), true));
    assert!(!right(&expect, problem(502, "trap", ""), &line("trap", "unreachable"), true));
}

#[test]
fn an_answer_that_must_break_off_may_not_look_whole() {
    assert!(right(&BROKEN, answered(200, false, &[], "half"), &line("truncated", ""), true));
    assert!(!right(&BROKEN, answered(200, true, &[], "half"), &line("truncated", ""), true));
    let whole = Expect::ok(|reply| reply.text() == "fine");
    assert!(right(&whole, answered(200, true, &[], "fine"), &line("ok", ""), true));
    assert!(!right(&whole, answered(200, false, &[], "fine"), &line("ok", ""), true));
    assert!(!right(&whole, answered(200, true, &[], "other"), &line("ok", ""), true));
}

#[test]
fn what_is_excused_by_a_crowd_is_not_excused_alone() {
    let expect = STOPPED.in_a_crowd();
    let reply = || problem(504, "cpu-limit", "");
    assert!(right(&expect, reply(), &line("cpu-limit", ""), false));
    assert!(!right(&expect, reply(), &line("cpu-limit", ""), true));
}

#[test]
fn a_body_holds_the_sentence_of_its_failure_and_nothing_else() {
    let mut sentences = BTreeMap::new();
    let said = |reply: Reply, sentences: &mut BTreeMap<_, _>| words(sentences, &reply, &line("trap", ""));
    assert_eq!(said(problem(502, "trap", "It stopped."), &mut sentences), None);
    assert_eq!(said(problem(502, "trap", "It stopped."), &mut sentences), None);
    assert!(said(problem(502, "trap", "It stopped: index out of bounds"), &mut sentences).is_some());
    assert!(said(problem(502, "deadline", SECRET), &mut sentences).is_some());
    let more = answered(
        502,
        true,
        &[("content-type", "application/problem+json")],
        r#"{"type":"urn:hostel:problem:trap","title":"t","detail":"It stopped.","instance":"1","service":"g","guest":"x"}"#,
    );
    assert!(said(more, &mut sentences).is_some());
}

#[test]
fn the_overshoot_counts_from_the_limit() {
    let ask = Ask::get("g", "", STOPPED);
    let mut verdict = Verdict::default();
    let limit = Some(Limit::Cpu(Duration::from_millis(50)));
    for (cpu_ms, alone) in [(54.0, true), (61.5, false), (49.0, true)] {
        let one = Asked { ask: &ask, reply: problem(504, "cpu-limit", ""), alone };
        note_overshoot(&mut verdict, &one, &json!({ "outcome": "cpu-limit", "cpu_ms": cpu_ms }), limit);
    }
    let (alone, most) = verdict.overshoot.unwrap();
    assert!((alone.as_secs_f64() - 0.004).abs() < 1e-6 && (most.as_secs_f64() - 0.0115).abs() < 1e-6);
}
