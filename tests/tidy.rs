//! The layout, the layers and the documents are what they are said to be.
//!
//! Ordinary tests, so that nobody has to remember to run them. Each collects
//! everything that is wrong and names the place.

mod coverage;
mod documents;
mod layers;
mod limits;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold what was made, not what was written.
const NOT_OURS: [&str; 6] = ["target", ".git", ".hostel", ".venv", "__pycache__", "node_modules"];

/// A file of the project that is text.
pub(crate) struct Source {
    /// Relative to the top of the project, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it is compiled into the host, and not into a test of it.
    pub(crate) fn is_host_code(&self) -> bool {
        let parts: Vec<&str> = self.path.split('/').collect();
        let tests = ["tests", "tests.rs", "testing", "testing.rs"];
        self.is_rust() && self.path.starts_with("host/") && !parts.iter().any(|part| tests.contains(part))
    }

    /// `path:line`, counted from 1.
    pub(crate) fn place(&self, line: usize) -> String {
        format!("{}:{}", self.path, line + 1)
    }
}

/// The top of the project.
pub(crate) fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests must be in a folder of the project")
}

/// Every text file of the project, in order.
pub(crate) fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![project().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in entries(&folder) {
            let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // A module may be called what a build's folder is called.
            let built = name != "target" || folder.join("Cargo.toml").is_file();
            if NOT_OURS.contains(&name.as_str()) && built {
                continue;
            }
            if entry.is_dir() {
                folders.push(entry);
            } else if let Ok(text) = fs::read_to_string(&entry) {
                let path = entry.strip_prefix(project()).unwrap_or(&entry);
                sources.push(Source { path: path.to_string_lossy().replace('\\', "/"), text });
            }
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(sources.len() > 100, "only {} files found below {}", sources.len(), project().display());
    sources
}

/// The text of one file of the project.
pub(crate) fn text(path: &str) -> String {
    fs::read_to_string(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Fails with every fault on a line of its own.
#[track_caller]
pub(crate) fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}
