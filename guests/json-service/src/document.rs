//! Reads a JSON body into what a service asked for, in memory bounded by that shape, naming the place of every mistake.
//!
//! A derived `Deserialize` stops at the first wrong type and cannot say where; a tree of values
//! turns a few MiB of `[[],[],…]` into ten times as much memory. Here the service states a
//! [`Shape`]: what does not fit it is noted by its kind and skipped, never kept.

use std::cell::RefCell;
use std::fmt;

use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::place::{Place, Refusal, Step};
use crate::problem::Problem;

/// What a service wants to see of a value.
#[derive(Debug)]
pub enum Shape {
    /// Text, a number, true, false or null.
    Scalar,
    /// An object; entries of other names are skipped.
    Object(&'static [(&'static str, Shape)]),
    /// A list; reading stops at one element too many.
    List {
        /// The shape of each element.
        of: &'static Shape,
        /// Elements read at most.
        at_most: usize,
    },
}

/// A value as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number written without fraction or exponent that fits 64 bits.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// A string.
    Text(String),
    /// An object where one was wanted.
    Object(Object),
    /// A list where one was wanted.
    List(Vec<Value>),
    /// A list or object where none was wanted: `a list` or `an object`.
    Unwanted(&'static str),
}

impl Value {
    /// What this is, for a sentence such as "must be text, not a list".
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::Object(_) => "an object",
            Self::List(_) => "a list",
            Self::Unwanted(kind) => kind,
        }
    }
}

/// The entries of an object that its shape names; of several with one name the last counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Object {
    entries: Vec<(&'static str, Value)>,
}

impl Object {
    /// The entry `name`, if it was sent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.entries.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    fn put(&mut self, name: &'static str, value: Value) {
        match self.entries.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.entries.push((name, value)),
        }
    }
}

/// Parses a body that must be one object of that shape.
///
/// # Errors
/// 400 if it is empty or not JSON; 422 if it is not an object or a list in it is too long.
pub fn parse(body: &[u8], shape: &'static Shape) -> Result<Object, Problem> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(not_json("the body is empty; send a JSON object", &Place::root()));
    }
    let trail = RefCell::new(Trail::default());
    let mut reader = serde_json::Deserializer::from_slice(body);
    let parsed = Seed { shape, trail: &trail }.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    let trail = trail.into_inner();
    match parsed {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => {
            Err(Problem::invalid(vec![Refusal::at(&Place::root(), format!("must be an object, not {}", other.kind()))]))
        }
        Err(error) => {
            let place = Place::from_innermost(trail.steps);
            match trail.too_long {
                Some(at_most) => {
                    Err(Problem::invalid(vec![Refusal::at(&place, format!("must have at most {at_most} elements"))]))
                }
                None => Err(not_json(&format!("the body is not valid JSON: {error}"), &place)),
            }
        }
    }
}

fn not_json(detail: &str, place: &Place) -> Problem {
    Problem::new(400, "not-json", "The body is not JSON", detail).refusing(Refusal::at(place, detail))
}

/// What is known about a failure: the steps to it, innermost first, filled in on the way out.
#[derive(Default)]
struct Trail {
    steps: Vec<Step>,
    too_long: Option<usize>,
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    shape: &'static Shape,
    trail: &'a RefCell<Trail>,
}

impl<'a> Seed<'a> {
    fn inside(self, shape: &'static Shape) -> Self {
        Self { shape, ..self }
    }

    fn failed_at<E>(self, step: Step) -> impl FnOnce(E) -> E + 'a {
        move |error| {
            self.trail.borrow_mut().steps.push(step);
            error
        }
    }

    fn elements<'de, A: SeqAccess<'de>>(
        self,
        mut seq: A,
        of: &'static Shape,
        at_most: usize,
    ) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let index = list.len();
            if index == at_most {
                return match seq.next_element::<IgnoredAny>() {
                    Ok(None) => Ok(Value::List(list)),
                    Ok(Some(_)) => {
                        self.trail.borrow_mut().too_long = Some(at_most);
                        Err(de::Error::custom("too many elements"))
                    }
                    Err(error) => Err(self.failed_at(Step::Index(index))(error)),
                };
            }
            match seq.next_element_seed(self.inside(of)).map_err(self.failed_at(Step::Index(index)))? {
                Some(value) => list.push(value),
                None => return Ok(Value::List(list)),
            }
        }
    }

    fn entries<'de, A: MapAccess<'de>>(
        self,
        mut map: A,
        shapes: &'static [(&'static str, Shape)],
    ) -> Result<Value, A::Error> {
        let mut object = Object::default();
        while let Some(key) = map.next_key::<String>()? {
            match shapes.iter().find(|(name, _)| *name == key) {
                Some((name, shape)) => {
                    let value = map.next_value_seed(self.inside(shape)).map_err(self.failed_at(Step::Name(key)))?;
                    object.put(name, value);
                }
                None => {
                    map.next_value::<IgnoredAny>().map_err(self.failed_at(Step::Name(key)))?;
                }
            }
        }
        Ok(Value::Object(object))
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        if let Shape::List { of, at_most } = self.shape {
            return self.elements(seq, of, *at_most);
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Unwanted("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        if let Shape::Object(shapes) = self.shape {
            return self.entries(map, shapes);
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Unwanted("an object"))
    }
}

#[cfg(test)]
mod tests;
