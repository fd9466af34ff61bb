//! One group's, or one pack's, description of itself.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use kino_model::{BlobHash, UnixNanos};
use serde::{Deserialize, Serialize};

use super::sealed::{self, BadDescription, VERSION};
use crate::blobs::{BLOB_BYTES_MAX, BlobLocation};
use crate::entry::{GroupRow, PackRow};
use crate::group::{BlockSums, FileEntry, FileMeta, GroupId, GroupMeta, LakeTable};
use crate::paths::{file_path, pack_path};

/// The first bytes of a manifest.
pub(super) const MAGIC: [u8; 8] = *b"KINOMAN1";

/// What a manifest describes.
#[derive(Clone, Debug)]
pub enum Described {
    /// Files of rows.
    Group(GroupRow),
    /// A file of blobs.
    Pack(PackRow),
}

#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    /// As in [`super::Inventory`].
    home: u64,
    id: GroupId,
    what: What,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Group(GroupLine),
    Pack(Pack),
}

/// [`GroupMeta`]; its filter and its split traces are the tail.
#[derive(Serialize, Deserialize)]
struct GroupLine {
    arrival: [i64; 2],
    start: [i64; 2],
    spans: u64,
    traces: u64,
    duplicate_span_ids: u64,
    runs: Option<Vec<String>>,
    filter_bytes: usize,
    files: Vec<File>,
    blobs: Vec<String>,
}

/// [`FileMeta`] but for the sums of its blocks: they follow from the file once it has proved whole.
#[derive(Serialize, Deserialize)]
struct File {
    table: LakeTable,
    rows: u64,
    bytes: u64,
    start: [i64; 2],
    schema_version: u32,
    checksum: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct Pack {
    bytes: u64,
    /// Hash, offset, length, and length before compression.
    blobs: Vec<(String, u64, u64, u64)>,
}

/// The manifest of a group.
///
/// # Errors
/// Where its figures cannot be written as JSON.
pub fn describe_group(home: u64, row: &GroupRow) -> Result<Bytes, serde_json::Error> {
    let GroupRow { id, meta, files, blobs } = row;
    let file = |FileEntry { meta, .. }: &FileEntry| File {
        table: meta.table,
        rows: meta.rows,
        bytes: meta.bytes,
        start: [meta.start_min.0, meta.start_max.0],
        schema_version: meta.schema_version,
        checksum: meta.checksum,
    };
    let group = GroupLine {
        arrival: [meta.arrival_min.0, meta.arrival_max.0],
        start: [meta.start_min.0, meta.start_max.0],
        spans: meta.spans,
        traces: meta.traces,
        duplicate_span_ids: meta.duplicate_span_ids,
        runs: meta.runs.clone(),
        filter_bytes: meta.filter.len(),
        files: files.iter().map(file).collect(),
        blobs: blobs.iter().map(BlobHash::to_string).collect(),
    };
    seal(&Head { version: VERSION, home, id: *id, what: What::Group(group) }, &[&meta.filter[..], &meta.split].concat())
}

/// The manifest of a pack.
///
/// # Errors
/// Where its figures cannot be written as JSON.
pub fn describe_pack(home: u64, row: &PackRow) -> Result<Bytes, serde_json::Error> {
    let places = row.blobs.iter();
    let blobs = places.map(|(hash, at)| (hash.to_string(), at.offset, at.length, at.raw_length)).collect();
    let pack = Pack { bytes: row.bytes, blobs };
    seal(&Head { version: VERSION, home, id: row.id, what: What::Pack(pack) }, &[])
}

fn seal(head: &Head, tail: &[u8]) -> Result<Bytes, serde_json::Error> {
    Ok(sealed::seal(MAGIC, head, tail)?.into())
}

/// Reads the manifest of group or pack `id` of `home`.
///
/// # Errors
/// Where the bytes are not what was written, are of another home or number, or of a newer version.
pub fn read_manifest(bytes: &[u8], home: u64, id: GroupId) -> Result<Described, BadDescription> {
    let (head, tail) = sealed::open::<Head>(MAGIC, bytes)?;
    if head.home != home || head.id != id {
        return Err(BadDescription::Damaged);
    }
    let hash = |text: &String| text.parse::<BlobHash>().map_err(|_| BadDescription::Damaged);
    match head.what {
        What::Group(group) => {
            let (filter, split) = tail.split_at_checked(group.filter_bytes).ok_or(BadDescription::Damaged)?;
            let times = |[min, max]: [i64; 2]| (UnixNanos(min), UnixNanos(max));
            let ((arrival_min, arrival_max), (start_min, start_max)) = (times(group.arrival), times(group.start));
            let meta = GroupMeta {
                arrival_min,
                arrival_max,
                start_min,
                start_max,
                spans: group.spans,
                traces: group.traces,
                duplicate_span_ids: group.duplicate_span_ids,
                filter: Bytes::copy_from_slice(filter),
                split: Bytes::copy_from_slice(split),
                runs: group.runs,
            };
            let files = group.files.into_iter().map(|file| FileEntry {
                group: id,
                path: file_path(file.table, id),
                meta: FileMeta {
                    table: file.table,
                    rows: file.rows,
                    bytes: file.bytes,
                    start_min: UnixNanos(file.start[0]),
                    start_max: UnixNanos(file.start[1]),
                    schema_version: file.schema_version,
                    checksum: file.checksum,
                    blocks: BlockSums::default(),
                },
            });
            let blobs = group.blobs.iter().map(hash).collect::<Result<BTreeSet<_>, _>>()?;
            Ok(Described::Group(GroupRow { id, meta, files: files.collect(), blobs }))
        }
        What::Pack(pack) => {
            let mut blobs = BTreeMap::new();
            for (name, offset, length, raw_length) in &pack.blobs {
                let place = BlobLocation { pack: id, offset: *offset, length: *length, raw_length: *raw_length };
                let is_within = offset.checked_add(*length).is_some_and(|end| end <= pack.bytes);
                if !is_within || *raw_length > BLOB_BYTES_MAX as u64 {
                    return Err(BadDescription::Damaged);
                }
                blobs.insert(hash(name)?, place);
            }
            Ok(Described::Pack(PackRow { id, path: pack_path(id), bytes: pack.bytes, blobs }))
        }
    }
}
