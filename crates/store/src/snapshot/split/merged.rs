//! What a merge of traces gives: their rows, the operations that these name, and what is known of each trace.

use arrow_array::RecordBatch;
use foldhash::HashMap;
use kino_model::TraceId;

use super::SplitTrace;
use kino_lake::rollup::OperationKey;

/// Traces that were merged.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// Rows of those with visible spans, in no order.
    pub(super) rows: Vec<RecordBatch>,
    /// The operations that the rows name.
    pub(super) keys: Numbered,
    /// All of them; one with a row has the piece 0.
    pub(super) entries: Vec<(TraceId, SplitTrace)>,
}

/// Operations with their numbers.
#[derive(Debug, Default)]
pub(super) struct Numbered {
    pub(super) keys: Vec<OperationKey>,
    by_key: HashMap<OperationKey, u32>,
}

impl Numbered {
    pub(super) fn number(&mut self, key: &OperationKey) -> u32 {
        if let Some(number) = self.by_key.get(key) {
            return *number;
        }
        let number = self.keys.len() as u32;
        self.keys.push(key.clone());
        self.by_key.insert(key.clone(), number);
        number
    }
}

impl Merged {
    /// Says from which sources each trace was merged.
    pub(super) fn set_fingerprints(&mut self, fingerprints: &HashMap<TraceId, u64>) {
        for (id, entry) in &mut self.entries {
            entry.fingerprint = fingerprints.get(id).copied().unwrap_or_default();
        }
    }
}
