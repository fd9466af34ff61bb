//! Housekeeping: removes stored documents that are too many or too old.

use kino_model::TraceId;
use kino_store::{Exempt, Store};

use crate::runs::RunRecords;
use crate::verify::VerificationRecords;

/// Keeps stored documents within their bounds. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Housekeeping {
    store: Store,
    runs: RunRecords,
    verifications: VerificationRecords,
}

impl Housekeeping {
    pub(crate) fn new(store: &Store, runs: &RunRecords, verifications: &VerificationRecords) -> Self {
        Self { store: store.clone(), runs: runs.clone(), verifications: verifications.clone() }
    }

    /// Keeps the traces of labelled runs, and `evidence`, from retention.
    pub(crate) async fn exempt_from_retention(&self, evidence: Vec<TraceId>) {
        match self.runs.all().await {
            Ok(runs) => {
                let labelled = runs.into_iter().filter(|run| run.label.is_some()).map(|run| run.run_id.to_string());
                self.store
                    .set_exempt(Exempt { run_ids: labelled.collect(), trace_ids: evidence.into_iter().collect() });
            }
            Err(problem) => tracing::warn!(%problem, "failed to read the runs; retention may take labelled ones"),
        }
    }

    /// Removes verifications and runs that are too old or too many.
    pub(crate) async fn prune(&self) {
        self.verifications.prune().await;
        self.runs.prune().await;
    }
}
