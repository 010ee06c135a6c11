//! What can be changed on a running host, in the words of the command line.
//!
//! These commands are about services, so their names come first, and the
//! configuration that leads to the host is an option.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Target;

/// Which host to ask.
#[derive(Debug, Args)]
pub struct Whom {
    /// The configuration of the host: a folder, or a file like `hostel.toml`.
    #[arg(short = 'C', long, value_name = "DIR or FILE", default_value = ".")]
    pub config: PathBuf,
    /// Where the host is asked: a socket's path, `unix:PATH` or `http://HOST:PORT`.
    ///
    /// Without it HOSTEL_ADMIN says where, else the configuration: the `socket` of
    /// `[admin]`, or `admin.sock` in its state folder. By `http://` the host wants a
    /// token, which comes from HOSTEL_ADMIN_TOKEN, else from `admin.token` in that
    /// state folder.
    #[arg(long, value_name = "ADDRESS")]
    pub admin: Option<String>,
}

/// Under which conditions a change is made.
#[derive(Clone, Copy, Debug, Args)]
pub struct Conditions {
    /// Say what would happen, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Only if nothing has happened since this version.
    ///
    /// That of the service, as `hostel history` and `hostel status --json` show it, or
    /// the newest of all services where several are deployed.
    #[arg(long, value_name = "VERSION")]
    pub if_version: Option<u64>,
}

/// What to deploy.
#[derive(Debug, Args)]
pub struct Deploy {
    /// A service and the file with its component, or several as NAME=FILE.
    #[arg(value_name = "NAME FILE | NAME=FILE", required = true, num_args = 1..)]
    pub what: Vec<String>,
    /// Give the new revisions this share of the requests, in percent, and leave the
    /// rest to those that serve now.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=99))]
    pub weight: Option<u8>,
    /// Wait until the new revisions have been watched for as long as `rollout.watch` says.
    ///
    /// Ends with status 1 if the host took one of them back meanwhile.
    #[arg(long, conflicts_with = "dry_run")]
    pub wait: bool,
    /// Under which conditions.
    #[command(flatten)]
    pub conditions: Conditions,
    /// Print what the host answers, as JSON.
    #[arg(long)]
    pub json: bool,
    /// Whom to ask.
    #[command(flatten)]
    pub whom: Whom,
}

/// Where to go back to.
#[derive(Debug, Args)]
pub struct Rollback {
    /// The service.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The revision, as in `r3`; without one, what served before.
    #[arg(value_name = "REVISION")]
    pub revision: Option<String>,
    /// Under which conditions.
    #[command(flatten)]
    pub conditions: Conditions,
    /// Print what the host answers, as JSON.
    #[arg(long)]
    pub json: bool,
    /// Whom to ask.
    #[command(flatten)]
    pub whom: Whom,
}

/// A change that needs no more than a name.
#[derive(Debug, Args)]
pub struct OneService {
    /// The service.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Under which conditions.
    #[command(flatten)]
    pub conditions: Conditions,
    /// Print what the host answers, as JSON.
    #[arg(long)]
    pub json: bool,
    /// Whom to ask.
    #[command(flatten)]
    pub whom: Whom,
}

/// Whose history to show.
#[derive(Debug, Args)]
pub struct History {
    /// The service.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// How many entries to show.
    #[arg(long, short = 'n', value_name = "COUNT", default_value = "20", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Print what the host answers, as JSON.
    #[arg(long)]
    pub json: bool,
    /// Whom to ask.
    #[command(flatten)]
    pub whom: Whom,
}

/// Where to write a backup.
#[derive(Debug, Args)]
pub struct Backup {
    /// The file, which is replaced if it is there; `-` is standard output.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Whom to ask.
    #[command(flatten)]
    pub whom: Whom,
}

/// What to restore, and for which host.
#[derive(Debug, Args)]
pub struct Restore {
    /// The backup; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The configuration, whose state folder must be missing or empty.
    #[command(flatten)]
    pub target: Target,
}

/// What to do with what services keep.
#[derive(Debug, Args)]
pub struct Kv {
    /// What to do.
    #[command(subcommand)]
    pub command: KvCommand,
}

/// What to do with what services keep.
#[derive(Debug, Subcommand)]
pub enum KvCommand {
    /// List the buckets of a service, or the keys of one bucket.
    ///
    /// A key on each line. What a terminal would act on is escaped in it, as in `\n` and `\u{1b}`, and so is `\`.
    List {
        /// The service.
        #[arg(value_name = "NAME")]
        name: String,
        /// The bucket.
        #[arg(value_name = "BUCKET")]
        bucket: Option<String>,
        /// Only keys that begin so.
        #[arg(long, value_name = "TEXT", requires = "bucket")]
        prefix: Option<String>,
        /// Print keys as texts of JSON, or buckets as the host answers.
        #[arg(long)]
        json: bool,
        /// Whom to ask.
        #[command(flatten)]
        whom: Whom,
    },
    /// Write the value of a key to standard output, byte by byte.
    ///
    /// Ends with status 1 if the key has none.
    Get {
        /// The service.
        #[arg(value_name = "NAME")]
        name: String,
        /// The bucket.
        #[arg(value_name = "BUCKET")]
        bucket: String,
        /// The key.
        #[arg(value_name = "KEY")]
        key: String,
        /// Whom to ask.
        #[command(flatten)]
        whom: Whom,
    },
    /// Write all that a service keeps, a line of JSON for each key.
    ///
    /// Keys and values are in Base64. What the service writes meanwhile may be there or not.
    Export {
        /// The service.
        #[arg(value_name = "NAME")]
        name: String,
        /// The file; `-` is standard output.
        #[arg(value_name = "FILE", default_value = "-")]
        file: PathBuf,
        /// Whom to ask.
        #[command(flatten)]
        whom: Whom,
    },
    /// Write keys and values into a service's buckets, from what `kv export` wrote.
    ///
    /// Keys that are there already get the new values, others stay. The quotas of the
    /// service hold; what was written before one was reached stays.
    Import {
        /// The service.
        #[arg(value_name = "NAME")]
        name: String,
        /// The file; `-` is standard input.
        #[arg(value_name = "FILE", default_value = "-")]
        file: PathBuf,
        /// Print what the host answers, as JSON.
        #[arg(long)]
        json: bool,
        /// Whom to ask.
        #[command(flatten)]
        whom: Whom,
    },
    /// Take away all that a service keeps, or all in one bucket. This cannot be undone.
    Purge {
        /// The service.
        #[arg(value_name = "NAME")]
        name: String,
        /// The bucket; all of them without it.
        #[arg(value_name = "BUCKET")]
        bucket: Option<String>,
        /// The name of the service once more, to confirm it.
        #[arg(long, value_name = "NAME")]
        confirm: String,
        /// Print what the host answers, as JSON.
        #[arg(long)]
        json: bool,
        /// Whom to ask.
        #[command(flatten)]
        whom: Whom,
    },
}
