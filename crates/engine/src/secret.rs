//! Secrets of a home: random bytes in a file that only its owner may read.

use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::path::Path;

/// The redaction key's file in the home.
const REDACTION_KEY_FILE: &str = "redaction.key";

/// The key by which redaction makes its tokens: the same secret gives the same token within one home, and
/// without the key no token reveals its secret. Made on first use.
pub(crate) fn redaction_key(home: &Path) -> io::Result<[u8; 32]> {
    let path = home.join(REDACTION_KEY_FILE);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let temporary = home.join(format!("{REDACTION_KEY_FILE}.new"));
    if !path.exists() {
        // Written under another name first: a crash must not leave half a key.
        match std::fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = options.open(&temporary)?;
        file.write_all(&random::<32>()?)?;
        file.sync_all()?;
        std::fs::rename(&temporary, &path)?;
    }
    existing_redaction_key(home)
}

/// The same where it is there already.
pub(crate) fn existing_redaction_key(home: &Path) -> io::Result<[u8; 32]> {
    let mut key = [0; 32];
    std::fs::File::open(home.join(REDACTION_KEY_FILE))?.read_exact(&mut key)?;
    Ok(key)
}

/// Random bytes as hex, for tokens.
///
/// # Errors
/// Where the system has no randomness.
pub fn random_hex() -> io::Result<String> {
    let bytes = random::<32>()?;
    Ok(bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String succeeds");
        text
    }))
}

pub(crate) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_private() {
        let home = tempfile::tempdir().unwrap();
        let key = redaction_key(home.path()).unwrap();
        assert_ne!(key, [0; 32]);
        assert_eq!(redaction_key(home.path()).unwrap(), key);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(home.path().join(REDACTION_KEY_FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
