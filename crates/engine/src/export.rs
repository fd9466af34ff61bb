//! `export`: recorded traces and logs as OTLP, piece by piece, from one snapshot.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use futures::Stream;
use kino_ingest::otlp;
use kino_model::{LogRecord, Span, TraceId};
use kino_store::Budget;
use kino_store::snapshot::{EventFilter, Snapshot, TraceFilter};
use kino_wire::export::{ExportEncoding, ExportQuestion, Signal, TRACES_PER_MESSAGE};
use kino_wire::{Problem, ProblemKind};

use crate::Engine;
use crate::error::OrProblem;
use crate::ingest::Encoding;
use crate::offload::offload;

/// Traces that one look into the store lists.
const ROWS_AT_ONCE: usize = 10_000;

/// Why an export broke off.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ExportError(#[from] Problem);

/// The progress of an export.
struct Export {
    snapshot: Snapshot,
    memory: Arc<Budget>,
    filter: TraceFilter,
    /// Ids listed and not yet written.
    ids: VecDeque<TraceId>,
    /// Whether more is to be listed.
    listing: bool,
    /// Where the list goes on; `None` at its beginning.
    cursor: Option<String>,
    /// How many more may be listed.
    left: usize,
    signal: Signal,
    encoding: ExportEncoding,
    /// Which logs are asked for without regard to traces, and from which source on they are still to come.
    logs: Option<(EventFilter, usize)>,
}

impl Engine {
    /// The messages of an export. Nothing that arrives after the question is in it.
    ///
    /// # Errors
    /// Where the question is wrong, or names a trace that is not there.
    pub async fn export(
        &self,
        question: ExportQuestion,
    ) -> Result<impl Stream<Item = Result<Bytes, ExportError>> + Send + 'static, Problem> {
        let memory = &self.inner.question_memory;
        let snapshot = self.inner.store.snapshot().within(&memory.reservation());
        let named: BTreeSet<TraceId> = question.trace_ids.iter().copied().collect();
        if !named.is_empty() {
            // A wrong id is an error before the first byte.
            for ids in question.trace_ids.chunks(TRACES_PER_MESSAGE) {
                let part = snapshot.clone().within(&memory.reservation());
                let traces = part.traces_uncached(ids).await.or_problem()?;
                let found: BTreeSet<TraceId> = traces.iter().map(|trace| trace.trace_id).collect();
                if let Some(missing) = ids.iter().find(|id| !found.contains(id)) {
                    return Err(self.no_trace(*missing));
                }
            }
        }
        let filter = self.filter(&question.filter).await?;
        let logs = logs_alone(&question, &filter);
        let export = Export {
            filter,
            listing: named.is_empty() && logs.is_none(),
            cursor: None,
            ids: named.into_iter().collect(),
            left: if question.filter.limit == 0 { usize::MAX } else { question.filter.limit },
            snapshot,
            memory: Arc::clone(memory),
            signal: question.signal,
            encoding: question.encoding,
            logs: logs.map(|filter| (filter, 0)),
        };
        Ok(futures::stream::try_unfold(export, |mut export| async move {
            Ok(export.next().await?.map(|message| (message, export)))
        }))
    }
}

impl Export {
    /// The next message; `None` at the end. What is found damaged on the way ends it: what was written already could
    /// not say that the rest is short.
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let message = self.next_message().await?;
        if self.snapshot.lost_groups() > 0 {
            let message = "files were found damaged on the way, so what was written is not all: `kino doctor` names them; \
                           exporting again gives the rest";
            return Err(Problem::new(ProblemKind::Internal, message));
        }
        Ok(message)
    }

    async fn next_message(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            while self.ids.len() < TRACES_PER_MESSAGE && self.listing {
                self.list_more().await?;
            }
            if self.ids.is_empty() {
                return self.next_logs().await;
            }
            let ids: Vec<TraceId> = self.ids.drain(..self.ids.len().min(TRACES_PER_MESSAGE)).collect();
            // Each message is gone before the next is made, and so is what it took.
            let part = self.snapshot.clone().within(&self.memory.reservation());
            let traces = part.traces_uncached(&ids).await.or_problem()?;
            let (signal, encoding) = (self.signal, self.encoding);
            let message = offload(move || match signal {
                Signal::Traces => {
                    encode_spans(&traces.into_iter().flat_map(|trace| trace.spans).collect::<Vec<_>>(), encoding)
                }
                Signal::Logs => {
                    encode_logs(&traces.into_iter().flat_map(|trace| trace.logs).collect::<Vec<_>>(), encoding)
                }
            });
            let message = message.await.or_problem()?;
            if !message.is_empty() {
                return Ok(Some(message.into()));
            }
        }
    }

    /// The logs of the next source that has any.
    async fn next_logs(&mut self) -> Result<Option<Bytes>, Problem> {
        let Some((filter, source)) = &mut self.logs else { return Ok(None) };
        while *source < self.snapshot.log_sources() {
            let logs = self.snapshot.logs(*source, filter).await.or_problem()?;
            *source += 1;
            if !logs.is_empty() {
                let encoding = self.encoding;
                let message = offload(move || encode_logs(&logs, encoding)).await.or_problem()?;
                return Ok(Some(message.into()));
            }
        }
        Ok(None)
    }

    async fn list_more(&mut self) -> Result<(), Problem> {
        let limit = self.left.min(ROWS_AT_ONCE);
        if limit == 0 {
            self.listing = false;
            return Ok(());
        }
        let found = self.snapshot.find(&self.filter, limit, self.cursor.as_deref()).await;
        let found = found.or_problem()?;
        self.left -= found.rows.len();
        self.ids.extend(found.rows.iter().map(|row| row.trace_id));
        self.listing = found.next.is_some();
        self.cursor = found.next;
        Ok(())
    }
}

/// Which logs to export without regard to traces; `None` where the question asks for what only a trace can have.
fn logs_alone(question: &ExportQuestion, filter: &TraceFilter) -> Option<EventFilter> {
    let of_traces = !question.trace_ids.is_empty()
        || filter.name.is_some()
        || filter.min_duration.is_some()
        || filter.error
        || !filter.attributes.is_empty()
        || question.filter.limit != 0;
    (question.signal == Signal::Logs && !of_traces).then(|| EventFilter {
        service: filter.service.clone(),
        project: filter.project.clone(),
        run_ids: filter.run_ids.clone(),
        since: filter.since,
        until: filter.until,
    })
}

fn encode_spans(spans: &[Span], encoding: ExportEncoding) -> Vec<u8> {
    if spans.is_empty() { Vec::new() } else { message(encoding, |into| otlp::encode_traces(spans, into)) }
}

fn encode_logs(logs: &[LogRecord], encoding: ExportEncoding) -> Vec<u8> {
    if logs.is_empty() { Vec::new() } else { message(encoding, |into| otlp::encode_logs(logs, into)) }
}

fn message(encoding: ExportEncoding, encode: impl FnOnce(Encoding) -> Vec<u8>) -> Vec<u8> {
    match encoding {
        ExportEncoding::Protobuf => encode(Encoding::Protobuf),
        ExportEncoding::Json => {
            let mut message = encode(Encoding::Json);
            message.push(b'\n');
            message
        }
    }
}
