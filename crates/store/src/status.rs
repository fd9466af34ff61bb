//! How the store is, in figures.

use std::collections::BTreeMap;

use crate::store::Store;

/// Figures and warnings, as of now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStatus {
    /// Why the store is read-only; `None` where it is not.
    pub read_only: Option<String>,
    /// Rows taken since the open, by table.
    pub accepted: BTreeMap<String, u64>,
    /// Spans in live groups and in memory. Repeats that no merge has met yet count each time.
    pub spans: u64,
    /// Rows waiting in memory.
    pub hot_rows: u64,
    /// Bytes of memory set aside for them.
    pub hot_bytes: u64,
    /// The limit of those bytes.
    pub hot_bytes_max: u64,
    /// Bytes in the log.
    pub wal_bytes: u64,
    /// Live files.
    pub lake_files: u64,
    /// Their bytes.
    pub lake_bytes: u64,
    /// Bytes of packs, and of blobs in memory.
    pub blob_bytes: u64,
    /// Groups that cannot be read.
    pub quarantined_groups: u64,
    /// The spans that the catalog says they hold.
    pub quarantined_spans: u64,
    /// Traces that are being forgotten.
    pub hidden_traces: u64,
    /// What went wrong and still matters, in sentences.
    pub warnings: Vec<String>,
}

/// What every answer lacks, because it cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Groups of files.
    pub groups: u64,
    /// The spans that the catalog says they hold.
    pub spans: u64,
}

impl Store {
    /// What cannot be read, as of now. Costs no IO.
    pub fn damage(&self) -> Damage {
        let view = self.inner.shared.view();
        let spans = view.quarantined.values().map(|quarantined| quarantined.spans).sum();
        Damage { groups: view.quarantined.len() as u64, spans }
    }

    /// How the store is. Costs a few looks at the file system, and reads nothing.
    pub fn status(&self) -> StoreStatus {
        let mut warnings = self.inner.shared.warnings();
        if let Some(what) = self.vanished() {
            warnings
                .insert(0, format!("{what}: nothing more is stored; stop the engine, put it back, and start again"));
        }
        let shared = &self.inner.shared;
        let view = shared.view();
        let files = || view.groups.iter().flat_map(|group| &group.files);
        let generations = || view.frozen.iter().map(AsRef::as_ref).chain([&view.active]);
        let hot_spans: u64 =
            generations().flat_map(|hot| &hot.batches).map(|batch| batch.spans.num_rows() as u64).sum();
        let hot_blobs: u64 = generations().flat_map(|hot| hot.blobs.values()).map(|blob| blob.len() as u64).sum();
        StoreStatus {
            read_only: self.inner.read_only.clone(),
            accepted: shared.accepted(),
            spans: view.groups.iter().map(|group| group.meta.spans).sum::<u64>() + hot_spans,
            hot_rows: generations().map(|hot| hot.rows).sum(),
            hot_bytes: shared.hot_bytes(),
            hot_bytes_max: self.inner.config.hot_bytes_max,
            wal_bytes: shared.wal_bytes(),
            lake_files: files().count() as u64,
            lake_bytes: files().map(|file| file.meta.bytes).sum(),
            blob_bytes: view.pack_sizes.values().sum::<u64>() + hot_blobs,
            quarantined_groups: view.quarantined.len() as u64,
            quarantined_spans: view.quarantined.values().map(|quarantined| quarantined.spans).sum(),
            hidden_traces: view.hidden.len() as u64,
            warnings,
        }
    }
}
