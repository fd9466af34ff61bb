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

#[doc(hidden)]
pub mod fuzzing;
mod inventory;
mod manifest;
mod sealed;

pub(crate) use inventory::Inventory;
pub(crate) use manifest::{Described, describe_group, describe_pack, read_manifest};

use std::sync::Arc;

use bytes::Bytes;

use crate::error::StoreError;
use crate::inner::{Inner, blocking};

/// The folder of manifests.
pub(crate) const MANIFESTS: &str = "manifests";
/// The folder of inventories.
pub(crate) const INVENTORIES: &str = "inventory";
/// What files of the two end in.
const MANIFEST: &str = "manifest";
const INVENTORY: &str = "inventory";
/// Inventories that are left in place: the last, and the one before for the case that the last cannot be read.
const INVENTORIES_LEFT: usize = 2;
/// A copy of the last inventory, within the home: for the case that the last is removed with its folder or in it. It is
/// not synced, so that it may be older than the last, and never newer.
pub(crate) const INVENTORY_COPY: &str = "lake.inventory";

/// What this process has written of descriptions.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Manifests of groups and packs that have none yet: a build that made none wrote them.
    pub(crate) missing: Vec<(String, Bytes)>,
    /// The numbers of the inventories that lie in the lake, ascending.
    pub(crate) inventories: Vec<u64>,
    /// The number of the catalog's state that the last of them describes.
    pub(crate) current: Option<u64>,
    /// What was written before and is not there any more.
    pub(crate) lacking: Lacking,
}

/// What of the lake's descriptions is missing or damaged, although it was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lacking {
    pub(crate) manifests: usize,
    pub(crate) inventory: bool,
}

impl Lacking {
    /// What is lacking, as the beginning of a sentence; `None` where nothing is.
    pub(crate) fn describe(self) -> Option<String> {
        let what = match self {
            Self { manifests: 0, inventory: false } => return None,
            Self { manifests: 0, inventory: true } => "its inventory".to_owned(),
            Self { manifests, inventory: false } => format!("{manifests} manifests"),
            Self { manifests, inventory: true } => format!("its inventory and {manifests} manifests"),
        };
        Some(format!(
            "of the lake's descriptions of itself, from which `kino doctor --rebuild` restores a lost catalog, these were \
             missing or damaged: {what}"
        ))
    }
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
        let bytes = state.to_bytes()?;
        self.storage.put_all(vec![(inventory_path(state.sequence), bytes.clone())]).await?;
        let inner = Arc::clone(self);
        blocking(move || {
            if let Err(error) = inner.disk.write(&inner.config.home.join(INVENTORY_COPY), &bytes) {
                tracing::debug!(%error, "the inventory could not be copied");
            }
        })
        .await?;
        written.current = Some(state.sequence);
        written.inventories.push(state.sequence);
        while written.inventories.len() > INVENTORIES_LEFT {
            self.storage.remove(&inventory_path(written.inventories[0])).await?;
            written.inventories.remove(0);
        }
        Ok(())
    }
    /// Looks whether every manifest and the last inventory are there and whole, and writes again what is not. Reads all
    /// manifests. Says what was lacking, and why it could not be written again.
    pub(crate) async fn mend_descriptions(
        self: &Arc<Self>,
    ) -> Result<Option<(String, Option<StoreError>)>, StoreError> {
        // What is live must not retire meanwhile.
        let _turn = self.rewriting.lock().await;
        let mut written = self.written.lock().await;
        let (inner, current) = (Arc::clone(self), written.current);
        let (lacking, missing) = blocking(move || inner.look_at_descriptions(current)).await??;
        let Some(said) = lacking.describe() else { return Ok(None) };
        if let Err(error) = self.writable().and_then(|()| self.vanished().map_err(StoreError::Gone)) {
            return Ok(Some((said, Some(error))));
        }
        written.missing = missing;
        written.current = None;
        drop(written);
        let inner = Arc::clone(self);
        let made = blocking(move || -> Result<(), StoreError> {
            inner.storage.make_folders()?;
            // The number of an inventory is not given twice.
            Ok(inner.catalog.touch()?)
        });
        let mended = match made.await? {
            Ok(()) => self.take_inventory().await,
            Err(error) => Err(error),
        };
        Ok(Some((said, mended.err())))
    }

    /// What is lacking, and the manifests to write. `current` is the number of the state whose inventory was written.
    fn look_at_descriptions(&self, current: Option<u64>) -> Result<(Lacking, Vec<(String, Bytes)>), StoreError> {
        let (state, loaded, names) = (self.catalog.state()?, self.catalog.load()?, self.storage.names()?);
        let of = |folder: &str| names.get(folder).map(Vec::as_slice).unwrap_or_default();
        let is_whole = |(number, path): &&(u64, std::path::PathBuf)| {
            let read = self.disk.read(path);
            read.is_ok_and(|bytes| read_manifest(&bytes, state.home, crate::file::GroupId(*number)).is_ok())
        };
        let whole = of(MANIFESTS).iter().filter(is_whole).map(|(number, _)| *number).collect();
        let missing = crate::recognise::missing(&state, &loaded, &whole)?;
        // Between a commit and its inventory the last one on the disk is of an earlier state, as it must be.
        let last = of(INVENTORIES).last().and_then(|(_, path)| self.disk.read(path).ok());
        let is_current = || last.is_some_and(|bytes| Inventory::from_bytes(&bytes).is_ok_and(|last| last == state));
        let inventory = current == Some(state.sequence) && !is_current();
        Ok((Lacking { manifests: missing.len(), inventory }, missing))
    }
}
