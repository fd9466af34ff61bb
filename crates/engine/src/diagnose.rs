//! `diagnose`: which executions it rests on, and its answer in the wire's shape.
//!
//! The newest executions of the operations with the most recorded time are loaded, within a number of spans; where they
//! name a state of the code, also some of the state before; and where hardly any of the newest went well, some further back
//! that did. Everything beyond is counted.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use kino_analyze::diagnose::{self as analyze, Candidate, Next, Recorded, Words};
use kino_analyze::tree::trees;
use kino_model::{Trace, TraceId, UnixNanos};
use kino_store::TraceRow;
use kino_store::snapshot::{Operation, Snapshot, TraceFilter};
use kino_wire::Problem;
use kino_wire::diagnose::{
    AlsoSeen, ComplaintWord, DEFAULT_LIMIT, Diagnose, DiagnoseQuestion, DiagnosedOperation, DiagnosisEntry,
    DiagnosisLeftOut, LookedAt, MAX_LIMIT, NextCall, WORDS_BYTES_MAX,
};

use crate::error::OrProblem;
use crate::limit::limit;
use crate::load;
use crate::load::SPANS_LOADED_MAX;
use crate::offload::offload;
use crate::temporary_worktrees::leave_out_temporary;
use crate::{Engine, scope, to_wire};

/// Entry operations that are looked at, those with the most recorded time.
const OPERATIONS_MAX: usize = 40;
/// Newest traces of each that are looked at: enough for every detector.
const TRACES_MAX: usize = 60;
/// Traces of the state of the code before that are looked at beside them, …
const BEFORE_MAX: usize = 30;
/// … where there are fewer than this among the newest.
const BEFORE_MIN: usize = 10;
/// Traces further back that went well, where there are fewer than [`GOOD_MIN`] among the newest and some of these failed,
/// to set these apart from.
const CONTRAST_MAX: usize = 30;
/// Enough that went well.
const GOOD_MIN: usize = 20;
/// Rows that are looked at for them.
const CONTRAST_ROWS_MAX: usize = 1_000;
/// Spans of all of them together, as many as can be read and judged within a second or two.
const SPANS_MAX: u64 = 250_000;
/// Characters of a sentence in an answer.
const TEXT_CHARS_MAX: usize = 700;
/// Characters of a recorded name in an answer. A longer one cannot be asked by.
const NAME_CHARS_MAX: usize = 300;
/// What follows from a cause, in one entry.
const ALSO_MAX: usize = 3;

/// What a diagnosis rests on.
#[derive(Default)]
struct DiagnosisTraces {
    traces: Vec<Arc<Trace>>,
    traces_represented: HashMap<TraceId, f64>,
    contrast: BTreeSet<TraceId>,
    left_out: DiagnosisLeftOut,
}

impl Engine {
    pub(crate) async fn diagnosis(&self, question: DiagnoseQuestion) -> Result<Diagnose, Problem> {
        let limit = limit(question.limit, DEFAULT_LIMIT, MAX_LIMIT)?;
        let complaint = question.words.as_deref().unwrap_or_default();
        if complaint.len() > WORDS_BYTES_MAX {
            return Err(Problem::invalid(format!("the complaint is longer than {WORDS_BYTES_MAX} bytes")));
        }
        let words = Words::new(complaint);
        let mut loaded = self.newest_of_all(&question, &words).await?;
        leave_out_temporary(&mut loaded.traces, &self.scratch());
        loaded.left_out.words = words.left_out;
        let history = self.inner.runs.history_of(loaded.traces.iter()).await?;
        let project = scope::project(&question.scope);
        let beside = self
            .concurrent_traces(&self.snapshot(), project, &loaded.traces, |span| span.parent_span_id.is_none())
            .await?;
        let detectors = Arc::clone(&self.inner.detectors);
        let diagnose = move || {
            let judged = loaded.traces.len();
            let trees = trees(loaded.traces.iter().chain(&beside.traces));
            let recorded = Recorded {
                trees: &trees,
                judged,
                contrast: &loaded.contrast,
                whole_since: beside.since,
                traces_represented: &loaded.traces_represented,
                config: &detectors,
                history: &history,
                limit,
            };
            answer(analyze::diagnose(&recorded, &words), &loaded.left_out, question.scope.all)
        };
        offload(diagnose).await.or_problem()
    }

    /// Loads the newest executions of every entry operation; those that the words name come first.
    async fn newest_of_all(&self, question: &DiagnoseQuestion, words: &Words) -> Result<DiagnosisTraces, Problem> {
        let project = scope::project(&question.scope);
        let snapshot = self.snapshot();
        let known = snapshot.operations(project.as_deref()).await.or_problem()?;
        let mut operations = known.operations;
        operations.retain(|operation| operation.rollup.roots > 0);
        operations.sort_by_key(|operation| {
            let is_named = words.name(&operation.name) || words.name(&operation.service);
            (!is_named, std::cmp::Reverse(operation.rollup.total_nanos))
        });
        let mut loaded = DiagnosisTraces::default();
        loaded.left_out.operations = operations.len().saturating_sub(OPERATIONS_MAX) as u64;
        operations.truncate(OPERATIONS_MAX);
        let states = self.states_of_runs(project.as_deref()).await?;
        let mut ids = Vec::new();
        let mut spans_left = SPANS_MAX;
        for (at, operation) in operations.iter().enumerate() {
            let filter = TraceFilter {
                service: Some(operation.service.clone()),
                name: Some(operation.name.clone()),
                roots_only: true,
                since: question.since_unix_nanos.map(UnixNanos),
                project: project.clone(),
                ..TraceFilter::default()
            };
            let room = spans_left / (operations.len() - at) as u64;
            let chosen = chosen(&snapshot, &filter, &states, room, &mut loaded.left_out).await?;
            spans_left = spans_left.saturating_sub(chosen.iter().map(|row| row.span_count).sum());
            loaded.count(operation, &chosen, question.since_unix_nanos.is_some());
            let room = (room.max(spans_left / OPERATIONS_MAX as u64)).min(spans_left);
            let contrast = contrast(&snapshot, &filter, &chosen, room).await?;
            spans_left -= contrast.iter().map(|row| row.span_count).sum::<u64>();
            loaded.contrast.extend(contrast.iter().map(|row| row.trace_id));
            ids.extend(contrast.into_iter().map(|row| row.trace_id));
            ids.extend(chosen.into_iter().map(|row| row.trace_id));
        }
        let (traces, skipped) = load::traces(&snapshot, ids.into_iter()).await?;
        loaded.left_out.traces += skipped.len() as u64;
        loaded.traces = traces;
        Ok(loaded)
    }

    /// The states of the code that runs were recorded at, the newest first.
    async fn states_of_runs(&self, project: Option<&str>) -> Result<Vec<String>, Problem> {
        let mut states: Vec<String> = Vec::new();
        for run in self.inner.runs.all().await? {
            let is_of = project.is_none() || run.code.project.is_none() || run.code.project.as_deref() == project;
            let Some(state) = run.code.code_state.filter(|_| is_of) else { continue };
            if !states.contains(&state) {
                states.push(state);
            }
        }
        Ok(states)
    }
}

impl DiagnosisTraces {
    fn count(&mut self, operation: &Operation, chosen: &[TraceRow], is_part: bool) {
        let (known, count) = (operation.rollup.roots, chosen.len() as u64);
        if count == 0 {
            return;
        }
        // How many of the others began within the time asked is not known.
        let beyond = if is_part { 0 } else { known.saturating_sub(count) };
        self.left_out.executions += beyond;
        let each = (count + beyond) as f64 / count as f64;
        self.traces_represented.extend(chosen.iter().map(|row| (row.trace_id, each)));
    }
}

/// The newest traces of an operation, and some of the state of its code before, as far as `room` for spans goes.
async fn chosen(
    snapshot: &Snapshot,
    filter: &TraceFilter,
    states: &[String],
    room: u64,
    left_out: &mut DiagnosisLeftOut,
) -> Result<Vec<TraceRow>, Problem> {
    let find = async |filter: &TraceFilter, limit: usize| {
        let found = snapshot.find(filter, limit, None).await;
        found.map(|found| found.rows).or_problem()
    };
    let newest = find(filter, TRACES_MAX).await?;
    let mut before = Vec::new();
    if let Some(state) = newest.first().and_then(|row| row.code_state.clone()) {
        let other = newest.iter().filter_map(|row| row.code_state.as_ref()).find(|other| **other != state);
        let known = other.map_or(0, |other| newest.iter().filter(|row| row.code_state.as_ref() == Some(other)).count());
        let earlier = states.iter().skip_while(|known| **known != state).find(|known| **known != state);
        if let Some(other) = other.or(earlier).filter(|_| known < BEFORE_MIN) {
            let of_state = TraceFilter { code_state: Some(other.clone()), since: None, ..filter.clone() };
            before = find(&of_state, BEFORE_MAX).await?;
            before.retain(|row| row.code_state.as_ref() == Some(other));
        }
    }
    let mut seen = BTreeSet::new();
    // The newest of each first: where there is no room for all, some of both are there.
    let halves = [(newest, room / 2 + room / 4), (before, room)];
    let mut chosen: Vec<TraceRow> = Vec::new();
    let mut spans = 0;
    for (rows, until) in halves {
        for row in rows.into_iter().filter(|row| seen.insert(row.trace_id)) {
            let is_first = chosen.is_empty() && row.span_count <= SPANS_LOADED_MAX as u64;
            if spans + row.span_count > until && !is_first {
                left_out.traces += 1;
                continue;
            }
            spans += row.span_count;
            chosen.push(row);
        }
    }
    Ok(chosen)
}

/// Traces without a failed span before the chosen ones, where these failed so often that too few are left to set the
/// failed ones apart from. They may be older than what was asked for.
async fn contrast(
    snapshot: &Snapshot,
    filter: &TraceFilter,
    chosen: &[TraceRow],
    room: u64,
) -> Result<Vec<TraceRow>, Problem> {
    let good = chosen.iter().filter(|row| row.error_count == 0).count();
    let Some(oldest) = chosen.iter().map(|row| row.start).min().filter(|_| good < GOOD_MIN && good < chosen.len())
    else {
        return Ok(Vec::new());
    };
    let before = TraceFilter { since: None, until: Some(oldest), ..filter.clone() };
    let found = snapshot.find(&before, CONTRAST_ROWS_MAX, None).await.or_problem()?;
    let mut rows = found.rows;
    rows.retain(|row| row.error_count == 0);
    rows.truncate(CONTRAST_MAX);
    let mut spans = 0;
    rows.retain(|row| {
        let fits = spans + row.span_count <= room;
        spans += if fits { row.span_count } else { 0 };
        fits
    });
    Ok(rows)
}

fn answer(diagnosis: analyze::Diagnosis, left_out: &DiagnosisLeftOut, all: bool) -> Diagnose {
    let looked = diagnosis.looked_at;
    let words = diagnosis.words;
    let entries = diagnosis.causes.into_iter().enumerate();
    Diagnose {
        schema: Diagnose::SCHEMA.to_owned(),
        entries: entries.map(|(at, cause)| entry(at as u64 + 1, cause, &words, all)).collect(),
        looked_at: LookedAt {
            operations: looked.operations,
            executions: looked.executions,
            failed: looked.failed,
            open_executions: looked.open_executions,
            spans: looked.spans,
            since_unix_nanos: looked.period.map(|(first, _)| first),
            until_unix_nanos: looked.period.map(|(_, last)| last),
        },
        words: words
            .into_iter()
            .map(|one| ComplaintWord { word: one.word, entries: one.causes, recorded: one.recorded })
            .collect(),
        left_out: DiagnosisLeftOut { entries: diagnosis.left_out, ..left_out.clone() },
    }
}

fn entry(rank: u64, cause: analyze::Cause, words: &[analyze::WordMatch], all: bool) -> DiagnosisEntry {
    let also_left_out = cause.also.len().saturating_sub(ALSO_MAX) as u64;
    let also = cause.also.iter().take(ALSO_MAX).map(|candidate| AlsoSeen {
        code: candidate.source.name().to_owned(),
        operation: operation(&candidate.entry),
        text: cut(&candidate.text, TEXT_CHARS_MAX),
    });
    let lead = &cause.lead;
    DiagnosisEntry {
        rank,
        code: lead.source.name().to_owned(),
        operation: operation(&lead.entry),
        subject: operation(&lead.subject),
        text: cut(&lead.text, TEXT_CHARS_MAX),
        share: lead.loss.share,
        share_of: lead.loss.of.name().to_owned(),
        severity: cause.severity,
        executions: lead.executions,
        evidence: lead.evidence.iter().map(to_wire::evidence).collect(),
        next: next(lead, all),
        also: also.collect(),
        also_left_out,
        words: cause.words.iter().filter_map(|&at| Some(words.get(at)?.word.clone())).collect(),
        words_factor: cause.words_factor,
        fingerprint: lead.fingerprint,
        location: cause.lead.location.map(to_wire::location),
        searched: None,
    }
}

fn operation((service, name): &(String, String)) -> DiagnosedOperation {
    DiagnosedOperation { service: cut(service, NAME_CHARS_MAX), name: cut(name, NAME_CHARS_MAX) }
}

/// The beginning of a text, and a sign that it goes on.
fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The call that shows a cause, as a command and as a tool.
fn next(candidate: &Candidate, all: bool) -> NextCall {
    let call = |command: Vec<&str>, tool: &str, arguments: Vec<(&str, &str)>| NextCall {
        command: command.into_iter().map(str::to_owned).collect(),
        tool: tool.to_owned(),
        arguments: arguments.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    };
    let of_trace = |id: TraceId| {
        let id = id.to_string();
        call(vec!["kino", "explain", &id], "explain", vec![("target", &id)])
    };
    let mut next = match &candidate.next {
        Next::Trace(id) => return of_trace(*id),
        Next::Operation { service, name } => {
            let is_long = [service, name].iter().any(|it| it.chars().nth(NAME_CHARS_MAX).is_some());
            if let Some(example) = candidate.evidence.first().filter(|_| is_long) {
                return of_trace(example.trace_id);
            }
            let of_service = format!("--service={service}");
            let mut command = vec!["kino", "explain"];
            let mut arguments = vec![("target", name.as_str())];
            if !service.is_empty() {
                command.push(&of_service);
                arguments.push(("service", service));
            }
            // A name may begin like an option.
            if name.starts_with('-') {
                command.push("--");
            }
            command.push(name);
            call(command, "explain", arguments)
        }
        Next::Compare { before, after } => {
            let command = vec!["kino", "compare", "--before", before, "--after", after];
            call(command, "compare_runs", vec![("before", before), ("after", after)])
        }
    };
    if all {
        let at = next.command.len().min(2);
        next.command.insert(at, "--all".to_owned());
        next.arguments.push(("all".to_owned(), "true".to_owned()));
    }
    next
}
