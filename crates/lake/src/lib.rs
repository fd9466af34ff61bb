//! The lake's format: the files of its folder or bucket, how they are written and how they are read.
//!
//! ```text
//!  write    batches ─► one group: spans · events · links · traces · rollups, with trace filter and checksums
//!  read     group ─► footers, pages, filters ─► rows, every byte verified before it is decoded
//!  describe group or pack ─► manifest;  state of the lake ─► inventory
//!  blobs    large values ─► pack
//! ```
//!
//! It has no lifecycle: which files are live, when they are written and when they are removed is up to the store. It
//! writes into memory, reads through an object store, and uses no catalog, no log and no clock.

mod attribute_filter;
pub mod blobs;
mod cache;
pub mod columns;
pub mod describe;
pub mod entry;
pub mod group;
pub mod paths;
pub mod read;
pub mod rollup;
pub mod rows;
pub mod sketch;
pub mod sort;
pub mod trace_filter;
pub mod trace_row;
pub mod write;

pub use cache::Cache;
