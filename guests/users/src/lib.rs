//! The shop's users: who is registered, who may log in, and the tokens that prove it.
//!
//! | request | body | answers |
//! |---|---|---|
//! | `POST /register` | `{"username", "password"}` | 201 `{"message", "user_id"}` + `Location`; 409 the name is taken; 422 a field is wrong |
//! | `POST /login` | `{"username", "password"}` | 200 `{"message", "user_id", "token"}`; 401 unknown name or wrong password, told apart neither by answer nor by time |
//! | `GET /user/{id}` | | 200 `{"user_id", "username", "created_at"}` + `ETag`; 304; 404 |
//! | `PUT /user/{id}` | `{"old_password", "new_password"}` | 200 `{"message", "user_id"}`; 401 wrong old password; 404; 409 changed by somebody else meanwhile; 422 |
//! | `GET /.well-known/jwks.json` | | 200 `{"keys": […]}` + `ETag`; 304 |
//!
//! `HEAD` is answered as `GET` without the body. Everything else is a problem: 404 for an unknown
//! path or an id that is not a positive integer, 405 + `Allow`, 400 for a body that is not JSON,
//! 413 above 1 MiB, 503 when the state cannot be reached. Unknown fields are ignored.
//!
//! Bucket `default`. Configuration, all optional:
//! - secret `signing_key`: the Ed25519 seed, 32 bytes as hexadecimal, base64 or base64url. Without
//!   it the service makes one at its first use and keeps it in its bucket.
//! - variable `token_minutes`: how long a token is good, 1 to 525600, 60 unless set.

#![cfg_attr(not(target_arch = "wasm32"), forbid(unsafe_code))]

mod account;
#[cfg(target_arch = "wasm32")]
mod component;
mod password;
pub mod service;
mod signing;
mod token;
mod username;
