//! The lake's writer: batches in, the encoded files of one group out.
//!
//! ```text
//!  batches ─► order found, repeats collapsed ─► spans, events, links
//!                              └─► operations numbered ─► rollups, traces ─► Parquet, trace filter, split traces
//! ```
//!
//! Both a flush and a merge go through one `Assembly`, a merge in slices of the trace ids' range so that its memory does
//! not grow with its inputs. It uploads nothing and knows no catalog.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema};
use arrow_select::concat::concat_batches;
use bytes::{BufMut, BytesMut};
use kino_model::columns::Table;
use kino_model::{Batch, TraceId, UnixNanos};
use parquet::errors::ParquetError;

use crate::columns::SpanColumns;
use crate::group::{FlushSet, Group, GroupId, GroupMeta, LakeTable, NewFile, RUNS_MAX, may_be_in_any};
use crate::read::ReadError;
use crate::rollup::{self, OPERATIONS_MAX, OTHER, OperationCounter, OperationKey, Rollup};
use crate::rows::{self, Rows};
use crate::sort;
use crate::trace_filter::TraceFilterSet;
use crate::trace_row::{self, TraceFacts, by_start};

mod encode;
mod merge;

pub use encode::SCHEMA_VERSION_KEY;
pub use merge::{merge, traces_of_runs};

/// Why a group could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// Rows that do not fit their table.
    #[error("arrange rows for the lake")]
    Arrow(#[from] ArrowError),
    /// Parquet refused.
    #[error("encode a lake file")]
    Parquet(#[from] ParquetError),
    /// An input could not be read.
    #[error("read group {} to merge it", group.0)]
    Input {
        /// Which one.
        group: GroupId,
        /// What is wrong with it.
        #[source]
        source: ReadError,
    },
}

impl LakeError {
    /// The input that cannot be read because a file of it is damaged or gone.
    pub fn damaged_group(&self) -> Option<GroupId> {
        match self {
            Self::Input { group, source } if source.is_damage() => Some(*group),
            _ => None,
        }
    }
}

/// When rows arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The first of them.
    pub min: UnixNanos,
    /// The last of them.
    pub max: UnixNanos,
}

/// Makes the files of one group out of batches. `live` are the groups that readers see beside it: traces that one of
/// them may hold too are named in [`GroupMeta::split`]. Takes about a microsecond of one core for each span.
///
/// # Errors
/// Where the batches' columns are not those of their tables.
pub fn build(batches: &[Batch], arrival: Arrival, live: &[Arc<Group>]) -> Result<FlushSet, LakeError> {
    let tables = |table: Table| batches.iter().map(|batch| batch.table(table)).collect::<Vec<_>>();
    let schemas = Table::ALL.map(|table| sort::gathered_schema(table, &tables(table)));
    let mut assembly = Assembly::new(schemas);
    for table in Table::ALL {
        assembly.add(table, tables(table).into_iter().cloned().collect())?;
    }
    assembly.end_slice();
    assembly.finish(arrival, live)
}

/// A group in the making. Slices come in the order of their trace ids, rows outside any trace in the last.
struct Assembly {
    writers: [encode::TableWriter; 3],
    traces: Vec<RecordBatch>,
    operations: HashMap<OperationKey, u32>,
    keys: Vec<OperationKey>,
    rollups: Vec<Rollup>,
    other: Rollup,
    trace_ids: Vec<TraceId>,
    runs: BTreeSet<String>,
    times: Option<(i64, i64)>,
    event_times: Option<(i64, i64)>,
    spans: u64,
    repeats: u64,
    duplicate_span_ids: u64,
    superseded: u64,
}

impl Assembly {
    /// Begins a group whose slices have these schemas.
    fn new(schemas: [Arc<Schema>; 3]) -> Self {
        let [spans, events, links] = schemas;
        Self {
            writers: [
                encode::TableWriter::new(LakeTable::Spans, spans),
                encode::TableWriter::new(LakeTable::Events, events),
                encode::TableWriter::new(LakeTable::Links, links),
            ],
            traces: Vec::new(),
            operations: HashMap::new(),
            keys: Vec::new(),
            rollups: Vec::new(),
            other: Rollup::default(),
            trace_ids: Vec::new(),
            runs: BTreeSet::new(),
            times: None,
            event_times: None,
            spans: 0,
            repeats: 0,
            duplicate_span_ids: 0,
            superseded: 0,
        }
    }

    /// Adds one table's rows of a slice.
    fn add(&mut self, table: Table, parts: Vec<RecordBatch>) -> Result<(), LakeError> {
        let rows = Rows::arrange(table, parts)?;
        self.repeats += rows.repeats;
        self.duplicate_span_ids += rows.duplicate_span_ids;
        self.superseded += rows.superseded;
        self.trace_ids.extend(rows.traces());
        if table == Table::Spans {
            self.add_spans(&rows);
        }
        if table == Table::Events {
            widen(&mut self.event_times, rows.times("time_unix_nanos"));
        }
        Ok(self.writers[table as usize].write(&rows)?)
    }

    /// Ends a slice whose tables have all been added.
    fn end_slice(&mut self) {
        self.trace_ids.sort_unstable();
        self.trace_ids.dedup();
    }

    /// Counts a slice's spans, in the order in which they lie in memory.
    fn add_spans(&mut self, rows: &Rows) {
        let (numbers, traces) = rows.trace_numbers();
        let mut facts = vec![TraceFacts::default(); traces];
        let mut operations = OperationCounter::default();
        for (part, numbers) in rows.parts.iter().zip(&numbers) {
            let Some(spans) = SpanColumns::of(part) else { continue };
            let mapped = (0..spans.rows()).filter(|row| numbers[*row] != rows::UNMAPPED);
            operations.add(&spans, mapped, |row, operation| {
                let trace = &mut facts[numbers[row] as usize];
                trace.add(&spans, row);
                trace.add_operation(operation);
            });
        }
        let ordinals: Vec<u32> = operations.finish().map(|(key, rollup)| self.absorb(key, rollup)).collect();
        for trace in &mut facts {
            trace.renumber(&ordinals);
        }
        for run in facts.iter().flat_map(TraceFacts::runs) {
            if self.runs.len() <= RUNS_MAX && !self.runs.contains(run) {
                self.runs.insert(run.to_owned());
            }
        }
        self.spans += rows.places.len() as u64;
        widen(&mut self.times, facts.iter().flat_map(TraceFacts::starts));
        self.traces.push(trace_row::encode(&facts));
    }

    /// Gives a slice's operation its number in the group.
    fn absorb(&mut self, key: OperationKey, rollup: Rollup) -> u32 {
        if let Some(ordinal) = self.operations.get(&key) {
            self.rollups[*ordinal as usize].merge(&rollup);
            return *ordinal;
        }
        if self.keys.len() == OPERATIONS_MAX {
            self.other.merge(&rollup);
            return OTHER;
        }
        let ordinal = self.keys.len() as u32;
        self.operations.insert(key.clone(), ordinal);
        self.keys.push(key);
        self.rollups.push(rollup);
        ordinal
    }

    /// Encodes what is left and states the group's figures.
    fn finish(self, arrival: Arrival, live: &[Arc<Group>]) -> Result<FlushSet, LakeError> {
        let mut files: Vec<NewFile> = Vec::new();
        for (writer, times) in self.writers.into_iter().zip([self.times, self.event_times, None]) {
            files.extend(writer.finish(times)?);
        }
        let traces = by_start(&concat_batches(&trace_row::schema(), &self.traces)?)?;
        let rollups = rollup::encode(&self.keys, &self.rollups, &self.other);
        for (table, rows) in [(LakeTable::Traces, &traces), (LakeTable::Rollups, &rollups)] {
            files.extend(encode::whole(table, rows)?);
        }
        let mut split = BytesMut::new();
        for (id, is_elsewhere) in self.trace_ids.iter().zip(may_be_in_any(live, &self.trace_ids)) {
            if is_elsewhere {
                split.put_slice(&id.0);
            }
        }
        let (start_min, start_max) = self.times.or(self.event_times).unwrap_or_default();
        let group = GroupMeta {
            arrival_min: arrival.min,
            arrival_max: arrival.max,
            start_min: UnixNanos(start_min),
            start_max: UnixNanos(start_max),
            spans: self.spans,
            traces: traces.num_rows() as u64,
            duplicate_span_ids: self.duplicate_span_ids,
            filter: TraceFilterSet::build(&self.trace_ids).to_bytes(),
            split: split.freeze(),
            runs: (self.runs.len() <= RUNS_MAX).then(|| self.runs.into_iter().collect()),
        };
        Ok(FlushSet {
            group,
            files,
            repeats: self.repeats,
            duplicate_span_ids: self.duplicate_span_ids,
            superseded: self.superseded,
        })
    }
}

fn widen(widest: &mut Option<(i64, i64)>, times: impl Iterator<Item = i64>) {
    for time in times {
        let (min, max) = widest.unwrap_or((time, time));
        *widest = Some((min.min(time), max.max(time)));
    }
}
