//! Where in a request something is wrong, said so that both a person and a program can find it.

use serde::Serialize;

/// Longest name of a field that is repeated to the client, in characters: the name is the client's own text.
const NAME_SHOWN: usize = 64;

/// One step from a value into a value inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The entry of an object.
    Name(String),
    /// The element of a list, counted from zero.
    Index(usize),
}

/// The way from the body's root to one value in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    steps: Vec<Step>,
}

impl Place {
    /// The body itself.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// The place reached by `steps`, listed from the innermost outwards.
    #[must_use]
    pub fn from_innermost(mut steps: Vec<Step>) -> Self {
        steps.reverse();
        Self { steps }
    }

    /// The entry `name` of the object at this place.
    #[must_use]
    pub fn name(&self, name: &str) -> Self {
        self.with(Step::Name(name.to_owned()))
    }

    /// The element `index` of the list at this place.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.steps.clone();
        steps.push(step);
        Self { steps }
    }

    /// A JSON pointer in a URI fragment (RFC 6901), such as `#/items/3/sku`.
    #[must_use]
    pub fn pointer(&self) -> String {
        let mut pointer = "#".to_owned();
        for step in &self.steps {
            pointer.push('/');
            match step {
                Step::Name(name) => pointer.push_str(&shown(name).replace('~', "~0").replace('/', "~1")),
                Step::Index(index) => pointer.push_str(&index.to_string()),
            }
        }
        pointer
    }

    /// The same for people, such as `items[3].sku`; `body` for the whole.
    #[must_use]
    pub fn field(&self) -> String {
        let mut field = String::new();
        for step in &self.steps {
            match step {
                Step::Name(name) if field.is_empty() => field.push_str(&shown(name)),
                Step::Name(name) => {
                    field.push('.');
                    field.push_str(&shown(name));
                }
                Step::Index(index) => field.push_str(&format!("[{index}]")),
            }
        }
        if field.is_empty() { "body".to_owned() } else { field }
    }
}

fn shown(name: &str) -> String {
    name.chars().take(NAME_SHOWN).collect()
}

/// One thing that is wrong with a request, an entry of a problem's `errors`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The field for people: `items[3].sku`, or the name of a header or of a part of the path.
    pub field: String,
    /// The place in the body as a JSON pointer; none for what is not in the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// What is wrong with it and what would be right.
    pub detail: String,
}

impl Refusal {
    /// Something wrong at a place in the body.
    pub fn at(place: &Place, detail: impl Into<String>) -> Self {
        Self { field: place.field(), pointer: Some(place.pointer()), detail: detail.into() }
    }

    /// Something wrong outside the body: a header or a part of the path.
    pub fn outside(field: &str, detail: impl Into<String>) -> Self {
        Self { field: field.to_owned(), pointer: None, detail: detail.into() }
    }
}
