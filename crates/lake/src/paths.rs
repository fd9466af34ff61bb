//! Paths of the lake's files: `folder/number.extension`, with a number of twelve digits or more.

use crate::group::{GroupId, LakeTable};

/// The folder of packs.
pub const BLOBS: &str = "blobs";
/// The folder of manifests.
pub const MANIFESTS: &str = "manifests";
/// The folder of inventories.
pub const INVENTORIES: &str = "inventory";
const MANIFEST: &str = "manifest";
const INVENTORY: &str = "inventory";
const ROWS: &str = "parquet";
const PACK: &str = "pack";

/// The path of a group's file.
pub fn file_path(table: LakeTable, id: GroupId) -> String {
    path(table.name(), id.0, ROWS)
}

/// Returns where a pack of blobs is, relative to the lake.
pub fn pack_path(id: GroupId) -> String {
    path(BLOBS, id.0, PACK)
}

/// The path of a numbered file in one of the lake's folders.
fn path(folder: &str, number: u64, extension: &str) -> String {
    format!("{folder}/{number:012}.{extension}")
}

/// The number that a path names.
pub fn number_in(path: &str) -> Option<u64> {
    let (_, name) = path.split_once('/')?;
    name.split_once('.')?.0.parse().ok()
}

/// The path of the manifest of group or pack `id`.
pub fn manifest_path(id: GroupId) -> String {
    path(MANIFESTS, id.0, MANIFEST)
}

/// Returns where the inventory after the commit of this number is, relative to the lake.
pub fn inventory_path(sequence: u64) -> String {
    path(INVENTORIES, sequence, INVENTORY)
}
