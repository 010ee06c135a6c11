//! The session that README.md prints gives the answers printed there.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use super::open::Shop;

/// Where the session is in README.md.
const HEADING: &str = "\n## A session\n";
/// What opens its block.
const FENCE: &str = "```console\n";
/// The address it speaks to, of `examples/shop`.
const ADDRESS: &str = "localhost:8080";
/// Stands for text that differs each time.
const WILDCARD: char = '…';

/// A command and what it must print.
struct Step {
    command: String,
    printed: String,
}

#[test]
fn the_session_of_the_readme_gives_the_answers_printed_there() {
    let shop = Shop::open();
    let address = shop.process().address().to_string();
    let steps = session();
    assert!(steps.len() >= 9, "the session has only {} commands", steps.len());
    let mut answers: BTreeMap<&str, String> = BTreeMap::new();
    for step in &steps {
        assert!(step.command.contains(ADDRESS), "not to the shop: {}", step.command);
        let answer = run(&step.command.replace(ADDRESS, &address));
        assert!(matches(&step.printed, &answer), "{}\nprinted {answer}\ninstead {}", step.command, step.printed);
        // A command that stands there twice with one answer is a promise that it is the same answer.
        if let Some(earlier) = answers.insert(&step.command, answer.clone())
            && steps.iter().filter(|other| other.command == step.command).all(|other| other.printed == step.printed)
        {
            assert_eq!(earlier, answer, "{}", step.command);
        }
    }
}

/// The commands of README.md with their answers.
fn session() -> Vec<Step> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(readme).expect("there must be a README.md");
    let (_, section) = readme.split_once(HEADING).expect("README.md must have the section of the session");
    let (_, block) = section.split_once(FENCE).expect("the section must have a block");
    let (block, _) = block.split_once("```").expect("the block must end");
    let mut steps: Vec<Step> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step { command: command.to_owned(), printed: String::new() }),
            (None, Some(step)) => step.printed.push_str(&format!("{line}\n")),
            (None, None) => panic!("the block begins with an answer: {line}"),
        }
    }
    steps
}

/// What a command prints on standard output, as a terminal's user sees it.
fn run(command: &str) -> String {
    let output = Command::new("sh").arg("-c").arg(command).stdin(Stdio::null()).output().expect("sh must be there");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("an answer must be text")
}

/// Whether `text` is `pattern` with something, but not a new line, in place of every wildcard.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((literal, rest)) = pattern.split_once(WILDCARD) else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(literal) else {
        return false;
    };
    let line = text.find('\n').unwrap_or(text.len());
    (1..=line).any(|end| text.get(end..).is_some_and(|text| matches(rest, text)))
}

#[test]
fn a_wildcard_stands_for_something_within_a_line() {
    for (pattern, text, expected) in [
        ("a…c", "abc", true),
        ("a…c", "abbcbc", true),
        ("a…c", "ac", false),
        ("a…c", "a\nc", false),
        ("a…c", "abd", false),
        ("abc", "abc", true),
        ("abc", "abcd", false),
        ("…", "支付", true),
        ("a…c…e", "abcde", true),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text:?}");
    }
}
