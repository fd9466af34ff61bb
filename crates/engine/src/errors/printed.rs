//! Errors in the output of runs, of programs that record none: a run's standard error, or what it wrote to its terminal.
//!
//! ```text
//!  newest runs ─► end of each output ─► errors ─► those that no span and no log of their run recorded
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kino_analyze::errors::{self as analyze, Exception, Printed};
use kino_analyze::finding::Evidence;
use kino_model::{BlobHash, RunId, UnixNanos};
use kino_store::snapshot::{EventFilter, ExceptionRow, Snapshot};
use kino_text::layout;
use kino_wire::Problem;
use kino_wire::errors::{PrintedErrors, PrintedIn, PrintedStream};

use super::{EXCEPTIONS_MAX, exceptions};
use crate::Engine;
use crate::error::{EngineError, OrProblem};
use crate::offload::offload;
use crate::runs::RunRecord;
use crate::temporary_worktrees::is_temporary;

/// Runs whose output is searched, the newest.
const RUNS_MAX: usize = 200;
/// Bytes of output that one question reads, but for the last output.
const OUTPUT_BYTES_MAX: usize = 32 << 20;
/// Bytes of one output that are searched: what ends a program is at the end.
const TAIL_BYTES_MAX: usize = 1 << 20;

/// What runs printed and did not record.
#[derive(Debug, Default)]
pub(crate) struct InOutputs {
    runs: Vec<OfRun>,
    outputs: BTreeMap<RunId, (BlobHash, PrintedStream)>,
    /// Whether an output is longer, or holds more, than was searched.
    pub(super) is_cut: bool,
    /// Errors in worktrees that were made for a verification.
    pub(super) left_out_temporary: u64,
    /// Runs whose output was not searched.
    pub(super) runs_left_out: u64,
}

/// What one run printed.
#[derive(Debug)]
struct OfRun {
    run_id: RunId,
    /// Its end: when a line was printed is not known.
    end: UnixNanos,
    worktree: Option<String>,
    project: Option<String>,
    errors: Vec<Printed>,
}

impl Engine {
    /// Returns what runs printed and did not record. An error that was printed belongs to no service.
    pub(super) async fn in_outputs(&self, snapshot: &Snapshot, filter: &EventFilter) -> Result<InOutputs, Problem> {
        let mut found = InOutputs::default();
        if filter.service.is_some() {
            return Ok(found);
        }
        let mut runs = self.inner.runs.all().await?;
        runs.retain(|run| passes(run, filter));
        let mut bytes_read = 0;
        for (number, run) in runs.iter().enumerate() {
            if number >= RUNS_MAX || bytes_read >= OUTPUT_BYTES_MAX {
                found.runs_left_out = (runs.len() - number) as u64;
                break;
            }
            bytes_read += self.search_run(run, &mut found).await?;
        }
        self.leave_out_recorded(snapshot, &mut found).await?;
        if filter.run_ids.is_none() {
            found.leave_out_temporary(&self.scratch());
        }
        Ok(found)
    }

    /// Searches a run's output for errors; returns how many bytes were read.
    async fn search_run(&self, run: &RunRecord, found: &mut InOutputs) -> Result<usize, Problem> {
        let (blob, stream) = match (run.stderr_blob, run.stdout_blob) {
            (Some(blob), _) => (blob, PrintedStream::Stderr),
            (None, Some(blob)) => (blob, PrintedStream::Terminal),
            (None, None) => return Ok(0),
        };
        // One that was forgotten has nothing to say.
        let bytes = match self.inner.store.blob(blob).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(0),
            Err(error) if error.is_damage() => {
                found.runs_left_out += 1;
                return Ok(0);
            }
            Err(error) => return Err(EngineError::from(error).into()),
        };
        let length = bytes.len();
        let (errors, is_cut) = offload(move || errors_in(&bytes, stream)).await.or_problem()?;
        found.is_cut |= is_cut;
        if let (false, Some(end)) = (errors.is_empty(), run.end_unix_nanos) {
            let (worktree, project) = (run.code.worktree.clone(), run.code.project.clone());
            found.outputs.insert(run.run_id, (blob, stream));
            found.runs.push(OfRun { run_id: run.run_id, end: UnixNanos(end), worktree, project, errors });
        }
        Ok(length)
    }

    /// Leaves out what a span or a log of the same run recorded.
    async fn leave_out_recorded(&self, snapshot: &Snapshot, found: &mut InOutputs) -> Result<(), Problem> {
        let run_ids: Vec<String> = found.runs.iter().map(|run| run.run_id.to_string()).collect();
        if run_ids.is_empty() {
            return Ok(());
        }
        let filter = EventFilter { run_ids: Some(run_ids), ..EventFilter::default() };
        let (rows, _) = snapshot.exceptions(&filter, EXCEPTIONS_MAX).await.or_problem()?;
        let mut runs = std::mem::take(&mut found.runs);
        let compare = move || {
            leave_out(&mut runs, &rows);
            runs
        };
        found.runs = offload(compare).await.or_problem()?;
        Ok(())
    }
}

fn passes(run: &RunRecord, filter: &EventFilter) -> bool {
    let within =
        |end: i64| filter.since.is_none_or(|since| end >= since.0) && filter.until.is_none_or(|until| end < until.0);
    let is_named = filter.run_ids.as_ref().is_none_or(|ids| ids.contains(&run.run_id.to_string()));
    is_named && run.is_of(filter.project.as_deref()) && run.end_unix_nanos.is_some_and(within)
}

/// The errors in an output, and whether there may be more than these.
fn errors_in(bytes: &[u8], stream: PrintedStream) -> (Vec<Printed>, bool) {
    let tail = &bytes[bytes.len().saturating_sub(TAIL_BYTES_MAX)..];
    let text = String::from_utf8_lossy(tail);
    // The line ends of a terminal distinguish it from a standard output that was captured alone, which is a program's
    // answer and no report of its errors.
    if stream == PrintedStream::Terminal && !text.contains("\r\n") {
        return (Vec::new(), false);
    }
    let (errors, further) = analyze::printed(&layout::without_sequences(&text).0);
    (errors, further > 0 || tail.len() < bytes.len())
}

fn leave_out(runs: &mut Vec<OfRun>, rows: &[ExceptionRow]) {
    let mut recorded: BTreeMap<&str, Vec<Exception<'_>>> = BTreeMap::new();
    for (row, exception) in rows.iter().zip(exceptions(rows)) {
        recorded.entry(row.run_id.as_deref().unwrap_or_default()).or_default().push(exception);
    }
    for run in &mut *runs {
        let Some(known) = recorded.get(run.run_id.to_string().as_str()) else { continue };
        run.errors.retain(|printed| !known.iter().any(|exception| printed.is_recorded_as(exception)));
    }
    runs.retain(|run| !run.errors.is_empty());
}

impl InOutputs {
    fn leave_out_temporary(&mut self, scratch: &Path) {
        let is_temporary =
            |run: &OfRun| run.worktree.as_deref().is_some_and(|worktree| is_temporary(worktree, scratch));
        let left_out = self.runs.extract_if(.., |run| is_temporary(run));
        self.left_out_temporary = left_out.map(|run| run.errors.len() as u64).sum();
    }

    /// Each error, at the end of its run.
    pub(super) fn exceptions(&self) -> impl Iterator<Item = Exception<'_>> {
        self.runs.iter().flat_map(|run| {
            run.errors.iter().map(|printed| Exception {
                exception_type: &printed.exception_type,
                message: &printed.message,
                stacktrace: &printed.stacktrace,
                time: run.end,
                evidence: Evidence { trace_id: kino_model::TraceId::default(), span_id: None },
                in_log: false,
                root: run.worktree.as_deref().or_else(|| run.project.as_deref()?.strip_suffix("/.git")),
                printed_by: Some(run.run_id),
            })
        })
    }

    /// (worktree, project) of the runs.
    pub(super) fn worktrees(&self) -> BTreeSet<(&str, &str)> {
        self.runs.iter().filter_map(|run| Some((run.worktree.as_deref()?, run.project.as_deref()?))).collect()
    }

    /// Where each run's errors were read.
    pub(super) fn outputs(&self) -> BTreeMap<RunId, (BlobHash, PrintedStream)> {
        self.outputs.clone()
    }
}

/// Says of a group which outputs it was read in; `None` where none.
pub(super) fn printed_answer(
    group: &analyze::ErrorGroup,
    outputs: &BTreeMap<RunId, (BlobHash, PrintedStream)>,
) -> Option<PrintedErrors> {
    let output = |run_id: &RunId| {
        let (blob, stream) = *outputs.get(run_id)?;
        Some(PrintedIn { run_id: *run_id, blob, stream })
    };
    let outputs = group.printed_by.iter().filter_map(output).collect();
    (group.printed > 0).then_some(PrintedErrors { count: group.printed, outputs })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str =
        "Traceback (most recent call last):\n  File \"/srv/a.py\", line 3, in f\n    g()\nKeyError: 'x'\n";

    #[test]
    fn a_terminal_is_read_without_its_colours_and_a_standard_output_is_not() {
        let coloured = PRINTED.replace("KeyError", "\u{1b}[1;35mKeyError\u{1b}[0m").replace('\n', "\r\n");
        let (errors, is_cut) = errors_in(coloured.as_bytes(), PrintedStream::Terminal);
        assert_eq!((errors[0].exception_type.as_str(), errors[0].message.as_str(), is_cut), ("KeyError", "'x'", false));
        assert!(errors_in(PRINTED.as_bytes(), PrintedStream::Terminal).0.is_empty());
        assert_eq!(errors_in(PRINTED.as_bytes(), PrintedStream::Stderr).0, errors);
    }

    #[test]
    fn the_end_of_a_long_output_is_read_and_the_cut_is_said() {
        let long = format!("{PRINTED}{}{PRINTED}", "\u{fffd}\n".repeat(TAIL_BYTES_MAX));
        let (errors, is_cut) = errors_in(long.as_bytes(), PrintedStream::Stderr);
        assert_eq!((errors.len(), is_cut), (1, true));
    }
}
