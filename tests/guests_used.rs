//! Every guest is there for a test: one that no test names is dead weight, or a behaviour that nobody proves.

use std::fs;
use std::path::Path;

use crate::harness::guest;

/// All sources of the tests but this one.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("guests_used.rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_guest_is_used_by_a_test() {
    let mut text = String::new();
    sources(Path::new(env!("CARGO_MANIFEST_DIR")), &mut text);
    let uses = |name: &str| {
        let wanted = format!("guest::{name}");
        text.match_indices(&wanted).any(|(start, _)| {
            let next = text[start + wanted.len()..].chars().next();
            next.is_none_or(|next| !next.is_ascii_alphanumeric() && next != '_')
        })
    };
    let unused: Vec<_> = guest::ALL.iter().map(|(name, _)| *name).filter(|name| !uses(name)).collect();
    assert!(unused.is_empty(), "no test uses {unused:?}");
}

#[test]
fn every_guest_was_built() {
    let missing: Vec<_> = guest::ALL.iter().filter(|(_, path)| !Path::new(path).is_file()).collect();
    assert!(missing.is_empty() && guest::ALL.len() > 50, "{missing:?} of {}", guest::ALL.len());
}
