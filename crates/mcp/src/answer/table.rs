//! A table of an answer, and its shape: what it is called and which columns it has.

use std::borrow::Cow;

use crate::untrusted::UNTRUSTED;
use crate::value::Value;

/// What a table is called and which columns it has: declared once, for answers and for the resource that lists them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TableShape {
    /// What the rows are.
    pub(crate) name: &'static str,
    /// How many rows it may have before the next table gets its first.
    pub(crate) first: usize,
    /// Names as structured content has them: recorded text begins with `untrusted.`, durations end in `_nanos`, times in
    /// `_unix_nanos`.
    pub(crate) columns: &'static [&'static str],
}

/// Rows under named columns.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// What the rows are.
    pub(crate) name: &'static str,
    /// Column names, as [`TableShape::columns`] has them.
    pub(crate) columns: Vec<Cow<'static, str>>,
    /// As many cells each as there are columns.
    pub(crate) rows: Vec<Vec<Value>>,
    /// As [`TableShape::first`].
    pub(crate) first: usize,
    /// The most rows on the first page, whatever room there is; `None`: as many as fit. For details that seldom matter
    /// and cost tokens each time.
    pub(crate) most: Option<usize>,
    /// Chosen rows are shown sorted by their first column, a count.
    pub(crate) grouped: bool,
    /// Whether the caller pages it by the backend's own cursor.
    pub(crate) paged_by_backend: bool,
}

/// A column that has a value in some row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// Where its cells are in each row.
    pub(super) index: usize,
    /// As structured content has it.
    pub(super) name: String,
    /// As a reader sees it, without the unit, which each value shows.
    pub(super) title: String,
}

impl Table {
    pub(crate) fn new(shape: &TableShape) -> Self {
        let columns = shape.columns.iter().map(|&column| Cow::Borrowed(column)).collect();
        Self {
            name: shape.name,
            columns,
            rows: Vec::new(),
            first: shape.first,
            most: None,
            grouped: false,
            paged_by_backend: false,
        }
    }

    pub(crate) fn with_rows(shape: &TableShape, rows: impl IntoIterator<Item = Vec<Value>>) -> Self {
        Self { rows: rows.into_iter().collect(), ..Self::new(shape) }
    }

    /// The columns that have a value in some row. Recorded text marks its column, whatever the shape says.
    pub(super) fn shown_columns(&self) -> Vec<Column> {
        let mut shown = Vec::with_capacity(self.columns.len());
        for (index, column) in self.columns.iter().enumerate() {
            let mut cells = self.rows.iter().map(|row| &row[index]).filter(|cell| **cell != Value::Empty).peekable();
            if cells.peek().is_none() {
                continue;
            }
            let is_marked = column.starts_with(UNTRUSTED);
            let name = if !is_marked && cells.any(Value::is_recorded) {
                format!("{UNTRUSTED}{column}")
            } else {
                column.to_string()
            };
            let title = name.strip_suffix("_unix_nanos").or_else(|| name.strip_suffix("_nanos")).unwrap_or(&name);
            shown.push(Column { index, title: title.to_owned(), name: name.clone() });
        }
        shown
    }
}
