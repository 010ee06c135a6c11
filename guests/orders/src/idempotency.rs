//! `Idempotency-Key`: a request that is sent again is answered again, not done again
//! (draft-ietf-httpapi-idempotency-key-header).
//!
//! Key of the bucket: `idempotency:<user>:<digest of the key>` holds a [`Record`]. Making an order
//! with a key writes, in this order:
//! 1. the record, created only if there is none, with the *whole order* inside, its id included;
//! 2. the order, created only if it is not there;
//! 3. the record again, with the answer instead of the order.
//!
//! The first write decides which order this key stands for; the steps after it have one possible
//! outcome, whoever takes them and however often. So a crash between the writes leaves no second
//! order and no lost one: who sends the request again finds the record and takes the steps that are
//! missing. Paying needs no plan, as an order has one payment whoever pays it.
//!
//! A record without an answer may also belong to a request that is still at work. For as long as
//! [`AT_WORK`] that is assumed and answered 409; later the steps are taken anew, which is harmless
//! even if the first request lives. Records are kept as long as their orders.

use json_service::answer::Answer;
use json_service::place::Refusal;
use json_service::ports::Ports;
use json_service::problem::Problem;
use json_service::request::Request;
use json_service::store::{self, Change, Created, StoreError};
use json_service::text::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::order::Order;

/// The header, as it is looked up.
const HEADER: &str = "idempotency-key";
/// The header, as it is named to people.
const HEADER_SHOWN: &str = "Idempotency-Key";
/// Most characters of a key.
const LONGEST: usize = 255;

/// Seconds for which a request without an answer is taken to be at work. It takes milliseconds;
/// more would only keep those waiting who come back after a crash.
const AT_WORK: u64 = 1;

/// A key as it came, and the request it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slip {
    record: String,
    fingerprint: String,
}

/// What is known about a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// The digest of method, path and body.
    fingerprint: String,
    /// When the work began, in milliseconds since 1970.
    began: u64,
    /// The order to be made, until it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order: Option<Order>,
    /// The answer, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Stored>,
}

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    status: u16,
    content_type: String,
    location: Option<String>,
    body: String,
}

/// What to do about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing is known about it.
    Nothing,
    /// It was answered so.
    Answered(Answer),
    /// Work began and was cut off; the order to be made, if it is about making one.
    CutOff(Option<Box<Order>>),
}

/// Takes the key from a request, if it has one; keys of different users never meet.
///
/// # Errors
/// 400 for a key that may not be one, 413 and 400 if the body could not be read.
pub fn slip(request: &Request, user_id: u64) -> Result<Option<Slip>, Problem> {
    let Some(header) = request.header(HEADER) else {
        return Ok(None);
    };
    // The draft has it in quotes, most clients send it without.
    let key = header.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(&header);
    if !(1..=LONGEST).contains(&key.len()) || !key.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        let wrong = format!("must have 1 to {LONGEST} printable ASCII characters");
        return Err(Problem::new(400, "invalid-header", "A header is invalid", format!("`{HEADER_SHOWN}` {wrong}"))
            .refusing(Refusal::outside(HEADER_SHOWN, wrong)));
    }
    let mut fingerprint = Sha256::new();
    for part in [request.method.as_bytes(), b"\n", request.path.as_bytes(), b"\n", request.bytes()?] {
        fingerprint.update(part);
    }
    Ok(Some(Slip {
        record: format!("idempotency:{user_id}:{}", hex(&Sha256::digest(key))),
        fingerprint: hex(&fingerprint.finalize()),
    }))
}

impl Slip {
    /// Looks up what is known about the key.
    ///
    /// # Errors
    /// 422 if it came with another request before, 409 if that request is still at work.
    pub fn find(&self, ports: Ports<'_>) -> Result<Found, Problem> {
        match store::read(ports.store, &self.record)? {
            Some(record) => self.judge(ports, record),
            None => Ok(Found::Nothing),
        }
    }

    /// Begins the work for the key, unless somebody else just did: then what is known about theirs.
    ///
    /// # Errors
    /// As [`Slip::find`].
    pub fn begin(&self, ports: Ports<'_>, order: Option<&Order>) -> Result<Found, Problem> {
        let record = Record {
            fingerprint: self.fingerprint.clone(),
            began: ports.clock.now(),
            order: order.cloned(),
            answer: None,
        };
        match store::create(ports.store, &self.record, &record)? {
            Created::New => Ok(Found::Nothing),
            Created::Exists(theirs) => self.judge(ports, theirs),
        }
    }

    /// Stores the answer for whoever sends the request again.
    ///
    /// # Errors
    /// Every [`StoreError`]; then the next such request finds the work cut off and ends here too.
    pub fn end(&self, ports: Ports<'_>, answer: &Answer) -> Result<(), StoreError> {
        let stored = Stored {
            status: answer.status,
            content_type: answer.header_value("content-type").unwrap_or_default().to_owned(),
            location: answer.header_value("location").map(str::to_owned),
            body: String::from_utf8_lossy(&answer.body).into_owned(),
        };
        store::change(ports.store, &self.record, |record: &mut Record| {
            if record.answer.is_some() {
                return Change::Keep(());
            }
            record.order = None;
            record.answer = Some(stored.clone());
            Change::Write(())
        })?;
        Ok(())
    }

    fn judge(&self, ports: Ports<'_>, record: Record) -> Result<Found, Problem> {
        if record.fingerprint != self.fingerprint {
            return Err(reused());
        }
        if let Some(stored) = record.answer {
            return Ok(Found::Answered(stored.into_answer()));
        }
        // A clock that was set back makes the work look younger than nothing: then it is taken as cut off.
        let age = ports.clock.now().checked_sub(record.began);
        if age.is_some_and(|age| age < AT_WORK * 1000) {
            return Err(at_work());
        }
        Ok(Found::CutOff(record.order.map(Box::new)))
    }
}

impl Stored {
    fn into_answer(self) -> Answer {
        let mut headers = vec![("content-type", self.content_type)];
        headers.extend(self.location.map(|location| ("location", location)));
        Answer { status: self.status, headers, body: self.body.into_bytes(), cause: None }
    }
}

fn reused() -> Problem {
    Problem::new(
        422,
        "idempotency-key-reused",
        "The key came with another request",
        "this key came with another request before; use a new key for a new request",
    )
    .refusing(Refusal::outside(HEADER_SHOWN, "came with another request before"))
}

fn at_work() -> Problem {
    Problem::new(
        409,
        "request-at-work",
        "The request is still at work",
        "the first request with this key has no answer yet; send the same again in a moment",
    )
    .refusing(Refusal::outside(HEADER_SHOWN, "came with a request that is still at work"))
    .retry_after_seconds(AT_WORK)
}
