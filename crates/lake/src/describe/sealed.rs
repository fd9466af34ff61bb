//! The envelope of manifests and inventories.
//!
//! ```text
//!  magic, 8 bytes │ crc32c u32 of all that follows │ length u32 of the head │ head: JSON │ tail: bytes
//! ```
//!
//! All integers are little-endian. The head has a `version`.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes before the head.
const PREFIX: usize = 16;
/// The version of what is written; all before it is read.
pub(super) const VERSION: u32 = 1;

/// Why a manifest or an inventory cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDescription {
    /// Its bytes are not what was written.
    #[error("it is damaged")]
    Damaged,
    /// A newer build wrote it.
    #[error("it has version {0}, newer than this build: upgrade kino")]
    Newer(u32),
}

/// Seals a head and a tail.
pub(super) fn seal(magic: [u8; 8], head: &impl Serialize, tail: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    Ok(seal_bytes(magic, &serde_json::to_vec(head)?, tail))
}

/// As [`seal`], of a head that is written already.
pub(super) fn seal_bytes(magic: [u8; 8], head: &[u8], tail: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(PREFIX + head.len() + tail.len());
    bytes.extend(magic);
    bytes.extend([0; 4]);
    bytes.extend(u32::try_from(head.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(head);
    bytes.extend(tail);
    let check = crc32c::crc32c(&bytes[12..]);
    bytes[8..12].copy_from_slice(&check.to_le_bytes());
    bytes
}

/// Opens what [`seal`] made.
pub(super) fn open<T: DeserializeOwned>(magic: [u8; 8], bytes: &[u8]) -> Result<(T, &[u8]), BadDescription> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        version: u32,
    }
    let number = |at: usize| {
        bytes
            .get(at..at + 4)
            .and_then(|bytes| bytes.try_into().ok())
            .map(u32::from_le_bytes)
            .ok_or(BadDescription::Damaged)
    };
    let (check, length) = (number(8)?, number(12)? as usize);
    if bytes[..8] != magic || crc32c::crc32c(&bytes[12..]) != check {
        return Err(BadDescription::Damaged);
    }
    let (head, tail) = bytes[PREFIX..].split_at_checked(length).ok_or(BadDescription::Damaged)?;
    let Versioned { version } = serde_json::from_slice(head).map_err(|_| BadDescription::Damaged)?;
    if version > VERSION {
        return Err(BadDescription::Newer(version));
    }
    Ok((serde_json::from_slice(head).map_err(|_| BadDescription::Damaged)?, tail))
}
