//! `errors`: exceptions grouped by fingerprint.

use kino_analyze::errors as analyze;
use kino_analyze::finding::Evidence as Place;
use kino_model::UnixNanos;
use kino_store::snapshot::{EventFilter, ExceptionRow, Snapshot};
use kino_wire::Problem;
use kino_wire::errors::{DayCount, ErrorGroup, Errors, ErrorsQuestion};

use crate::find::{limit, problem};
use crate::ingest::blocking;
use crate::{Engine, scope, to_wire};

/// Groups of an answer when nothing is said.
const DEFAULT_GROUPS: usize = 20;
/// The most groups of an answer.
const GROUPS_MAX: usize = 1_000;
/// Recorded exceptions that are looked at, the newest. Stacks are a few kilobytes each.
const EXCEPTIONS_MAX: usize = 20_000;

impl Engine {
    pub(crate) async fn errors(&self, question: ErrorsQuestion) -> Result<Errors, Problem> {
        let limit = limit(question.limit, DEFAULT_GROUPS, GROUPS_MAX)?;
        let run_id = match &question.run_id {
            Some(run_id) => Some(self.run_id(run_id).await?),
            None => None,
        };
        let filter = EventFilter {
            service: question.service,
            since: question.since_unix_nanos.map(UnixNanos),
            until: question.until_unix_nanos.map(UnixNanos),
            project: if run_id.is_some() { None } else { scope::project(&question.scope) },
            run_ids: run_id.map(|run_id| vec![run_id]),
        };
        let (mut groups, more_rows) = self.error_groups(&self.snapshot(), &filter).await?;
        let more = groups.len() > limit || more_rows;
        groups.truncate(limit);
        Ok(Errors {
            schema: "kino.errors.v1".to_owned(),
            items: groups.into_iter().map(group_answer).collect(),
            more,
            counts_are_complete: !more_rows,
        })
    }

    /// The exceptions that pass, grouped, and whether there are older ones that were not looked at.
    pub(crate) async fn error_groups(
        &self,
        snapshot: &Snapshot,
        filter: &EventFilter,
    ) -> Result<(Vec<analyze::ErrorGroup>, bool), Problem> {
        let found = snapshot.exceptions(filter, EXCEPTIONS_MAX).await;
        let (rows, more_rows) = found.map_err(|error| problem(&error))?;
        let look = move || {
            let alike = analyze::recorded_alike(&exceptions(&rows));
            (rows, alike)
        };
        let (rows, alike) = blocking(look).await.map_err(|error| error.problem())?;
        let parents = snapshot.ancestors(&alike).await.map_err(|error| problem(&error))?;
        let group = move || analyze::group(analyze::occurrences(exceptions(&rows), &parents));
        Ok((blocking(group).await.map_err(|error| error.problem())?, more_rows))
    }
}

fn exceptions(rows: &[ExceptionRow]) -> Vec<analyze::Exception<'_>> {
    let found = rows.iter().map(|row| analyze::Exception {
        exception_type: row.exception_type.as_deref().unwrap_or_default(),
        message: row.message.as_deref().unwrap_or_default(),
        stacktrace: row.stacktrace.as_deref().unwrap_or_default(),
        time: row.time.0,
        evidence: Place { trace_id: row.trace_id.unwrap_or_default(), span_id: row.span_id },
        // A span's event has a place among the span's events, a log has none.
        in_log: row.ordinal.is_none(),
        // Without a worktree, the common git directory stands in the main one.
        root: row.worktree.as_deref().or_else(|| row.project.as_deref()?.strip_suffix("/.git")),
    });
    found.collect()
}

pub(crate) fn group_answer(group: analyze::ErrorGroup) -> ErrorGroup {
    ErrorGroup {
        exception_type: group.exception_type,
        message: group.message,
        fingerprint: group.fingerprint,
        count: group.count,
        first_seen_unix_nanos: group.first_seen.0,
        last_seen_unix_nanos: group.last_seen.0,
        per_day: group.per_day.into_iter().map(|(day, count)| DayCount { day, count }).collect(),
        frames: group.frames.into_iter().map(to_wire::frame).collect(),
        // A log outside any trace has nothing to open.
        examples: group.examples.iter().filter(|place| !place.trace_id.is_zero()).map(to_wire::evidence).collect(),
    }
}
