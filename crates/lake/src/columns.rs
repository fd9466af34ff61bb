//! Typed views of a batch's columns, whichever of them are there and however their text is encoded.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int32Type, Int64Type};
use arrow_array::{
    Array, BooleanArray, DictionaryArray, FixedSizeBinaryArray, Int8Array, Int32Array, Int64Array, ListArray, MapArray,
    RecordBatch, StringArray,
};
use kino_model::{SpanId, TraceId, UnixNanos};

/// A text column: absent, plain, or dictionary-encoded.
#[derive(Clone, Copy, Debug)]
pub enum TextColumn<'a> {
    /// Null throughout.
    Absent,
    /// Plain text.
    Plain(&'a StringArray),
    /// Keys into distinct texts.
    Labels(&'a DictionaryArray<Int32Type>, &'a StringArray),
}

impl<'a> TextColumn<'a> {
    /// The column called `name`.
    pub fn of(batch: &'a RecordBatch, name: &str) -> Self {
        batch.column_by_name(name).map_or(Self::Absent, |column| Self::from_array(column.as_ref()))
    }

    /// The text in an array of either encoding.
    pub fn from_array(array: &'a dyn Array) -> Self {
        if let Some(plain) = array.as_string_opt::<i32>() {
            return Self::Plain(plain);
        }
        let labels = array.as_dictionary_opt::<Int32Type>();
        labels.map_or(Self::Absent, |labels| Self::Labels(labels, labels.values().as_string::<i32>()))
    }

    /// Whether it is null throughout because it is not there.
    pub fn is_absent(self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The text of a row, if there is one.
    pub fn get(self, row: usize) -> Option<&'a str> {
        match self {
            Self::Absent => None,
            Self::Plain(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Labels(keys, values) => {
                let key = keys.keys().is_valid(row).then(|| keys.keys().value(row) as usize)?;
                values.is_valid(key).then(|| values.value(key))
            }
        }
    }

    /// A number that equal ones have equal texts behind them: the place in the dictionary, one more than it, or zero
    /// without a text. `None` where the column is plain.
    pub fn label(self, row: usize) -> Option<u32> {
        match self {
            Self::Absent => Some(0),
            Self::Plain(_) => None,
            Self::Labels(keys, _) => {
                Some(if keys.keys().is_valid(row) { keys.keys().value(row) as u32 + 1 } else { 0 })
            }
        }
    }

    /// Marks the rows whose text passes, asking once for each distinct text where the encoding allows.
    pub fn matches(self, rows: usize, passes: impl Fn(&str) -> bool) -> BooleanArray {
        match self {
            Self::Absent => BooleanArray::from(vec![false; rows]),
            Self::Plain(array) => (0..rows).map(|row| Some(array.is_valid(row) && passes(array.value(row)))).collect(),
            Self::Labels(keys, values) => {
                let wanted: Vec<bool> =
                    (0..values.len()).map(|key| values.is_valid(key) && passes(values.value(key))).collect();
                if !wanted.contains(&true) {
                    return BooleanArray::from(vec![false; rows]);
                }
                let keys = keys.keys();
                (0..rows).map(|row| Some(keys.is_valid(row) && wanted[keys.value(row) as usize])).collect()
            }
        }
    }
}

/// The trace id in a row; `None` for a log outside any trace.
pub fn trace_id_at(ids: &FixedSizeBinaryArray, row: usize) -> Option<TraceId> {
    ids.is_valid(row).then(|| TraceId::from_slice(ids.value(row))).flatten()
}

/// A nullable integer column that may be absent.
pub fn int64<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a Int64Array> {
    batch.column_by_name(name)?.as_primitive_opt::<Int64Type>()
}

/// A nullable 32-bit integer column that may be absent.
pub fn int32<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a Int32Array> {
    batch.column_by_name(name)?.as_primitive_opt::<Int32Type>()
}

/// A column of small integers that may be absent.
pub fn int8<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a Int8Array> {
    batch.column_by_name(name)?.as_primitive_opt::<Int8Type>()
}

/// A column of ids that may be absent.
pub fn ids<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a FixedSizeBinaryArray> {
    batch.column_by_name(name)?.as_fixed_size_binary_opt()
}

/// A column of lists that may be absent.
pub fn lists<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a ListArray> {
    batch.column_by_name(name)?.as_list_opt::<i32>()
}

/// A column of maps that may be absent.
pub fn maps<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a MapArray> {
    batch.column_by_name(name)?.as_map_opt()
}

/// The text that a map holds under `key` in a row.
pub fn map_text<'a>(map: &'a MapArray, row: usize, key: &str) -> Option<&'a str> {
    if map.is_null(row) {
        return None;
    }
    let offsets = map.value_offsets();
    let (keys, values) = (TextColumn::from_array(map.keys()), TextColumn::from_array(map.values()));
    (offsets[row] as usize..offsets[row + 1] as usize)
        .find(|entry| keys.get(*entry) == Some(key))
        .and_then(|entry| values.get(entry))
}

/// The columns of `spans` that rows of `traces` and `rollups` are made of.
#[derive(Clone, Copy, Debug)]
pub struct SpanColumns<'a> {
    trace_ids: &'a FixedSizeBinaryArray,
    span_ids: &'a FixedSizeBinaryArray,
    parents: Option<&'a FixedSizeBinaryArray>,
    starts: &'a Int64Array,
    durations: Option<&'a Int64Array>,
    statuses: &'a Int8Array,
    rows: usize,
    /// Operation names.
    pub name: TextColumn<'a>,
    pub service: TextColumn<'a>,
    pub project: TextColumn<'a>,
    pub worktree: TextColumn<'a>,
    pub code_state: TextColumn<'a>,
    pub run: TextColumn<'a>,
}

/// What of [`SpanColumns`] operations are counted by.
pub const COUNTED_COLUMNS: [&str; 9] = [
    "trace_id",
    "span_id",
    "parent_span_id",
    "start_unix_nanos",
    "duration_nanos",
    "status_code",
    "name",
    "service_name",
    "kino_project",
];

/// Every column of [`SpanColumns`].
pub const SPAN_COLUMNS: [&str; 12] = {
    let [trace, span, parent, start, duration, status, name, service, project] = COUNTED_COLUMNS;
    let (worktree, code_state, run) = ("kino_worktree", "kino_code_state", "kino_run_id");
    [trace, span, parent, start, duration, status, name, service, project, worktree, code_state, run]
};

impl<'a> SpanColumns<'a> {
    /// The columns of a batch of spans; `None` for one without rows, which may lack even the required ones.
    pub fn of(spans: &'a RecordBatch) -> Option<Self> {
        if spans.num_rows() == 0 {
            return None;
        }
        Some(Self {
            trace_ids: ids(spans, "trace_id")?,
            span_ids: ids(spans, "span_id")?,
            parents: ids(spans, "parent_span_id"),
            starts: int64(spans, "start_unix_nanos")?,
            durations: int64(spans, "duration_nanos"),
            statuses: int8(spans, "status_code")?,
            rows: spans.num_rows(),
            name: TextColumn::of(spans, "name"),
            service: TextColumn::of(spans, "service_name"),
            project: TextColumn::of(spans, "kino_project"),
            worktree: TextColumn::of(spans, "kino_worktree"),
            code_state: TextColumn::of(spans, "kino_code_state"),
            run: TextColumn::of(spans, "kino_run_id"),
        })
    }

    /// Rows of the batch.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The trace of the span in `row`.
    pub fn trace_id(&self, row: usize) -> TraceId {
        TraceId::from_slice(self.trace_ids.value(row)).unwrap_or_default()
    }

    /// The id of the span in `row`.
    pub fn span_id(&self, row: usize) -> SpanId {
        SpanId::from_slice(self.span_ids.value(row)).unwrap_or_default()
    }

    /// Whether the span has no parent.
    pub fn is_root(&self, row: usize) -> bool {
        self.parents.is_none_or(|parents| parents.is_null(row))
    }

    /// When the span started.
    pub fn start(&self, row: usize) -> UnixNanos {
        UnixNanos(self.starts.value(row))
    }

    /// Nanoseconds from start to end; `None` while the span is open.
    pub fn duration(&self, row: usize) -> Option<i64> {
        let durations = self.durations?;
        durations.is_valid(row).then(|| durations.value(row))
    }

    /// Whether the status of the span is an error.
    pub fn is_error(&self, row: usize) -> bool {
        self.statuses.value(row) == kino_model::StatusCode::Error as i8
    }
}
