//! One thing wrong with a `hostel.toml`: where it is, what it is, and what to do about it.

use std::cell::OnceCell;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use crate::limits::Origin;

/// The longest line that a problem is drawn into: `miette` cannot indent a caret
/// by more than 65,535 columns, and a tab takes up to eight of them.
const DRAWN_LINE_BYTES: usize = 8_000;
/// Mistakes of the writing that are told of one file.
const FAULTS_MAX: usize = 100;

/// A text that was read, with the name under which its reader knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as it should be shown.
    pub name: String,
    /// All of the text.
    pub text: Arc<str>,
}

/// Whether a problem keeps the host from starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It does.
    Error,
    /// It does not, but something may not work as meant.
    Warning,
}

/// One thing wrong. As a `miette::Diagnostic` it shows file, line, column and a caret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether it keeps the host from starting.
    pub severity: Severity,
    /// What is wrong: lower case, the value in backticks.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// The places it is about, the most important first, as bytes of the text.
    pub labels: Vec<(Range<usize>, String)>,
    /// The text the places are in.
    pub source: Source,
}

/// Collects problems while a text is read.
pub(super) struct Report<'s> {
    source: &'s Source,
    problems: Vec<Problem>,
    /// The lines of syntax errors. What else is found on them is not meant by
    /// the author, and what seems to be missing may only not have been read.
    broken: Vec<usize>,
    /// Whether another text that belongs to this one has syntax errors.
    broken_elsewhere: bool,
    /// The name of the text, shared by all that say where they come from, and where its lines
    /// end: a text may hold thousands of values, and counting anew for each takes too long.
    places: OnceCell<(Arc<str>, Vec<usize>)>,
}

impl Problem {
    /// A problem that keeps the host from starting.
    #[must_use]
    pub fn error(source: &Source, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            help: help.into(),
            labels: Vec::new(),
            source: source.clone(),
        }
    }

    /// A problem that does not.
    #[must_use]
    pub fn warning(source: &Source, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(source, message, help) }
    }

    /// Adds a place and what to say there.
    #[must_use]
    pub fn at(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.labels.push((span, label.into()));
        self
    }

    /// Line and column of its first place, both counted from 1, columns in characters.
    #[must_use]
    pub fn line_column(&self) -> Option<(usize, usize)> {
        let (span, _) = self.labels.first()?;
        self.source.line_column(span.start)
    }
}

impl Source {
    /// Line and column of a byte of the text, both counted from 1, columns in characters.
    #[must_use]
    pub fn line_column(&self, offset: usize) -> Option<(usize, usize)> {
        let before = self.text.get(..offset)?;
        let line = before.rsplit('\n').next().unwrap_or(before);
        Some((before.matches('\n').count() + 1, line.chars().count() + 1))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        let drawable = !self.labels.is_empty() && self.source.text.lines().all(|line| line.len() <= DRAWN_LINE_BYTES);
        drawable.then_some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let labels = self.labels.iter().enumerate().map(|(place, (span, text))| {
            let (text, offset) = (Some(text.clone()), span.start);
            match place {
                0 => LabeledSpan::new_primary_with_span(text, (offset, span.len())),
                _ => LabeledSpan::new(text, offset, span.len()),
            }
        });
        Some(Box::new(labels))
    }
}

impl SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let found = self.text.read_span(span, lines_before, lines_after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            found.data(),
            *found.span(),
            found.line(),
            found.column(),
            found.line_count(),
        )))
    }
}

impl<'s> Report<'s> {
    pub(super) fn new(source: &'s Source) -> Self {
        let (problems, broken, places) = (Vec::new(), Vec::new(), OnceCell::new());
        Self { source, problems, broken, broken_elsewhere: false, places }
    }

    /// Mistakes of the writing itself, which the parser found. Nobody reads more than so many, and each
    /// costs a look at the whole text.
    pub(super) fn faults(&mut self, faults: &[toml::de::Error]) {
        faults.iter().take(FAULTS_MAX).for_each(|fault| self.syntax(fault));
    }

    fn syntax(&mut self, fault: &toml::de::Error) {
        let end = self.source.text.len();
        let span = self.visible(fault.span().unwrap_or(end..end));
        self.broken.push(self.line(span.start));
        let help = match fault.message() {
            message if message.contains("duplicate") => "keep one of them",
            message if message.contains("string") => "write text between two `\"` on one line",
            message if message.contains("comma") => "put one `,` between two elements",
            message if message.contains("unclosed") => {
                "close the bracket; the header of a table stands on a line of its own"
            }
            _ => "write `key = value` on a line of its own, text between `\"`, lists in `[ ]` and tables in `{ }`",
        };
        let problem = Problem::error(self.source, format!("this is not TOML: {}", fault.message()), help);
        self.problems.push(problem.at(span, "here"));
    }

    pub(super) fn error(
        &mut self,
        span: Range<usize>,
        label: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Problem::error(self.source, message, help).at(span, label));
    }

    /// A key that has to be there, unless it may have been lost to a syntax error.
    pub(super) fn missing(&mut self, span: Range<usize>, message: String, help: &str) {
        if !self.is_broken() {
            let span = self.visible(span);
            self.error(span, "missing here", message, help);
        }
    }

    /// An error of this package: what went wrong, then `; ` and the remedy.
    pub(super) fn refused(&mut self, span: Range<usize>, key: &str, fault: &impl fmt::Display) {
        let text = fault.to_string();
        let (message, help) = text.rsplit_once("; ").unwrap_or((&text, "write another value"));
        self.error(span, "this one", format!("`{key}`: {message}"), help);
    }

    pub(super) fn push(&mut self, problem: Problem) {
        let here = problem.source.name == self.source.name;
        let on_broken_line = |(span, _): &(Range<usize>, String)| here && self.broken.contains(&self.line(span.start));
        if !problem.labels.first().is_some_and(on_broken_line) {
            self.problems.push(problem);
        }
    }

    /// Adds what was found in another text that belongs to this one.
    pub(super) fn absorb(&mut self, other: Report<'_>) {
        self.broken_elsewhere |= other.is_broken();
        self.problems.extend(other.problems);
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken_elsewhere || !self.broken.is_empty()
    }

    pub(super) fn source(&self) -> &'s Source {
        self.source
    }

    /// That a value stands at a byte of the text.
    pub(super) fn origin(&self, offset: usize) -> Origin {
        let (file, ends) = self.places.get_or_init(|| {
            let ends = self.source.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            (Arc::from(self.source.name.as_str()), ends.map(|(at, _)| at).collect())
        });
        Origin::File { file: Arc::clone(file), line: ends.partition_point(|end| *end < offset) + 1 }
    }

    /// The line, counted from 0, on which a byte of the text is.
    fn line(&self, offset: usize) -> usize {
        self.source.text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
    }

    /// A place without width, such as the end of a line, shows no caret: the
    /// character beside it is taken instead.
    fn visible(&self, span: Range<usize>) -> Range<usize> {
        if !span.is_empty() {
            return span;
        }
        let (before, after) = self.source.text.split_at_checked(span.start).unwrap_or_default();
        match (before.chars().next_back(), after.chars().next()) {
            (Some(c), _) if c != '\n' => span.start - c.len_utf8()..span.start,
            (_, Some(c)) if c != '\n' => span.start..span.start + c.len_utf8(),
            _ => span,
        }
    }

    /// All problems: those of this text in its order, then those of each other.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        let main = self.source;
        self.problems.sort_by(|one, other| place(one, main).cmp(&place(other, main)));
        self.problems
    }
}

/// Whether it is in another text than `main`, in which one, and where there.
fn place<'p>(problem: &'p Problem, main: &Source) -> (bool, &'p str, usize) {
    let start = problem.labels.first().map_or(usize::MAX, |(span, _)| span.start);
    (problem.source.name != main.name, &problem.source.name, start)
}
