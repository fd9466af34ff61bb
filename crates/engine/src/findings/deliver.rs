//! Findings for a reader that did not ask for them by name: which, and the record that they were delivered.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kino_model::Fingerprint;
use kino_wire::hook::{NewFinding, SESSION_FINDINGS_MAX};
use kino_wire::insights::{Delivered, FindingState};

use super::Findings;
use super::ledger::Ledger;
use super::record::FindingRecord;

/// Deliveries that a finding's record has; the oldest go first.
const DELIVERIES_MAX: usize = 16;
/// The longest name of a channel that is recorded.
const CHANNEL_BYTES_MAX: usize = 64;

/// A stretch of time in which a call of the session executed a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// The call, where the assistant names it.
    pub(crate) call: Option<String>,
    /// Unix nanoseconds.
    pub(crate) start: i64,
    /// Unix nanoseconds; `None` while the call lasts.
    pub(crate) end: Option<i64>,
}

/// Who is to hear of new findings.
pub(crate) struct Audience {
    /// A hash of the session.
    pub(crate) session: String,
    /// Exactly whose findings; `None` for those of no project.
    pub(crate) project: Option<String>,
    /// When calls of the session executed commands.
    pub(crate) windows: Vec<Window>,
    /// Findings whose state changed by runs of the call.
    pub(crate) changed: Vec<Fingerprint>,
    /// Findings that may be on their way to the session.
    pub(crate) under_way: Vec<Fingerprint>,
}

impl Audience {
    /// Whether a finding opened, or came back, by what the session's calls executed.
    fn concerns(&self, record: &FindingRecord) -> bool {
        let is_new = matches!(record.state(), FindingState::Open | FindingState::Recurring)
            && record.project == self.project
            && self.windows.first().is_some_and(|first| record.life.changed >= first.start);
        let within =
            |at: i64| self.windows.iter().any(|window| window.start <= at && window.end.is_none_or(|end| at <= end));
        is_new
            && !self.has(record)
            && (self.changed.contains(&record.finding.fingerprint)
                || record.evidence_starts.iter().any(|start| within(*start)))
    }

    /// Whether the session has a finding, or may have it in a moment.
    fn has(&self, record: &FindingRecord) -> bool {
        let is_under_way = record.project == self.project && self.under_way.contains(&record.finding.fingerprint);
        is_under_way || record.was_delivered_to(&self.session)
    }
}

impl FindingRecord {
    fn was_delivered_to(&self, session: &str) -> bool {
        self.delivered.iter().any(|delivered| delivered.session.as_deref() == Some(session))
    }

    /// Notes that the finding was delivered.
    pub(super) fn deliver(&mut self, channel: &str, session: Option<&str>, now: i64) {
        let channel: String = channel.chars().take(CHANNEL_BYTES_MAX).collect();
        self.delivered.push(Delivered { at_unix_nanos: now, channel, session: session.map(str::to_owned) });
        let beyond = self.delivered.len().saturating_sub(DELIVERIES_MAX);
        self.delivered.drain(..beyond);
    }

    fn news(&self) -> NewFinding {
        NewFinding {
            fingerprint: self.finding.fingerprint,
            code: self.finding.code,
            state: self.state(),
            numbers: self.finding.numbers.clone(),
            saving_nanos: self.finding.saving_nanos,
            executions: self.finding.executions,
            file: self.file.clone(),
            line: self.finding.location.as_ref().and_then(|location| location.line),
            trace_id: self.traces().next(),
        }
    }
}

impl Ledger {
    /// Returns the findings that a session has not received and may, and how many there are beyond.
    fn new_for(&self, audience: &Audience) -> (Vec<NewFinding>, u64) {
        let given = self.all().filter(|record| audience.has(record)).count();
        let mut fresh: Vec<&FindingRecord> = self.all().filter(|record| audience.concerns(record)).collect();
        // Nanoseconds in a day: rounding to whole ones loses nothing.
        fresh.sort_by_cached_key(|record| {
            let worth = record.worth().min(i64::MAX as f64) as i64;
            (record.finding.follows_from.is_some(), Reverse(worth), record.finding.fingerprint)
        });
        let room = SESSION_FINDINGS_MAX.saturating_sub(given);
        let left_out = fresh.len().saturating_sub(room) as u64;
        fresh.truncate(room);
        (fresh.into_iter().map(FindingRecord::news).collect(), left_out)
    }
}

impl Findings {
    /// Has the observer evaluate what has arrived, and waits for it, at most `wait`.
    pub(crate) async fn evaluate_waiting(&self, wait: Duration) {
        if !wait.is_zero() && self.waiting.load(Ordering::Relaxed) > 0 {
            self.evaluate_now(Vec::new(), wait).await;
        }
    }

    /// Returns the new findings for a session, and how many there are beyond.
    pub(crate) fn new_for(&self, audience: &Audience) -> (Vec<NewFinding>, u64) {
        self.ledger().new_for(audience)
    }

    /// Records that a session has received findings of a project, or of none.
    pub(crate) fn record_delivered(
        self: &Arc<Self>,
        channel: &str,
        session: &str,
        project: Option<&str>,
        fingerprints: &[Fingerprint],
        now: i64,
    ) {
        let is_meant = |record: &&FindingRecord| {
            record.project.as_deref() == project && fingerprints.contains(&record.finding.fingerprint)
        };
        let written: Vec<String> = {
            let mut ledger = self.ledger();
            let written: Vec<String> = ledger.all().filter(is_meant).map(FindingRecord::id).collect();
            for id in &written {
                ledger.deliver(id, channel, Some(session), now);
            }
            written
        };
        if !written.is_empty() {
            // The hook does not wait for the disk; what is not written is known until the engine ends.
            let findings = Arc::clone(self);
            tokio::spawn(async move {
                if let Err(problem) = findings.commit(written, []).await {
                    tracing::warn!(%problem, "failed to record that findings were delivered");
                }
            });
        }
    }
}
