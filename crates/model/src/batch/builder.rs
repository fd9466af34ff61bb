//! Builds batches row by row.
/// Builds a batch.
#[derive(Debug, Default)]
pub struct BatchBuilder;
