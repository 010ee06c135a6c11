//! A table of the file and typed ways to read its keys, each of which reports what it refuses.

use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Report;
use crate::limits::Origins;
use crate::units::{ByteSize, UnitError, format_duration, parse_duration};

/// How alike two names must be, from 0 to 1, to suggest one for the other:
/// one letter wrong in a short name still passes, another word does not.
const LIKENESS: f64 = 0.75;

/// A table with its place and its name.
pub(super) struct Section<'t> {
    table: &'t DeTable<'t>,
    span: Range<usize>,
    /// As in `service.users`; empty for the file itself.
    title: String,
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Item<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// A number with a unit, written as a string.
pub(super) trait Measure: PartialOrd + Sized {
    const EXAMPLE: &str;
    fn read(text: &str) -> Result<Self, UnitError>;
    fn show(&self) -> String;
}

impl Measure for ByteSize {
    const EXAMPLE: &str = "64MiB";

    fn read(text: &str) -> Result<Self, UnitError> {
        Self::parse(text)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Measure for Duration {
    const EXAMPLE: &str = "200ms";

    fn read(text: &str) -> Result<Self, UnitError> {
        parse_duration(text)
    }

    fn show(&self) -> String {
        format_duration(*self)
    }
}

impl<'t> Section<'t> {
    pub(super) fn root(table: &'t DeTable<'t>) -> Self {
        Self { table, span: 0..0, title: String::new() }
    }

    /// The value at `span` as a table called `title`, if it is one.
    pub(super) fn of(
        value: &'t Spanned<DeValue<'t>>,
        span: Range<usize>,
        title: String,
        example: &str,
        report: &mut Report<'_>,
    ) -> Option<Self> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            wrong_type(value, &title, "a table", example, report);
        }
        table.map(|table| Self { table, span, title })
    }

    pub(super) fn title(&self) -> &str {
        &self.title
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The full name of `key`, as it could be written at the top of the file.
    pub(super) fn path(&self, key: &str) -> String {
        if self.title.is_empty() { key.to_owned() } else { format!("{}.{key}", self.title) }
    }

    /// Reports every key that is not one of `known`.
    pub(super) fn expect_only(&self, known: &[&str], report: &mut Report<'_>) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                let help = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the keys here are `{}`", known.join("`, `")),
                };
                report.error(key.span(), "no such key", format!("unknown key `{}`", self.path(name)), help);
            }
        }
    }

    /// Every key with its value.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Item<&'t str>, &'t Spanned<DeValue<'t>>)> {
        self.table.iter().map(|(key, value)| (Item { value: key.get_ref().as_ref(), span: key.span() }, value))
    }

    pub(super) fn get(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    pub(super) fn key_span(&self, key: &str) -> Range<usize> {
        self.table.keys().find(|name| name.get_ref() == key).map_or(self.span(), Spanned::span)
    }

    pub(super) fn section(&self, key: &str, example: &str, report: &mut Report<'_>) -> Option<Section<'t>> {
        Section::of(self.get(key)?, self.key_span(key), self.path(key), example, report)
    }

    pub(super) fn string(&self, key: &str, example: &str, report: &mut Report<'_>) -> Option<Item<&'t str>> {
        string(self.get(key)?, &self.path(key), example, report)
    }

    /// A string that is not empty: a path or a command.
    pub(super) fn text(&self, key: &str, example: &str, report: &mut Report<'_>) -> Option<Item<&'t str>> {
        let item = self.string(key, example, report)?;
        if item.value.trim().is_empty() {
            report.error(
                item.span,
                "nothing in it",
                format!("`{}` is empty", self.path(key)),
                format!("write {example}"),
            );
            return None;
        }
        Some(item)
    }

    pub(super) fn boolean(&self, key: &str, report: &mut Report<'_>) -> Option<bool> {
        let value = self.get(key)?;
        let found = value.get_ref().as_bool();
        if found.is_none() {
            wrong_type(value, &self.path(key), "a boolean", "`true` or `false`", report);
        }
        found
    }

    /// One of `words`, and what it stands for.
    pub(super) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)], report: &mut Report<'_>) -> Option<T> {
        let quoted: Vec<String> = words.iter().map(|(word, _)| format!("`\"{word}\"`")).collect();
        let known = match quoted.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            _ => quoted.join(", "),
        };
        let item = self.string(key, &known, report)?;
        let found = words.iter().find(|(word, _)| *word == item.value);
        if found.is_none() {
            let message = format!("`{}` is `{}`, which it cannot be", self.path(key), item.value);
            let help = match nearest(&item.value.to_lowercase(), words.iter().map(|(word, _)| *word)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write {known}"),
            };
            report.error(item.span, "this one", message, help);
        }
        found.map(|(_, meaning)| *meaning)
    }

    /// A whole number within `range`.
    pub(super) fn number(&self, key: &str, range: RangeInclusive<u64>, report: &mut Report<'_>) -> Option<Item<u64>> {
        let value = self.get(key)?;
        let help = format!("a whole number from {} to {}", range.start(), range.end());
        let Some(integer) = value.get_ref().as_integer() else {
            wrong_type(value, &self.path(key), "an integer", &help, report);
            return None;
        };
        match u64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) if range.contains(&number) => Some(Item { value: number, span: value.span() }),
            _ => {
                let message = format!("`{}` is `{integer}`, which is out of range", self.path(key));
                report.error(value.span(), "this one", message, format!("write {help}"));
                None
            }
        }
    }

    /// A size or a time within `range`.
    pub(super) fn measure<M: Measure>(
        &self,
        key: &str,
        range: RangeInclusive<M>,
        report: &mut Report<'_>,
    ) -> Option<Item<M>> {
        let item = self.string(key, &format!("a number and a unit, as in `\"{}\"`", M::EXAMPLE), report)?;
        match M::read(item.value) {
            Ok(value) if range.contains(&value) => Some(Item { value, span: item.span }),
            Ok(value) => {
                let message = format!("`{}` is `{}`, which is out of range", self.path(key), value.show());
                let help = format!("write `\"{}\"` to `\"{}\"`", range.start().show(), range.end().show());
                report.error(item.span, "this one", message, help);
                None
            }
            Err(fault) => {
                report.refused(item.span, &self.path(key), &fault);
                None
            }
        }
    }

    /// Puts the size or the time within `range` that the key gives in the place of
    /// `limit`, and says where it stands.
    pub(super) fn set<M: Measure>(
        &self,
        key: &str,
        range: RangeInclusive<M>,
        limit: &mut M,
        report: &mut Report<'_>,
    ) -> Option<Range<usize>> {
        let found = self.measure(key, range, report)?;
        *limit = found.value;
        Some(found.span)
    }

    /// The same with a whole number, whose `range` ends within 32 bits.
    pub(super) fn set_count(&self, key: &str, range: RangeInclusive<u64>, limit: &mut u32, report: &mut Report<'_>) {
        if let Some(found) = self.number(key, range, report) {
            *limit = u32::try_from(found.value).unwrap_or(u32::MAX);
        }
    }

    /// Notes where those of `keys` stand that are there, each under the name beside it.
    pub(super) fn note(
        &self,
        keys: impl IntoIterator<Item = (&'static str, &'static str)>,
        origins: &mut Origins,
        report: &Report<'_>,
    ) {
        for (key, name) in keys {
            if let Some(value) = self.get(key) {
                origins.set(name, report.origin(value.span().start));
            }
        }
    }

    /// The elements of a list; none if the key is not there.
    pub(super) fn list(&self, key: &str, example: &str, report: &mut Report<'_>) -> &'t [Spanned<DeValue<'t>>] {
        let Some(value) = self.get(key) else {
            return &[];
        };
        let array = value.get_ref().as_array();
        if array.is_none() {
            wrong_type(value, &self.path(key), "an array", example, report);
        }
        array.map_or(&[], AsRef::as_ref)
    }

    /// A list of strings, each understood by `read`.
    pub(super) fn parsed<T, E: Display>(
        &self,
        key: &str,
        example: &str,
        read: impl Fn(&str) -> Result<T, E>,
        report: &mut Report<'_>,
    ) -> Vec<Item<T>> {
        let path = self.path(key);
        let mut items = Vec::new();
        for value in self.list(key, example, report) {
            if let Some(item) = string(value, &path, example, report) {
                match read(item.value) {
                    Ok(value) => items.push(Item { value, span: item.span }),
                    Err(fault) => report.refused(item.span, &path, &fault),
                }
            }
        }
        items
    }
}

pub(super) fn string<'t>(
    value: &'t Spanned<DeValue<'t>>,
    path: &str,
    example: &str,
    report: &mut Report<'_>,
) -> Option<Item<&'t str>> {
    let found = value.get_ref().as_str();
    if found.is_none() {
        wrong_type(value, path, "a string", example, report);
    }
    found.map(|text| Item { value: text, span: value.span() })
}

pub(super) fn wrong_type(
    value: &Spanned<DeValue<'_>>,
    path: &str,
    wanted: &str,
    example: &str,
    report: &mut Report<'_>,
) {
    let found = value.get_ref().type_str();
    let article = if found.starts_with(['a', 'i']) { "an" } else { "a" };
    let message = format!("`{path}` must be {wanted}, but this is {article} {found}");
    report.error(value.span(), "this one", message, format!("write {example}"));
}

/// The one of `names` that was probably meant by `name`.
pub(super) fn nearest<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let likeness =
        |other: &str| strsim::normalized_damerau_levenshtein(name, other).max(strsim::jaro_winkler(name, other) - 0.1);
    names
        .into_iter()
        .map(|other| (likeness(other), other))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|(one, _), (two, _)| one.total_cmp(two))
        .map(|(_, other)| other)
}
