//! The HTTP face: which request does what, and how it is answered.

use json_service::answer::Answer;
use json_service::checks::Checks;
use json_service::conditional::answer_unless_known;
use json_service::document::Shape;
use json_service::place::{Place, Refusal};
use json_service::ports::Ports;
use json_service::problem::Problem;
use json_service::request::Request;
use json_service::routes::{Route, find};
use json_service::text;
use serde::Serialize;

use crate::account::{self, Account, Registered, Replaced};
use crate::password;
use crate::signing::SigningKey;
use crate::token;
use crate::username::Username;

/// What a 401 asks for (RFC 9110 wants a challenge): the password in the body. No scheme that makes a browser ask.
const CHALLENGE: &str = "Password realm=\"users\"";

static CREDENTIALS: Shape = Shape::Object(&[("username", Shape::Scalar), ("password", Shape::Scalar)]);
static NEW_PASSWORD: Shape = Shape::Object(&[("old_password", Shape::Scalar), ("new_password", Shape::Scalar)]);

/// What is answered to who did something.
#[derive(Serialize)]
struct Receipt {
    message: &'static str,
    user_id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// What of an account anybody may see.
#[derive(Serialize)]
struct Shown {
    user_id: u64,
    username: String,
    created_at: String,
}

#[derive(Debug, Clone, Copy)]
enum Endpoint {
    Register,
    Login,
    Show,
    ChangePassword,
    KeySet,
}

static ROUTES: [Route<Endpoint>; 5] = [
    Route { method: "POST", path: "/register", endpoint: Endpoint::Register },
    Route { method: "POST", path: "/login", endpoint: Endpoint::Login },
    Route { method: "GET", path: "/user/{id}", endpoint: Endpoint::Show },
    Route { method: "PUT", path: "/user/{id}", endpoint: Endpoint::ChangePassword },
    Route { method: "GET", path: "/.well-known/jwks.json", endpoint: Endpoint::KeySet },
];

/// The service, for one request.
pub struct Users<'a> {
    /// Its state, time, chance and configuration.
    pub ports: Ports<'a>,
}

impl Users<'_> {
    /// Answers a request; every failure is an answer too.
    pub fn answer(&self, request: &Request) -> Answer {
        self.route(request).unwrap_or_else(Problem::into_answer)
    }

    fn route(&self, request: &Request) -> Result<Answer, Problem> {
        let (endpoint, segment) = find(&ROUTES, request)?;
        match endpoint {
            Endpoint::Register => self.register(request),
            Endpoint::Login => self.login(request),
            Endpoint::Show => self.show(request, segment),
            Endpoint::ChangePassword => self.change_password(request, segment),
            Endpoint::KeySet => self.key_set(request),
        }
    }

    fn register(&self, request: &Request) -> Result<Answer, Problem> {
        let (username, password) = new_credentials(request)?;
        match account::register(self.ports, &username, &password)? {
            Registered::New(user_id) => {
                Ok(Answer::json(201, &Receipt { message: "用户注册成功", user_id, token: None })
                    .header("location", format!("/user/{user_id}")))
            }
            Registered::NameTaken => {
                Err(Problem::new(409, "name-taken", "The name is taken", "another user has this name; choose another")
                    .refusing(Refusal::at(&Place::root().name("username"), "is the name of another user")))
            }
        }
    }

    fn login(&self, request: &Request) -> Result<Answer, Problem> {
        let body = request.object(&CREDENTIALS)?;
        let mut checks = Checks::new();
        let username = checks.text(&body, &Place::root(), "username");
        let password = checks.text(&body, &Place::root(), "password");
        let (username, password) = checks.finish(username.zip(password))?;
        let lifetime = token::lifetime(self.ports.settings)?;
        // Before the password is looked at: what fails here must not depend on whether it is right.
        let key = SigningKey::load(self.ports)?;
        let account = account::find_by_name(self.ports, username)?;
        if !password::verify(password, account.as_ref().map(|account| account.password.as_str())) {
            return Err(unauthenticated("the name or the password is wrong"));
        }
        let Some(account) = account else {
            return Err(unauthenticated("the name or the password is wrong"));
        };
        let token = token::issue(&key, account.user_id, self.ports.clock.now(), lifetime);
        Ok(Answer::json(200, &Receipt { message: "用户登录成功", user_id: account.user_id, token: Some(token) })
            .header("cache-control", "no-store"))
    }

    fn show(&self, request: &Request, segment: &str) -> Result<Answer, Problem> {
        let user_id = text::id(segment).ok_or_else(no_such_user)?;
        let account = account::find(self.ports, user_id)?.ok_or_else(no_such_user)?;
        let Account { user_id, username, created_at, .. } = account;
        let answer = Answer::json(200, &Shown { user_id, username, created_at });
        Ok(answer_unless_known(request, answer.header("cache-control", "no-cache")))
    }

    fn change_password(&self, request: &Request, segment: &str) -> Result<Answer, Problem> {
        let user_id = text::id(segment).ok_or_else(no_such_user)?;
        let body = request.object(&NEW_PASSWORD)?;
        let mut checks = Checks::new();
        let root = Place::root();
        let old = checks.text(&body, &root, "old_password");
        let new = checks.text(&body, &root, "new_password");
        let new = new.and_then(|new| password::check(&mut checks, &root.name("new_password"), new));
        let (old, new) = checks.finish(old.zip(new))?;
        let account = account::find(self.ports, user_id)?;
        let right = password::verify(old, account.as_ref().map(|account| account.password.as_str()));
        let account = account.ok_or_else(no_such_user)?;
        if !right {
            return Err(unauthenticated("the old password is wrong")
                .refusing(Refusal::at(&root.name("old_password"), "is wrong")));
        }
        match account::replace_password(self.ports, &account, new)? {
            Replaced::Done => Ok(Answer::json(200, &Receipt { message: "密码修改成功", user_id, token: None })),
            Replaced::ChangedMeanwhile => Err(Problem::new(
                409,
                "changed-meanwhile",
                "The password was changed by somebody else",
                "the password was changed while this request was answered; try again with the one that holds now",
            )),
        }
    }

    fn key_set(&self, request: &Request) -> Result<Answer, Problem> {
        let key = SigningKey::load(self.ports)?;
        let answer = Answer::json(200, &key.public_set());
        // Short enough that a changed key is known within minutes, long enough to spare most requests.
        Ok(answer_unless_known(request, answer.header("cache-control", "public, max-age=300")))
    }
}

fn new_credentials(request: &Request) -> Result<(Username, String), Problem> {
    let body = request.object(&CREDENTIALS)?;
    let mut checks = Checks::new();
    let root = Place::root();
    let username = checks.text(&body, &root, "username").and_then(|username| match Username::parse(username) {
        Ok(username) => Some(username),
        Err(detail) => {
            checks.refuse(&root.name("username"), detail);
            None
        }
    });
    let password = checks.text(&body, &root, "password");
    let password = password.and_then(|password| password::check(&mut checks, &root.name("password"), password));
    checks.finish(username.zip(password.map(str::to_owned)))
}

fn no_such_user() -> Problem {
    Problem::new(404, "no-such-user", "No such user", "no user has this id")
        .refusing(Refusal::outside("user_id", "is not the id of a user"))
}

fn unauthenticated(detail: &str) -> Problem {
    Problem::new(401, "wrong-credentials", "Wrong credentials", detail).header("www-authenticate", CHALLENGE)
}

#[cfg(test)]
mod tests;
