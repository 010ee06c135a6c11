//! Guests that mean harm: several ways in each component of `examples/`, chosen by `?how=`.
//!
//! Without `how` each of them answers `fine`, so that a client can tell whether the service is
//! well while others abuse it. What they share are the requests and answers of the behaviours.

/// What a guest answers that is asked for nothing.
pub const FINE: &str = "fine";

/// A word that no answer, metric or other service's log may hold. Guests put it where it might slip out.
pub const SECRET: &str = "ZOO-SECRET-7b1f";
