//! A file that appears under its name only once it is whole and on the disk, or standard output.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, IsTerminal, StdoutLock, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::admin_client::AskError;

/// Where an answer of any size is written.
pub(super) enum WholeFile {
    /// Standard output, where what was written cannot be taken back.
    Output(StdoutLock<'static>),
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
    /// The file that is to be at `path`; `-` is standard output.
    pub(super) fn at(path: &Path) -> Result<Self, AskError> {
        if path == Path::new("-") {
            return Ok(Self::Output(io::stdout().lock()));
        }
        let wrong = |source| AskError::File { action: "write", path: path.to_path_buf(), source };
        let Some(name) = path.file_name() else {
            return Err(wrong(ErrorKind::IsADirectory.into()));
        };
        if path.is_dir() {
            return Err(wrong(ErrorKind::IsADirectory.into()));
        }
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.unfinished", std::process::id()));
        let unfinished = path.with_file_name(hidden);
        // What services keep is nobody else's business.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished).map_err(wrong)?;
        Ok(Self::File { file: Some(BufWriter::new(file)), unfinished, path: path.to_path_buf() })
    }

    /// Whether it goes to a terminal, which bytes of any kind would confuse.
    pub(super) fn is_terminal(&self) -> bool {
        match self {
            Self::Output(output) => output.is_terminal(),
            Self::File { .. } => false,
        }
    }

    /// Gives it its name, durably.
    pub(super) fn finish(mut self) -> Result<(), AskError> {
        let Self::File { file, unfinished, path } = &mut self else {
            return Ok(());
        };
        let Some(file) = file.take() else {
            return Ok(());
        };
        let finished = file.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| {
            file.sync_all()?;
            fs::rename(&*unfinished, &*path)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        });
        finished.map_err(|source| {
            // It may have its name already; then there is nothing under the other one.
            let _ = fs::remove_file(&*unfinished);
            AskError::File { action: "write", path: path.clone(), source }
        })
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Output(output) => output.write(bytes),
            Self::File { file: Some(file), .. } => file.write(bytes),
            Self::File { file: None, .. } => Err(ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Output(output) => output.flush(),
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
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_has_its_name_once_it_is_finished_and_replaces_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        fs::write(&path, "old").unwrap();
        let mut file = WholeFile::at(&path).unwrap();
        file.write_all(b"new").unwrap();
        file.flush().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a.tar"]);
    }

    #[test]
    fn what_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = WholeFile::at(&folder.path().join("a.tar")).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert!(names(folder.path()).is_empty());
        assert!(WholeFile::at(folder.path()).is_err(), "a folder is no file");
        assert!(WholeFile::at(&folder.path().join("missing/a.tar")).is_err());
    }
}
