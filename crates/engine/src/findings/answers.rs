//! The questions about findings.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::Ordering;
use std::time::Duration;

use kino_model::{Fingerprint, TraceId};
use kino_store::Forget as Forgetting;
use kino_wire::Problem;
use kino_wire::ask::Done;
use kino_wire::ask::{Target, TargetKind};
use kino_wire::finding::Location;
use kino_wire::insights::{
    AcknowledgeFinding, Acknowledged, Changes, DEFAULT_LIMIT, FindingChange, FindingState, FindingsChanged, Insights,
    InsightsLeftOut, InsightsQuestion, InsightsReceived, MAX_LIMIT, MAX_WAIT_MILLIS,
};
use kino_wire::resolve::PREFIX_DIGITS_MIN;

use super::Findings;
use super::record::FindingRecord;
use crate::limit::limit;
use crate::resolve::{self, MATCHES_MAX, Prefix};
use crate::scope;

/// How long a run that ends waits for the evaluation of its traces.
const RUN_WAIT: Duration = Duration::from_secs(3);
/// The states that are shown unless a question names others: those to act on.
const DEFAULT_STATES: [FindingState; 2] = [FindingState::Open, FindingState::Recurring];

impl Findings {
    pub(crate) async fn insights(&self, question: InsightsQuestion) -> Result<Insights, Problem> {
        let limit = limit(question.limit, DEFAULT_LIMIT, MAX_LIMIT)?;
        let wait = wait(question.wait_millis)?;
        if !wait.is_zero() {
            self.evaluate_now(Vec::new(), wait).await;
        }
        let project = scope::project(&question.scope);
        let project = project.as_deref();
        let client = match &question.only_new_for {
            Some(client) => Some(self.client_record(client, project).await?),
            None => None,
        };
        let named = question.fingerprint.as_ref().map(|text| self.finding_ids(text, project)).transpose()?;
        let ledger = self.ledger();
        let mut left_out = InsightsLeftOut {
            waiting_traces: self.waiting.load(Ordering::Relaxed),
            unseen_traces: self.metrics.traces_dropped.load(Ordering::Relaxed),
            not_stored: ledger.rejected,
            ..InsightsLeftOut::default()
        };
        let wanted = |state| match question.states.as_slice() {
            [] if named.is_some() => true,
            [] => DEFAULT_STATES.contains(&state),
            states => states.contains(&state),
        };
        let mut found: Vec<&FindingRecord> = Vec::new();
        for record in ledger.all().filter(|record| record.is_in(project)) {
            let is_named = named.as_ref().is_none_or(|ids| ids.contains(&record.id()));
            let in_files = question.files.is_empty() || is_in(record, &question.files);
            let in_time = question.since_unix_nanos.is_none_or(|since| record.life.changed >= since);
            if !(is_named && in_files && in_time) {
                continue;
            }
            let state = record.state();
            if !wanted(state) {
                *left_out.other_states.entry(state.name().to_owned()).or_default() += 1;
                continue;
            }
            if let Some(client) = &client {
                // That a finding is fixed is news only to a client that received it.
                let is_no_news = !state.is_present() && !client.has_received(&record.id());
                if is_no_news || client.has_received_change(&record.id(), record.sequence) {
                    left_out.received_before += u64::from(!is_no_news);
                    continue;
                }
            }
            found.push(record);
        }
        let worths: HashMap<String, f64> = found.iter().map(|record| (record.id(), record.worth())).collect();
        // A finding that follows from another comes after it, whatever it would save by itself.
        let worth = |record: &FindingRecord| {
            let reason = record.follows_from_id().and_then(|reason| worths.get(&reason));
            reason.map_or_else(|| record.worth(), |reason| record.worth().min(*reason))
        };
        found.sort_by_cached_key(|record| {
            let follows = record.finding.follows_from.is_some();
            // Nanoseconds in a day: rounding to whole ones loses nothing.
            let rank = (Reverse(record.state().is_present()), Reverse(worth(record).min(i64::MAX as f64) as i64));
            (rank, follows, Reverse(record.sequence), record.finding.fingerprint)
        });
        // Of one cause the first; it names the others.
        let mut causes = BTreeSet::new();
        found.retain(|record| record.cause().is_none_or(|cause| causes.insert(cause)));
        left_out.findings = found.len().saturating_sub(limit) as u64;
        found.truncate(limit);
        let items = found.into_iter().map(|record| ledger.insight(record)).collect();
        let evaluations = ledger
            .evaluations()
            .filter(|(key, _)| project.is_none() || key.project.is_none() || key.project.as_deref() == project);
        let (mut operations, mut executions, mut spans) = (0, 0, 0);
        for (_, stats) in evaluations {
            operations += 1;
            executions += stats.executions;
            spans += stats.spans;
        }
        let schema = Insights::SCHEMA.to_owned();
        Ok(Insights { schema, items, executions, spans, operations, sequence: ledger.sequence(), left_out })
    }

    pub(crate) async fn acknowledge(&self, question: AcknowledgeFinding) -> Result<Acknowledged, Problem> {
        let project = scope::project(&question.scope);
        let ids = self.finding_ids(&question.fingerprint, project.as_deref())?;
        let now = self.clock.now().0;
        let changed = self.ledger().acknowledge(&ids, question.undo, now);
        let nothing = changed.is_empty();
        self.commit(changed, []).await?;
        let ledger = self.ledger();
        let record = ids.iter().find_map(|id| ledger.get(id));
        let record = record.ok_or_else(|| Problem::not_found("the finding was removed meanwhile", Vec::new()))?;
        let state = record.state();
        let as_wished = (state == FindingState::Acknowledged) != question.undo && state.is_present();
        if nothing && !as_wished {
            let message =
                format!("the finding {} is {state}: only a present one can be acknowledged", question.fingerprint);
            return Err(Problem::invalid(message));
        }
        let insight = ledger.insight(record);
        Ok(Acknowledged { schema: Acknowledged::SCHEMA.to_owned(), insight })
    }

    pub(crate) async fn insights_received(&self, question: InsightsReceived) -> Result<Done, Problem> {
        if question.fingerprints.len() > MAX_LIMIT {
            return Err(Problem::invalid(format!("at most {MAX_LIMIT} findings can be recorded as received at once")));
        }
        let project = scope::project(&question.scope);
        let count = self.record_received(&question.client, project.as_deref(), &question.fingerprints).await?;
        Ok(Done { count })
    }

    pub(crate) async fn changes(&self, question: FindingsChanged) -> Result<Changes, Problem> {
        let wait = wait(question.wait_millis)?;
        let project = scope::project(&question.scope);
        let mut changed = self.changed.subscribe();
        let answer = |after: u64| {
            let ledger = self.ledger();
            let (items, removed) = ledger.changes(after, project.as_deref());
            Changes { schema: Changes::SCHEMA.to_owned(), sequence: ledger.sequence(), items, removed }
        };
        let Some(after) = question.after else {
            return Ok(Changes { items: Vec::new(), removed: false, ..answer(u64::MAX) });
        };
        let waiting = async {
            loop {
                // Before the answer is made, so that a change in between wakes the next iteration.
                changed.borrow_and_update();
                let now = answer(after);
                if !now.items.is_empty() || now.removed {
                    return now;
                }
                if changed.changed().await.is_err() {
                    return now;
                }
            }
        };
        let mut stopping = self.stopping.clone();
        tokio::select! {
            now = waiting => Ok(now),
            () = tokio::time::sleep(wait) => Ok(answer(after)),
            stopped = stopping.wait_for(|stop| *stop) => {
                drop(stopped);
                Ok(answer(after))
            }
        }
    }

    /// Returns the changes of findings of exactly this project since then, once all that has arrived is evaluated. Of the
    /// traces `settled` no more rows are expected.
    pub(crate) async fn changes_since(
        &self,
        since: i64,
        project: Option<&str>,
        settled: Vec<TraceId>,
    ) -> Vec<FindingChange> {
        self.evaluate_now(settled, RUN_WAIT).await;
        self.ledger().changes_since(since, project)
    }

    /// Returns the ids of the finding that a fingerprint, or a unique prefix of it, names: one for each of its projects.
    fn finding_ids(&self, fingerprint: &str, project: Option<&str>) -> Result<Vec<String>, Problem> {
        let ledger = self.ledger();
        let in_scope = || ledger.all().filter(|record| record.is_in(project));
        let mut names: Vec<String> = in_scope().map(|record| record.finding.fingerprint.to_string()).collect();
        names.sort_unstable();
        names.dedup();
        if fingerprint.is_empty() {
            return Err(Problem::invalid("a fingerprint is empty"));
        }
        let prefix = Prefix::of(fingerprint, Fingerprint::LEN);
        let fitting: Vec<&String> =
            names.iter().filter(|name| prefix.as_ref().is_some_and(|prefix| prefix.begins(name))).collect();
        match fitting.as_slice() {
            [one] => Ok(in_scope()
                .filter(|record| record.finding.fingerprint.to_string() == **one)
                .map(FindingRecord::id)
                .collect()),
            [] => {
                let message = format!(
                    "no finding has the fingerprint {:?}, or one that begins so with at least {PREFIX_DIGITS_MIN} digits",
                    resolve::repeated(fingerprint)
                );
                Err(Problem::not_found(message, Vec::new()))
            }
            _ => {
                drop(ledger);
                let found = prefix.map(|prefix| self.beginning(&prefix, project)).unwrap_or_default();
                Err(resolve::several(fingerprint, found))
            }
        }
    }

    /// Returns the findings whose fingerprint begins so, each once, by fingerprint; at most [`MATCHES_MAX`].
    pub(crate) fn beginning(&self, prefix: &Prefix, project: Option<&str>) -> Vec<Target> {
        let ledger = self.ledger();
        let mut found: BTreeMap<String, Target> = BTreeMap::new();
        for record in ledger.all().filter(|record| record.is_in(project)) {
            let id = record.finding.fingerprint.to_string();
            if prefix.begins(&id) {
                let name = format!("{} {}", record.finding.code.name(), record.finding.subject.name);
                let time_unix_nanos = record.evidence_starts.iter().max().copied().filter(|start| *start < i64::MAX);
                found.entry(id.clone()).or_insert(Target { kind: TargetKind::Finding, id, name, time_unix_nanos });
            }
        }
        found.into_values().take(MATCHES_MAX).collect()
    }

    /// Removes findings whose evidence was forgotten: they contain recorded text from it.
    pub(crate) async fn forget(&self, forgotten: &Forgetting) -> Result<(), Problem> {
        let removed = {
            let mut ledger = self.ledger();
            match forgotten {
                Forgetting::Everything => {
                    ledger.forget_evaluations();
                    ledger.remove(|_| true)
                }
                Forgetting::Before(time) => {
                    ledger.remove(|record| record.evidence_starts.iter().any(|at| *at < time.0))
                }
                Forgetting::Traces(ids) => {
                    let ids: std::collections::BTreeSet<_> = ids.iter().collect();
                    ledger.remove(|record| record.traces().any(|id| ids.contains(&id)))
                }
            }
        };
        self.forgotten.store(true, Ordering::Release);
        if *forgotten == Forgetting::Everything {
            // All records, so that those go too that cannot be read.
            let records = self.records.newest_json(usize::MAX).await?;
            self.forget_clients().await?;
            return self.commit([], records.into_iter().map(|(id, _)| id)).await;
        }
        self.commit([], removed).await
    }
}

fn wait(millis: u64) -> Result<Duration, Problem> {
    if millis > MAX_WAIT_MILLIS {
        return Err(Problem::invalid(format!("at most {MAX_WAIT_MILLIS} ms can be waited at once, not {millis}")));
    }
    Ok(Duration::from_millis(millis))
}

/// Returns whether a finding is located in one of the files.
fn is_in(record: &FindingRecord, files: &[String]) -> bool {
    let recorded = record.finding.location.as_ref().map(|Location { path, .. }| path.as_str());
    recorded.into_iter().chain(record.file.as_deref()).any(|path| files.iter().any(|file| same_file(path, file)))
}

/// Returns whether one path ends with the other, in whole components.
fn same_file(recorded: &str, asked: &str) -> bool {
    let ends_with =
        |long: &str, short: &str| long == short || long.ends_with(&format!("/{}", short.trim_start_matches('/')));
    let (recorded, asked) = (recorded.trim_start_matches("./"), asked.trim_start_matches("./"));
    !asked.is_empty() && !recorded.is_empty() && (ends_with(recorded, asked) || ends_with(asked, recorded))
}

#[cfg(test)]
mod tests {
    use super::same_file;

    #[test]
    fn files_match_in_whole_components() {
        assert!(same_file("/srv/app/models.py", "app/models.py"));
        assert!(same_file("models.py", "/home/me/app/models.py"));
        assert!(same_file("./a.py", "a.py"));
        assert!(!same_file("/srv/app/old_models.py", "models.py"));
        assert!(!same_file("", "models.py"));
    }
}
