//! What lies in the lake beside the rows, so that the lake says by itself what it is.
//!
//! ```text
//!  manifests/000000000012.manifest      of one group or pack: its files and figures, written with them, never changed
//!  inventory/000000000034.inventory     of the lake after one commit: which groups and packs are live, what is hidden,
//!                                       and which log segments are still needed
//! ```
//!
//! The catalog stays the truth while it is there. An inventory is written after the catalog's transaction and before
//! anything that the transaction gave up is removed, so that at any moment the last inventory, the files that it names
//! and the log together are one consistent store. It is what a lost catalog is restored from, and what an older one
//! betrays itself by.

mod inventory;
mod manifest;
mod sealed;

pub(crate) use inventory::Inventory;
pub(crate) use manifest::{Described, describe_group, describe_pack, read_manifest};

use std::sync::Arc;

use bytes::Bytes;

use crate::error::StoreError;
use crate::store::{Inner, blocking};

/// The folder of manifests.
pub(crate) const MANIFESTS: &str = "manifests";
/// The folder of inventories.
pub(crate) const INVENTORIES: &str = "inventory";
/// What files of the two end in.
const MANIFEST: &str = "manifest";
const INVENTORY: &str = "inventory";
/// Inventories that are left in place: the last, and the one before for the case that the last cannot be read.
const INVENTORIES_LEFT: usize = 2;

/// What this process has written of descriptions.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Manifests of groups and packs that have none yet: a build that made none wrote them.
    pub(crate) missing: Vec<(String, Bytes)>,
    /// The numbers of the inventories that lie in the lake, ascending.
    pub(crate) inventories: Vec<u64>,
    /// The number of the catalog's state that the last of them describes.
    pub(crate) current: Option<u64>,
}

/// The path of the manifest of group or pack `id`.
pub(crate) fn manifest_path(id: crate::file::GroupId) -> String {
    crate::commit::path(MANIFESTS, id.0, MANIFEST)
}

/// The path of an inventory.
pub(crate) fn inventory_path(sequence: u64) -> String {
    crate::commit::path(INVENTORIES, sequence, INVENTORY)
}

impl Inner {
    /// Writes the inventory of what the catalog says now, unless the last one does already. Only then may files and log
    /// segments go that the catalog does not need any more.
    pub(crate) async fn take_inventory(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut written = self.written.lock().await;
        let inner = Arc::clone(self);
        let state = blocking(move || inner.catalog.state()).await??;
        if written.current == Some(state.sequence) {
            return Ok(());
        }
        if !written.missing.is_empty() {
            for (path, _) in &written.missing {
                self.storage.remove(path).await?;
            }
            self.storage.put_all(written.missing.clone()).await?;
            written.missing.clear();
        }
        self.storage.put_all(vec![(inventory_path(state.sequence), state.to_bytes()?)]).await?;
        written.current = Some(state.sequence);
        written.inventories.push(state.sequence);
        while written.inventories.len() > INVENTORIES_LEFT {
            self.storage.remove(&inventory_path(written.inventories[0])).await?;
            written.inventories.remove(0);
        }
        Ok(())
    }
}
