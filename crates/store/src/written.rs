//! What this process has written of the lake's descriptions, and what of them is missing.

use bytes::Bytes;

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
