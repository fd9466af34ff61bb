//! `open`: the whole of a trace, a span or a blob, page by page.

use std::collections::BTreeSet;

use kino_model::{BlobHash, LogRecord, Span, SpanId, Trace, TraceId, Value};
use kino_wire::Problem;
use kino_wire::evidence::{Open, OpenEvent, OpenQuestion};

use crate::error::OrProblem;
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

impl Engine {
    pub(crate) async fn open_evidence(&self, question: OpenQuestion) -> Result<Open, Problem> {
        let id = question.id.trim();
        if let Some(hash) = id.strip_prefix("blob:") {
            let unknown = |_| no_blob(hash);
            return self.open_blob(hash.parse().map_err(unknown)?, &question).await;
        }
        let (trace_id, span_id) = match id.split_once('/') {
            Some((trace_id, span_id)) => (trace_id, Some(span_id)),
            None => (id, None),
        };
        let trace_id: TraceId = trace_id.parse().map_err(|error| unknown_form(&question.id, &error))?;
        let span_id = span_id.map(str::parse::<SpanId>).transpose();
        let span_id = span_id.map_err(|error| unknown_form(&question.id, &error))?;
        let trace = self.snapshot().trace(trace_id).await.or_problem()?;
        let trace = trace.ok_or_else(|| self.no_trace(trace_id))?;
        match span_id {
            Some(span_id) => open_span(&question, &trace, span_id),
            None => Ok(open_trace(&question, &trace)),
        }
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

/// All spans under the id: differing duplicates are all shown.
fn open_span(question: &OpenQuestion, trace: &Trace, span_id: SpanId) -> Result<Open, Problem> {
    let spans: Vec<_> = trace.spans.iter().filter(|span| span.span_id == span_id).map(to_wire::span).collect();
    if spans.is_empty() {
        let message = format!("the trace {} has no span {span_id}", trace.trace_id);
        return Err(Problem::not_found(message, Vec::new()));
    }
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
    }
}

fn no_blob(hash: &str) -> Problem {
    Problem::not_found(format!("there is no blob {hash:?}"), Vec::new())
}

fn unknown_form(id: &str, error: &kino_model::id::IdError) -> Problem {
    Problem::invalid(format!("{id:?} is none of TRACE_ID, TRACE_ID/SPAN_ID, blob:HASH: {error}"))
}
