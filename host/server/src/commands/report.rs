//! Problems and short notes on standard error, for people.

use std::io::{IsTerminal, Write};

use hostel_model::config::{Problem, Severity};
use miette::{GraphicalTheme, MietteHandlerOpts};

use super::color;

/// Chooses how problems are drawn: with lines on a terminal, plainly elsewhere.
pub(super) fn set_up() {
    let draw = std::io::stderr().is_terminal();
    // Fails only if it was set before, as it is in tests.
    let _ = miette::set_hook(Box::new(move |_| {
        let theme = match (draw, color()) {
            (true, true) => GraphicalTheme::unicode(),
            (true, false) => GraphicalTheme::unicode_nocolor(),
            (false, true) => GraphicalTheme::ascii(),
            (false, false) => GraphicalTheme::none(),
        };
        Box::new(MietteHandlerOpts::new().graphical_theme(theme).force_graphical(true).context_lines(1).build())
    }));
}

/// Writes text to standard error as it is. A closed one is nobody's concern.
pub(super) fn say(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n"));
}

/// Shows every problem, and how many there were of each kind.
pub(super) fn show(problems: &[Problem]) {
    for problem in problems {
        say(&format!("{:?}", miette::Report::new(problem.clone())));
    }
    let count = |severity| problems.iter().filter(|problem| problem.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if errors + warnings > 0 {
        say(&format!("{}, {}", number(errors, "error"), number(warnings, "warning")));
    }
}

/// `1 error`, `2 errors`.
pub(super) fn number(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// An error and everything behind it, on one line each.
pub(super) fn fail(error: &dyn std::error::Error) {
    let mut text = format!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!("\n  because: {cause}"));
        source = cause.source();
    }
    say(&text);
}
