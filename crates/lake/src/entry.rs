//! What the catalog and a manifest say of one group of files or one pack of blobs.

use std::collections::{BTreeMap, BTreeSet};

use kino_model::BlobHash;

use crate::blobs::BlobLocation;
use crate::group::{FileEntry, GroupId, GroupMeta};

/// A group as the catalog keeps it.
#[derive(Clone, Debug)]
pub struct GroupRow {
    /// Its number.
    pub id: GroupId,
    /// Its figures.
    pub meta: GroupMeta,
    /// Its files, at most one a table.
    pub files: Vec<FileEntry>,
    /// Blobs that its spans name.
    pub blobs: BTreeSet<BlobHash>,
}

/// A pack of blobs.
#[derive(Clone, Debug)]
pub struct PackRow {
    /// Its number, from the same sequence as those of groups.
    pub id: GroupId,
    /// The path of its file within the lake.
    pub path: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// Where each of its blobs is.
    pub blobs: BTreeMap<BlobHash, BlobLocation>,
}
