//! Tokens of tenants, in the words of the command line.

use clap::{Args, Subcommand};

use super::Whom;

/// What to do with tokens of tenants.
#[derive(Debug, Args)]
pub struct Token {
    /// What to do.
    #[command(subcommand)]
    pub command: TokenCommand,
}

/// What to do with tokens of tenants.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token that sees and changes what is one tenant's.
    ///
    /// Its text goes to standard output, and is shown nowhere again. Whoever has it puts
    /// it into HOSTEL_ADMIN_TOKEN.
    Create {
        /// The tenant, as `[tenant.NAME]` in the configuration of the host.
        #[arg(long, value_name = "NAME")]
        tenant: String,
        /// What people call the token, as in `ci`.
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// Print what the host answers, as JSON.
        #[arg(long)]
        json: bool,
        /// Whom to ask.
        #[command(flatten)]
        whom: Whom,
    },
    /// List the tokens of all tenants, without the tokens.
    List {
        /// Print what the host answers, as JSON.
        #[arg(long)]
        json: bool,
        /// Whom to ask.
        #[command(flatten)]
        whom: Whom,
    },
    /// Refuse a token from now on.
    Revoke {
        /// Its id, as `hostel token list` shows it.
        #[arg(value_name = "ID")]
        id: String,
        /// Print what the host answers, as JSON.
        #[arg(long)]
        json: bool,
        /// Whom to ask.
        #[command(flatten)]
        whom: Whom,
    },
}
