//! Keys: the credentials of callers other than the owner's commands.
//!
//! They come from `config.toml`, and from `keys.json` in the home, which `kino key` writes and a running engine reads
//! again when it has changed. Only the SHA-256 of a key is stored: the key has 256 random bits, so that no slower hash is
//! needed.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use kino_engine::config::ApiKey;
use kino_wire::Access;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The file's name in the home.
const KEY_FILE: &str = "keys.json";
/// The file that is locked while the file of keys is replaced.
const LOCK_FILE: &str = "keys.lock";
/// The only version of the file.
const SCHEMA: &str = "kino.keys.v1";
/// The prefix of a key, by which scanners for secrets recognise it.
const PREFIX: &str = "kino_";
/// Keys of one home at most. More are a mistake in a script.
const KEYS_MAX: usize = 1_000;
/// Characters of a key's name at most.
const NAME_MAX: usize = 64;

/// An entry of the file of keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredKey {
    /// The key's name, unique in the file.
    pub name: String,
    /// SHA-256 of the key, in hex.
    pub sha256: String,
    /// What the key allows.
    pub scopes: Vec<Access>,
    /// When it was created.
    pub created_unix_nanos: i64,
}

/// Why a key cannot be used, or the file of keys read or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The name cannot be used.
    #[error("{0:?} cannot be a key's name: use 1 to 64 letters, digits, and any of `-_.@`")]
    Name(String),
    /// The name is taken.
    #[error("there is a key {0:?} already: revoke it, or choose another name")]
    Taken(String),
    /// A configured hash is not one.
    #[error("the key {0:?}: sha256 must be 64 hex digits")]
    Hash(String),
    /// There are too many.
    #[error("there are {KEYS_MAX} keys: revoke some")]
    TooMany,
    /// The file is not what this version writes.
    #[error("failed to read {}: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// Others may have written it.
    #[error("{} is not used: other users may write it; `chmod 600` it, or make new keys", .0.display())]
    Untrusted(PathBuf),
    /// The file cannot be read or written.
    #[error("failed to read or write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    schema: String,
    keys: Vec<StoredKey>,
}

/// Returns the keys of the file, in the order in which they were created.
///
/// # Errors
/// Where there is a file that cannot be used.
pub fn list(home: &Path) -> Result<Vec<StoredKey>, KeyError> {
    let path = home.join(KEY_FILE);
    let io = |source| KeyError::Io { path: path.clone(), source };
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened.map_err(io)?,
    };
    let found = file.metadata().map_err(io)?;
    if found.mode() & 0o022 != 0 || ![0, rustix::process::geteuid().as_raw()].contains(&found.uid()) {
        return Err(KeyError::Untrusted(path));
    }
    let read: Result<KeyFile, _> = serde_json::from_reader(io::BufReader::new(file));
    read.map(|file| file.keys).map_err(|source| KeyError::Malformed { path, source })
}

/// Creates a key and returns it, this once: only its hash is stored. A running engine accepts it at once.
///
/// # Errors
/// [`KeyError`].
pub fn create(home: &Path, name: &str, scopes: &[Access], now_unix_nanos: i64) -> Result<String, KeyError> {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_.@".contains(character);
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(plain) {
        return Err(KeyError::Name(name.to_owned()));
    }
    let random = kino_engine::random_hex().map_err(|source| KeyError::Io { path: home.join(KEY_FILE), source })?;
    let key = format!("{PREFIX}{random}");
    change(home, |keys| {
        if keys.iter().any(|key| key.name == name) {
            return Err(KeyError::Taken(name.to_owned()));
        }
        if keys.len() >= KEYS_MAX {
            return Err(KeyError::TooMany);
        }
        let sha256 = to_hex(&hash(key.as_bytes()));
        let (name, scopes) = (name.to_owned(), scopes.to_vec());
        keys.push(StoredKey { name, sha256, scopes, created_unix_nanos: now_unix_nanos });
        Ok(())
    })?;
    Ok(key)
}

/// Removes a key; returns whether there was one. A running engine refuses it at once.
///
/// # Errors
/// [`KeyError`].
pub fn revoke(home: &Path, name: &str) -> Result<bool, KeyError> {
    if !list(home)?.iter().any(|key| key.name == name) {
        return Ok(false);
    }
    let mut found = false;
    change(home, |keys| {
        found = keys.iter().any(|key| key.name == name);
        keys.retain(|key| key.name != name);
        Ok(())
    })?;
    Ok(found)
}

/// Replaces the file atomically; concurrent commands wait for each other.
fn change(home: &Path, edit: impl FnOnce(&mut Vec<StoredKey>) -> Result<(), KeyError>) -> Result<(), KeyError> {
    let path = home.join(KEY_FILE);
    let io = |source| KeyError::Io { path: path.clone(), source };
    let lock = private().truncate(false).open(home.join(LOCK_FILE)).map_err(io)?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).map_err(|error| io(error.into()))?;
    let mut keys = list(home)?;
    edit(&mut keys)?;
    let temporary = home.join(format!("{KEY_FILE}.new"));
    let text = serde_json::to_string_pretty(&KeyFile { schema: SCHEMA.to_owned(), keys });
    let text = text.map_err(|source| KeyError::Malformed { path: path.clone(), source })?;
    let write = || {
        let mut file = private().truncate(true).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&temporary, &path)
    };
    write().map_err(io)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}

/// The keys that an engine accepts: those of its configuration, and those of the home's file as it is now.
#[derive(Debug)]
pub(crate) struct Keys {
    home: PathBuf,
    configured: Vec<KeyEntry>,
    stored: Mutex<(Option<Stamp>, Arc<Vec<KeyEntry>>)>,
}

/// The file's device, inode, change time and size when it was read.
type Stamp = (u64, u64, i64, i64, u64);

#[derive(Debug)]
struct KeyEntry {
    hash: Vec<u8>,
    scopes: Vec<Access>,
}

impl Keys {
    /// # Errors
    /// Where the hash of a configured key is not 64 hex digits.
    pub(crate) fn new(home: &Path, configured: &[ApiKey]) -> Result<Self, KeyError> {
        let known = configured.iter().map(|key| known(&key.name, &key.sha256, &key.scopes));
        let configured = known.collect::<Result<_, KeyError>>()?;
        Ok(Self { home: home.to_path_buf(), configured, stored: Mutex::default() })
    }

    /// Returns whether there is any key.
    pub(crate) fn exist(&self) -> bool {
        !self.configured.is_empty() || !self.stored().is_empty()
    }

    /// Returns whether the key with this hash allows what `access` covers. All keys are compared, each whole, so that the
    /// time does not depend on which match.
    pub(crate) fn allow(&self, given: &[u8], access: Access) -> bool {
        let stored = self.stored();
        let all = self.configured.iter().chain(stored.iter());
        all.fold(false, |allowed, key| {
            let covers = key.scopes.contains(&access) | key.scopes.contains(&Access::Admin);
            allowed | (same(given, &key.hash) & covers)
        })
    }

    /// Returns what the key with this hash allows now; nothing where there is no such key.
    pub(crate) fn scopes(&self, given: &[u8]) -> Vec<Access> {
        let stored = self.stored();
        let all = self.configured.iter().chain(stored.iter());
        all.filter(|key| same(given, &key.hash)).flat_map(|key| key.scopes.iter().copied()).collect()
    }

    /// Returns the keys of the file, which is read again when it has changed.
    fn stored(&self) -> Arc<Vec<KeyEntry>> {
        let stamp = fs::metadata(self.home.join(KEY_FILE)).ok();
        let stamp = stamp.map(|file| (file.dev(), file.ino(), file.ctime(), file.ctime_nsec(), file.size()));
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        if stored.0 != stamp {
            let read = list(&self.home).and_then(|keys| {
                keys.iter().map(|key| known(&key.name, &key.sha256, &key.scopes)).collect::<Result<Vec<_>, _>>()
            });
            let keys = read.unwrap_or_else(|error| {
                tracing::warn!(error = &error as &dyn std::error::Error, "the home's keys are not accepted");
                Vec::new()
            });
            *stored = (stamp, Arc::new(keys));
        }
        Arc::clone(&stored.1)
    }
}

fn known(name: &str, sha256: &str, scopes: &[Access]) -> Result<KeyEntry, KeyError> {
    let hash = from_hex(sha256).filter(|hash| hash.len() == 32);
    let hash = hash.ok_or_else(|| KeyError::Hash(name.to_owned()))?;
    Ok(KeyEntry { hash, scopes: scopes.to_vec() })
}

/// Returns the SHA-256 of some bytes.
pub(crate) fn hash(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

/// Compares two hashes in a time that does not depend on where they differ.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String succeeds");
        text
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_accepted_from_its_creation_until_it_is_revoked() {
        let home = tempfile::tempdir().unwrap();
        let keys = Keys::new(home.path(), &[]).unwrap();
        assert!(!keys.exist());
        let key = create(home.path(), "ci", &[Access::Read], 7).unwrap();
        let other = create(home.path(), "prometheus@host", &[Access::Admin], 8).unwrap();
        assert!(keys.exist() && key.starts_with(PREFIX) && key != other);
        assert!(keys.allow(&hash(key.as_bytes()), Access::Read));
        assert!(!keys.allow(&hash(key.as_bytes()), Access::Ingest));
        assert!(keys.allow(&hash(other.as_bytes()), Access::Ingest));
        assert!(!keys.allow(&hash(b""), Access::Read));

        let listed = list(home.path()).unwrap();
        assert_eq!(listed.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["ci", "prometheus@host"]);
        let text = fs::read_to_string(home.path().join(KEY_FILE)).unwrap();
        assert!(!text.contains(&key), "only the hash is stored");
        assert_eq!(fs::metadata(home.path().join(KEY_FILE)).unwrap().mode() & 0o777, 0o600);

        assert!(revoke(home.path(), "ci").unwrap() && !revoke(home.path(), "ci").unwrap());
        assert!(!keys.allow(&hash(key.as_bytes()), Access::Read));
        assert!(keys.allow(&hash(other.as_bytes()), Access::Read));
    }

    #[test]
    fn names_are_plain_and_unique() {
        let home = tempfile::tempdir().unwrap();
        create(home.path(), "ci", &[Access::Read], 0).unwrap();
        assert!(matches!(create(home.path(), "ci", &[], 0), Err(KeyError::Taken(_))));
        for name in ["", "a b", "a\u{1b}[2J", "ключ", &"a".repeat(65)] {
            assert!(matches!(create(home.path(), name, &[], 0), Err(KeyError::Name(_))), "{name:?}");
        }
    }

    #[test]
    fn a_file_that_others_may_write_or_that_is_damaged_allows_nothing() {
        let home = tempfile::tempdir().unwrap();
        let key = create(home.path(), "ci", &[Access::Read], 0).unwrap();
        let path = home.path().join(KEY_FILE);
        let keys = Keys::new(home.path(), &[]).unwrap();
        let opens = || keys.allow(&hash(key.as_bytes()), Access::Read);
        assert!(opens());
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(!opens());
        fs::write(&path, &text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(!opens() && matches!(list(home.path()), Err(KeyError::Untrusted(_))));
        fs::write(&path, &text[..text.len() / 2]).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(!opens() && create(home.path(), "more", &[], 0).is_err(), "a damaged file is not replaced");
    }

    #[test]
    fn concurrent_commands_lose_no_key() {
        let home = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for number in 0..8 {
                let home = home.path();
                scope.spawn(move || create(home, &format!("key-{number}"), &[Access::Read], 0).unwrap());
            }
        });
        assert_eq!(list(home.path()).unwrap().len(), 8);
    }

    #[test]
    fn a_configured_key_without_a_valid_hash_is_refused_by_name() {
        let key = ApiKey { name: "ci".to_owned(), sha256: "s3cret".to_owned(), scopes: Vec::new() };
        assert!(Keys::new(Path::new(""), &[key]).unwrap_err().to_string().contains("\"ci\""));
    }
}
