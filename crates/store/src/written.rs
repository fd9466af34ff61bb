//! Which of the lake's descriptions this process has written, and which are missing.

use bytes::Bytes;

/// A copy of the last inventory, within the home, in case the lake's is removed. It is not synced: it may be older than
/// the last, and is never newer.
pub(crate) const INVENTORY_COPY: &str = "lake.inventory";

/// The lake's descriptions, as far as this process has written them.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Manifests of groups and packs that have none yet: a build that made none wrote them.
    pub(crate) missing: Vec<(String, Bytes)>,
    /// The numbers of the inventories in the lake, ascending.
    pub(crate) inventories: Vec<u64>,
    /// The number of the catalog's state that the last of them describes.
    pub(crate) current: Option<u64>,
    /// Descriptions that were written before and are missing.
    pub(crate) lacking: Lacking,
}

/// Descriptions that are missing or damaged, although they were written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lacking {
    pub(crate) manifests: usize,
    pub(crate) inventory: bool,
}

impl Lacking {
    /// Names what is lacking, as the beginning of a sentence; `None` where nothing is.
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
