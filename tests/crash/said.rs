//! What the process that writes says on its standard output, one line each: how far it is, and what is durable.

use std::fmt;

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It opens the database now.
    Opening,
    /// The database is open.
    Opened,
    /// An operation was acknowledged.
    Done(Acknowledged),
    /// Something went wrong, in these words.
    Failed(String),
}

/// An operation that was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    pub lane: usize,
    pub index: u64,
    pub outcome: Outcome,
}

/// What the storage answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is written.
    Written,
    /// The sum after adding.
    Sum(i64),
    /// The shared value was replaced for the so manieth time.
    Swapped(u64),
    /// Somebody else had replaced it: nothing was written.
    Conflict,
}

impl Said {
    /// Reads a line without its end.
    pub fn parse(line: &str) -> Self {
        match line {
            "opening" => Self::Opening,
            "opened" => Self::Opened,
            other => acknowledged(other).map_or_else(|| Self::Failed(other.to_owned()), Self::Done),
        }
    }
}

fn acknowledged(line: &str) -> Option<Acknowledged> {
    let words: Vec<&str> = line.split(' ').collect();
    let (lane, index, outcome) = match words.as_slice() {
        [lane, index, "written"] => (lane, index, Outcome::Written),
        [lane, index, "conflict"] => (lane, index, Outcome::Conflict),
        [lane, index, "sum", sum] => (lane, index, Outcome::Sum(sum.parse().ok()?)),
        [lane, index, "swapped", count] => (lane, index, Outcome::Swapped(count.parse().ok()?)),
        _ => return None,
    };
    Some(Acknowledged { lane: lane.parse().ok()?, index: index.parse().ok()?, outcome })
}

impl fmt::Display for Said {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opening => out.write_str("opening"),
            Self::Opened => out.write_str("opened"),
            Self::Failed(words) => out.write_str(&words.replace('\n', " ")),
            Self::Done(Acknowledged { lane, index, outcome }) => {
                write!(out, "{lane} {index} ")?;
                match outcome {
                    Outcome::Written => out.write_str("written"),
                    Outcome::Conflict => out.write_str("conflict"),
                    Outcome::Sum(sum) => write!(out, "sum {sum}"),
                    Outcome::Swapped(count) => write!(out, "swapped {count}"),
                }
            }
        }
    }
}
