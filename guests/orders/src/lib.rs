//! The shop's orders: made for a user who exists, paid once, cancelled as long as they are not paid.
//!
//! | request | body | answers |
//! |---|---|---|
//! | `POST /order` | `{"user_id", "items": [{"sku", "quantity", "unit_price"}]}` | 201 `{"message", "order_id", "total", "status"}` + `Location`; 422 a field is wrong or the user does not exist |
//! | `POST /order/{user_id}` | `{"items": …}` | the same; 404 the user does not exist |
//! | `GET /orders/{id}` | | 200 `{"order_id", "user_id", "items", "total", "status", "created_at", …}` + `ETag`; 304; 404 |
//! | `DELETE /orders/{id}` | | 200 `{"message", "order_id", "total", "status": "cancelled"}`, again when repeated; 404; 409 it is paid |
//! | `POST /pay` | `{"order_id"}` | 200 `{"message", "order_id", "payment_id", "total", "status": "paid"}`, the same payment when repeated; 404; 409 it is cancelled |
//!
//! An order has 1 to 1000 items; `sku` has 1 to 64 characters, `quantity` is 1 to 1,000,000,
//! `unit_price` and the total are minor units (cents) up to 2^53 - 1. `status` is `created`, `paid`
//! or `cancelled`.
//!
//! The three POSTs honour `Idempotency-Key` (1 to 255 printable ASCII characters, one name space
//! for each user): the same key with the same request gets the stored answer, with another request
//! 422, and 409 + `Retry-After` while the first is still at work.
//!
//! `HEAD` is answered as `GET` without the body. Everything else is a problem: 404 for an unknown
//! path or an id that is not a positive integer, 405 + `Allow`, 400 for a body that is not JSON,
//! 413 above 8 MiB, 503 when users or the state cannot be reached: then there is either no order or,
//! with the same `Idempotency-Key`, the same order. Unknown fields are ignored.
//!
//! Bucket `default`; calls the service `users`. With the variable `require_token = "true"` every
//! path needs `Authorization: Bearer <token of users>` of the order's user: 401 without or with a
//! bad one, 403 with another user's.

#![cfg_attr(not(target_arch = "wasm32"), forbid(unsafe_code))]

mod basket;
#[cfg(target_arch = "wasm32")]
mod component;
mod customers;
mod idempotency;
mod order;
pub mod service;
mod token;
