//! The world as a service sees it: time, chance, configuration and the services beside it.

use crate::problem::Problem;
use crate::store::Store;

/// The time of day.
pub trait Clock {
    /// Milliseconds since 1970, UTC.
    fn now(&self) -> u64;
}

/// Chance that nobody can foresee.
pub trait Random {
    /// That many random bytes.
    fn bytes(&self, count: usize) -> Vec<u8>;
}

/// Variables and secrets that the operator set for this service.
pub trait Settings {
    /// The value of `name`, none if the operator set none.
    ///
    /// # Errors
    /// 503 if the host could not say.
    fn get(&self, name: &str) -> Result<Option<String>, Problem>;
}

/// What another service answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallAnswer {
    /// Its status.
    pub status: u16,
    /// Its body, of which no more than the caller's bound was read.
    pub body: Vec<u8>,
}

/// A call that brought no answer, with the reason for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("call to service `{service}` brought no answer: {reason}")]
pub struct CallFailed {
    /// The service called.
    pub service: String,
    /// The error code, or what broke.
    pub reason: String,
}

/// Calls to other services by name.
pub trait Calls {
    /// `GET path` of `service`.
    ///
    /// # Errors
    /// When there is no complete answer: refused, too late, or cut off.
    fn get(&self, service: &str, path: &str) -> Result<CallAnswer, CallFailed>;
}

/// What every service is given.
#[derive(Clone, Copy)]
pub struct Ports<'a> {
    /// The bucket it keeps its state in.
    pub store: &'a dyn Store,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Random bytes.
    pub random: &'a dyn Random,
    /// Its configuration.
    pub settings: &'a dyn Settings,
}
