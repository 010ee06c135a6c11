//! A disk that takes no writes, made to look as if it did, so that reads go on.
//!
//! The database writes even when it is only opened (it notes that the file is in use, and after
//! a failure repairs it), and it will not open a file in need of repair for reading alone. Here
//! those few writes stay in memory. Nothing a guest writes ever gets this far.

use std::io::{self, ErrorKind};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::{BackendError, StorageBackend};

/// A repair that uses the saved allocator state writes a few pages; a larger one is not worth
/// the memory.
const KEPT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A disk below, with what was written on top of it.
#[derive(Debug)]
pub(super) struct Frozen {
    disk: Box<dyn StorageBackend>,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    length: u64,
    /// The disk's bytes count up to here; what lies above was cut off or never there.
    disk_length: u64,
    bytes: usize,
    /// Offset and data, oldest first.
    writes: Vec<(u64, Vec<u8>)>,
}

impl Frozen {
    pub(super) fn new(disk: Box<dyn StorageBackend>) -> io::Result<Self> {
        let length = disk.len()?;
        let kept = Kept { length, disk_length: length, bytes: 0, writes: Vec::new() };
        Ok(Self { disk, kept: Mutex::new(kept) })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageBackend for Frozen {
    fn len(&self) -> io::Result<u64> {
        Ok(self.kept().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let kept = self.kept();
        if offset.saturating_add(out.len() as u64) > kept.length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let below = kept.disk_length.saturating_sub(offset);
        let below = usize::try_from(below).unwrap_or(usize::MAX).min(out.len());
        let (disk, above) = out.split_at_mut(below);
        if !disk.is_empty() {
            self.disk.read(offset, disk)?;
        }
        above.fill(0);
        for (at, data) in &kept.writes {
            overlay(offset, out, *at, data);
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut kept = self.kept();
        kept.length = length;
        kept.disk_length = kept.disk_length.min(length);
        kept.writes.retain_mut(|(at, data)| {
            let room = usize::try_from(length.saturating_sub(*at)).unwrap_or(usize::MAX);
            data.truncate(room);
            !data.is_empty()
        });
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut kept = self.kept();
        kept.bytes = kept.bytes.saturating_add(data.len());
        if kept.bytes > KEPT_BYTES_MAX {
            return Err(ErrorKind::ReadOnlyFilesystem.into());
        }
        kept.writes.push((offset, data.to_vec()));
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.disk.close()
    }

    // Shared, because a file opened for reading can be locked in no other way; it keeps other
    // hosts from writing underneath.
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.disk.try_lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.disk.unlock_range(start, end)
    }
}

/// Copies the part of `data`, which begins at `at`, that falls into `out`, which begins at
/// `offset`.
fn overlay(offset: u64, out: &mut [u8], at: u64, data: &[u8]) {
    let distance = |from: u64, to: u64| usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
    let out = out.get_mut(distance(offset, at)..).unwrap_or_default();
    let data = data.get(distance(at, offset)..).unwrap_or_default();
    for (place, byte) in out.iter_mut().zip(data) {
        *place = *byte;
    }
}

#[cfg(test)]
mod tests;
