//! Files of the lake that describe it, so that it can be read without a catalog.
//!
//! ```text
//!  manifests/000000000012.manifest      of one group or pack: its files and figures, written with them, never changed
//!  inventory/000000000034.inventory     of the lake after one commit: which groups and packs are live, what is hidden,
//!                                       and which log segments are still needed
//! ```
//!
//! The catalog stays the truth while it is there. An inventory is written after the catalog's transaction and before
//! anything that the transaction gave up is removed, so that at any moment the last inventory, the files that it names
//! and the log together are one consistent store. A lost catalog is restored from it, and an outdated
//! one is detected by it.

#[doc(hidden)]
pub mod fuzzing;
mod inventory;
mod manifest;
mod sealed;

pub use inventory::Inventory;
pub use manifest::{Described, describe_group, describe_pack, read_manifest};
