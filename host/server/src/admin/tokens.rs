//! Tokens of tenants: made by the operator, shown once, kept by their digests alone.
//!
//! A token is 256 random bits, so its digest needs no salt and no slow hash: nobody
//! tries them all. Whoever reads the file learns which tenants have tokens, and no
//! token. It is a file of its own and no part of a backup: what was revoked since
//! must not come back with old data.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use hostel_model::digest::Digest;
use hostel_model::platform::Random;
use hostel_model::tenant::TenantName;
use hostel_storage::{StorageError, write_file};
use serde::{Deserialize, Serialize};

use crate::admin::AdminError;
use crate::admin::token::random_text;
use crate::deploy::TokenId;

/// Tokens that there may be: each request is compared with all of them.
pub(super) const TOKENS_MAX: usize = 1_000;
/// Letters of what a token is called by people.
pub(super) const NAME_LETTERS_MAX: usize = 64;
/// Bytes that are read of the file: more than [`TOKENS_MAX`] tokens take.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// The version of the file.
const VERSION: u32 = 1;

/// A token that was made, without the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Issued {
    pub(super) id: TokenId,
    pub(super) tenant: TenantName,
    /// What people call it.
    pub(super) name: Option<String>,
    pub(super) created_unix_ms: u64,
    digest: Digest,
}

/// All tokens of tenants.
pub(super) struct Tokens {
    path: PathBuf,
    issued: ArcSwap<Vec<Issued>>,
    /// Held by whoever changes them, from reading to the disk.
    writing: Mutex<()>,
}

/// Why a token was not made.
#[derive(Debug)]
pub(super) enum NotMade {
    /// There are [`TOKENS_MAX`].
    TooMany,
    /// The disk failed.
    Storage(StorageError),
}

/// The file.
#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    tokens: Vec<KeptToken>,
}

#[derive(Serialize, Deserialize)]
struct KeptToken {
    id: String,
    tenant: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    created_unix_ms: u64,
    sha256: String,
}

impl Tokens {
    /// What the file at `path` holds; none if there is no file.
    pub(super) fn load(path: &Path) -> Result<Self, AdminError> {
        let wrong = |source| AdminError::Token { path: path.to_path_buf(), source };
        let issued = match File::open(path) {
            Ok(file) => {
                if file.metadata().map_err(wrong)?.mode() & 0o077 != 0 {
                    return Err(AdminError::TokensReadable { path: path.to_path_buf() });
                }
                let mut text = String::new();
                file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(wrong)?;
                understood(&text).ok_or_else(|| AdminError::TokensBroken { path: path.to_path_buf() })?
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(wrong(error)),
        };
        Ok(Self { path: path.to_path_buf(), issued: ArcSwap::from_pointee(issued), writing: Mutex::default() })
    }

    /// Whose token `shown` is.
    pub(super) fn find(&self, shown: &[u8]) -> Option<(TokenId, TenantName)> {
        let digest = Digest::of(shown);
        self.issued.load().iter().find(|one| one.digest == digest).map(|one| (one.id, one.tenant.clone()))
    }

    /// All of them, in the order in which they were made.
    pub(super) fn all(&self) -> Arc<Vec<Issued>> {
        self.issued.load_full()
    }

    /// A new one, on the disk before it can be used; its text is known to nobody else.
    pub(super) fn make(
        &self,
        tenant: TenantName,
        name: Option<String>,
        created_unix_ms: u64,
        random: &dyn Random,
    ) -> Result<(Issued, String), NotMade> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut issued = Vec::clone(&self.issued.load());
        if issued.len() >= TOKENS_MAX {
            return Err(NotMade::TooMany);
        }
        let (token, mut id) = (random_text(random), [0; 8]);
        random.fill(&mut id);
        let (id, digest) = (TokenId(u64::from_be_bytes(id)), Digest::of(token.as_bytes()));
        let one = Issued { id, tenant, name, created_unix_ms, digest };
        issued.push(one.clone());
        self.keep(issued).map_err(NotMade::Storage)?;
        Ok((one, token))
    }

    /// The token `id` is none any more once this returns. What it was; nothing if there is none.
    pub(super) fn revoke(&self, id: &str) -> Result<Option<Issued>, StorageError> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut issued = Vec::clone(&self.issued.load());
        let Some(place) = issued.iter().position(|one| one.id.to_string() == id) else {
            return Ok(None);
        };
        let gone = issued.remove(place);
        self.keep(issued)?;
        Ok(Some(gone))
    }

    /// First the disk: what was told to be so is so after a restart.
    fn keep(&self, issued: Vec<Issued>) -> Result<(), StorageError> {
        let tokens = issued.iter().map(|one| KeptToken {
            id: one.id.to_string(),
            tenant: one.tenant.to_string(),
            name: one.name.clone(),
            created_unix_ms: one.created_unix_ms,
            sha256: one.digest.to_string(),
        });
        let kept = Kept { version: VERSION, tokens: tokens.collect() };
        // A structure of texts and numbers has a form in JSON.
        let mut text = serde_json::to_vec_pretty(&kept).unwrap_or_default();
        text.push(b'\n');
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let name = self.path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        write_file(folder, name, &text)?;
        self.issued.store(Arc::new(issued));
        Ok(())
    }
}

fn understood(text: &str) -> Option<Vec<Issued>> {
    let kept: Kept = serde_json::from_str(text).ok().filter(|kept: &Kept| kept.version == VERSION)?;
    let one = |one: KeptToken| {
        Some(Issued {
            id: TokenId(u64::from_str_radix(&one.id, 16).ok()?),
            tenant: TenantName::parse(&one.tenant).ok()?,
            name: one.name,
            created_unix_ms: one.created_unix_ms,
            digest: one.sha256.parse().ok()?,
        })
    };
    kept.tokens.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    /// Other bytes each time.
    #[derive(Default)]
    struct Counting(AtomicU8);

    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill_with(|| self.0.fetch_add(1, Ordering::Relaxed));
        }
    }

    fn acme() -> TenantName {
        TenantName::parse("acme").unwrap()
    }

    #[test]
    fn a_token_is_kept_by_its_digest_alone_and_known_after_a_restart() {
        let folder = tempfile::TempDir::new().unwrap();
        let (path, random) = (folder.path().join("tokens"), Counting::default());
        let tokens = Tokens::load(&path).unwrap();
        assert!(tokens.all().is_empty() && !path.exists());
        let (one, text) = tokens.make(acme(), Some("ci".to_owned()), 5, &random).unwrap();
        let (_, other) = tokens.make(acme(), None, 6, &random).unwrap();
        assert!(text.len() == 64 && other.len() == 64 && text != other);
        assert_eq!(tokens.find(text.as_bytes()), Some((one.id, acme())));
        let kept = fs::read_to_string(&path).unwrap();
        assert!(!kept.contains(&text) && kept.contains(&Digest::of(text.as_bytes()).to_string()), "{kept}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = Tokens::load(&path).unwrap();
        assert_eq!(again.all(), tokens.all());
        for wrong in ["", text.get(1..).unwrap(), &text.to_uppercase(), &Digest::of(text.as_bytes()).to_string()] {
            assert_eq!(again.find(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(again.revoke(&one.id.to_string()).unwrap(), Some(one.clone()));
        assert_eq!(again.revoke(&one.id.to_string()).unwrap(), None);
        assert_eq!(again.find(text.as_bytes()), None);
        assert!(again.find(other.as_bytes()).is_some());
        assert_eq!(Tokens::load(&path).unwrap().all().len(), 1);
    }

    #[test]
    fn a_file_that_is_not_ours_alone_or_not_ours_at_all_is_refused() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("tokens");
        let entry = r#"{"id":"1","tenant":"Acme","created_unix_ms":1,"sha256":"00"}"#;
        for text in ["", "{}", "{\"version\":2,\"tokens\":[]}", &format!("{{\"version\":1,\"tokens\":[{entry}]}}")] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert!(matches!(Tokens::load(&path), Err(AdminError::TokensBroken { .. })), "{text}");
        }
        fs::write(&path, "{\"version\":1,\"tokens\":[]}").unwrap();
        assert!(Tokens::load(&path).is_ok());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Tokens::load(&path), Err(AdminError::TokensReadable { .. })));
    }

    #[test]
    fn there_are_only_so_many() {
        let folder = tempfile::TempDir::new().unwrap();
        let tokens = Tokens::load(&folder.path().join("tokens")).unwrap();
        let one = Issued { id: TokenId(1), tenant: acme(), name: None, created_unix_ms: 0, digest: Digest::of(b"") };
        tokens.issued.store(Arc::new(vec![one; TOKENS_MAX]));
        assert!(matches!(tokens.make(acme(), None, 0, &Counting::default()), Err(NotMade::TooMany)));
    }
}
