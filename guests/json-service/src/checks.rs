//! Takes typed fields out of a parsed body and gathers everything that is wrong with them, for one answer.

use std::ops::RangeInclusive;

use crate::document::{Object, Value};
use crate::place::{Place, Refusal};
use crate::problem::Problem;

/// Refusals listed in one answer: a thousand wrong items need not be told one by one.
const REFUSALS_SHOWN: usize = 20;

/// The largest integer every JSON reader keeps exactly, 2^53 - 1 (RFC 8259, section 6).
pub const LARGEST_INTEGER: u64 = 9_007_199_254_740_991;

/// What was found wrong so far.
#[derive(Debug, Default)]
pub struct Checks {
    refusals: Vec<Refusal>,
}

impl Checks {
    /// Nothing found yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that the value at `place` is refused; `detail` follows the field's name: "must be …".
    pub fn refuse(&mut self, place: &Place, detail: impl Into<String>) {
        if self.refusals.len() < REFUSALS_SHOWN {
            self.refusals.push(Refusal::at(place, detail));
        }
    }

    /// The text `name` of the object at `place`, or none with a refusal noted.
    pub fn text<'v>(&mut self, object: &'v Object, place: &Place, name: &str) -> Option<&'v str> {
        match object.get(name) {
            Some(Value::Text(text)) => Some(text),
            other => self.wrong(&place.name(name), other, "text"),
        }
    }

    /// The integer `name` of the object at `place`, or none with a refusal noted. `1.0` is an integer, `"1"` is not.
    pub fn integer(&mut self, object: &Object, place: &Place, name: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let wanted = format!("an integer from {} to {}", range.start(), range.end());
        let place = place.name(name);
        let number = match object.get(name) {
            Some(Value::Integer(number)) => u64::try_from(*number).ok(),
            Some(Value::Float(number)) => whole(*number),
            other => return self.wrong(&place, other, &wanted),
        };
        match number.filter(|number| range.contains(number)) {
            Some(number) => Some(number),
            None => {
                self.refuse(&place, format!("must be {wanted}"));
                None
            }
        }
    }

    /// The list `name` of the object at `place`, or none with a refusal noted; `at_least` is its least length.
    pub fn list<'v>(&mut self, object: &'v Object, place: &Place, name: &str, at_least: usize) -> Option<&'v [Value]> {
        match object.get(name) {
            Some(Value::List(list)) if list.len() < at_least => {
                self.refuse(&place.name(name), format!("must have at least {at_least} element(s)"));
                None
            }
            Some(Value::List(list)) => Some(list),
            other => self.wrong(&place.name(name), other, "a list"),
        }
    }

    /// The object that `value` at `place` is, or none with a refusal noted.
    pub fn object<'v>(&mut self, value: &'v Value, place: &Place) -> Option<&'v Object> {
        match value {
            Value::Object(object) => Some(object),
            other => self.wrong(place, Some(other), "an object"),
        }
    }

    fn wrong<T>(&mut self, place: &Place, value: Option<&Value>, wanted: &str) -> Option<T> {
        match value {
            None => self.refuse(place, format!("is missing; it must be {wanted}")),
            Some(value) => self.refuse(place, format!("must be {wanted}, not {}", value.kind())),
        }
        None
    }

    /// Ends the checks: `fields` if all was right.
    ///
    /// # Errors
    /// 422 naming every field refused, if there is any or if `fields` is none.
    pub fn finish<T>(self, fields: Option<T>) -> Result<T, Problem> {
        match fields {
            Some(fields) if self.refusals.is_empty() => Ok(fields),
            _ => Err(Problem::invalid(self.refusals)),
        }
    }
}

/// A float without a fraction, within the range where a float is exact.
fn whole(number: f64) -> Option<u64> {
    #[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is exact in a float")]
    let exact = (0.0..=LARGEST_INTEGER as f64).contains(&number) && number.fract() == 0.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole and in range")]
    exact.then_some(number as u64)
}
