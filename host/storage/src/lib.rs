//! What the host keeps on disk: the state folder, artifacts, the journal and the guests' key-value data.
//!
//! The host's own records and the guests' data are separate databases, so that a guest that
//! fills or damages its data cannot cost the host its memory of what is deployed. Artifacts are
//! files named by their digest. Each part carries a format version of its own. A backup is all
//! three from one moment, made while the host serves.
//!
//! **Invariants.** A write is acknowledged only when it is durable. A service reaches no key of
//! another service. Nothing here asks the operating system for time, chance or a thread.

pub mod artifact;
pub mod backup;
mod database;
mod durable;
pub mod error;
pub mod journal;
pub mod keyvalue;
pub mod state;
#[cfg(test)]
mod testing;

pub use artifact::{Artifacts, Upload};
pub use durable::write_file;
pub use error::StorageError;
pub use journal::{Batch, Change, Entry, Journal, KeptRevision, NewEntry};
pub use keyvalue::{
    Bucket, BucketUsage, Gauges, KeyPage, KeyValue, KeyValueError, KeyedValue, SharedQuota, Swap, Usage, Version,
    Versioned,
};
pub use state::StateFolder;
