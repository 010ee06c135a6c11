//! `hostel.toml` and the files beside it: every problem has words, a remedy and a place in its text.
//!
//! The input is text. A line `@@ NAME` begins the next file of the folder; what comes before the first is `hostel.toml`.
#![no_main]

use hostel_model::config::{DroppedFile, FILE_NAME, Parsed, Problem, Source, drop_in_only, parse};
use hostel_model::egress::Outbound;
use hostel_model::route::RouteTable;
use libfuzzer_sys::fuzz_target;
use miette::{GraphicalReportHandler, GraphicalTheme};

/// Files beside `hostel.toml`.
const FILES: usize = 6;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (source, dropped) = folder(text);
    let parsed = parse(&source, &dropped);
    expect_sound(&parsed);
    if parsed.is_valid() {
        expect_consistent(&parsed);
        assert_eq!(parse(&source, &dropped).plan, parsed.plan, "the same text is another plan");
    }
    expect_sound(&drop_in_only(&dropped));
});

fn folder(text: &str) -> (Source, Vec<DroppedFile>) {
    let source = |name: &str, text: &str| Source { name: name.to_owned(), text: text.into() };
    let mut files = text.split("\n@@ ");
    let main = source(FILE_NAME, files.next().unwrap_or_default());
    let dropped = files.take(FILES).map(|file| {
        let (name, text) = file.split_once('\n').unwrap_or((file, ""));
        let table = name.ends_with(".toml").then(|| source(name, text));
        DroppedFile { file_name: name.to_owned(), table }
    });
    (main, dropped.collect())
}

fn expect_sound(parsed: &Parsed) {
    for problem in &parsed.problems {
        assert!(!problem.message.is_empty() && !problem.help.is_empty(), "{problem:?} has no words");
        for (span, label) in &problem.labels {
            let text = problem.source.text.get(span.clone());
            assert!(text.is_some(), "{problem:?}: {label} is outside of the text, or inside a character");
        }
        assert_eq!(problem.line_column().is_some(), !problem.labels.is_empty(), "{problem:?} has no line");
    }
    // One of them is drawn, which takes longer than all else: now the one and now the other.
    let drawn =
        parsed.problems.iter().cycle().nth(parsed.problems.first().map_or(0, |first| first.source.text.len() % 16));
    drawn.into_iter().for_each(draw);
}

fn draw(problem: &Problem) {
    let mut drawn = String::new();
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor());
    handler.render_report(&mut drawn, problem).expect("a problem must be drawn");
    assert!(!drawn.is_empty());
}

/// A plan without errors can be run: no two routes of it are alike, and what is shown of it can be read.
fn expect_consistent(parsed: &Parsed) {
    let plan = &parsed.plan;
    assert!(!plan.listeners.is_empty());
    let routes = plan.services.iter().flat_map(|service| service.routes.iter().map(|route| (route.clone(), ())));
    let conflicts = RouteTable::build(routes.collect()).err();
    assert_eq!(conflicts, None, "a valid plan has routes that are alike");
    for pair in plan.services.windows(2) {
        assert!(pair[0].name < pair[1].name, "services are not in the order of their names");
    }
    for outbound in plan.services.iter().flat_map(|service| &service.outbound) {
        assert_eq!(Outbound::parse(&outbound.to_string()).as_ref(), Ok(outbound));
    }
}
