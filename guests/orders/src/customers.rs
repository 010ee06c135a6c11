//! What orders asks the service `users`: whether a user exists, and the keys that tokens are signed with.

use json_service::place::Refusal;
use json_service::ports::{CallAnswer, Calls};
use json_service::problem::Problem;

/// The service asked.
const USERS: &str = "users";

/// Refuses unless the user exists; `refusal` says where the id came from and `status` how it is answered.
///
/// # Errors
/// That status if users says that there is no such user; 503 if it does not say.
pub fn must_exist(calls: &dyn Calls, user_id: u64, status: u16, refusal: Refusal) -> Result<(), Problem> {
    match ask(calls, &format!("/user/{user_id}"))?.status {
        200 => Ok(()),
        404 => {
            Err(Problem::new(status, "no-such-user", "No such user", "no such user; register first").refusing(refusal))
        }
        other => Err(unhelpful(other)),
    }
}

/// The key set of users, as it was answered.
///
/// # Errors
/// 503 if there is none.
pub fn key_set(calls: &dyn Calls) -> Result<Vec<u8>, Problem> {
    match ask(calls, "/.well-known/jwks.json")? {
        CallAnswer { status: 200, body } => Ok(body),
        CallAnswer { status, .. } => Err(unhelpful(status)),
    }
}

fn ask(calls: &dyn Calls, path: &str) -> Result<CallAnswer, Problem> {
    calls.get(USERS, path).map_err(|failed| unasked().because(failed))
}

fn unhelpful(status: u16) -> Problem {
    unasked().because(format!("service `{USERS}` answered {status}"))
}

fn unasked() -> Problem {
    Problem::unavailable("the users of the shop cannot be asked now; nothing was done, try again")
}
