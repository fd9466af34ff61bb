//! Large values, once each, by the hash of their content.
//!
//! ```text
//!  pack   magic "KINOPAK1" │ zstd frame of a blob │ zstd frame of a blob │ …      (places are in the catalog)
//! ```
//!
//! A blob goes the way of a row: into the log, into memory, and at the next flush into a pack of the lake. A pack is
//! dropped when no live group, hot batch or document names any of its blobs.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use bytes::Bytes;
use kino_model::BlobHash;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use sha2::{Digest, Sha256};

use crate::columns::maps;
use crate::group::{GroupId, NewFile};

/// The first bytes of every pack.
const MAGIC: &[u8; 8] = b"KINOPAK1";
/// zstd's level for blobs: they are text, written once and rarely read.
const LEVEL: i32 = 3;
/// The prefix of attribute keys whose values may be the hash of a blob.
const KEY_PREFIX: &str = "kino.";
/// Hex digits of a hash.
const HEX_LEN: usize = BlobHash::LEN * 2;
/// Bytes of one blob, at most: a record of the log takes no more.
pub const BLOB_BYTES_MAX: usize = 256 << 20;

/// Where the frame of a blob is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobLocation {
    pub pack: GroupId,
    /// The frame's first byte within the pack.
    pub offset: u64,
    /// Bytes of the frame.
    pub length: u64,
    /// Bytes of the content, uncompressed.
    pub raw_length: u64,
}

/// The content of a blob is not what was packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the blob {0} does not match its hash")]
pub struct DamagedBlob(pub BlobHash);

/// Returns the hash of a blob's content.
pub fn hash_of(content: &[u8]) -> BlobHash {
    BlobHash(Sha256::digest(content).into())
}

/// Returns every hash in `text` that is delimited by other characters than hex digits.
pub fn hashes_in(text: &str) -> impl Iterator<Item = BlobHash> + '_ {
    text.split(|letter: char| !letter.is_ascii_hexdigit()).filter_map(|word| word.parse().ok())
}

/// Packs blobs. The places miss the pack's number, which the caller has.
///
/// # Errors
/// Where zstd fails.
pub fn pack(id: GroupId, blobs: &BTreeMap<BlobHash, Bytes>) -> io::Result<(Bytes, BTreeMap<BlobHash, BlobLocation>)> {
    let mut bytes = MAGIC.to_vec();
    let mut places = BTreeMap::new();
    for (hash, content) in blobs {
        assert!(hash_of(content) == *hash, "{hash} is not the hash of its blob");
        let frame = zstd::bulk::compress(content, LEVEL)?;
        let place = BlobLocation {
            pack: id,
            offset: bytes.len() as u64,
            length: frame.len() as u64,
            raw_length: content.len() as u64,
        };
        places.insert(*hash, place);
        bytes.extend(frame);
    }
    Ok((bytes.into(), places))
}

/// Opens one blob's frame, and holds it against its hash.
///
/// # Errors
/// Where the content is not what was packed.
pub fn unpack(hash: BlobHash, place: BlobLocation, frame: &[u8]) -> Result<Bytes, DamagedBlob> {
    let damaged = || DamagedBlob(hash);
    let content = zstd::bulk::decompress(frame, place.raw_length as usize).map_err(|_| damaged())?;
    if hash_of(&content) != hash {
        return Err(damaged());
    }
    Ok(content.into())
}

/// The blobs that the rows of `spans` name.
pub fn named_by(spans: &RecordBatch) -> BTreeSet<BlobHash> {
    let Some(attributes) = maps(spans, "attributes") else { return BTreeSet::new() };
    let (keys, values) = (attributes.keys(), attributes.values());
    let (Some(keys), Some(values)) = (keys.as_string_opt::<i32>(), values.as_string_opt::<i32>()) else {
        return BTreeSet::new();
    };
    (0..keys.len())
        .filter(|&row| values.is_valid(row) && values.value_length(row) as usize == HEX_LEN)
        .filter(|&row| keys.value(row).starts_with(KEY_PREFIX))
        .filter_map(|row| values.value(row).parse().ok())
        .collect()
}

/// The blobs that the spans of a file name that is not written anywhere yet.
///
/// # Errors
/// Where the file cannot be decoded.
pub fn named_in(file: &NewFile) -> Result<BTreeSet<BlobHash>, ParquetError> {
    let mut named = BTreeSet::new();
    for batch in ParquetRecordBatchReaderBuilder::try_new(file.bytes.clone())?.build()? {
        named.extend(named_by(&batch?));
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_gives_back_each_blob_and_notices_damage() {
        let contents = [b"one".to_vec(), Vec::new(), vec![7; 100_000]];
        let blobs: BTreeMap<_, _> =
            contents.into_iter().map(|content| (hash_of(&content), Bytes::from(content))).collect();
        let (bytes, places) = pack(GroupId(3), &blobs).unwrap();
        for (hash, content) in &blobs {
            let place = places[hash];
            let frame = &bytes[place.offset as usize..(place.offset + place.length) as usize];
            assert_eq!(unpack(*hash, place, frame).unwrap(), *content);
            assert!(unpack(BlobHash([0; 32]), place, frame).is_err());
        }
    }

    #[test]
    fn hashes_are_found_in_a_document() {
        let hash = hash_of(b"x");
        let text = format!("{{\"stdout\":\"{hash}\",\"other\":\"abc\"}}");
        assert_eq!(hashes_in(&text).collect::<Vec<_>>(), [hash]);
    }
}
