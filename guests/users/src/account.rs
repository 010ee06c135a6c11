//! Accounts and their names, kept so that a crash at any moment neither loses a name nor gives it twice.
//!
//! Keys of the bucket:
//! - `user-ids`: the counter ids come from.
//! - `name:<key of the name>`: the [`Claim`], who has this name.
//! - `user:<id>`: the [`Account`], which is the user.
//!
//! Registering writes three keys in this order:
//! 1. the claim, created only if nobody has the name, with the *whole account* inside;
//! 2. the account, created only if it is not there;
//! 3. the claim again, without the account inside.
//!
//! The first write decides: before it the name is free, after it the user exists and the name is
//! theirs, since whoever reads a claim that still has an account inside does steps 2 and 3 first
//! ([`settle`]). Both steps are the same whoever does them and however often, because the account
//! is only ever created from the claim, never overwritten: a password changed meanwhile stays. So
//! after a crash between the writes the name is neither lost (its user can log in with the password
//! they sent) nor free to a second user, and an id that was told to anybody has its account.

use json_service::ports::Ports;
use json_service::problem::Problem;
use json_service::store::{self, Change, Created, StoreError};
use json_service::text::rfc3339;
use serde::{Deserialize, Serialize};

use crate::password;
use crate::username::Username;

/// The counter of ids.
const IDS: &str = "user-ids";
/// An id that no user has.
const NOBODY: u64 = 0;

/// One user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The id, from 1 upwards.
    pub user_id: u64,
    /// The name as it was chosen.
    pub username: String,
    /// When the user registered, RFC 3339 in UTC.
    pub created_at: String,
    /// The argon2id hash as a PHC string.
    pub password: String,
}

/// Who has a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Claim {
    user_id: u64,
    /// The account, until it stands under its own key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<Account>,
}

/// How a registration went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// The user exists now, with this id.
    New(u64),
    /// Somebody has that name.
    NameTaken,
}

/// How a change of a password went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// The new one holds.
    Done,
    /// The old one no longer held when the new one was to be written.
    ChangedMeanwhile,
}

/// Registers a user unless the name is taken.
///
/// # Errors
/// 503 if the state cannot be read or written; then the name is either free or its user can log in.
pub fn register(ports: Ports<'_>, username: &Username, password: &str) -> Result<Registered, Problem> {
    let name_key = name_key(username.key());
    // Looked up first, so that a name that is taken does not cost a hash and an id.
    if let Some(claim) = store::read::<Claim>(ports.store, &name_key)? {
        settle(ports, &name_key, claim)?;
        return Ok(Registered::NameTaken);
    }
    let account = Account {
        user_id: NOBODY,
        username: username.shown().to_owned(),
        created_at: rfc3339(ports.clock.now()),
        password: password::hash(ports.random, password)?,
    };
    let account = Account { user_id: ports.store.next(IDS)?, ..account };
    let claim = Claim { user_id: account.user_id, account: Some(account) };
    if let Created::Exists(winner) = store::create(ports.store, &name_key, &claim)? {
        settle(ports, &name_key, winner)?;
        return Ok(Registered::NameTaken);
    }
    let user_id = claim.user_id;
    settle(ports, &name_key, claim)?;
    Ok(Registered::New(user_id))
}

/// The account of that id.
///
/// # Errors
/// Every [`StoreError`].
pub fn find(ports: Ports<'_>, user_id: u64) -> Result<Option<Account>, StoreError> {
    store::read(ports.store, &user_key(user_id))
}

/// The account of that name, however it is written.
///
/// # Errors
/// Every [`StoreError`].
pub fn find_by_name(ports: Ports<'_>, username: &str) -> Result<Option<Account>, StoreError> {
    // A name that nobody can register is looked up all the same, and so is an account that cannot
    // be there: an unknown name takes the time of a known one.
    let name_key = name_key(Username::parse(username).as_ref().map_or("", Username::key));
    let user_id = match store::read(ports.store, &name_key)? {
        Some(claim) => settle(ports, &name_key, claim)?,
        None => NOBODY,
    };
    find(ports, user_id)
}

/// Makes `password` the one of `account`, if it still has the password that it was read with.
///
/// # Errors
/// 503 if the state cannot be read or written.
pub fn replace_password(ports: Ports<'_>, account: &Account, password: &str) -> Result<Replaced, Problem> {
    let hash = password::hash(ports.random, password)?;
    let replaced = store::change(ports.store, &user_key(account.user_id), |current: &mut Account| {
        if current.password != account.password {
            return Change::Keep(Replaced::ChangedMeanwhile);
        }
        current.password.clone_from(&hash);
        Change::Write(Replaced::Done)
    })?;
    Ok(replaced.unwrap_or(Replaced::ChangedMeanwhile))
}

/// Finishes what the registration behind a claim began, and returns the user's id.
fn settle(ports: Ports<'_>, name_key: &str, claim: Claim) -> Result<u64, StoreError> {
    let Some(account) = claim.account else {
        return Ok(claim.user_id);
    };
    let user_key = user_key(claim.user_id);
    if let Created::Exists(found) = store::create(ports.store, &user_key, &account)?
        && found.username != account.username
    {
        return Err(StoreError::Damaged { key: user_key, reason: "it is the account of another name".to_owned() });
    }
    store::change(ports.store, name_key, |claim: &mut Claim| match claim.account.take() {
        Some(_) => Change::Write(()),
        None => Change::Keep(()),
    })?;
    Ok(claim.user_id)
}

fn name_key(name: &str) -> String {
    format!("name:{name}")
}

fn user_key(user_id: u64) -> String {
    format!("user:{user_id}")
}

#[cfg(test)]
mod tests;
