//! What holds for every source file: its size, its first line, what it must not contain.

use super::{Source, assert_none, project, sources};

/// Longer files hold more than one idea.
const FILE_LINES_MAX: usize = 500;
/// Longer functions do more than one thing.
const FUNCTION_LINES_MAX: usize = 70;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 7] = ["mod", "util", "utils", "helper", "helpers", "common", "manager"];

// Put together, so that this file does not contain what it looks for.
const LEFTOVERS: [&str; 6] = [
    concat!("dbg", "!("),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("#[al", "low("),
];
const MACHINE_PATHS: [&str; 5] =
    [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/Us", "ers/"), concat!("C:", "\\")];

/// What the host may only ask of its `Platform`.
const OF_THE_MACHINE: [&str; 9] = [
    "Instant::now",
    "SystemTime::now",
    "thread::spawn",
    "thread::sleep",
    "thread::Builder",
    "tokio::spawn",
    "tokio::time",
    "rand::",
    "getrandom",
];
/// Where the ports are, and where they meet the machine.
const PLATFORMS: [&str; 2] = ["host/model/src/platform.rs", "host/server/src/platform.rs"];

fn rust_files() -> Vec<Source> {
    sources().into_iter().filter(Source::is_rust).collect()
}

/// Every place in `file` where `wanted` stands on a line that is not a comment.
fn places(file: &Source, wanted: &str) -> Vec<String> {
    let lines = file.text.lines().enumerate();
    lines
        .filter(|(_, line)| stands(line, wanted) && !line.trim_start().starts_with("//"))
        .map(|(line, _)| format!("{}: `{wanted}`", file.place(line)))
        .collect()
}

/// Whether `wanted` is there and is not the end of a longer word.
fn stands(line: &str, wanted: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let begins_a_word = wanted.starts_with(is_part);
    line.match_indices(wanted).any(|(place, _)| !(begins_a_word && line[..place].ends_with(is_part)))
}

#[test]
fn a_word_is_not_found_at_the_end_of_another() {
    assert!(stands("use rand::Rng;", "rand::") && stands("(rand::random)", "rand::"));
    assert!(!stands("use errand::Errand;", "rand::"));
    assert!(stands("text// later", "// later") && stands("errand::x, rand::y", "rand::"));
}

#[test]
fn every_file_opens_with_its_job() {
    let without = rust_files().into_iter().filter(|file| !file.text.starts_with("//! "));
    assert_none(&without.map(|file| file.path).collect::<Vec<_>>());
}

#[test]
fn no_file_is_longer_than_500_lines() {
    let faults: Vec<_> = rust_files()
        .iter()
        .filter(|file| file.text.lines().count() > FILE_LINES_MAX)
        .map(|file| format!("{}: {} lines", file.path, file.text.lines().count()))
        .collect();
    assert_none(&faults);
}

#[test]
fn no_function_is_longer_than_70_lines() {
    let mut faults = Vec::new();
    for file in rust_files() {
        for (line, length) in functions(&file.text) {
            if length > FUNCTION_LINES_MAX {
                faults.push(format!("{}: a function of {length} lines", file.place(line)));
            }
        }
    }
    assert_none(&faults);
}

/// Where each function begins, and how many lines it has. Formatting puts the end of a
/// function at the indentation of its beginning, so nothing needs to be parsed.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let begins = |line: &str| {
        let words = line.split_whitespace().take_while(|word| *word != "fn");
        let before: Vec<&str> = words.collect();
        let qualifiers = ["pub", "pub(crate)", "pub(super)", "async", "const", "unsafe", "extern"];
        before.len() < line.split_whitespace().count() && before.iter().all(|word| qualifiers.contains(word))
    };
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate().filter(|(_, line)| begins(line)) {
        let end = lines.iter().enumerate().skip(start).find(|(_, other)| {
            let closes = other.trim_end().ends_with('}') || other.trim_end().ends_with(';');
            closes && indentation(other) == indentation(line)
        });
        if let Some((end, _)) = end {
            found.push((start, end - start + 1));
        }
    }
    found
}

#[test]
fn functions_are_measured_from_their_first_line_to_their_last() {
    let text = "fn one() {}\n\nimpl A {\n    pub async fn two(\n        a: u8,\n    ) -> u8 {\n        a\n    }\n\n    fn three();\n}\nlet fnord = 1;\n";
    assert_eq!(functions(text), [(0, 1), (3, 5), (9, 1)]);
}

#[test]
fn files_are_named_by_what_is_inside() {
    let stem = |path: &str| path.rsplit('/').next().and_then(|name| name.strip_suffix(".rs").map(str::to_owned));
    let named = rust_files()
        .into_iter()
        .filter(|file| stem(&file.path).is_some_and(|stem| EMPTY_NAMES.contains(&stem.as_str())));
    assert_none(&named.map(|file| file.path).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_for_later() {
    let faults: Vec<_> =
        rust_files().iter().flat_map(|file| LEFTOVERS.iter().flat_map(|wanted| places(file, wanted))).collect();
    assert_none(&faults);
}

#[test]
fn no_file_names_a_place_of_somebodys_machine() {
    let here = project().display().to_string();
    let wanted = MACHINE_PATHS.iter().copied().chain([here.as_str()]);
    let mut faults = Vec::new();
    for wanted in wanted {
        for file in sources() {
            let lines = file.text.lines().enumerate().filter(|(_, line)| line.contains(wanted));
            faults.extend(lines.map(|(line, _)| format!("{}: `{wanted}`", file.place(line))));
        }
    }
    assert_none(&faults);
}

#[test]
fn the_host_asks_the_machine_for_time_and_chance_in_one_file() {
    let mut faults = Vec::new();
    for file in sources().iter().filter(|file| file.is_host_code() && !PLATFORMS.contains(&file.path.as_str())) {
        faults.extend(OF_THE_MACHINE.iter().flat_map(|wanted| places(file, wanted)));
    }
    assert_none(&faults);
}
