//! The documents tell the truth about files, tests and commands.

use std::collections::BTreeSet;

use super::{assert_none, sources, text};

/// Documents that name files of this project.
const DOCUMENTS: [&str; 4] = ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "wit/README.md"];
/// How the name of a file ends that must be there.
const ENDINGS: [&str; 7] = [".rs", ".toml", ".md", ".wit", ".py", ".ci/run", "/"];
/// What makes a text a pattern or a command and not the name of a file.
const NOT_A_PATH: [char; 8] = ['<', '>', '*', '{', ' ', '=', '…', '"'];
/// How an invariant is marked in ARCHITECTURE.md.
const INVARIANT: &str = "- **Invariant:** ";

#[test]
fn every_file_that_a_document_names_exists() {
    let files = sources();
    let mut folders = BTreeSet::new();
    for file in &files {
        folders.extend(file.path.match_indices('/').filter_map(|(end, _)| file.path.get(..=end)));
    }
    let exists = |wanted: &str| {
        let below = format!("/{wanted}");
        let fits = |path: &str| path == wanted || path.ends_with(&below);
        files.iter().any(|file| fits(&file.path))
            || folders.iter().any(|folder| fits(folder) || fits(folder.trim_end_matches('/')))
    };
    let mut faults = Vec::new();
    for document in DOCUMENTS {
        let named: Vec<String> = paths(&text(document)).collect();
        assert!(!named.is_empty(), "{document} names no file");
        faults.extend(named.iter().filter(|path| !exists(path)).map(|path| format!("{document}: `{path}`")));
    }
    assert_none(&faults);
}

/// What is written as a name of a file, in code or as a link.
fn paths(document: &str) -> impl Iterator<Item = String> {
    let code = document.split('`').skip(1).step_by(2);
    let links = document.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let all = code.chain(links).filter(|text| ENDINGS.iter().any(|ending| text.ends_with(ending)));
    let all = all.filter(|text| !text.contains(NOT_A_PATH) && !text.contains("://") && !text.contains('\n'));
    let all = all.filter(|text| !text.starts_with(['/', '.']) || text.starts_with(".ci"));
    all.map(str::to_owned).collect::<BTreeSet<_>>().into_iter()
}

#[test]
fn every_invariant_has_a_test_or_a_place() {
    let architecture = text("ARCHITECTURE.md");
    let invariants: Vec<&str> = architecture.lines().filter_map(|line| line.strip_prefix(INVARIANT)).collect();
    assert!(invariants.len() > 10, "{invariants:?}");
    let files = sources();
    let is_test = |name: &str| {
        let (plain, asynchronous) = (format!("#[test]\nfn {name}("), format!("async fn {name}("));
        let inner = format!("#[test]\n    fn {name}(");
        files
            .iter()
            .filter(|file| file.is_rust())
            .any(|file| [&plain, &asynchronous, &inner].iter().any(|wanted| file.text.contains(wanted.as_str())))
    };
    let is_place = |name: &str| files.iter().any(|file| file.path == name);
    let is_proven = |line: &&str| line.split('`').skip(1).step_by(2).any(|name| is_test(name) || is_place(name));
    let faults: Vec<String> = invariants.into_iter().filter(|line| !is_proven(line)).map(str::to_owned).collect();
    assert_none(&faults);
}

#[test]
fn the_commands_of_contributing_are_those_that_ci_runs() {
    let contributing = text("CONTRIBUTING.md");
    let ci = text(".ci/run");
    let block = contributing.split("```console\n").nth(1).and_then(|rest| rest.split("```").next());
    let commands = block.expect("CONTRIBUTING.md must have a block of commands").lines();
    let commands: Vec<&str> =
        commands.filter_map(|line| line.strip_prefix("$ ")?.split(" #").next()).map(str::trim).collect();
    assert!(commands.len() > 5, "{commands:?}");
    let bare = |command: &str| command.trim_start_matches("(cd guests && ").trim_end_matches(')').to_owned();
    let missing = commands.into_iter().filter(|command| !ci.contains(&bare(command)) && !ci.contains(*command));
    assert_none(&missing.map(str::to_owned).collect::<Vec<_>>());
}
