//! Rows to batches and back.
