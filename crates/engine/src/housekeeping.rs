//! Housekeeping: removes stored documents that are too many or too old.

use std::collections::BTreeSet;
use std::sync::Arc;

use kino_model::TraceId;
use kino_store::{Exempt, Store};
use kino_wire::Problem;
use tokio::sync::Mutex;

use crate::runs::RunRecords;
use crate::verify::VerificationRecords;

/// Keeps stored documents within their bounds. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Housekeeping {
    store: Store,
    runs: RunRecords,
    verifications: VerificationRecords,
    /// The ids of labelled runs, so that a change of a finding does not read all runs; `None` until they are read. Ids of
    /// runs that were forgotten since may be among them: no row has these any more.
    labelled: Arc<Mutex<Option<BTreeSet<String>>>>,
}

impl Housekeeping {
    pub(crate) fn new(store: &Store, runs: &RunRecords, verifications: &VerificationRecords) -> Self {
        let labelled = Arc::new(Mutex::new(None));
        Self { store: store.clone(), runs: runs.clone(), verifications: verifications.clone(), labelled }
    }

    /// Keeps the traces of labelled runs, and `evidence`, from retention.
    pub(crate) async fn exempt_from_retention(&self, evidence: Vec<TraceId>) {
        match self.labelled_runs().await {
            Ok(run_ids) => self.store.set_exempt(Exempt { run_ids, trace_ids: evidence.into_iter().collect() }),
            Err(problem) => tracing::warn!(%problem, "failed to read the runs; retention may take labelled ones"),
        }
    }

    /// Notes that there is another run with a label: they are read again when they are needed next.
    pub(crate) async fn run_was_labelled(&self) {
        *self.labelled.lock().await = None;
    }

    /// The lock is not released while runs are read: what is read before a run is noted must not be found after it.
    async fn labelled_runs(&self) -> Result<BTreeSet<String>, Problem> {
        let mut labelled = self.labelled.lock().await;
        if let Some(known) = &*labelled {
            return Ok(known.clone());
        }
        let runs = self.runs.all().await?.into_iter();
        let read: BTreeSet<String> = runs.filter(|run| run.label.is_some()).map(|run| run.run_id.to_string()).collect();
        *labelled = Some(read.clone());
        Ok(read)
    }

    /// Removes verifications and runs that are too old or too many.
    pub(crate) async fn prune(&self) {
        self.verifications.prune().await;
        self.runs.prune().await;
    }
}
