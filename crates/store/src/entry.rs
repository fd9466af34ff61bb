//! What the catalog and a manifest say of one group of files or one pack of blobs.

use std::collections::{BTreeMap, BTreeSet};

use kino_model::BlobHash;

use crate::blobs::Place;
use crate::file::{FileEntry, GroupId, GroupMeta};

/// A group as the catalog keeps it.
#[derive(Clone, Debug)]
pub(crate) struct GroupRow {
    pub(crate) id: GroupId,
    pub(crate) meta: GroupMeta,
    pub(crate) files: Vec<FileEntry>,
    /// Blobs that its spans name.
    pub(crate) blobs: BTreeSet<BlobHash>,
}

/// A pack of blobs.
#[derive(Clone, Debug)]
pub(crate) struct PackRow {
    pub(crate) id: GroupId,
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) blobs: BTreeMap<BlobHash, Place>,
}
