//! The rows of the zoo, in the order of the design.

mod bodies;
mod calls;
mod copies;
mod edges;
mod files;
mod frames;
mod keyvalue;
mod memory;
mod time;
mod words;

use super::row::Row;

/// All of them. G29 and G30, connections to the outside, have a matrix of their own.
pub fn all() -> Vec<Row> {
    let mut rows: Vec<Row> = [
        time::rows(),
        memory::rows(),
        calls::rows(),
        copies::rows(),
        bodies::rows(),
        frames::rows(),
        words::rows(),
        keyvalue::rows(),
        files::rows(),
        edges::rows(),
        super::spin::rows(),
    ]
    .into_iter()
    .flatten()
    .collect();
    rows.sort_by_key(|row| row.number);
    rows
}
