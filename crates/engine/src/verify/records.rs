//! How verifications are kept: by id, bounded in number and age.

use kino_text::suggest;
use kino_wire::Problem;
use kino_wire::verify::{HEARTBEAT_SECONDS, VerifyState};

use super::Record;
use crate::Engine;
use crate::error::OrProblem;

/// The kind under which the store keeps verifications.
const RECORD_KIND: &str = "verification";
/// Verifications that are kept, the newest: some tens of kilobytes each, and all are looked through for a prefix.
const RECORDS_MAX: usize = 200;
/// They are kept for so long after the last word of whoever executed. By then what they compared has been changed
/// again, and the traces are gone unless their run is labelled.
const AGE_MAX_NANOS: i64 = 90 * 86_400 * 1_000_000_000;
/// As many as this are read beyond [`RECORDS_MAX`] at a time when old ones are removed.
const PRUNED_AT_ONCE: usize = 200;
/// After so long without a word, whoever executed is gone: several missed heartbeats.
const SILENCE_MAX_NANOS: i64 = 6 * HEARTBEAT_SECONDS as i64 * 1_000_000_000;

impl Engine {
    /// The verification with this id, or with the only one that begins so.
    pub(super) async fn verification(&self, id: &str) -> Result<Record, Problem> {
        let known = self.inner.store.record(RECORD_KIND, id).await.or_problem()?;
        if let Some(record) = known.and_then(|json| self.readable(RECORD_KIND, id, json)) {
            return Ok(self.alive(record));
        }
        let records = self.verifications().await?;
        let mut fitting = records.iter().filter(|record| !id.is_empty() && record.verify.id.starts_with(id));
        match (fitting.next(), fitting.next()) {
            (Some(one), None) => Ok(one.clone()),
            (Some(one), Some(other)) => {
                let near = vec![one.verify.id.clone(), other.verify.id.clone()];
                Err(Problem::not_found(
                    format!("{id:?} begins the ids of several verifications: give more digits"),
                    near,
                ))
            }
            (None, _) => {
                let near = suggest::or_all(id, records.iter().map(|record| record.verify.id.as_str()));
                Err(Problem::not_found(format!("there is no verification {id:?}"), near))
            }
        }
    }

    /// All verifications, last changed first.
    pub(super) async fn verifications(&self) -> Result<Vec<Record>, Problem> {
        let records = self.inner.store.records(RECORD_KIND, RECORDS_MAX).await;
        let records = records.or_problem()?;
        let readable = records.into_iter().filter_map(|(id, json)| self.readable(RECORD_KIND, &id, json));
        Ok(readable.map(|record| self.alive(record)).collect())
    }

    /// A record whose executing process has not been heard of for long is not running any more.
    fn alive(&self, mut record: Record) -> Record {
        let silence = self.inner.clock.now().0.saturating_sub(record.heard_unix_nanos);
        if record.verify.state == VerifyState::Running && silence > SILENCE_MAX_NANOS {
            record
                .fail("broken_off", "whoever executed it ended without a word; its runs are recorded. Start it again");
        }
        record
    }

    pub(super) async fn put_verification(&self, record: &Record) -> Result<(), Problem> {
        let json = serde_json::to_value(record).or_problem()?;
        let put = self.inner.store.put_record(RECORD_KIND, &record.verify.id, &json).await;
        put.or_problem()
    }

    /// Removes all of them; one that runs ends with an error.
    pub(crate) async fn remove_verifications(&self) -> Result<(), Problem> {
        self.inner.store.remove_records(RECORD_KIND).await.or_problem()
    }

    /// Removes those that are too old, and the oldest of those that are too many; never one that runs. Where that
    /// fails it is tried again at the next occasion.
    pub(crate) async fn prune_verifications(&self) {
        if let Err(problem) = self.prune_verifications_once().await {
            tracing::warn!(%problem, "failed to remove old verifications; they stay until it succeeds");
        }
    }

    async fn prune_verifications_once(&self) -> Result<(), Problem> {
        let store = &self.inner.store;
        if store.read_only().is_some() {
            return Ok(());
        }
        let horizon = self.inner.clock.now().0.saturating_sub(AGE_MAX_NANOS);
        loop {
            let limit = RECORDS_MAX + PRUNED_AT_ONCE;
            let records = store.records(RECORD_KIND, limit).await.or_problem()?;
            let is_last = records.len() < limit;
            let mut removed = 0;
            for (place, (id, json)) in records.into_iter().enumerate().rev() {
                // What cannot be read was written by no version that this one knows, and goes by its place alone.
                let record = serde_json::from_value(json).ok().map(|record| self.alive(record));
                let runs = record.as_ref().is_some_and(|record| record.verify.state == VerifyState::Running);
                let is_old = record.as_ref().is_some_and(|record| record.heard_unix_nanos < horizon);
                if !runs && (is_old || place >= RECORDS_MAX) {
                    removed += usize::from(store.remove_record(RECORD_KIND, &id).await.or_problem()?);
                }
            }
            if is_last || removed == 0 {
                return Ok(());
            }
        }
    }
}
