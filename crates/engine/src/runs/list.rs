//! `runs`: the recorded runs, newest first, page by page. Reads their records alone, no spans.

use kino_model::RunId;
use kino_wire::Problem;
use kino_wire::run::{DEFAULT_RUNS, MAX_RUNS, RunItem, Runs, RunsQuestion};

use super::RunRecord;
use super::records::RUNS_MAX;
use crate::error::OrProblem;
use crate::limit::limit;
use crate::offload::offload;
use crate::{Engine, scope};

impl Engine {
    pub(crate) async fn runs(&self, question: RunsQuestion) -> Result<Runs, Problem> {
        let limit = limit(question.limit, DEFAULT_RUNS, MAX_RUNS)?;
        let project = scope::project(&question.scope);
        let after = question.cursor.as_deref().map(RunCursor::parse).transpose()?;
        let mut runs = self.inner.runs.all().await?;
        let older_not_read = runs.len() >= RUNS_MAX;
        runs.retain(|run| {
            let start = run.start_unix_nanos;
            (question.label.is_none() || question.label == run.label)
                && (question.call.is_none() || question.call == run.call)
                && run.is_of(project.as_deref())
                && (!question.failed || run.has_ended() && run.failed())
                && question.since_unix_nanos.is_none_or(|since| start >= since)
                && question.until_unix_nanos.is_none_or(|until| start < until)
                && after.is_none_or(|after| RunCursor::of(run) > after)
        });
        runs.sort_unstable_by_key(RunCursor::of);
        let left_out = runs.len().saturating_sub(limit) as u64;
        runs.truncate(limit);
        let cursor = runs.last().filter(|_| left_out > 0).map(|run| RunCursor::of(run).cursor());
        let items = offload(move || runs.into_iter().map(item).collect()).await.or_problem()?;
        Ok(Runs { schema: Runs::SCHEMA.to_owned(), items, left_out, cursor, older_not_read })
    }
}

/// Where a run is in the list: the newest first; of two that started together, by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct RunCursor(std::cmp::Reverse<i64>, RunId);

impl RunCursor {
    fn of(run: &RunRecord) -> Self {
        Self(std::cmp::Reverse(run.start_unix_nanos), run.run_id)
    }

    fn cursor(self) -> String {
        format!("{}:{}", self.0.0, self.1)
    }

    fn parse(cursor: &str) -> Result<Self, Problem> {
        let parsed = cursor.split_once(':').and_then(|(start, id)| Some((start.parse().ok()?, id.parse().ok()?)));
        let (start, id) =
            parsed.ok_or_else(|| Problem::invalid("failed to read the cursor: take it from an earlier answer"))?;
        Ok(Self(std::cmp::Reverse(start), id))
    }
}

fn item(record: RunRecord) -> RunItem {
    RunItem {
        duration_nanos: record.end_unix_nanos.map(|end| end.saturating_sub(record.start_unix_nanos)),
        lost: record.is_lost(),
        run_id: record.run_id,
        trace_id: record.trace_id,
        label: record.label,
        call: record.call,
        command: record.command,
        start_unix_nanos: record.start_unix_nanos,
        exit_code: record.exit_code,
        signal: record.signal,
        code_state: record.code.code_state,
        branch: record.code.branch,
        worktree: record.code.worktree,
        verification: record.verification,
        cpu_nanos: record.cpu_nanos,
        others_cpu: record.others_cpu,
        sent: record.sent,
    }
}
