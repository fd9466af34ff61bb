//! Checksums of the catalog's entries: SQLite has none, and an entry decides which files are read, and
//! which of their rows.
//!
//! An entry's checksum is over all that readers go by, in one fixed order, each text and list with its length before
//! it. It is written in the transaction that makes the entry live, and compared when the store opens.

use std::collections::BTreeMap;

use kino_lake::blobs::BlobLocation;
use kino_lake::entry::{GroupRow, PackRow};
use kino_lake::group::{FileEntry, GroupId, GroupMeta};
use kino_model::BlobHash;

/// What the checksum of a group begins with.
const GROUP: &[u8] = b"group";
/// What the checksum of a pack begins with.
const PACK: &[u8] = b"pack";

/// The checksum of a group with its files and the blobs that it names.
pub(super) fn of_group(row: &GroupRow) -> u32 {
    let GroupRow { id, meta, files, blobs } = row;
    let GroupMeta {
        arrival_min,
        arrival_max,
        start_min,
        start_max,
        spans,
        traces,
        duplicate_span_ids,
        filter,
        split,
        runs,
    } = meta;
    let mut sum = Sum::default();
    sum.bytes(GROUP).number(id.0);
    for time in [arrival_min, arrival_max, start_min, start_max] {
        sum.number(time.0 as u64);
    }
    sum.number(*spans).number(*traces).number(*duplicate_span_ids).bytes(filter).bytes(split);
    match runs {
        None => sum.number(0),
        Some(runs) => {
            sum.number(1).number(runs.len() as u64);
            runs.iter().fold(&mut sum, |sum, run| sum.bytes(run.as_bytes()))
        }
    };
    // The catalog gives files by path.
    let files: BTreeMap<&str, &FileEntry> = files.iter().map(|file| (file.path.as_str(), file)).collect();
    sum.number(files.len() as u64);
    for (path, FileEntry { meta, .. }) in files {
        sum.bytes(path.as_bytes()).bytes(meta.table.name().as_bytes()).number(meta.rows).number(meta.bytes);
        sum.number(meta.start_min.0 as u64).number(meta.start_max.0 as u64).number(meta.schema_version.into());
        sum.optional(meta.checksum.map(u32::to_le_bytes).as_ref().map(<[u8; 4]>::as_slice));
        sum.optional(meta.blocks.bytes().map(AsRef::as_ref));
    }
    sum.number(blobs.len() as u64);
    blobs.iter().fold(&mut sum, |sum, hash| sum.bytes(&hash.0)).0
}

/// The checksum of a pack with the places of its blobs.
pub(super) fn of_pack(row: &PackRow) -> u32 {
    let PackRow { id, path, bytes, blobs } = row;
    let mut sum = Sum::default();
    sum.bytes(PACK).number(id.0).bytes(path.as_bytes()).number(*bytes).number(blobs.len() as u64);
    for (BlobHash(hash), BlobLocation { pack: GroupId(pack), offset, length, raw_length }) in blobs {
        sum.bytes(hash).number(*pack).number(*offset).number(*length).number(*raw_length);
    }
    sum.0
}

#[derive(Default)]
struct Sum(u32);

impl Sum {
    fn number(&mut self, number: u64) -> &mut Self {
        self.0 = crc32c::crc32c_append(self.0, &number.to_le_bytes());
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64).0 = crc32c::crc32c_append(self.0, bytes);
        self
    }

    fn optional(&mut self, bytes: Option<&[u8]>) -> &mut Self {
        match bytes {
            None => self.number(0),
            Some(bytes) => self.number(1).bytes(bytes),
        }
    }
}
