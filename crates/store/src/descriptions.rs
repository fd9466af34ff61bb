//! Writes the lake's descriptions: an inventory after each commit, and again those that are missing or damaged.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::StoreError;
use crate::inner::{Inner, blocking};
use crate::written::{INVENTORY_COPY, Lacking};
use kino_lake::describe::{Inventory, read_manifest};
use kino_lake::group::GroupId;
use kino_lake::paths::{INVENTORIES, MANIFESTS, inventory_path};

/// Inventories that are not removed: the last, and the one before in case the last cannot be read.
const INVENTORIES_LEFT: usize = 2;

impl Inner {
    /// Writes the inventory of the catalog's state, unless the last one describes it already. Files and log segments that
    /// the catalog no longer needs may be removed only afterwards.
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

    /// Checks that every manifest and the last inventory are there and whole, and writes again those that are not. Reads
    /// all manifests. Returns what was lacking, and why it could not be written again.
    pub(crate) async fn mend_descriptions(
        self: &Arc<Self>,
    ) -> Result<Option<(String, Option<StoreError>)>, StoreError> {
        // No group may be retired meanwhile.
        let _turn = self.rewriting.lock().await;
        let mut written = self.written.lock().await;
        let (inner, current) = (Arc::clone(self), written.current);
        let (lacking, missing) = blocking(move || inner.find_lacking(current)).await??;
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

    /// Returns what is lacking, and the manifests to write. `current` is the number of the state whose inventory was
    /// written.
    fn find_lacking(&self, current: Option<u64>) -> Result<(Lacking, Vec<(String, Bytes)>), StoreError> {
        let (state, loaded, names) = (self.catalog.state()?, self.catalog.load()?, self.storage.names()?);
        let of = |folder: &str| names.get(folder).map(Vec::as_slice).unwrap_or_default();
        let is_whole = |(number, path): &&(u64, PathBuf)| {
            let read = self.disk.read(path);
            read.is_ok_and(|bytes| read_manifest(&bytes, state.home, GroupId(*number)).is_ok())
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
