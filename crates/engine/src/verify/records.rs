//! Stores verifications by id, bounded in number and age.

use std::sync::Arc;

use kino_model::{Clock, VerificationId};
use kino_store::Store;
use kino_wire::Problem;
use kino_wire::ask::{Target, TargetKind};
use kino_wire::verify::{HEARTBEAT_SECONDS, VerifyState};

use super::VerificationRecord;
use crate::documents::Documents;
use crate::resolve::{self, MATCHES_MAX, Prefix, repeated};

/// The kind under which the store keeps verifications.
const RECORD_KIND: &str = "verification";
/// The newest verifications, which are retained: some tens of kilobytes each, and all are read to resolve a prefix.
const RECORDS_MAX: usize = 200;
/// Verifications are removed this long after the executing process last reported. By then the code that they compared
/// has changed again, and the traces are gone unless their run is labelled.
const AGE_MAX_NANOS: i64 = 90 * 86_400 * 1_000_000_000;
/// When old records are removed, this many beyond [`RECORDS_MAX`] are read at a time.
const PRUNED_AT_ONCE: usize = 200;
/// After this long without a report, several missed heartbeats, the executing process counts as gone.
const SILENCE_MAX_NANOS: i64 = 6 * HEARTBEAT_SECONDS as i64 * 1_000_000_000;

/// The records of verifications. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct VerificationRecords {
    documents: Documents<VerificationRecord>,
    clock: Arc<dyn Clock>,
}

impl VerificationRecords {
    pub(crate) fn new(store: &Store, clock: &Arc<dyn Clock>) -> Self {
        Self { documents: Documents::new(store, RECORD_KIND), clock: Arc::clone(clock) }
    }

    /// Returns the verification with this id, or the only one whose id begins so.
    pub(super) async fn get(&self, id: &str) -> Result<VerificationRecord, Problem> {
        if let Some(record) = self.documents.get(id).await? {
            return Ok(self.alive(record));
        }
        let found = match Prefix::of(id, VerificationId::LEN) {
            Some(prefix) => self.documents.beginning(&prefix, MATCHES_MAX).await?,
            None => Vec::new(),
        };
        match found.as_slice() {
            [one] => Ok(self.alive(one.clone())),
            [] => Err(Problem::not_found(format!("there is no verification {:?}", repeated(id)), Vec::new())),
            several => Err(resolve::several(id, several.iter().map(target).collect())),
        }
    }

    /// Returns the verifications whose id begins so, at most [`MATCHES_MAX`].
    pub(crate) async fn beginning(&self, prefix: &Prefix) -> Result<Vec<Target>, Problem> {
        Ok(self.documents.beginning(prefix, MATCHES_MAX).await?.iter().map(target).collect())
    }

    /// All verifications, last changed first.
    pub(super) async fn all(&self) -> Result<Vec<VerificationRecord>, Problem> {
        let records = self.documents.newest(RECORDS_MAX).await?;
        Ok(records.into_iter().map(|record| self.alive(record)).collect())
    }

    /// A record whose executing process has not been heard of for long is not running any more.
    fn alive(&self, mut record: VerificationRecord) -> VerificationRecord {
        let silence = self.clock.now().0.saturating_sub(record.heard_unix_nanos);
        if record.verify.state == VerifyState::Running && silence > SILENCE_MAX_NANOS {
            record.fail(
                "broken_off",
                "the process that executed it ended without a report; its runs are recorded. Start it again",
            );
        }
        record
    }

    /// Keeps a verification.
    pub(super) async fn put(&self, record: &VerificationRecord) -> Result<(), Problem> {
        self.documents.put(&record.verify.id.to_string(), record).await
    }

    /// Removes all of them; one that runs ends with an error.
    pub(crate) async fn clear(&self) -> Result<(), Problem> {
        self.documents.clear().await
    }

    /// Removes those that are too old, and the oldest of those that are too many; never one that runs. Where that
    /// fails it is tried again at the next occasion.
    pub(crate) async fn prune(&self) {
        if let Err(problem) = self.prune_once().await {
            tracing::warn!(%problem, "failed to remove old verifications; they stay until it succeeds");
        }
    }

    async fn prune_once(&self) -> Result<(), Problem> {
        if self.documents.is_read_only() {
            return Ok(());
        }
        let horizon = self.clock.now().0.saturating_sub(AGE_MAX_NANOS);
        loop {
            let limit = RECORDS_MAX + PRUNED_AT_ONCE;
            let records = self.documents.newest_json(limit).await?;
            let is_last = records.len() < limit;
            let mut removed = 0;
            for (place, (id, json)) in records.into_iter().enumerate().rev() {
                // What cannot be read was written by no version that this one knows, and goes by its place alone.
                let record = serde_json::from_value(json).ok().map(|record| self.alive(record));
                let runs = record.as_ref().is_some_and(|record| record.verify.state == VerifyState::Running);
                let is_old = record.as_ref().is_some_and(|record| record.heard_unix_nanos < horizon);
                if !runs && (is_old || place >= RECORDS_MAX) {
                    removed += usize::from(self.documents.remove(&id).await?);
                }
            }
            if is_last || removed == 0 {
                return Ok(());
            }
        }
    }
}

fn target(record: &VerificationRecord) -> Target {
    Target {
        kind: TargetKind::Verification,
        id: record.verify.id.to_string(),
        name: record.verify.command.join(" "),
        time_unix_nanos: Some(record.verify.start_unix_nanos),
    }
}
