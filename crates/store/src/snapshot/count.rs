//! Exact counts: what the sources count, but for what they count too often.

use super::{Snapshot, answer};
use crate::error::ScanError;

impl Snapshot {
    /// Spans, each counted once.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn span_count(&self) -> Result<u64, ScanError> {
        answer!(self, |snapshot| snapshot.span_count_once())
    }

    async fn span_count_once(&self) -> Result<u64, ScanError> {
        let correction = &self.split().await?.correction;
        let in_files: u64 = self.groups.iter().map(|group| group.meta.spans).sum();
        let mut in_memory = 0;
        for batch in &self.hot {
            in_memory += batch.index()?.spans;
        }
        Ok((in_files + in_memory).saturating_sub(correction.spans))
    }

    /// Spans whose id another, differing span of the same trace has.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn duplicate_span_ids(&self) -> Result<u64, ScanError> {
        answer!(self, |snapshot| snapshot.duplicate_span_ids_once())
    }

    async fn duplicate_span_ids_once(&self) -> Result<u64, ScanError> {
        let correction = &self.split().await?.correction;
        let in_files: u64 = self.groups.iter().map(|group| group.meta.duplicate_span_ids).sum();
        let mut in_memory = 0;
        for batch in &self.hot {
            in_memory += batch.index()?.duplicate_span_ids;
        }
        Ok((in_files + in_memory).saturating_add_signed(-correction.duplicates))
    }

    /// Traces that have at least one span.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn trace_count(&self) -> Result<u64, ScanError> {
        answer!(self, |snapshot| snapshot.trace_count_once())
    }

    async fn trace_count_once(&self) -> Result<u64, ScanError> {
        let correction = &self.split().await?.correction;
        let in_files: u64 = self.groups.iter().map(|group| group.meta.traces).sum();
        let mut in_memory = 0;
        for batch in &self.hot {
            in_memory += batch.index()?.traces.len() as u64;
        }
        Ok((in_files + in_memory).saturating_sub(correction.traces))
    }
}
