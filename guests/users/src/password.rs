//! Passwords: what they may be, their hashes, and checking one in a time that says nothing about the name.

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, PasswordVerifier, Version};
use json_service::checks::Checks;
use json_service::place::Place;
use json_service::ports::Random;
use json_service::problem::Problem;

/// Fewest characters (NIST SP 800-63B).
const SHORTEST: usize = 8;
/// Most characters: a passphrase fits, and a megabyte is not hashed.
const LONGEST: usize = 128;

/// Memory of one hash in KiB; with [`PASSES`] and [`LANES`] OWASP's second choice for argon2id, which fits a small instance.
const MEMORY_KIB: u32 = 19_456;
/// Passes over that memory.
const PASSES: u32 = 2;
/// Lanes: an instance has one thread.
const LANES: u32 = 1;
/// Bytes of salt, as RFC 9106 recommends.
const SALT_BYTES: usize = 16;

/// The hash of nobody's password, with the same parameters as every real one: it is checked where
/// there is no account, so that an unknown name costs what a wrong password costs.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlzIQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Returns `password` if it may be one, or notes what is wrong with it.
pub fn check<'p>(checks: &mut Checks, place: &Place, password: &'p str) -> Option<&'p str> {
    let length = password.chars().take(LONGEST + 1).count();
    if (SHORTEST..=LONGEST).contains(&length) {
        return Some(password);
    }
    checks.refuse(place, format!("must have {SHORTEST} to {LONGEST} characters"));
    None
}

/// Hashes a password with a new salt, as a PHC string.
///
/// # Errors
/// 503 if it cannot be hashed, which means that there is no memory for it.
pub fn hash(random: &dyn Random, password: &str) -> Result<String, Problem> {
    let salt = random.bytes(SALT_BYTES);
    let hashed =
        Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(argon2::password_hash::Error::from).and_then(|params| {
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_with_salt(password.as_bytes(), &salt)
        });
    match hashed {
        Ok(hash) => Ok(hash.to_string()),
        Err(error) => Err(Problem::unavailable("the password could not be hashed").because(error)),
    }
}

/// Whether `password` is the one with that hash; without a hash it is not, after the same work.
///
/// A hash is checked with the parameters it was made with, whatever today's are.
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    let matches = Argon2::default().verify_password(password.as_bytes(), hash.unwrap_or(NOBODY)).is_ok();
    matches && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use json_service::memory::CountingRandom;

    #[test]
    fn a_hash_is_salted_and_checks_only_its_own_password() {
        let random = CountingRandom::default();
        let one = hash(&random, "correct horse").unwrap();
        let other = hash(&random, "correct horse").unwrap();
        assert_ne!(one, other);
        assert!(verify("correct horse", Some(&one)) && verify("correct horse", Some(&other)));
        assert!(!verify("correct horsf", Some(&one)));
        assert!(!verify("correct horse", None));
        assert!(!verify("correct horse", Some("not a hash")));
    }

    #[test]
    fn nobodys_hash_costs_what_a_new_one_costs() {
        let parameters = |hash: &str| hash.split('$').take(4).collect::<Vec<_>>().join("$");
        let lengths = |hash: &str| hash.split('$').skip(4).map(str::len).collect::<Vec<_>>();
        let new = hash(&CountingRandom::default(), "some password").unwrap();
        assert_eq!(parameters(NOBODY), parameters(&new));
        assert_eq!(lengths(NOBODY), lengths(&new));
        let verified = Argon2::default().verify_password(b"x", NOBODY);
        assert_eq!(
            verified,
            Err(argon2::password_hash::Error::PasswordInvalid),
            "it must be computed, not refused as malformed"
        );
    }

    #[test]
    fn a_password_has_eight_to_a_hundred_and_twenty_eight_characters() {
        for (password, allowed) in [
            ("", false),
            ("1234567", false),
            ("12345678", true),
            ("密码密码密码密码", true),
            (&"x".repeat(128), true),
            (&"x".repeat(129), false),
        ] {
            let mut checks = Checks::new();
            assert_eq!(check(&mut checks, &Place::root(), password).is_some(), allowed, "{password}");
        }
    }
}
