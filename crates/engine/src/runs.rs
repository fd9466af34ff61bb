//! Runs: recorded executions of a command. A run is a small document in the store's metadata and a span of its own.
//!
//! ```text
//!  run_start   ─► record, diff blob, the span without its end (revision 1)
//!  run_finish  ─► record, output blobs, the span with its end (revision 2) ─► summary of what has come
//! ```

mod history;
mod list;
mod recorder;
mod records;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kino_analyze::DetectorConfig;
use kino_analyze::detect::findings;
use kino_analyze::execution::{EntrySpans, executions, programs};
use kino_analyze::explain as analyze;
use kino_analyze::tree::trees;
use kino_model::{
    Batch, BlobHash, Resource, RunId, Scope, Span, SpanKind, Status, StatusCode, Text, UnixNanos, Value, names,
};
use kino_store::snapshot::TraceFilter;
use kino_wire::Problem;
use kino_wire::ask::Done;
use kino_wire::explain::LeftOut;
use kino_wire::run::{
    CodeState, Run, RunFinish, RunLines, RunOutput, RunQuestion, RunSent, RunStart, RunVerification, is_call_id,
};

use self::history::Location;
use self::recorder::Process;
pub(crate) use self::records::{RunRecord, RunRecords};
use crate::error::OrProblem;
use crate::load;
use crate::members::Members;
use crate::offload::offload;
use crate::{Engine, to_wire};

/// Traces of a run that are counted.
const TRACES_COUNTED_MAX: usize = 100_000;
/// Traces of a run that its summary rests on.
const TRACES_EXPLAINED_MAX: usize = 1_000;
/// The run's own service.
const SERVICE: &str = "kino";

impl Engine {
    pub(crate) async fn run_start(&self, start: RunStart) -> Result<Done, Problem> {
        if start.trace_id.is_zero() || start.span_id.is_zero() {
            let message = "a run's trace id and span id must not be zero";
            return Err(Problem::invalid(message));
        }
        if start.call.as_deref().is_some_and(|call| !is_call_id(call)) {
            return Err(Problem::invalid(
                "a call's id has 1 to 128 letters, digits and _-.:, the first a letter or digit",
            ));
        }
        let known = self.inner.runs.get(&start.run_id.to_string()).await?;
        if known.as_ref().is_some_and(|known| known.span_id != start.span_id) {
            return Err(Problem::invalid(format!("the run {} exists already", start.run_id)));
        }
        let diff_blob = match &start.diff {
            Some(diff) => self.keep(diff).await?,
            None => None,
        };
        let record = RunRecord {
            run_id: start.run_id,
            trace_id: start.trace_id,
            span_id: start.span_id,
            parent_span_id: start.parent_span_id,
            label: start.label.map(|label| self.inner.redaction.text(&label)),
            call: start.call,
            command: start.command.iter().map(|argument| self.inner.redaction.text(argument)).collect(),
            directory: start.directory,
            code: CodeState {
                branch: start.code.branch.map(|branch| self.inner.redaction.text(&branch)),
                ..start.code
            },
            start_unix_nanos: start.start_unix_nanos,
            recorder: start.recorder.as_ref().and_then(Process::of),
            end_unix_nanos: None,
            exit_code: None,
            signal: None,
            stdout_blob: None,
            stderr_blob: None,
            diff_blob,
            cut_bytes: start.diff.map_or(0, |diff| diff.cut_bytes),
            cpu_nanos: None,
            others_cpu: None,
            peak_memory_bytes: None,
            findings_changed: Vec::new(),
            verification: None,
            sent: None,
            lines: None,
        };
        self.inner.runs.put(&record).await?;
        if let Some(call) = &record.call {
            self.inner.calls.started(call, record.run_id, record.start_unix_nanos);
        }
        if record.label.is_some() {
            self.inner.findings.run_was_labelled().await;
        }
        self.emit(&record).await?;
        Ok(Done { count: 1 })
    }

    pub(crate) async fn run_finish(&self, finish: RunFinish) -> Result<Run, Problem> {
        let record = self.inner.runs.get(&finish.run_id.to_string()).await?;
        let mut record =
            record.ok_or_else(|| Problem::not_found(format!("there is no run {}", finish.run_id), Vec::new()))?;
        record.stdout_blob = self.keep(&finish.stdout).await?;
        record.stderr_blob = self.keep(&finish.stderr).await?;
        record.cut_bytes += finish.stdout.cut_bytes + finish.stderr.cut_bytes;
        record.end_unix_nanos = Some(finish.end_unix_nanos.max(record.start_unix_nanos));
        (record.exit_code, record.signal) = (finish.exit_code, finish.signal);
        record.cpu_nanos = finish.cpu_nanos;
        record.others_cpu = finish.others_cpu.filter(|share| (0.0..=1.0).contains(share));
        record.peak_memory_bytes = finish.peak_memory_bytes;
        record.lines = finish.lines.map(|lines| self.redacted_lines(lines));
        self.inner.runs.put(&record).await?;
        self.emit(&record).await?;
        let traces = self.of_run(record.run_id).await?.0.into_iter().map(|row| row.trace_id).collect();
        let project = record.code.project.as_deref();
        record.findings_changed = self.inner.findings.changes_since(record.start_unix_nanos, project, traces).await;
        if !record.findings_changed.is_empty() {
            self.inner.runs.put(&record).await?;
        }
        let id = record.run_id;
        let (run, locations, sent) = self.summary(record).await?;
        self.inner.runs.put_locations(id, &locations).await?;
        self.inner.runs.change(id, |record| record.sent = Some(sent)).await?;
        Ok(run)
    }

    /// Notes in the records of runs that a verification executed them.
    pub(crate) async fn note_verification(
        &self,
        verification: &RunVerification,
        runs: &[RunId],
    ) -> Result<(), Problem> {
        for run in runs {
            self.inner.runs.change(*run, |record| record.verification = Some(*verification)).await?;
        }
        Ok(())
    }

    pub(crate) async fn run(&self, question: RunQuestion) -> Result<Run, Problem> {
        let id = self.inner.runs.id_of(&question.run_id).await?;
        match self.inner.runs.get(&id).await? {
            Some(record) => Ok(self.summary(record).await?.0),
            None => Err(RunRecords::none_called(&question.run_id)),
        }
    }

    /// Lines with the paths of their files redacted, as everything is that is stored.
    fn redacted_lines(&self, mut lines: RunLines) -> RunLines {
        for file in &mut lines.files {
            file.path = self.inner.redaction.text(&file.path);
        }
        lines
    }

    /// Keeps a stream as a blob, redacted; an empty one is none.
    async fn keep(&self, output: &RunOutput) -> Result<Option<BlobHash>, Problem> {
        if output.base64.is_empty() {
            return Ok(None);
        }
        let redaction = self.inner.redaction.clone();
        let base64 = output.base64.clone();
        let bytes = offload(move || {
            let bytes = BASE64.decode(base64)?;
            Ok(redaction.bytes(&bytes).into_owned())
        });
        let bytes = bytes.await.or_problem()?;
        let bytes = bytes
            .map_err(|error: base64::DecodeError| Problem::invalid(format!("an output is not base64: {error}")))?;
        let limit = self.inner.config.limits.blob_bytes_max;
        if bytes.len() as u64 > limit {
            return Err(Problem::invalid(format!("an output has more than {limit} bytes; cut it, and say how much")));
        }
        Ok(Some(self.inner.store.put_blob(&bytes).await.or_problem()?))
    }

    /// Stores the run's own span, through the same way in as everybody's.
    async fn emit(&self, record: &RunRecord) -> Result<(), Problem> {
        let batch = Batch::from_rows(&[span(record)], &[]);
        self.inner.intake.append(self.inner.redaction.batch(batch)).await.or_problem()
    }

    /// The run's traces, newest first, and whether there are more.
    async fn of_run(&self, run_id: RunId) -> Result<(Vec<kino_store::TraceRow>, bool), Problem> {
        let filter = TraceFilter { run_ids: Some(vec![run_id.to_string()]), ..TraceFilter::default() };
        let found = self.snapshot().find(&filter, TRACES_COUNTED_MAX, None).await;
        let found = found.or_problem()?;
        Ok((found.rows, found.next.is_some()))
    }

    /// The record and what its spans say, where its operations lay, and how much it sent.
    async fn summary(&self, record: RunRecord) -> Result<(Run, Vec<Location>, RunSent), Problem> {
        let (rows, _) = self.of_run(record.run_id).await?;
        let looked_at = rows.iter().map(|row| row.trace_id).take(TRACES_EXPLAINED_MAX);
        let (traces, _) = load::traces(&self.snapshot(), looked_at).await?;
        let left_out_traces = (rows.len() - traces.len()) as u64;
        let counted = rows.len() as u64;
        let detectors = Arc::clone(&self.inner.detectors);
        let summarise = move || summarise(record, traces, counted, left_out_traces, &detectors);
        offload(summarise).await.or_problem()
    }
}

fn summarise(
    record: RunRecord,
    traces: Vec<Arc<kino_model::Trace>>,
    counted: u64,
    left_out_traces: u64,
    detectors: &DetectorConfig,
) -> (Run, Vec<Location>, RunSent) {
    let members = Members::Runs(BTreeSet::from([record.run_id.to_string()]));
    let own = record.span_id;
    let traces: Vec<_> = traces.into_iter().map(|trace| members.restrict(trace)).collect();
    let sent = || traces.iter().flat_map(|trace| &trace.spans).filter(|span| span.span_id != own);
    let only_own = traces.iter().filter(|trace| trace.spans.iter().all(|span| span.span_id == own)).count() as u64;
    let services: BTreeSet<&str> = sent().map(Span::service).filter(|service| !service.is_empty()).collect();
    let services = services.into_iter().map(str::to_owned).collect();
    let (spans, errors) = (sent().count() as u64, sent().filter(|span| span.is_error()).count() as u64);
    let trees = trees(&traces);
    let mut found = executions(&trees, EntrySpans::Outermost);
    let locations = history::locations(&found, record.run_id);
    found.retain(|execution| execution.span_id() != own);
    let mut explained = analyze::explain_operation_with(&found, detectors);
    explained.findings.splice(0..0, findings(&programs(&trees), &detectors.for_programs()));
    let mut left_out = LeftOut::default();
    let traces_sent = counted - only_own;
    let counts = RunSent {
        traces: traces_sent,
        executions: found.len() as u64,
        spans,
        errors,
        findings: explained.findings.len() as u64,
        left_out_traces,
    };
    let run = Run {
        schema: Run::SCHEMA.to_owned(),
        breakdown: to_wire::breakdown(explained.breakdown, true, &mut left_out),
        findings: to_wire::findings(explained.findings, &mut left_out),
        duration_nanos: record.end_unix_nanos.map(|end| end.saturating_sub(record.start_unix_nanos)),
        lost: record.is_lost(),
        run_id: record.run_id,
        trace_id: record.trace_id,
        label: record.label,
        call: record.call,
        command: record.command,
        code: record.code,
        start_unix_nanos: record.start_unix_nanos,
        cpu_nanos: record.cpu_nanos,
        others_cpu: record.others_cpu,
        peak_memory_bytes: record.peak_memory_bytes,
        exit_code: record.exit_code,
        signal: record.signal,
        stdout_blob: record.stdout_blob,
        stderr_blob: record.stderr_blob,
        diff_blob: record.diff_blob,
        cut_bytes: record.cut_bytes,
        spans,
        traces: traces_sent,
        left_out_traces,
        errors,
        services,
        findings_changed: record.findings_changed,
    };
    (run, locations, counts)
}

/// The run as a span: its name is the program's, its end is missing while it runs.
fn span(record: &RunRecord) -> Span {
    let program = record.command.first().map(String::as_str).unwrap_or_default();
    let name = Path::new(program).file_name().map_or(program.into(), |name| name.to_string_lossy());
    let text = |key: &str, value: &Option<String>| value.as_deref().map(|value| (Text::new(key), Value::from(value)));
    let hash = |key: &str, value: Option<BlobHash>| text(key, &value.map(|hash| hash.to_string()));
    let int = |key: &str, value: Option<i32>| value.map(|value| (Text::new(key), Value::Int(value.into())));
    let resource = [
        Some((names::SERVICE_NAME.into(), Value::from(SERVICE))),
        text(names::PROJECT, &record.code.project),
        text(names::WORKTREE, &record.code.worktree),
        text(names::CODE_STATE, &record.code.code_state),
        text(names::RUN_ID, &Some(record.run_id.to_string())),
        text(names::RUN_LABEL, &record.label),
        text(names::CALL_ID, &record.call),
    ];
    let attributes = [
        text(names::CALL_ID, &record.call),
        text(names::RUN_COMMAND, &Some(record.command.join(" "))),
        record.cpu_nanos.map(|nanos| (names::RUN_CPU_NANOS.into(), Value::Int(nanos))),
        record.others_cpu.map(|share| (names::RUN_OTHERS_CPU.into(), Value::Double(share))),
        int(names::RUN_EXIT_CODE, record.exit_code),
        int(names::RUN_SIGNAL, record.signal),
        hash(names::RUN_STDOUT, record.stdout_blob),
        hash(names::RUN_STDERR, record.stderr_blob),
        hash(names::RUN_DIFF, record.diff_blob),
    ];
    let failed = record.signal.is_some() || record.exit_code.is_some_and(|code| code != 0);
    Span {
        trace_id: record.trace_id,
        span_id: record.span_id,
        parent_span_id: record.parent_span_id,
        name: name.into(),
        kind: SpanKind::Internal,
        start: UnixNanos(record.start_unix_nanos),
        end: record.end_unix_nanos.map(UnixNanos),
        status: Status { code: if failed { StatusCode::Error } else { StatusCode::Unset }, message: Text::default() },
        attributes: attributes.into_iter().flatten().collect(),
        resource: Arc::new(Resource { attributes: resource.into_iter().flatten().collect(), ..Resource::default() }),
        scope: Arc::new(Scope { name: SERVICE.into(), ..Scope::default() }),
        revision: if record.end_unix_nanos.is_some() { 2 } else { 1 },
        ..Span::default()
    }
}
