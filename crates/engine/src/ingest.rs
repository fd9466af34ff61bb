//! The way in: bytes of one request or file become redacted, stored rows; what was wrong with them is counted by name.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arrow_array::UInt64Array;
use arrow_schema::ArrowError;
use arrow_select::take::take_record_batch;
use bytes::Bytes;
pub use kino_ingest::Encoding;
use kino_ingest::{Decoded, Issues, Limits, Undecodable, otlp};
use kino_model::{Batch, Clock};
use kino_store::{AppendError, Store};
use kino_wire::Problem;
use kino_wire::admin::Import;
use tokio::sync::{AcquireError, watch};
use tokio::task::JoinError;

use crate::error::{EngineError, OrProblem};
use crate::findings::Findings;
use crate::metrics::Metrics;
use crate::offload::{offload, offload_bytes, offload_import};
use crate::redaction::Redaction;
use crate::{Engine, project};

/// Rows of a table that go into the log as one entry; keeps an entry well below what the log takes at once.
const ROWS_PER_APPEND: usize = 32 * 1024;
/// Bytes of memory of such an entry, about.
const BYTES_PER_APPEND: usize = 32 << 20;
/// How often an import asks a full store again, at the store's own pace of some hundred milliseconds: a flush that
/// makes room for it takes seconds.
const IMPORT_ATTEMPTS_MAX: usize = 300;
/// Named issues an OTLP answer spells out; the counts are complete.
const ISSUES_IN_ANSWER_MAX: usize = 5;

/// What OTLP carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
    /// Metrics, which are counted and not stored.
    Metrics,
}

/// What became of a request: what was stored, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngestOutcome {
    /// Spans or log records stored.
    pub accepted: u64,
    /// Spans, log records or data points refused, each for itself.
    pub rejected: u64,
    /// Why, or what else there is to say; empty when all went well.
    pub message: String,
}

/// Why a request was refused whole.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// It cannot be decoded.
    #[error(transparent)]
    Undecodable(#[from] Undecodable),
    /// The store did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Its rows could not be put together.
    #[error(transparent)]
    Rows(#[from] ArrowError),
    /// The work on it panicked.
    #[error(transparent)]
    Task(#[from] JoinError),
    /// The engine stops.
    #[error(transparent)]
    Stopping(#[from] AcquireError),
}

impl Engine {
    /// Takes in one OTLP request: see [`Self::ingest_from`].
    ///
    /// # Errors
    /// As [`Self::ingest_from`].
    pub async fn ingest(&self, signal: Signal, body: Bytes, encoding: Encoding) -> Result<IngestOutcome, IngestError> {
        self.ingest_from(signal, body, encoding, None).await
    }

    /// Takes in one OTLP request, from a process that works in `project` where that is known: rows that name no project
    /// are of it. When this returns, what it says is accepted is stored as the sync policy promises, and queries see it.
    ///
    /// # Errors
    /// Where nothing of it was taken, or not surely all; sending it again does no harm.
    pub async fn ingest_from(
        &self,
        signal: Signal,
        body: Bytes,
        encoding: Encoding,
        project: Option<Arc<str>>,
    ) -> Result<IngestOutcome, IngestError> {
        self.inner.intake.otlp(signal, body, encoding, project).await
    }

    /// Takes in one file of any format that is recognised by its content.
    ///
    /// # Errors
    /// Where it is of no known format, or the engine takes nothing in.
    pub async fn import(&self, body: Bytes) -> Result<Import, Problem> {
        self.inner.intake.file(body).await
    }

    /// Counts a request that was refused whole, for good and since the start.
    pub fn refuse(&self, reason: &'static str) {
        self.inner.intake.refuse(reason);
    }

    /// Counts spans that programs could not hand over, or that were torn on the way, for good.
    pub fn count_lost_by_programs(&self, spans: u64) {
        if spans > 0 {
            self.inner.intake.count(&BTreeMap::from([("issue/spans_lost_by_programs".to_owned(), spans)]));
        }
    }
}

/// Decodes, redacts and stores what clients send.
pub(crate) struct Intake {
    pub(crate) store: Store,
    pub(crate) redaction: Redaction,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) findings: Arc<Findings>,
    pub(crate) clock: Arc<dyn Clock>,
    /// The number of changes so far: see [`Engine::changed`].
    pub(crate) changes: watch::Sender<u64>,
    /// Attributes of a record beyond which the rest is dropped and counted.
    pub(crate) attributes_max: usize,
}

impl Intake {
    async fn otlp(
        self: &Arc<Self>,
        signal: Signal,
        body: Bytes,
        encoding: Encoding,
        project: Option<Arc<str>>,
    ) -> Result<IngestOutcome, IngestError> {
        let bytes = body.len() as u64;
        let outcome = match signal {
            Signal::Metrics => self.count_metrics(body, encoding).await,
            Signal::Traces | Signal::Logs => self.rows(signal, body, encoding, project).await,
        };
        match &outcome {
            Ok(_) => {
                self.metrics.bytes.fetch_add(bytes, Ordering::Relaxed);
                self.metrics.requests.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => self.refuse(error.name()),
        }
        outcome
    }

    async fn rows(
        self: &Arc<Self>,
        signal: Signal,
        body: Bytes,
        encoding: Encoding,
        project: Option<Arc<str>>,
    ) -> Result<IngestOutcome, IngestError> {
        let (intake, bytes) = (Arc::clone(self), body.len());
        let decode = move || {
            let limits = intake.limits();
            let decoded = match signal {
                Signal::Traces => otlp::decode_traces(&body, encoding, &limits),
                Signal::Logs | Signal::Metrics => otlp::decode_logs(&body, encoding, &limits),
            };
            let decoded = decoded?;
            let batch = intake.redaction.batch(decoded.batch);
            let batch = match project {
                Some(project) => project::mark(batch, &project)?,
                None => batch,
            };
            Ok::<_, IngestError>(Decoded { batch, ..decoded })
        };
        let decoded = offload_bytes(bytes, decode).await??;
        let (accepted, rejected) = match signal {
            Signal::Traces => (decoded.spans, decoded.rejected_spans),
            Signal::Logs | Signal::Metrics => (decoded.logs, decoded.rejected_logs),
        };
        let message = partial_success_message(&decoded.issues, rejected);
        self.append(decoded.batch).await?;
        self.count_issues(&decoded.issues);
        Ok(IngestOutcome { accepted, rejected, message })
    }

    /// Counts metric points, which are not stored; the response to their sender says so.
    async fn count_metrics(&self, body: Bytes, encoding: Encoding) -> Result<IngestOutcome, IngestError> {
        let limits = self.limits();
        let points = offload_bytes(body.len(), move || otlp::count_metrics(&body, encoding, &limits)).await??;
        self.count(&BTreeMap::from([("issue/metric_points_not_stored".to_owned(), points)]));
        let message = "metrics are not stored; set OTEL_METRICS_EXPORTER=none to stop sending them".to_owned();
        Ok(IngestOutcome { accepted: 0, rejected: points, message })
    }

    async fn file(self: &Arc<Self>, body: Bytes) -> Result<Import, Problem> {
        let intake = Arc::clone(self);
        let bytes = body.len() as u64;
        let decode = move || {
            let decoded = kino_ingest::decode_file(&body, &intake.limits());
            decoded
                .map(|(format, decoded)| (format, Decoded { batch: intake.redaction.batch(decoded.batch), ..decoded }))
        };
        let decoded = offload_import(decode).await.or_problem()?;
        let (format, decoded) = decoded.map_err(|error| {
            self.refuse("undecodable_file");
            Problem::invalid(error.to_string())
        })?;
        let (events, links) = (decoded.batch.events.num_rows() as u64, decoded.batch.links.num_rows() as u64);
        self.append_all(decoded.batch, IMPORT_ATTEMPTS_MAX).await.or_problem()?;
        self.count_issues(&decoded.issues);
        self.metrics.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.metrics.requests.fetch_add(1, Ordering::Relaxed);
        Ok(Import {
            schema: Import::SCHEMA.to_owned(),
            format: format.name().to_owned(),
            spans: decoded.spans,
            events,
            links,
            issues: decoded.issues.counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
            issue_examples: decoded.issues.examples,
        })
    }

    /// Stores a batch, in pieces that the log takes.
    pub(crate) async fn append(&self, batch: Batch) -> Result<(), IngestError> {
        self.append_all(batch, 1).await
    }

    /// As [`Self::append`]; asks a full store up to `attempts_max` times for each piece.
    async fn append_all(&self, batch: Batch, attempts_max: usize) -> Result<(), IngestError> {
        let metrics = &self.metrics;
        let count = piece_count(&batch);
        let pieces = if count <= 1 { vec![batch] } else { offload(move || split_batch(&batch, count)).await?? };
        let whole = pieces.len() == 1;
        for piece in pieces {
            let rows = [piece.spans.num_rows(), piece.events.num_rows(), piece.links.num_rows()];
            let mut begin = self.clock.monotonic_nanos();
            let mut attempts = 1;
            while let Err(error) = self.store.append(piece.clone()).await {
                let AppendError::Full { retry_after } = error else { return Err(error.into()) };
                if attempts >= attempts_max {
                    return Err(error.into());
                }
                attempts += 1;
                tokio::time::sleep(retry_after).await;
                begin = self.clock.monotonic_nanos();
            }
            self.findings.feed.publish(&piece, whole, begin);
            metrics.appended(self.clock.monotonic_nanos().saturating_sub(begin));
            for (counter, rows) in [&metrics.spans, &metrics.events, &metrics.links].into_iter().zip(rows) {
                counter.fetch_add(rows as u64, Ordering::Relaxed);
            }
            self.changes.send_modify(|changes| *changes += 1);
        }
        Ok(())
    }

    fn count_issues(&self, issues: &Issues) {
        self.count(&issues.counts.iter().map(|(name, count)| (format!("issue/{name}"), *count)).collect());
    }

    fn refuse(&self, reason: &'static str) {
        self.metrics.refuse(reason);
        self.count(&BTreeMap::from([(format!("issue/{reason}"), 1)]));
    }

    /// Adds to the counts that the store keeps for good.
    fn count(&self, counts: &BTreeMap<String, u64>) {
        if !counts.is_empty() {
            self.store.add_counts(counts);
        }
    }

    /// What a decoder is bounded by.
    fn limits(&self) -> Limits {
        Limits { now: self.clock.now(), attributes_max: self.attributes_max, ..Limits::default() }
    }
}

impl IngestError {
    /// Returns when the same request may succeed; `None` where no limit was reached.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Append(AppendError::Full { retry_after } | AppendError::DiskFull { retry_after }) => {
                Some(*retry_after)
            }
            _ => None,
        }
    }

    /// Whether the request itself is at fault, so that sending it again will not help.
    pub fn is_invalid(&self) -> bool {
        matches!(self, Self::Undecodable(_) | Self::Append(AppendError::TooLarge { .. }))
    }

    /// The reason under which refused requests are counted.
    fn name(&self) -> &'static str {
        match self {
            invalid if invalid.is_invalid() => "undecodable_body",
            full if full.retry_after().is_some() => "overloaded",
            Self::Append(AppendError::ReadOnly(_)) => "read_only",
            _ => "fault",
        }
    }
}

impl From<IngestError> for EngineError {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Undecodable(error) => error.into(),
            IngestError::Append(error) => error.into(),
            IngestError::Rows(error) => error.into(),
            IngestError::Task(error) => error.into(),
            IngestError::Stopping(error) => error.into(),
        }
    }
}

/// In how many pieces the log takes a batch.
fn piece_count(batch: &Batch) -> usize {
    let tables = [&batch.spans, &batch.events, &batch.links];
    let rows = tables.iter().map(|table| table.num_rows()).max().unwrap_or_default();
    rows.div_ceil(ROWS_PER_APPEND).max(batch.memory_size().div_ceil(BYTES_PER_APPEND))
}

/// Splits a batch by rows; rows find each other by ids, so that the tables may be cut independently. Pieces are
/// copies: a slice would hold, and count as, the memory of the whole.
fn split_batch(batch: &Batch, count: usize) -> Result<Vec<Batch>, IngestError> {
    let tables = [&batch.spans, &batch.events, &batch.links];
    let piece = |piece: usize| {
        let cut = tables.map(|table| {
            if table.num_rows() == 0 {
                // It may have no columns either, and what has none cannot be taken from.
                return Ok(table.clone());
            }
            let step = table.num_rows().div_ceil(count);
            let begin = (piece * step).min(table.num_rows()) as u64;
            let end = ((piece + 1) * step).min(table.num_rows()) as u64;
            take_record_batch(table, &UInt64Array::from_iter_values(begin..end))
        });
        let [spans, events, links] = cut;
        Ok::<_, ArrowError>(Batch { spans: spans?, events: events?, links: links? })
    };
    (0..count).map(piece).collect::<Result<_, _>>().map_err(IngestError::Rows)
}

/// Returns what an OTLP answer says of the issues; empty where no row was refused, since a message makes SDKs warn.
fn partial_success_message(issues: &Issues, rejected: u64) -> String {
    if rejected == 0 {
        return String::new();
    }
    let named: Vec<String> =
        issues.counts.iter().take(ISSUES_IN_ANSWER_MAX).map(|(name, count)| format!("{name}: {count}")).collect();
    let more = issues.counts.len().saturating_sub(ISSUES_IN_ANSWER_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let example = issues.examples.first().map(|example| format!("; {example}")).unwrap_or_default();
    format!("{}{more}{example}", named.join(", "))
}
