//! Caches of answers, from which later snapshots answer again, within bounds.

use std::sync::Arc;

use kino_model::{TraceId, UnixNanos};

use super::split::SplitCache;
use super::trace_cache::{TRACE_CACHE_BYTES, TraceCache};
use kino_lake::Cache;

/// Bytes of cached lists of the traces that operations ran in.
const LATEST_CACHE_BYTES: usize = 16 << 20;

/// The caches of answers of one store; all its snapshots share them.
#[derive(Debug)]
pub(crate) struct Caches {
    /// The traces in which an operation ran, with their latest starts, by a file of `traces` and the operation.
    pub(super) latest: Arc<Cache<Vec<(TraceId, UnixNanos)>>>,
    /// Split traces, as snapshots merged them last.
    pub(super) split: SplitCache,
    /// Traces that were asked for lately.
    pub(crate) traces: Arc<TraceCache>,
}

impl Default for Caches {
    fn default() -> Self {
        Self {
            latest: Cache::new(LATEST_CACHE_BYTES),
            split: SplitCache::default(),
            traces: Arc::new(TraceCache::new(TRACE_CACHE_BYTES)),
        }
    }
}
