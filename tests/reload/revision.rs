//! The guest `revision_p2` bent into as many revisions as wanted, and what each of them must answer.
//!
//! Its data holds texts that end in digits. Other digits are another component with
//! another digest, and nothing else about it changes: it stays valid, and it says
//! which one it is in every line it answers.

/// A text of the guest and how many digits follow it.
struct Mark {
    text: &'static [u8],
    digits: usize,
}

const REVISION: Mark = Mark { text: b"HOSTEL-BEND-REVISION:", digits: 5 };
const FAILS: Mark = Mark { text: b"HOSTEL-BEND-FAILS:", digits: 2 };
const START: Mark = Mark { text: b"HOSTEL-BEND-START:", digits: 1 };

/// What a component does when it is instantiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It traps.
    Traps,
    /// It never comes to an end.
    Loops,
}

/// The guest as it was built.
pub struct Guest(Vec<u8>);

impl Guest {
    /// Reads it.
    #[track_caller]
    pub fn read(path: &std::path::Path) -> Self {
        Self(std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    }

    /// The revision with this number.
    pub fn revision(&self, number: u32) -> Vec<u8> {
        bend(&self.0, &REVISION, number)
    }

    /// One that answers so many percent of its requests with 500.
    pub fn failing(&self, number: u32, percent: u32) -> Vec<u8> {
        bend(&self.revision(number), &FAILS, percent)
    }

    /// One that cannot be instantiated.
    pub fn unstartable(&self, number: u32, start: Start) -> Vec<u8> {
        let digit = match start {
            Start::Traps => 1,
            Start::Loops => 2,
        };
        bend(&self.revision(number), &START, digit)
    }
}

/// The component with `number` in the digits after `mark`.
fn bend(component: &[u8], mark: &Mark, number: u32) -> Vec<u8> {
    let digits = format!("{number:0width$}", width = mark.digits);
    assert_eq!(digits.len(), mark.digits, "{number} has too many digits");
    let mut bent = component.to_vec();
    let places: Vec<usize> = places(component, mark.text).collect();
    assert!(!places.is_empty(), "the guest does not say {}", String::from_utf8_lossy(mark.text));
    for place in places {
        let start = place + mark.text.len();
        bent[start..start + digits.len()].copy_from_slice(digits.as_bytes());
    }
    bent
}

/// Where `text` stands in `bytes`.
pub fn places(bytes: &[u8], text: &[u8]) -> impl Iterator<Item = usize> {
    bytes.windows(text.len()).enumerate().filter(move |(_, window)| *window == text).map(|(place, _)| place)
}

/// The whole answer of a revision: its body with status 200, or with 500 if `fails`.
pub fn body(number: u32, fails: bool) -> Vec<u8> {
    let line = if fails { format!("revision {number} fails\n") } else { format!("revision {number}\n") };
    line.repeat(100 + number as usize % 50).into_bytes()
}
