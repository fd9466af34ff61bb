//! `export`: recorded traces and logs as OTLP, piece by piece, from one snapshot.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use futures::Stream;
use kino_ingest::otlp;
use kino_model::{LogRecord, Span, Trace, TraceId};
use kino_store::snapshot::Snapshot;
use kino_wire::Problem;
use kino_wire::export::{ExportEncoding, ExportQuestion, Signal, TRACES_PER_MESSAGE};

use crate::find::problem;
use crate::ingest::{Encoding, blocking};
use crate::{Engine, explain};

/// Traces that one look into the store lists.
const ROWS_AT_ONCE: usize = 10_000;

/// Why an export broke off.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ExportError(#[from] Problem);

/// Where an export stands.
struct Export {
    snapshot: Snapshot,
    filter: kino_store::snapshot::TraceFilter,
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
        let snapshot = self.inner.store.snapshot();
        let named: BTreeSet<TraceId> = question.trace_ids.iter().copied().collect();
        if !named.is_empty() {
            // A wrong id is an error before the first byte.
            for ids in question.trace_ids.chunks(TRACES_PER_MESSAGE) {
                let traces = snapshot.traces(ids).await.map_err(|error| problem(&error))?;
                let found: BTreeSet<TraceId> = traces.iter().map(|trace| trace.trace_id).collect();
                if let Some(missing) = ids.iter().find(|id| !found.contains(id)) {
                    return Err(explain::no_trace(*missing));
                }
            }
        }
        let export = Export {
            filter: self.filter(&question.filter).await?,
            listing: named.is_empty(),
            cursor: None,
            ids: named.into_iter().collect(),
            left: if question.filter.limit == 0 { usize::MAX } else { question.filter.limit },
            snapshot,
            signal: question.signal,
            encoding: question.encoding,
        };
        Ok(futures::stream::try_unfold(export, |mut export| async move {
            Ok(export.next().await?.map(|message| (message, export)))
        }))
    }
}

impl Export {
    /// The next message; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            while self.ids.len() < TRACES_PER_MESSAGE && self.listing {
                self.list_more().await?;
            }
            if self.ids.is_empty() {
                return Ok(None);
            }
            let ids: Vec<TraceId> = self.ids.drain(..self.ids.len().min(TRACES_PER_MESSAGE)).collect();
            let traces = self.snapshot.traces(&ids).await.map_err(|error| problem(&error))?;
            let (signal, encoding) = (self.signal, self.encoding);
            let message = blocking(move || encode(traces, signal, encoding)).await.map_err(|error| error.problem())?;
            if !message.is_empty() {
                return Ok(Some(message.into()));
            }
        }
    }

    async fn list_more(&mut self) -> Result<(), Problem> {
        let limit = self.left.min(ROWS_AT_ONCE);
        if limit == 0 {
            self.listing = false;
            return Ok(());
        }
        let found = self.snapshot.find(&self.filter, limit, self.cursor.as_deref()).await;
        let found = found.map_err(|error| problem(&error))?;
        self.left -= found.rows.len();
        self.ids.extend(found.rows.iter().map(|row| row.trace_id));
        self.listing = found.next.is_some();
        self.cursor = found.next;
        Ok(())
    }
}

fn encode(traces: Vec<Trace>, signal: Signal, encoding: ExportEncoding) -> Vec<u8> {
    let into = match encoding {
        ExportEncoding::Json => Encoding::Json,
        ExportEncoding::Protobuf => Encoding::Protobuf,
    };
    let mut message = match signal {
        Signal::Traces => {
            let spans: Vec<Span> = traces.into_iter().flat_map(|trace| trace.spans).collect();
            if spans.is_empty() { Vec::new() } else { otlp::encode_traces(&spans, into) }
        }
        Signal::Logs => {
            let logs: Vec<LogRecord> = traces.into_iter().flat_map(|trace| trace.logs).collect();
            if logs.is_empty() { Vec::new() } else { otlp::encode_logs(&logs, into) }
        }
    };
    if into == Encoding::Json && !message.is_empty() {
        message.push(b'\n');
    }
    message
}
