//! What can go wrong with the state on disk, each with the path and the remedy.
//!
//! The texts are for the operator: they name paths, and so never go to a guest or a client
//! (those see [`KeyValueError`](crate::KeyValueError) or a slug).

use std::io;
use std::path::{Path, PathBuf};

use hostel_model::units::ByteSize;

/// A failure of the state folder or of something in it.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Written by another version of the host, or by another program.
    #[error(
        "the state in `{path}` has format `{found}`, this host reads `{expected}`; use the host that wrote it, or point `state` at another folder"
    )]
    Format {
        /// The file with the wrong format.
        path: PathBuf,
        /// What it says it is.
        found: String,
        /// What this host understands.
        expected: String,
    },
    /// The file holds something else than a database.
    #[error("`{path}` is not a database; restore it from a backup, or move it away to start empty")]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The lock on the database is held.
    #[error(
        "`{path}` is in use: another host uses this state folder; stop that host, or give this one another `state`"
    )]
    InUse {
        /// The locked file.
        path: PathBuf,
    },
    /// The bytes are not the ones that were written.
    #[error("`{path}` is damaged ({detail}); restore it from a backup, or remove it")]
    Corrupt {
        /// The damaged file.
        path: PathBuf,
        /// What does not fit.
        detail: String,
    },
    /// There is no such file.
    #[error("`{path}` does not exist; deploy the component again")]
    Missing {
        /// The file looked for.
        path: PathBuf,
    },
    /// A component with more bytes than one may have.
    #[error("a component may have `{limit}` and this one has more; build it without its debug information")]
    TooLarge {
        /// The most there may be.
        limit: ByteSize,
    },
    /// The operating system refused.
    #[error("cannot {action} `{path}`; check the disk, its free space and the permissions")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The database refused for another reason.
    #[error("the database `{path}` failed; check the disk, then start the host again")]
    Database {
        /// The database's file.
        path: PathBuf,
        /// Its words.
        source: Box<redb::Error>,
    },
    /// The database panicked over what it read; the transaction was dropped.
    #[error("the database `{path}` gave up on what it read; check the disk, or restore it from a backup")]
    GaveUp {
        /// The database's file.
        path: PathBuf,
    },
    /// The database could not be opened again after a failure.
    #[error("the database `{path}` cannot be written since an earlier failure; check the disk")]
    Unavailable {
        /// The database's file.
        path: PathBuf,
    },
    /// The database was closed on purpose.
    #[error("the database `{path}` is closed; the host is stopping")]
    Closed {
        /// The database's file.
        path: PathBuf,
    },
    /// A backup cannot be read or written any further.
    #[error("cannot {action} the backup; check where it lies, or use another copy of it")]
    Stream {
        /// What was tried, as a verb.
        action: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// What was read is not a whole backup.
    #[error("this is not a whole backup: {detail}; use another copy of it")]
    NotABackup {
        /// What does not fit.
        detail: String,
    },
    /// Something is there already.
    #[error("`{path}` is not an empty folder; restore into one that does not exist yet")]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The writer's thread could not be started.
    #[error("cannot start a thread for writing; raise the limit of threads")]
    Thread {
        /// Why not.
        source: io::Error,
    },
}

impl StorageError {
    /// Whether the disk has no room left (`storage-full`), as opposed to having failed
    /// (`storage-failed`).
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Io { source, .. } | Self::Stream { source, .. } => is_full(source),
            Self::Database { source, .. } => {
                matches!(source.as_ref(), redb::Error::Io(error) if is_full(error))
            }
            Self::Format { .. }
            | Self::NotADatabase { .. }
            | Self::InUse { .. }
            | Self::Corrupt { .. }
            | Self::Missing { .. }
            | Self::TooLarge { .. }
            | Self::GaveUp { .. }
            | Self::Unavailable { .. }
            | Self::Closed { .. }
            | Self::NotABackup { .. }
            | Self::NotEmpty { .. }
            | Self::Thread { .. } => false,
        }
    }

    /// Gives an input or output error its place.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// Gives an error of the database its place.
    pub(crate) fn database(path: &Path, error: redb::Error) -> Self {
        let path = path.to_path_buf();
        match error {
            redb::Error::DatabaseAlreadyOpen => Self::InUse { path },
            redb::Error::Corrupted(detail) => Self::Corrupt { path, detail },
            redb::Error::UpgradeRequired(found) => Self::Format {
                path,
                found: format!("redb file format {found}"),
                expected: "redb file format 3".to_owned(),
            },
            redb::Error::Io(source) => Self::Io { action: "use the database", path, source },
            other => Self::Database { path, source: Box::new(other) },
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}
