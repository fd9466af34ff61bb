//! `open`: the whole of a trace, a span or a blob, page by page.

use std::collections::BTreeSet;
use std::sync::Arc;

use kino_model::{BlobHash, LogRecord, Span, SpanId, Trace, TraceId, Value};
use kino_wire::Problem;
use kino_wire::ask::TargetKind;
use kino_wire::evidence::{Open, OpenEvent, OpenQuestion};
use kino_wire::insights::InsightsQuestion;
use kino_wire::run::RunQuestion;
use kino_wire::verify::VerifyQuestion;

use crate::error::OrProblem;
use crate::resolve::{Prefix, repeated};
use crate::{Engine, to_wire};

/// Spans of a page when nothing is said.
const DEFAULT_SPANS: u64 = 100;
/// The most spans of a page.
const SPANS_MAX: u64 = 5_000;
/// Bytes of a trace's page: spans beyond come with the next.
const PAGE_BYTES_MAX: usize = 16 << 20;
/// What a span, an event or a link takes of a page beside its attributes.
const SPAN_BYTES: usize = 256;
/// Bytes of a blob's page when nothing is said.
const DEFAULT_BYTES: u64 = 64 * 1024;
/// The most bytes of a blob's page.
const BYTES_MAX: u64 = 16 << 20;
/// Logs of a trace's page; they go with the page of spans that they were written in, or else with the first.
const LOGS_MAX: usize = 5_000;
/// Spans that are named where several begin alike.
const SPANS_NAMED_MAX: usize = 5;

impl Engine {
    pub(crate) async fn open_evidence(&self, question: OpenQuestion) -> Result<Open, Problem> {
        let id = question.id.trim();
        if let Some(hash) = id.strip_prefix("blob:") {
            let whole = hash.parse::<BlobHash>().ok();
            let hash = match whole {
                Some(whole) => whole,
                None => self.blob_of(hash).await?,
            };
            return self.open_blob(hash, &question).await;
        }
        if let Some((trace_id, span_id)) = id.split_once('/') {
            if !is_beginning(trace_id) || !is_beginning(span_id) {
                return Err(unknown_form(id));
            }
            let trace = self.trace_of(self.trace_id_of(trace_id).await?).await?;
            return open_span(&question, &trace, span_id);
        }
        let (kind, digits) = id.split_once(':').unwrap_or(("", id));
        let kinds: &[TargetKind] = match kind {
            "" => &[TargetKind::Trace, TargetKind::Run, TargetKind::Verification, TargetKind::Finding],
            "trace" => &[TargetKind::Trace],
            "run" => &[TargetKind::Run],
            "verification" => &[TargetKind::Verification],
            "finding" => &[TargetKind::Finding],
            _ => return Err(unknown_form(id)),
        };
        if kind.is_empty() && !is_beginning(digits) {
            return Err(unknown_form(id));
        }
        if let Ok(trace_id) = digits.parse::<TraceId>()
            && kinds.contains(&TargetKind::Trace)
            && let Some(trace) = self.snapshot().trace(trace_id).await.or_problem()?
        {
            return Ok(open_trace(&question, &trace));
        }
        let target = match (self.target(id, &kinds.iter().copied().collect(), None, None).await, digits.parse()) {
            (Err(problem), Ok(trace_id)) if problem.candidates.is_empty() && kinds.contains(&TargetKind::Trace) => {
                return Err(self.no_trace(trace_id));
            }
            (target, _) => target?,
        };
        let id = target.id.clone();
        match (target.kind, target.trace()) {
            (TargetKind::Run, _) => {
                let run = self.run(RunQuestion { run_id: id }).await?;
                Ok(Open { run: Some(Box::new(run)), ..empty(&question, 0) })
            }
            (TargetKind::Verification, _) => {
                let verify = self.verify(VerifyQuestion { id, wait_millis: 0 }).await?;
                Ok(Open { verification: Some(Box::new(verify)), ..empty(&question, 0) })
            }
            (TargetKind::Finding, _) => {
                let named = InsightsQuestion { fingerprint: Some(id), ..InsightsQuestion::default() };
                let found = self.inner.findings.insights(named).await?.items.into_iter().next();
                let none = || Problem::not_found("the finding was removed meanwhile", Vec::new());
                Ok(Open { finding: Some(Box::new(found.ok_or_else(none)?)), ..empty(&question, 0) })
            }
            (_, Some(trace_id)) => Ok(open_trace(&question, &*self.trace_of(trace_id).await?)),
            _ => Err(unknown_form(&question.id)),
        }
    }

    async fn trace_of(&self, trace_id: TraceId) -> Result<Arc<Trace>, Problem> {
        let trace = self.snapshot().trace(trace_id).await.or_problem()?;
        trace.ok_or_else(|| self.no_trace(trace_id))
    }

    async fn blob_of(&self, digits: &str) -> Result<BlobHash, Problem> {
        if !is_beginning(digits) {
            return Err(no_blob(digits));
        }
        let target = self.target(digits, &BTreeSet::from([TargetKind::Blob]), None, None).await?;
        target.id.parse().map_err(|_| no_blob(digits))
    }

    async fn open_blob(&self, hash: BlobHash, question: &OpenQuestion) -> Result<Open, Problem> {
        let blob = self.inner.store.blob(hash).await.or_problem()?;
        let blob = blob.ok_or_else(|| no_blob(&hash.to_string()))?;
        let total = blob.len() as u64;
        let limit = if question.limit == 0 { DEFAULT_BYTES } else { question.limit.min(BYTES_MAX) };
        let begin = question.offset.min(total);
        let end = whole_characters(&blob, begin, begin.saturating_add(limit).min(total));
        let page = &blob[begin as usize..end as usize];
        Ok(Open {
            text: Some(String::from_utf8_lossy(page).into_owned()),
            next_offset: (end < total).then_some(end),
            ..empty(question, total)
        })
    }
}

/// Ends a page before a character that would be cut, so that pages put together are the text.
fn whole_characters(bytes: &[u8], begin: u64, end: u64) -> u64 {
    /// Bytes of UTF-8's longest character that may follow its first.
    const FOLLOWING_MAX: u64 = 3;
    let continues = |at: u64| bytes.get(at as usize).is_some_and(|byte| byte & 0xc0 == 0x80);
    (0..=FOLLOWING_MAX)
        .map_while(|back| end.checked_sub(back))
        .find(|end| *end > begin && !continues(*end))
        .unwrap_or(end)
}

fn open_trace(question: &OpenQuestion, trace: &Trace) -> Open {
    let total = trace.spans.len() as u64;
    let limit = if question.limit == 0 { DEFAULT_SPANS } else { question.limit.min(SPANS_MAX) };
    let begin = question.offset.min(total);
    let end = begin.saturating_add(limit).min(total);
    let page = within_bytes(&trace.spans[begin as usize..end as usize]);
    let end = begin + page.len() as u64;
    let ids: BTreeSet<SpanId> = page.iter().map(|span| span.span_id).collect();
    let first = begin == 0;
    let all: BTreeSet<SpanId> = trace.spans.iter().map(|span| span.span_id).collect();
    let here = |log: &&LogRecord| match log.span_id {
        Some(id) => ids.contains(&id) || first && !all.contains(&id),
        None => first,
    };
    let (logs, logs_left_out) = bounded(trace.logs.iter().filter(here));
    Open {
        spans: page.iter().map(to_wire::span).collect(),
        logs,
        logs_left_out,
        next_offset: (end < total).then_some(end),
        ..empty(question, total)
    }
}

/// The first spans, as many as make an answer of about [`PAGE_BYTES_MAX`]; at least one.
fn within_bytes(spans: &[Span]) -> &[Span] {
    let mut bytes = 0;
    let fits = |span: &&Span| {
        let attributes = [&span.attributes, &span.resource.attributes]
            .into_iter()
            .chain(span.events.iter().map(|it| &it.attributes));
        let texts = attributes.flatten().map(|(key, value)| key.len() + text_bytes(value));
        bytes += SPAN_BYTES * (1 + span.events.len() + span.links.len()) + texts.sum::<usize>();
        bytes <= PAGE_BYTES_MAX
    };
    &spans[..spans.iter().take_while(fits).count().max(1).min(spans.len())]
}

fn text_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => 2 * bytes.len(),
        Value::Array(members) => members.iter().map(text_bytes).sum(),
        Value::Map(members) => members.iter().map(|(key, value)| key.len() + text_bytes(value)).sum(),
        Value::Empty | Value::Bool(_) | Value::Int(_) | Value::Double(_) => 0,
    }
}

/// The span of a trace whose id these digits are, or begin.
///
/// # Errors
/// Where there is none, or there are several.
pub(crate) fn span_of(trace: &Trace, digits: &str) -> Result<SpanId, Problem> {
    let missing = || Problem::not_found(format!("the trace {} has no span {digits:?}", trace.trace_id), Vec::new());
    let prefix = Prefix::of(digits, SpanId::LEN).ok_or_else(missing)?;
    let fitting = trace.spans.iter().map(|span| span.span_id).filter(|id| prefix.begins(&id.to_string()));
    let fitting: BTreeSet<SpanId> = fitting.collect();
    let mut ids = fitting.iter();
    if let (Some(span_id), None) = (ids.next().copied(), ids.next()) {
        return Ok(span_id);
    }
    if fitting.is_empty() {
        return Err(missing());
    }
    let near = fitting.iter().take(SPANS_NAMED_MAX).map(SpanId::to_string).collect();
    let message = format!("{digits:?} begins the ids of several spans of this trace: give more digits");
    Err(Problem::not_found(message, near))
}

/// All spans under the id, or under the only one that begins so: differing duplicates are all shown.
fn open_span(question: &OpenQuestion, trace: &Trace, digits: &str) -> Result<Open, Problem> {
    let span_id = span_of(trace, digits)?;
    let spans: Vec<_> = trace.spans.iter().filter(|span| span.span_id == span_id).map(to_wire::span).collect();
    let (logs, logs_left_out) = bounded(trace.logs.iter().filter(|log| log.span_id == Some(span_id)));
    let total = spans.len() as u64;
    Ok(Open { spans, logs, logs_left_out, ..empty(question, total) })
}

/// The first [`LOGS_MAX`], and how many more there are.
fn bounded<'a>(mut logs: impl Iterator<Item = &'a LogRecord>) -> (Vec<OpenEvent>, u64) {
    let shown = logs.by_ref().take(LOGS_MAX).map(to_wire::log).collect();
    (shown, logs.count() as u64)
}

fn empty(question: &OpenQuestion, total: u64) -> Open {
    Open {
        schema: Open::SCHEMA.to_owned(),
        id: question.id.clone(),
        spans: Vec::new(),
        logs: Vec::new(),
        logs_left_out: 0,
        text: None,
        total,
        next_offset: None,
        run: None,
        verification: None,
        finding: None,
    }
}

fn no_blob(hash: &str) -> Problem {
    Problem::not_found(format!("there is no blob {hash:?}"), Vec::new())
}

/// Whether a text has the digits of an id alone.
fn is_beginning(text: &str) -> bool {
    !text.is_empty() && text.len() <= 2 * BlobHash::LEN && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn unknown_form(id: &str) -> Problem {
    let forms = "TRACE_ID, TRACE_ID/SPAN_ID, blob:HASH, run:ID, verification:ID, finding:FINGERPRINT";
    Problem::invalid(format!("{:?} is none of {forms}: an id has hexadecimal digits alone", repeated(id)))
}
