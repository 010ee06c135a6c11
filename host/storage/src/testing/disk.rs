//! A disk in memory that remembers what was synced, and misbehaves on demand.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use redb::{DatabaseError, StorageBackend};

use crate::database::{Backing, builder};
use crate::error::StorageError;

/// How the disk misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    Write(ErrorKind),
    Sync,
    Read,
    PanicOnSync,
}

/// A disk; clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    state: Arc<Mutex<State>>,
    changed: Arc<Condvar>,
}

#[derive(Debug, Default)]
struct State {
    live: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<Effect>,
    fault: Fault,
    held: bool,
    syncing: bool,
    record: bool,
    /// Images that a power cut just before a sync could have left.
    images: Vec<Vec<u8>>,
    /// What was kept before migrations, by version.
    kept: BTreeMap<u64, Vec<u8>>,
}

#[derive(Clone, Debug)]
enum Effect {
    Length(usize),
    Write(usize, Vec<u8>),
}

impl Effect {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(*length, 0),
            Self::Write(at, data) => {
                let end = at + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*at..end].copy_from_slice(data);
            }
        }
    }
}

impl Disk {
    /// A disk that holds `bytes`.
    pub(crate) fn holding(bytes: Vec<u8>) -> Self {
        let disk = Self::default();
        {
            let mut state = disk.state();
            state.synced.clone_from(&bytes);
            state.live = bytes;
        }
        disk
    }

    /// Misbehaves from now on.
    pub(crate) fn fail(&self, fault: Fault) {
        self.state().fault = fault;
    }

    /// Keeps every sync waiting until [`Disk::release`].
    pub(crate) fn hold(&self) {
        self.state().held = true;
    }

    /// Whether somebody waits in a held sync.
    pub(crate) fn is_syncing(&self) -> bool {
        self.state().syncing
    }

    pub(crate) fn release(&self) {
        self.state().held = false;
        self.changed.notify_all();
    }

    /// What is on the disk after a power cut now: all that was synced and nothing else.
    pub(crate) fn after_power_cut(&self) -> Vec<u8> {
        self.state().synced.clone()
    }

    /// What a killed process leaves: all that was written.
    pub(crate) fn after_kill(&self) -> Vec<u8> {
        self.state().live.clone()
    }

    /// From now on keeps, at each sync, images in which some of the unsynced writes are missing.
    pub(crate) fn record(&self) {
        self.state().record = true;
    }

    pub(crate) fn recorded(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.state().images)
    }

    /// What was kept of `version` before it was migrated.
    pub(crate) fn kept(&self, version: u64) -> Option<Vec<u8>> {
        self.state().kept.get(&version).cloned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Three ways to lose writes: all, and every other one from either end.
    fn images(&self) -> Vec<Vec<u8>> {
        let keep: [fn(usize) -> bool; 3] = [|_| false, |n| n % 2 == 0, |n| n % 2 == 1];
        keep.iter()
            .map(|keep| {
                let mut image = self.synced.clone();
                for (n, effect) in self.unsynced.iter().enumerate() {
                    if keep(n) || matches!(effect, Effect::Length(_)) {
                        effect.apply(&mut image);
                    }
                }
                image
            })
            .collect()
    }
}

impl Backing for Disk {
    fn open(&self) -> Result<redb::Database, DatabaseError> {
        builder().create_with_backend(self.clone())
    }

    fn read_only(&self) -> Result<Box<dyn StorageBackend>, DatabaseError> {
        Ok(Box::new(self.clone()))
    }

    fn keep(&self, version: u64) -> Result<(), StorageError> {
        let mut state = self.state();
        if let Fault::Write(kind) = state.fault {
            return Err(StorageError::io("copy", Path::new("disk"))(kind.into()));
        }
        let live = state.live.clone();
        state.kept.entry(version).or_insert(live);
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().live.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        if state.fault == Fault::Read {
            return Err(io::Error::other("unreadable"));
        }
        let start = usize::try_from(offset).unwrap();
        let bytes = state.live.get(start..start + out.len()).ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        if let Fault::Write(kind) = state.fault {
            return Err(kind.into());
        }
        let effect = Effect::Length(usize::try_from(len).unwrap());
        effect.apply(&mut state.live);
        state.unsynced.push(effect);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        while state.held {
            state.syncing = true;
            state = self.changed.wait(state).unwrap();
        }
        state.syncing = false;
        match state.fault {
            Fault::Sync => return Err(io::Error::other("not synced")),
            Fault::PanicOnSync => {
                state.fault = Fault::None;
                drop(state);
                panic!("the disk drives the database mad");
            }
            Fault::None | Fault::Write(_) | Fault::Read => {}
        }
        if state.record {
            let images = state.images();
            state.images.extend(images);
        }
        for effect in std::mem::take(&mut state.unsynced) {
            effect.apply(&mut state.synced);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        if let Fault::Write(kind) = state.fault {
            return Err(kind.into());
        }
        let effect = Effect::Write(usize::try_from(offset).unwrap(), data.to_vec());
        effect.apply(&mut state.live);
        state.unsynced.push(effect);
        Ok(())
    }
}
