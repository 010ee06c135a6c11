//! The first file of a backup: which files follow, and how large each is.
//!
//! A tar that was cut short between two files looks whole. The manifest says what must come, so
//! that it is noticed, and nothing else is taken.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use hostel_model::digest::Digest;
use hostel_model::limits::fixed;
use serde::{Deserialize, Serialize};

use super::Summary;
use crate::artifact::{digest_of, file_name};
use crate::error::StorageError;
use crate::state::{ARTIFACTS_FOLDER, CONTROL_FILE, FORMAT_FILE, GUESTS_FILE};

/// What the manifest is called in the tar.
pub(super) const MANIFEST: &str = "backup.json";
/// Bytes of a manifest that is read: room for more than a hundred thousand artifacts.
pub(super) const MANIFEST_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The version of this format.
const FORMAT: &str = "hostel-backup 1";
/// Bytes of the file that names the format of the state folder.
const FORMAT_BYTES_MAX: u64 = 64;
/// Bytes of a database: more than any disk that the host runs on has room for twice.
const DATABASE_BYTES_MAX: u64 = 1 << 44;

/// A file of a state folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Member {
    Format,
    Control,
    Guests,
    Artifact(Digest),
}

impl Member {
    /// The file that is called `name` in a tar, if there is one.
    fn called(name: &str) -> Option<Self> {
        match name {
            FORMAT_FILE => Some(Self::Format),
            CONTROL_FILE => Some(Self::Control),
            GUESTS_FILE => Some(Self::Guests),
            _ => {
                let file = name.strip_prefix(ARTIFACTS_FOLDER)?.strip_prefix('/')?;
                digest_of(file).map(Self::Artifact)
            }
        }
    }

    /// Where it lies in the state folder `folder`.
    pub(super) fn path(self, folder: &Path) -> PathBuf {
        match self {
            Self::Format => folder.join(FORMAT_FILE),
            Self::Control => folder.join(CONTROL_FILE),
            Self::Guests => folder.join(GUESTS_FILE),
            Self::Artifact(digest) => folder.join(ARTIFACTS_FOLDER).join(file_name(&digest)),
        }
    }

    fn bytes_max(self) -> u64 {
        match self {
            Self::Format => FORMAT_BYTES_MAX,
            Self::Control | Self::Guests => DATABASE_BYTES_MAX,
            Self::Artifact(_) => fixed::COMPONENT_FILE.0,
        }
    }
}

impl fmt::Display for Member {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format => out.write_str(FORMAT_FILE),
            Self::Control => out.write_str(CONTROL_FILE),
            Self::Guests => out.write_str(GUESTS_FILE),
            Self::Artifact(digest) => write!(out, "{ARTIFACTS_FOLDER}/{}", file_name(digest)),
        }
    }
}

/// What a backup holds.
#[derive(Clone, Debug)]
pub(super) struct Manifest {
    at_unix_ms: u64,
    members: BTreeMap<Member, u64>,
}

/// The manifest as it is stored.
#[derive(Serialize, Deserialize)]
struct Record {
    format: String,
    at_unix_ms: u64,
    files: BTreeMap<String, u64>,
}

impl Manifest {
    pub(super) fn new(at_unix_ms: u64) -> Self {
        Self { at_unix_ms, members: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, member: Member, bytes: u64) {
        self.members.insert(member, bytes);
    }

    /// Every file with its bytes, in the order of the tar.
    pub(super) fn members(&self) -> impl Iterator<Item = (Member, u64)> {
        self.members.iter().map(|(member, bytes)| (*member, *bytes))
    }

    pub(super) fn text(&self) -> std::io::Result<Vec<u8>> {
        let files = self.members.iter().map(|(member, bytes)| (member.to_string(), *bytes)).collect();
        let record = Record { format: FORMAT.to_owned(), at_unix_ms: self.at_unix_ms, files };
        let mut text = serde_json::to_vec_pretty(&record)?;
        text.push(b'\n');
        Ok(text)
    }

    /// Reads a manifest, which comes from anybody.
    pub(super) fn parse(text: &[u8]) -> Result<Self, StorageError> {
        let wrong = |detail: String| StorageError::NotABackup { detail };
        let record: Record =
            serde_json::from_slice(text).map_err(|error| wrong(format!("its `{MANIFEST}` cannot be read: {error}")))?;
        if record.format != FORMAT {
            return Err(StorageError::Format {
                path: PathBuf::from(MANIFEST),
                found: shown(&record.format),
                expected: FORMAT.to_owned(),
            });
        }
        let mut manifest = Self::new(record.at_unix_ms);
        for (name, bytes) in record.files {
            let member =
                Member::called(&name).ok_or_else(|| wrong(format!("`{}` does not belong in it", shown(&name))))?;
            if bytes > member.bytes_max() {
                let most = member.bytes_max();
                return Err(wrong(format!("`{member}` has {bytes} bytes, and {most} is the most there may be")));
            }
            manifest.add(member, bytes);
        }
        for member in [Member::Format, Member::Control, Member::Guests] {
            // An empty file would be taken for a new database.
            if manifest.members.get(&member).is_none_or(|bytes| *bytes == 0) {
                return Err(wrong(format!("`{member}` is missing")));
            }
        }
        Ok(manifest)
    }

    /// The file that must be called `name` and have `bytes`.
    pub(super) fn expected(&self, name: &[u8], bytes: u64) -> Result<Member, StorageError> {
        let wrong = |detail: String| StorageError::NotABackup { detail };
        let text = String::from_utf8_lossy(name);
        let found = std::str::from_utf8(name).ok().and_then(Member::called);
        let known = found.and_then(|member| Some((member, *self.members.get(&member)?)));
        match known {
            Some((member, expected)) if expected == bytes => Ok(member),
            Some((member, expected)) => Err(wrong(format!("`{member}` has {bytes} bytes, and should have {expected}"))),
            None => Err(wrong(format!("`{}` does not belong in it", shown(&text)))),
        }
    }

    pub(super) fn summary(&self) -> Summary {
        let mut summary = Summary { at_unix_ms: self.at_unix_ms, ..Summary::default() };
        for (member, bytes) in self.members() {
            match member {
                Member::Format => {}
                Member::Control => summary.control_bytes = bytes,
                Member::Guests => summary.guests_bytes = bytes,
                Member::Artifact(_) => {
                    summary.artifacts += 1;
                    summary.artifact_bytes = summary.artifact_bytes.saturating_add(bytes);
                }
            }
        }
        summary
    }
}

/// The start of a foreign text, as an error may repeat it.
pub(super) fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    text.chars().take(CHARS_MAX).flat_map(char::escape_debug).collect()
}
