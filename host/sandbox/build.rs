//! Gives this build a name that another one does not have: a digest of the sources that decide what compiled code is.
//!
//! Compiled code is loaded only by the build that made it, so that a change of the
//! compiler's settings or version never meets code of before. The name needs to
//! differ, not to be secret: a seal keeps strangers out, not this.

use std::collections::hash_map::DefaultHasher;
use std::error::Error;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The code of this package, what it stands on, and the versions of everything else.
const SOURCES: [&str; 3] = ["src", "../model/src", "../../Cargo.lock"];

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script by variables where it is and what for")]
fn main() -> Result<(), Box<dyn Error>> {
    let package = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let mut files = Vec::new();
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
        collect(&package.join(source), &mut files)?;
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in &files {
        file.strip_prefix(&package)?.hash(&mut hasher);
        fs::read(file)?.hash(&mut hasher);
    }
    env::var("TARGET")?.hash(&mut hasher);
    println!("cargo::rustc-env=HOSTEL_SOURCES={:016x}", hasher.finish());
    Ok(())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), files)?;
        }
    } else if path.is_file() {
        files.push(path.to_owned());
    }
    Ok(())
}
