//! Ports that a test cannot choose: whoever needs one takes its turn, also among processes.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

/// A folder that outlives the tests, for what is slow to make again.
pub fn lasting_folder() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// Waits until no other test holds the lock `name`; dropping it lets the next one go on.
pub fn turn(name: &str) -> File {
    let path: PathBuf = lasting_folder().join(format!("{name}.lock"));
    let open = || {
        std::fs::create_dir_all(lasting_folder())?;
        let file = File::create(&path)?;
        file.lock()?;
        Ok::<_, std::io::Error>(file)
    };
    open().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether nobody listens there, which holds on for as long as one has the turn.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
