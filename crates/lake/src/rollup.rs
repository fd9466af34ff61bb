//! `rollups`: for each operation of a group its counts and the distribution of its durations.
//!
//! An operation is a span name under a service and a project. Rows are made with the group's spans and retired with
//! them, so that compaction and forgetting stay exact. Beyond [`OPERATIONS_MAX`] in one group the rest shares the row
//! of [`OTHER`], which says so.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{BinaryBuilder, Int32Builder, Int64Builder, StringDictionaryBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{Schema, SchemaRef};
use kino_model::columns::{Column, ColumnKind, field};

use crate::attribute_filter::hash;
use crate::columns::{SpanColumns, TextColumn, int32, int64};
use crate::sketch::{BadSketch, Sketch, bucket_of};

/// How many operations of a group have a rollup of their own. Names that contain ids would otherwise make the rollups
/// as large as the spans.
pub const OPERATIONS_MAX: usize = 10_000;

/// The ordinal of the row that all operations beyond the bound share.
pub const OTHER: u32 = u32::MAX >> 1;

/// Identifies an operation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationKey {
    /// The service; `None` where the resource names none.
    pub service: Option<String>,
    /// The span name.
    pub name: String,
    /// The project; `None` where it is unknown.
    pub project: Option<String>,
}

/// What is known of an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rollup {
    /// Spans.
    pub count: u64,
    /// Failed spans among them.
    pub errors: u64,
    /// Spans that have not ended; their durations are not in the sketch.
    pub open: u64,
    /// Spans without a parent.
    pub roots: u64,
    /// The sum of the durations; stops at 292 years.
    pub total_nanos: i64,
    /// The durations.
    pub sketch: Sketch,
}

impl Rollup {
    /// Adds everything that `other` counts.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.errors += other.errors;
        self.open += other.open;
        self.roots += other.roots;
        self.total_nanos = self.total_nanos.saturating_add(other.total_nanos);
        self.sketch.merge(&other.sketch);
    }

    /// Takes out everything that `other` counts, which must have been added before.
    pub fn subtract(&mut self, other: &Self) {
        self.count = self.count.saturating_sub(other.count);
        self.errors = self.errors.saturating_sub(other.errors);
        self.open = self.open.saturating_sub(other.open);
        self.roots = self.roots.saturating_sub(other.roots);
        self.total_nanos = self.total_nanos.saturating_sub(other.total_nanos);
        self.sketch.subtract(&other.sketch);
    }

    fn add(&mut self, spans: &SpanColumns<'_>, row: usize) {
        self.count += 1;
        self.errors += u64::from(spans.is_error(row));
        self.roots += u64::from(spans.is_root(row));
        match spans.duration(row) {
            Some(nanos) => self.total_nanos = self.total_nanos.saturating_add(nanos.max(0)),
            None => self.open += 1,
        }
    }
}

/// The rollups of a group or of a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rollups {
    pub operations: BTreeMap<OperationKey, Rollup>,
    /// What all operations beyond the bound share.
    pub other: Rollup,
}

impl Rollups {
    /// Adds everything that `other` counts.
    pub fn merge(&mut self, other: &Self) {
        for (key, rollup) in &other.operations {
            match self.operations.get_mut(key) {
                Some(here) => here.merge(rollup),
                None => {
                    self.operations.insert(key.clone(), rollup.clone());
                }
            }
        }
        self.other.merge(&other.other);
    }

    /// Subtracts spans that were counted before, each from its operation, or from `other` if that has no rollup of its
    /// own.
    pub fn subtract(&mut self, spans: &Self) {
        for (key, rollup) in &spans.operations {
            let Some(here) = self.operations.get_mut(key) else {
                self.other.subtract(rollup);
                continue;
            };
            here.subtract(rollup);
            if here.count == 0 {
                self.operations.remove(key);
            }
        }
    }

    /// Counts one span.
    pub fn add_span(&mut self, key: &OperationKey, duration: Option<i64>, is_error: bool, is_root: bool) {
        if !self.operations.contains_key(key) {
            self.operations.insert(key.clone(), Rollup::default());
        }
        let Some(rollup) = self.operations.get_mut(key) else { return };
        rollup.count += 1;
        rollup.errors += u64::from(is_error);
        rollup.roots += u64::from(is_root);
        match duration {
            Some(nanos) => {
                rollup.total_nanos = rollup.total_nanos.saturating_add(nanos.max(0));
                rollup.sketch.add(nanos);
            }
            None => rollup.open += 1,
        }
    }

    /// Counts the given rows.
    pub fn of_spans(spans: &SpanColumns<'_>, rows: impl Iterator<Item = usize>) -> Self {
        let mut operations = OperationCounter::default();
        operations.add(spans, rows, |_, _| {});
        Self { operations: operations.finish().collect(), other: Rollup::default() }
    }
}

fn owned((service, name, project): BorrowedKey<'_>) -> OperationKey {
    OperationKey {
        service: service.map(str::to_owned),
        name: name.unwrap_or_default().to_owned(),
        project: project.map(str::to_owned),
    }
}

/// The columns of `rollups`.
pub const ROLLUPS: &[Column] = &[
    field("ordinal", ColumnKind::Int32, false, "The number under which `traces.operations` names the operation."),
    field("service_name", ColumnKind::Label, true, "The service; null where the resource names none."),
    field("name", ColumnKind::Label, true, "The span name; null in the row of all operations beyond the bound."),
    field("kino_project", ColumnKind::Label, true, "The project; null where it is unknown."),
    field("count", ColumnKind::Int, false, "Spans."),
    field("errors", ColumnKind::Int, false, "Failed spans among them."),
    field("open", ColumnKind::Int, false, "Spans that have not ended."),
    field("roots", ColumnKind::Int, false, "Spans without a parent."),
    field("total_nanos", ColumnKind::Int, false, "The sum of the durations."),
    field(
        "sketch",
        ColumnKind::Bytes,
        false,
        "The durations: pairs of varints, distance to the bucket before and count; 64 buckets to a doubling.",
    ),
];

/// The Arrow schema of `rollups`.
pub fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> =
        LazyLock::new(|| Arc::new(Schema::new(ROLLUPS.iter().map(Column::arrow).collect::<Vec<_>>())));
    Arc::clone(&SCHEMA)
}

/// An operation as borrowed from a batch: service, name, project.
type BorrowedKey<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>);

/// Operations that were looked up last in a batch; a power of two.
const REMEMBERED: usize = 256;

/// An operation within one batch: the labels of its service and project, its name, and its ordinal.
type Remembered<'a> = ((u32, u32), Option<&'a str>, u32);

/// Numbers the operations of spans in the order they come, and counts their spans.
#[derive(Debug, Default)]
pub struct OperationCounter<'a> {
    keys: Vec<BorrowedKey<'a>>,
    known: HashMap<BorrowedKey<'a>, u32>,
    rollups: Vec<Rollup>,
    /// An ordinal and the bucket of a duration. Sorting them all is several times faster than a map look-up for each.
    durations: Vec<u64>,
}

impl<'a> OperationCounter<'a> {
    /// Adds these rows of a batch, and calls `assign` with each row and the ordinal of its operation.
    pub fn add(
        &mut self,
        spans: &SpanColumns<'a>,
        rows: impl Iterator<Item = usize>,
        mut assign: impl FnMut(usize, u32),
    ) {
        // Labels are compared by their places, which are valid within one batch only.
        let mut remembered: Vec<Option<Remembered<'a>>> = vec![None; REMEMBERED];
        for row in rows {
            let name = spans.name.get(row);
            let mut number = || self.number((spans.service.get(row), name, spans.project.get(row)));
            let ordinal = if let Some(labels) = spans.service.label(row).zip(spans.project.label(row)) {
                let seed = u64::from(labels.0) << 32 | u64::from(labels.1);
                let slot = &mut remembered[hash(name.unwrap_or_default().as_bytes(), seed) as usize % REMEMBERED];
                let known = slot.filter(|last| last.0 == labels && last.1 == name).map(|last| last.2);
                let ordinal = known.unwrap_or_else(&mut number);
                *slot = Some((labels, name, ordinal));
                ordinal
            } else {
                number()
            };
            self.rollups[ordinal as usize].add(spans, row);
            if let Some(nanos) = spans.duration(row) {
                self.durations.push(u64::from(ordinal) << 16 | u64::from(bucket_of(nanos)));
            }
            assign(row, ordinal);
        }
    }

    fn number(&mut self, key: BorrowedKey<'a>) -> u32 {
        *self.known.entry(key).or_insert_with(|| {
            self.keys.push(key);
            self.rollups.push(Rollup::default());
            self.keys.len() as u32 - 1
        })
    }

    /// The operations, by ordinal, with what was counted.
    pub fn finish(mut self) -> impl Iterator<Item = (OperationKey, Rollup)> {
        self.durations.sort_unstable();
        for same in self.durations.chunk_by(|left, right| left == right) {
            self.rollups[(same[0] >> 16) as usize].sketch.add_bucket(same[0] as u16, same.len() as u64);
        }
        self.keys.into_iter().map(owned).zip(self.rollups)
    }
}

/// Encodes a group's rollups in [`schema`]; the ordinals are the places in `keys`.
pub(crate) fn encode(keys: &[OperationKey], rollups: &[Rollup], other: &Rollup) -> RecordBatch {
    let mut ordinals = Int32Builder::new();
    let mut labels: [StringDictionaryBuilder<Int32Type>; 3] = Default::default();
    let mut ints: [Int64Builder; 5] = Default::default();
    let mut sketches = BinaryBuilder::new();
    let mut append = |ordinal: u32, key: Option<&OperationKey>, rollup: &Rollup| {
        ordinals.append_value(ordinal as i32);
        let texts = match key {
            Some(key) => [key.service.as_deref(), Some(key.name.as_str()), key.project.as_deref()],
            None => [None; 3],
        };
        labels.iter_mut().zip(texts).for_each(|(builder, text)| builder.append_option(text));
        let counts = [rollup.count, rollup.errors, rollup.open, rollup.roots].map(|count| count as i64);
        let values = counts.into_iter().chain([rollup.total_nanos]);
        ints.iter_mut().zip(values).for_each(|(builder, value)| builder.append_value(value));
        sketches.append_value(rollup.sketch.to_bytes());
    };
    keys.iter().zip(rollups).zip(0..).for_each(|((key, rollup), ordinal)| append(ordinal, Some(key), rollup));
    if other.count > 0 {
        append(OTHER, None, other);
    }
    let [service, name, project] = labels.map(|mut builder| Arc::new(builder.finish()) as Arc<dyn Array>);
    let mut columns: Vec<Arc<dyn Array>> = vec![Arc::new(ordinals.finish()), service, name, project];
    columns.extend(ints.map(|mut builder| Arc::new(builder.finish()) as Arc<dyn Array>));
    columns.push(Arc::new(sketches.finish()));
    RecordBatch::try_new(schema(), columns).expect("the columns were built in the schema's order")
}

/// A group's rollups with their ordinals, as read back.
#[derive(Debug, Default)]
pub struct GroupRollups {
    /// The counts.
    pub rollups: Rollups,
    /// The ordinals in `traces.operations`.
    pub ordinals: Vec<(OperationKey, i32)>,
    /// Whether some operations are counted in `other`.
    pub has_other: bool,
}

/// Reads a file's rows back.
pub(crate) fn decode(batches: &[RecordBatch]) -> Result<GroupRollups, BadSketch> {
    let mut group = GroupRollups::default();
    for batch in batches {
        let (Some(ordinals), Some(sketches)) =
            (int32(batch, "ordinal"), batch.column_by_name("sketch").and_then(|column| column.as_binary_opt::<i32>()))
        else {
            continue;
        };
        let text = |name: &str| TextColumn::of(batch, name);
        let (service, name, project) = (text("service_name"), text("name"), text("kino_project"));
        let number = |name: &str, row: usize| int64(batch, name).map_or(0, |column| column.value(row));
        for row in 0..batch.num_rows() {
            let rollup = Rollup {
                count: number("count", row) as u64,
                errors: number("errors", row) as u64,
                open: number("open", row) as u64,
                roots: number("roots", row) as u64,
                total_nanos: number("total_nanos", row),
                sketch: Sketch::from_bytes(sketches.value(row))?,
            };
            if ordinals.value(row) == OTHER as i32 {
                group.rollups.other.merge(&rollup);
                group.has_other = true;
                continue;
            }
            let owned = |column: TextColumn<'_>| column.get(row).map(str::to_owned);
            let key = OperationKey {
                service: owned(service),
                name: owned(name).unwrap_or_default(),
                project: owned(project),
            };
            group.ordinals.push((key.clone(), ordinals.value(row)));
            group.rollups.operations.entry(key).or_default().merge(&rollup);
        }
    }
    Ok(group)
}
