//! The key that signs tokens: from the operator's secret, or made once and kept.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::Signer as _;
use json_service::ports::Ports;
use json_service::problem::Problem;
use json_service::store::{self, Created};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The secret that holds the key.
const SECRET: &str = "signing_key";
/// The key of the bucket under which a key made here is kept.
const KEPT: &str = "signing-key";
/// Bytes of an Ed25519 seed.
const SEED_BYTES: usize = 32;

/// A pair of keys with its name.
pub struct SigningKey {
    pair: ed25519_dalek::SigningKey,
    /// The thumbprint of the public key (RFC 7638), by which a token says what it was signed with.
    pub id: String,
}

/// A key made here, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// The seed in base64url.
    seed: String,
}

impl SigningKey {
    /// The operator's key if one is set, else the one kept in the bucket, which the first use makes.
    ///
    /// # Errors
    /// 503 if the secret is malformed or the state cannot be reached.
    pub fn load(ports: Ports<'_>) -> Result<Self, Problem> {
        if let Some(secret) = ports.settings.get(SECRET)? {
            return seed(&secret).map(Self::from_seed).ok_or_else(|| {
                Problem::misconfigured(format!(
                    "secret `{SECRET}` is not 32 bytes in hexadecimal, base64 or base64url; the operator must set it anew or remove it"
                ))
            });
        }
        let kept = match store::read::<Kept>(ports.store, KEPT)? {
            Some(kept) => kept,
            None => make(ports)?,
        };
        seed(&kept.seed).map(Self::from_seed).ok_or_else(|| {
            store::StoreError::Damaged { key: KEPT.to_owned(), reason: "it is not a seed".to_owned() }.into()
        })
    }

    fn from_seed(seed: [u8; SEED_BYTES]) -> Self {
        let pair = ed25519_dalek::SigningKey::from_bytes(&seed);
        let id = thumbprint(&public(&pair));
        Self { pair, id }
    }

    /// The signature of `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.pair.sign(message).to_bytes()
    }

    /// The key set that others check tokens with (RFC 7517, RFC 8037).
    pub fn public_set(&self) -> Value {
        json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.id, "x": public(&self.pair),
        }] })
    }
}

/// Makes a key and keeps it, unless somebody else did so first: then theirs holds.
fn make(ports: Ports<'_>) -> Result<Kept, Problem> {
    let kept = Kept { seed: URL_SAFE_NO_PAD.encode(ports.random.bytes(SEED_BYTES)) };
    match store::create(ports.store, KEPT, &kept)? {
        Created::New => Ok(kept),
        Created::Exists(theirs) => Ok(theirs),
    }
}

fn public(pair: &ed25519_dalek::SigningKey) -> String {
    URL_SAFE_NO_PAD.encode(pair.verifying_key().as_bytes())
}

/// RFC 7638: the digest of the members a key of this kind must have, in this order, without spaces.
fn thumbprint(x: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"{x}\"}}")))
}

/// A seed in any of the ways to write one; their lengths tell them apart. White space around it, such as a file's last line end, is dropped.
fn seed(text: &str) -> Option<[u8; SEED_BYTES]> {
    let text = text.trim();
    if text.len() == 2 * SEED_BYTES {
        return from_hex(text);
    }
    let either_padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [base64::alphabet::STANDARD, base64::alphabet::URL_SAFE]
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, either_padding).decode(text).ok())
        .and_then(|bytes| bytes.try_into().ok())
}

fn from_hex(text: &str) -> Option<[u8; SEED_BYTES]> {
    let mut digits = text.chars().map(|digit| digit.to_digit(16));
    let mut seed = [0; SEED_BYTES];
    for byte in &mut seed {
        let (high, low) = (digits.next()??, digits.next()??);
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_may_be_written_in_hexadecimal_and_both_kinds_of_base64() {
        let bytes = [251; SEED_BYTES];
        let hex = "fb".repeat(SEED_BYTES);
        let standard = "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=";
        let url = "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s";
        for text in [&hex, &hex.to_uppercase(), standard, standard.trim_end_matches('='), url, &format!("{url}=\n")] {
            assert_eq!(seed(text), Some(bytes), "{text}");
        }
        for text in ["", "short", &"zz".repeat(SEED_BYTES), &hex[..62], "é".repeat(32).as_str()] {
            assert_eq!(seed(text), None, "{text}");
        }
    }

    #[test]
    fn the_thumbprint_is_the_one_of_rfc_8037() {
        assert_eq!(
            thumbprint("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }
}
