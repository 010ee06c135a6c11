//! Tells a file that the host may not read from one that the hardening keeps it from.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use rustix::fs::{Access, access};

/// Whether `path` is there and readable by its permissions, and only the hardening of this
/// process stands in the way: permissions are asked about by a call that Landlock does not
/// restrict.
#[must_use]
pub fn is_kept_out(path: &Path) -> bool {
    let refused = File::open(path).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied);
    refused && access(path, Access::READ_OK).is_ok()
}
