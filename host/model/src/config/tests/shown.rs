//! How a problem looks to whoever has to put it right.

use std::fmt::Write;

use miette::{GraphicalReportHandler, GraphicalTheme};

use super::read;
use crate::config::Problem;

/// As `miette` prints it, without colours.
fn picture(problem: &Problem) -> String {
    let mut out = String::new();
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(120);
    handler.render_report(&mut out, problem).expect("the label must lie within the text");
    out
}

#[test]
fn a_problem_is_shown_with_file_line_column_caret_and_remedy() {
    let parsed = read("version = 1\n# 用户\n[service.users]\ncomponnt = \"users.wasm\"\ncomponent = \"users.wasm\"\n");
    let [problem] = parsed.problems.as_slice() else { panic!("one problem: {:?}", parsed.problems) };
    assert_eq!(problem.line_column(), Some((4, 1)));
    let picture = picture(problem);
    for part in [
        "× unknown key `service.users.componnt`",
        "[hostel.toml:4:1]",
        "4 │ componnt = \"users.wasm\"",
        "────┬───",
        "no such key",
        "help: did you mean `component`?",
    ] {
        assert!(picture.contains(part), "{part} is not in\n{picture}");
    }
}

#[test]
fn two_claims_of_one_route_are_both_pointed_at() {
    let parsed = read(
        "version = 1\n[service.b]\ncomponent = \"b.wasm\"\nroutes = [\"GET /x/{a}\"]\n[service.a]\ncomponent = \"a.wasm\"\nroutes = [\"/y\", \"GET /x/{b}\"]\n",
    );
    let [problem] = parsed.problems.as_slice() else { panic!("one problem: {:?}", parsed.problems) };
    assert_eq!(problem.to_string(), "route `GET /x/{b}` is the same as `GET /x/{a}` of service `b`");
    let picture = picture(problem);
    for part in ["[hostel.toml:7:17]", "4 │ routes", "claimed by `b`", "7 │ routes", "claimed by `a`"] {
        assert!(picture.contains(part), "{part} is not in\n{picture}");
    }
}

#[test]
fn columns_count_characters_and_not_bytes() {
    let parsed = read("version = 1\nservice.a = { component = \"用户.wasm\", calls = \"b\" }\n");
    let columns: Vec<_> = parsed.problems.iter().map(Problem::line_column).collect();
    assert_eq!(columns, [Some((2, 46))]);
}

/// Reading must survive whatever stands in the file, and every problem must be printable.
#[test]
fn any_beginning_and_any_damage_of_a_file_is_survived() {
    let ends = super::FULL.char_indices().step_by(7);
    let mut texts: Vec<String> = ends.filter_map(|(end, _)| super::FULL.get(..end)).map(str::to_owned).collect();
    for damage in ["\"", "[", "]", "{", "}", "=", "\n", "5", "\u{0}", "用", "'''"] {
        for (place, _) in super::FULL.char_indices().step_by(59) {
            let (front, back) = super::FULL.split_at(place);
            texts.push(format!("{front}{damage}{back}"));
        }
    }
    texts.push("a=".to_owned() + &"[".repeat(70_000));
    texts.push("[a".to_owned() + &".a".repeat(10_000) + "]");
    let mut shown = String::new();
    for text in texts {
        let parsed = read(&text);
        assert!(parsed.is_valid() || !parsed.problems.is_empty(), "nothing was said about {text}");
        for problem in &parsed.problems {
            assert!(problem.line_column().is_some(), "{problem:?}");
            write!(shown, "{}", picture(problem)).expect("a string takes everything");
            shown.clear();
        }
    }
}
