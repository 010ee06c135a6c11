//! A file that appears under its name only once it is whole and on the disk; or what cannot be so: standard output,
//! a pipe, a device.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, IsTerminal, StdoutLock, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::admin_client::AskError;

/// Links that are followed to a file that is not there yet: as many as Linux follows.
const LINKS_MAX: usize = 40;

/// Where an answer of any size is written.
pub(super) enum WholeFile {
    /// Standard output, where what was written cannot be taken back.
    Output(StdoutLock<'static>),
    /// A pipe or a device, which is written into as it is: a file in its place would be something else.
    Direct {
        /// What is written.
        out: BufWriter<File>,
        /// Its name.
        path: PathBuf,
    },
    /// A file under a name for the time being.
    File {
        /// What is written.
        file: Option<BufWriter<File>>,
        /// Its name for the time being.
        unfinished: PathBuf,
        /// The name it is to have.
        path: PathBuf,
    },
}

impl WholeFile {
    /// The file that is to be at `path`; `-` is standard output. A link stays one: what it leads to is
    /// written.
    pub(super) fn at(path: &Path) -> Result<Self, AskError> {
        if path == Path::new("-") {
            return Ok(Self::Output(io::stdout().lock()));
        }
        Self::there(path).map_err(|source| AskError::File { action: "write", path: path.to_path_buf(), source })
    }

    fn there(path: &Path) -> io::Result<Self> {
        let place = match fs::metadata(path) {
            // By whatever name, as `/dev/stdout`: what was sent there before is to stay.
            Ok(found) if is_standard_output(&found) => return Ok(Self::Output(io::stdout().lock())),
            Ok(found) if found.is_dir() => return Err(ErrorKind::IsADirectory.into()),
            Ok(found) if found.is_file() => fs::canonicalize(path)?,
            Ok(_) => {
                let out = BufWriter::new(OpenOptions::new().write(true).open(path)?);
                return Ok(Self::Direct { out, path: path.to_path_buf() });
            }
            Err(error) if error.kind() == ErrorKind::NotFound => behind_links(path)?,
            Err(error) => return Err(error),
        };
        let Some(name) = place.file_name() else {
            return Err(ErrorKind::IsADirectory.into());
        };
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.unfinished", std::process::id()));
        let unfinished = place.with_file_name(hidden);
        // What services keep is nobody else's business.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        Ok(Self::File { file: Some(BufWriter::new(file)), unfinished, path: place })
    }

    /// Whether it goes to a terminal, which bytes of any kind would confuse.
    pub(super) fn is_terminal(&self) -> bool {
        match self {
            Self::Output(output) => output.is_terminal(),
            Self::Direct { out, .. } => out.get_ref().is_terminal(),
            Self::File { .. } => false,
        }
    }

    /// Gives it its name, durably.
    pub(super) fn finish(mut self) -> Result<(), AskError> {
        let (finished, path) = match &mut self {
            Self::Output(_) => return Ok(()),
            Self::Direct { out, path } => (all_written(out), path),
            Self::File { file, unfinished, path } => {
                let Some(file) = file.take() else {
                    return Ok(());
                };
                let finished = named(file, unfinished, path);
                if finished.is_err() {
                    // It may have its name already; then there is nothing under the other one.
                    let _ = fs::remove_file(&*unfinished);
                }
                (finished, path)
            }
        };
        finished.map_err(|source| AskError::File { action: "write", path: path.clone(), source })
    }
}

fn named(file: BufWriter<File>, unfinished: &Path, path: &Path) -> io::Result<()> {
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(unfinished, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn all_written(out: &mut BufWriter<File>) -> io::Result<()> {
    out.flush()?;
    // Of what is no disk there is nothing to be synced, and the system refuses to.
    if out.get_ref().metadata()?.file_type().is_block_device() { out.get_ref().sync_all() } else { Ok(()) }
}

/// Whether standard output is what was found somewhere.
fn is_standard_output(found: &Metadata) -> bool {
    let output = io::stdout().as_fd().try_clone_to_owned().and_then(|output| File::from(output).metadata());
    output.is_ok_and(|output| (output.dev(), output.ino()) == (found.dev(), found.ino()))
}

/// Where a file would be that is created as `path`, by way of links that lead to nothing yet.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut place = path.to_path_buf();
    for _ in 0..LINKS_MAX {
        match fs::read_link(&place) {
            Ok(target) => place = place.parent().unwrap_or(Path::new("")).join(target),
            // No link, or nothing at all.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::NotFound) => return Ok(place),
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::InvalidInput.into())
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Output(output) => output.write(bytes),
            Self::Direct { out, .. } => out.write(bytes),
            Self::File { file: Some(file), .. } => file.write(bytes),
            Self::File { file: None, .. } => Err(ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Output(output) => output.flush(),
            Self::Direct { out, .. } => out.flush(),
            Self::File { file: Some(file), .. } => file.flush(),
            Self::File { file: None, .. } => Ok(()),
        }
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if let Self::File { file: Some(_), unfinished, .. } = self {
            // It is not whole; that it cannot be taken away is not worth a second complaint.
            let _ = fs::remove_file(&*unfinished);
        }
    }
}

#[cfg(test)]
mod tests;
