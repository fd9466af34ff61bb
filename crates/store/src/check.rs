//! Verifies everything in the lake, as `kino doctor` asks for.

use std::sync::Arc;

use crate::error::StoreError;
use crate::inner::run_to_end;
use crate::store::Store;
use kino_lake::blobs;
use kino_lake::group::Group;

/// What a verification of every byte of the lake found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Files and large values that are whole.
    pub whole: u64,
    /// Files without a checksum in the catalog, which an early version wrote: their damage is noticed only where it breaks
    /// decoding. A merge gives their rows checksums.
    pub without_checksum: Vec<String>,
    /// Damaged files and large values, each with the reason. Groups of damaged files are left out of every later answer.
    pub damaged: Vec<String>,
    /// Descriptions of the lake that were missing or damaged; `None` where all are whole.
    pub descriptions: Option<Lacked>,
}

/// Manifests or an inventory that were missing or damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacked {
    /// Names them, as the beginning of a sentence.
    pub what: String,
    /// Why they could not be written again; `None` where they were.
    pub why_not_mended: Option<String>,
}

impl Store {
    /// Reads every live file and every large value and verifies their checksums; writes manifests and an inventory again
    /// where they are missing or damaged. Reads the whole lake.
    ///
    /// # Errors
    /// Where something cannot be reached; what is damaged is no error.
    pub async fn check_files(&self) -> Result<Checked, StoreError> {
        let mut checked = Checked::default();
        let snapshot = self.snapshot();
        for group in snapshot.groups.iter() {
            self.check_group(group, &mut checked).await?;
        }
        self.check_blobs(&mut checked).await?;
        let inner = Arc::clone(&self.inner);
        let mended = run_to_end(async move { inner.mend_descriptions().await }).await?;
        checked.descriptions = mended.map(|(what, error)| Lacked {
            what,
            why_not_mended: error.as_ref().map(|error| crate::error::chain(error)),
        });
        Ok(checked)
    }

    async fn check_group(&self, group: &Arc<Group>, checked: &mut Checked) -> Result<(), StoreError> {
        for file in &group.files {
            let error = match self.inner.reader.verify(file).await {
                Ok(()) if file.meta.checksum.is_none() => {
                    checked.without_checksum.push(file.path.clone());
                    continue;
                }
                Ok(()) => {
                    checked.whole += 1;
                    continue;
                }
                Err(error) => error,
            };
            if !error.is_damage() {
                return Err(StoreError::Rows(error.into()));
            }
            checked.damaged.push(crate::error::chain(&error));
            self.inner.shared.quarantine(group, &error);
        }
        Ok(())
    }

    async fn check_blobs(&self, checked: &mut Checked) -> Result<(), StoreError> {
        let packed = self.inner.shared.view().packed.clone();
        for (hash, place) in packed {
            let path = kino_lake::paths::pack_path(place.pack);
            let frame = self.inner.storage.read(&path, place.offset..place.offset + place.length).await;
            match frame.and_then(|frame| Ok(blobs::unpack(hash, place, &frame)?)) {
                Ok(_) => checked.whole += 1,
                Err(error) => checked.damaged.push(format!("{path}: {}", crate::error::chain(&error))),
            }
        }
        Ok(())
    }
}
