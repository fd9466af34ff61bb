//! `errors`: exceptions grouped by fingerprint, those that runs only printed among them.

mod printed;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kino_analyze::errors as analyze;
use kino_analyze::finding::Evidence as Place;
use kino_model::{Fingerprint, UnixNanos};
use kino_store::snapshot::{EventFilter, ExceptionRow, Snapshot};
use kino_wire::Problem;
use kino_wire::errors::{DayCount, ErrorGroup, Errors, ErrorsQuestion};

pub(crate) use self::printed::InOutputs;
use crate::error::OrProblem;
use crate::limit::limit;
use crate::offload::offload;
use crate::resolve::{Prefix, repeated};
use crate::runs::RunRecord;
use crate::temporary_worktrees::{is_temporary, path_in_project};
use crate::{Engine, scope, to_wire};

/// Groups of an answer when nothing is said.
const DEFAULT_GROUPS: usize = 20;
/// The most groups of an answer.
const GROUPS_MAX: usize = 1_000;
/// Recorded exceptions that are looked at, the newest. Stacks are a few kilobytes each.
const EXCEPTIONS_MAX: usize = 20_000;

/// Recorded exceptions in groups.
pub(crate) struct GroupsFound {
    /// The newest first.
    pub(crate) groups: Vec<analyze::ErrorGroup>,
    /// Whether there are older exceptions that were not looked at.
    pub(crate) is_cut: bool,
    /// Exceptions in worktrees that were made for a verification.
    pub(crate) left_out_temporary: u64,
}

impl Engine {
    pub(crate) async fn errors(&self, question: ErrorsQuestion) -> Result<Errors, Problem> {
        let limit = limit(question.limit, DEFAULT_GROUPS, GROUPS_MAX)?;
        let run_id = match &question.run_id {
            Some(run_id) => Some(self.inner.runs.id_of(run_id).await?),
            None => None,
        };
        let filter = EventFilter {
            service: question.service,
            since: question.since_unix_nanos.map(UnixNanos),
            until: question.until_unix_nanos.map(UnixNanos),
            project: if run_id.is_some() { None } else { scope::project(&question.scope) },
            run_ids: run_id.map(|run_id| vec![run_id]),
        };
        let snapshot = self.snapshot();
        let in_outputs = self.in_outputs(&snapshot, &filter).await?;
        let (outputs, outputs_left_out) = (in_outputs.outputs(), in_outputs.runs_left_out);
        let are_outputs_cut = in_outputs.is_cut;
        let mut found = self.error_groups(&snapshot, &filter, in_outputs).await?;
        let mut unknown_service = None;
        if found.groups.is_empty() {
            self.check_run(filter.run_ids.as_deref()).await?;
            unknown_service = self.unknown_service(filter.service.as_deref(), filter.project.as_deref()).await?;
        }
        if let Some(fingerprint) = &question.fingerprint {
            self.only_of(fingerprint, &mut found.groups)?;
        }
        let more = found.groups.len() > limit || found.is_cut;
        found.groups.truncate(limit);
        Ok(Errors {
            schema: Errors::SCHEMA.to_owned(),
            items: found
                .groups
                .into_iter()
                .map(|group| {
                    let printed = printed::printed_answer(&group, &outputs);
                    ErrorGroup { printed, ..group_answer(group) }
                })
                .collect(),
            more,
            counts_are_complete: !found.is_cut && !are_outputs_cut,
            left_out_temporary: found.left_out_temporary,
            outputs_left_out,
            unknown_service,
        })
    }

    /// Leaves out all groups but the one whose fingerprint begins so.
    fn only_of(&self, fingerprint: &str, groups: &mut Vec<analyze::ErrorGroup>) -> Result<(), Problem> {
        let shown = repeated(fingerprint);
        let Some(prefix) = Prefix::of(fingerprint, Fingerprint::LEN) else {
            let digits = 2 * Fingerprint::LEN;
            let message =
                format!("{shown:?} is not a fingerprint: it has {digits} hexadecimal digits, and four will do");
            return Err(Problem::invalid(message));
        };
        groups.retain(|group| prefix.begins(&group.fingerprint.to_string()));
        match groups.as_slice() {
            [_] => Ok(()),
            [] if !self.inner.findings.beginning(&prefix, None).is_empty() => {
                let message = format!("{shown:?} is the fingerprint of a finding, not of errors: open it");
                Err(Problem::not_found(message, Vec::new()))
            }
            [] => Err(Problem::not_found(format!("no errors here have the fingerprint {shown:?}"), Vec::new())),
            several => {
                let several = several.iter().map(|group| group.fingerprint.to_string()).collect();
                Err(Problem::not_found(format!("{shown:?} begins several fingerprints: give more digits"), several))
            }
        }
    }

    /// The exceptions that pass and those that runs printed, grouped. Those of worktrees that were made for a verification
    /// are left out, unless runs are named.
    pub(crate) async fn error_groups(
        &self,
        snapshot: &Snapshot,
        filter: &EventFilter,
        in_outputs: InOutputs,
    ) -> Result<GroupsFound, Problem> {
        let is_of_run = filter.run_ids.is_some();
        let scratch = self.scratch();
        let found = snapshot.exceptions(filter, EXCEPTIONS_MAX).await;
        let (mut rows, is_cut) = found.or_problem()?;
        self.add_worktrees(&mut rows).await?;
        let temporary = scratch.clone();
        let look = move || {
            let all = rows.len();
            if !is_of_run {
                rows.retain(|row| !row.worktree.as_deref().is_some_and(|it| is_temporary(it, &temporary)));
            }
            let left_out = (all - rows.len()) as u64;
            let alike = analyze::recorded_alike(&exceptions(&rows));
            (rows, alike, left_out)
        };
        let (rows, alike, left_out_temporary) = offload(look).await.or_problem()?;
        let parents = snapshot.ancestors(&alike).await.or_problem()?;
        let group = move || {
            let recorded = analyze::occurrences(exceptions(&rows), &parents);
            let mut groups = analyze::group(recorded.into_iter().chain(in_outputs.exceptions()));
            let mut worktrees = in_outputs.worktrees();
            worktrees.extend(rows.iter().filter_map(|row| Some((row.worktree.as_deref()?, row.project.as_deref()?))));
            show_paths_in_project(&mut groups, &worktrees, &scratch);
            let left_out_temporary = left_out_temporary + in_outputs.left_out_temporary;
            GroupsFound { groups, is_cut, left_out_temporary }
        };
        offload(group).await.or_problem()
    }

    /// Says where exceptions of recorded runs ran: a span's event does not name the worktree.
    async fn add_worktrees(&self, rows: &mut [ExceptionRow]) -> Result<(), Problem> {
        let without = rows.iter().filter(|row| row.worktree.is_none());
        let ids: BTreeSet<&str> = without.filter_map(|row| row.run_id.as_deref()).collect();
        let worktree = |record: RunRecord| Some((record.run_id.to_string(), record.code.worktree?));
        let worktrees: BTreeMap<String, String> =
            self.inner.runs.of(ids.into_iter()).await?.into_iter().filter_map(worktree).collect();
        for row in rows.iter_mut().filter(|row| row.worktree.is_none()) {
            row.worktree = row.run_id.as_ref().and_then(|run_id| worktrees.get(run_id)).cloned();
        }
        Ok(())
    }
}

/// Replaces paths in temporary worktrees, which are gone, by those of the same files in the project.
fn show_paths_in_project(groups: &mut [analyze::ErrorGroup], worktrees: &BTreeSet<(&str, &str)>, scratch: &Path) {
    let worktrees: Vec<_> = worktrees.iter().filter(|(worktree, _)| is_temporary(worktree, scratch)).collect();
    for frame in groups.iter_mut().flat_map(|group| &mut group.frames) {
        let in_project = |(worktree, project): &(&str, &str)| path_in_project(&frame.path, worktree, project, scratch);
        if let Some(path) = worktrees.iter().copied().find_map(in_project) {
            frame.path = path;
        }
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
        // Without a recorded worktree, assume the main one, which contains the common git directory.
        root: row.worktree.as_deref().or_else(|| row.project.as_deref()?.strip_suffix("/.git")),
        printed_by: None,
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
        printed: None,
    }
}
