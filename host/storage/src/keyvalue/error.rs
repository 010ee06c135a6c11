//! What a guest is told when its data cannot be read or written.
//!
//! The texts speak only of the guest's own limits and repeat none of its bytes, so they may be
//! shown to whoever owns the data. What the disk said is the source, for the host's log.

use std::sync::Arc;

use hostel_model::failure::Failure;
use hostel_model::units::ByteSize;

use crate::error::StorageError;

/// A refused or failed operation on a bucket.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KeyValueError {
    /// The key has more bytes than `limits.keyvalue.key`.
    #[error("the key has `{length}` bytes, the limit is `{limit}`; use a shorter key")]
    KeyTooLong {
        /// Bytes of the key.
        length: usize,
        /// The most there may be.
        limit: ByteSize,
    },
    /// The value has more bytes than `limits.keyvalue.value`.
    #[error("the value has `{length}` bytes, the limit is `{limit}`; split it over several keys")]
    ValueTooLarge {
        /// Bytes of the value.
        length: usize,
        /// The most there may be.
        limit: ByteSize,
    },
    /// The service would hold more bytes than `limits.keyvalue.bytes`.
    #[error("quota: the service may keep `{limit}` of keys and values; delete some first")]
    QuotaBytes {
        /// The most there may be in all buckets together.
        limit: ByteSize,
    },
    /// The services of its tenant would hold more bytes than `storage` of the tenant.
    #[error("quota: the services of the tenant may keep `{limit}` of keys and values together; delete some first")]
    QuotaShared {
        /// The most there may be in all buckets of all of them.
        limit: ByteSize,
    },
    /// The service would hold more keys than `limits.keyvalue.keys`.
    #[error("quota: the service may keep `{limit}` keys; delete some first")]
    QuotaKeys {
        /// The most there may be in all buckets together.
        limit: u64,
    },
    /// More writes than `limits.keyvalue.writes` allows; a batch counts each of its keys.
    #[error("the service may write `{limit}` keys a second; write less often, or fewer at once")]
    WriteRate {
        /// Writes a second.
        limit: u32,
    },
    /// Values asked for at once that add up to too much.
    #[error("the values add up to more than `{limit}`; ask for fewer keys at once")]
    ReadTooLarge {
        /// The most that one answer holds.
        limit: ByteSize,
    },
    /// Incremented a value that is not a decimal number of 64 bits.
    #[error("the value is not a decimal number of 64 bits; set it to one before incrementing it")]
    NotANumber,
    /// The sum does not fit.
    #[error("the sum does not fit in 64 bits; nothing was changed")]
    Overflow,
    /// Too many writes wait already, of this service or of all.
    #[error("too many writes are waiting; try again in a moment")]
    Busy,
    /// The disk has no room left.
    #[error("the host's disk is full; nothing more can be kept for now")]
    DiskFull(#[source] Arc<StorageError>),
    /// The disk or the database failed. A write may or may not have happened.
    #[error("the storage failed; a write may or may not have happened, so read before repeating it")]
    Failed(#[source] Arc<StorageError>),
    /// The host is stopping, or its writer is gone.
    #[error("the storage is closed; try again later")]
    Closed,
}

impl KeyValueError {
    /// Whether a limit or the disk's size was reached (`storage-full`).
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.failure() == Some(Failure::StorageFull)
    }

    /// How the failure is counted; none where the guest asked for what cannot be.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        match self {
            Self::KeyTooLong { .. }
            | Self::ValueTooLarge { .. }
            | Self::QuotaBytes { .. }
            | Self::QuotaShared { .. }
            | Self::QuotaKeys { .. }
            | Self::WriteRate { .. }
            | Self::ReadTooLarge { .. }
            | Self::DiskFull(_) => Some(Failure::StorageFull),
            Self::Busy | Self::Failed(_) | Self::Closed => Some(Failure::StorageFailed),
            Self::NotANumber | Self::Overflow => None,
        }
    }
}

impl From<StorageError> for KeyValueError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Closed { .. } => Self::Closed,
            full if full.is_full() => Self::DiskFull(Arc::new(full)),
            failed => Self::Failed(Arc::new(failed)),
        }
    }
}
