//! What was logged already, so that a problem is told once and not at every change of something else.

use std::collections::BTreeSet;
use std::path::PathBuf;

use hostel_model::config::{Problem, Severity};

/// What holds now and was told.
#[derive(Default)]
pub(super) struct Said {
    problems: BTreeSet<String>,
    keys: Vec<&'static str>,
    out_of_reach: Vec<PathBuf>,
    failure: Option<String>,
}

impl Said {
    /// What was shown when the host started.
    pub(super) fn already(problems: &[Problem]) -> Self {
        Self { problems: problems.iter().map(text).collect(), ..Self::default() }
    }

    /// Logs those of `problems` that are new; the others are over.
    pub(super) fn problems(&mut self, problems: &[Problem]) {
        for problem in problems.iter().filter(|problem| !self.problems.contains(&text(problem))) {
            let (place, remedy) = (place(problem), &problem.help);
            match problem.severity {
                Severity::Error => tracing::warn!(
                    place,
                    problem = %problem,
                    remedy,
                    "the configuration is wrong; what it said before holds on"
                ),
                Severity::Warning => {
                    tracing::warn!(place, problem = %problem, remedy, "the configuration is in force, but for this");
                }
            }
        }
        self.problems = problems.iter().map(text).collect();
    }

    /// Logs which keys are not in force, if they are others than last time.
    pub(super) fn need_restart(&mut self, keys: Vec<&'static str>) {
        if !keys.is_empty() && keys != self.keys {
            let keys = keys.join(", ");
            tracing::warn!(keys, "changes of the configuration are not in force; restart the host for them");
        }
        self.keys = keys;
    }

    /// Logs which files the host keeps itself from reading since it started, if they are others than last time.
    pub(super) fn out_of_reach(&mut self, files: Vec<PathBuf>) {
        if !files.is_empty() && files != self.out_of_reach {
            let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
            tracing::warn!(
                files = files.join(", "),
                "files that the configuration names lie outside of what the host was hardened for; \
                 restart it for them, or put them into the folder of the configuration"
            );
        }
        self.out_of_reach = files;
    }

    /// Logs a failure of a deployment, unless it is the same as the last.
    pub(super) fn failure(&mut self, text: String) {
        if self.failure.as_ref() != Some(&text) {
            tracing::error!(error = text, "the folder was not deployed; what was live stays");
            self.failure = Some(text);
        }
    }

    /// The last deployment did not fail.
    pub(super) fn success(&mut self) {
        self.failure = None;
    }
}

/// What tells one problem from another.
fn text(problem: &Problem) -> String {
    let severity = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    format!("{severity} {}: {problem}", place(problem))
}

/// Where it is, as compilers write it.
fn place(problem: &Problem) -> String {
    match problem.line_column() {
        Some((line, column)) => format!("{}:{line}:{column}", problem.source.name),
        None => problem.source.name.clone(),
    }
}
