//! Verifies a file of a local lake without a reader: what restores a lost catalog does, before there is a store.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use bytes::Bytes;

use crate::group::{FileEntry, Sums};

/// Bytes of a file that are read at once.
const CHUNK: usize = 1 << 20;

/// Compares a whole file of the lake in `folder` with what its entry says. The entry of one that matches its checksum
/// has the checksums of the file's blocks from then on.
///
/// # Errors
/// Where the file is not what was written, or cannot be read, in a sentence.
pub fn verify_local(folder: &Path, file: &FileEntry) -> Result<(), String> {
    let read = || -> io::Result<(u64, u32, Bytes)> {
        let mut reader = File::open(folder.join(&file.path))?;
        let (mut chunk, mut bytes, mut check, mut sums) = (vec![0; CHUNK], 0, 0, Sums::default());
        loop {
            let length = reader.read(&mut chunk)?;
            if length == 0 {
                return Ok((bytes, check, sums.finish()));
            }
            bytes += length as u64;
            check = crc32c::crc32c_append(check, &chunk[..length]);
            sums.add(&chunk[..length]);
        }
    };
    let (bytes, check, sums) = read().map_err(|error| format!("{} cannot be read: {error}", file.path))?;
    if bytes != file.meta.bytes {
        return Err(format!("{} has {bytes} bytes instead of {}", file.path, file.meta.bytes));
    }
    match file.meta.checksum {
        Some(expected) if expected != check => Err(format!("{} does not match its checksum", file.path)),
        Some(_) => {
            file.meta.blocks.learn(sums);
            Ok(())
        }
        None => Ok(()),
    }
}
