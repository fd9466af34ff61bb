//! "Is this the span that is asked for?": service, name and attributes that hold together on one span.
//!
//! An attribute is looked for in its column, in the map under every released spelling (values of another type and
//! second spellings stay there), and in the resource. Each distinct text of a dictionary is looked at once.

use std::collections::HashMap;
use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, RecordBatch};
use kino_model::columns::{Column, ColumnKind, promoted_resource_column, promoted_span_column};
use kino_model::{Resource, Text, Value};

use super::{LakeReader, ReadError};
use crate::attribute_filter::Pair;
use crate::columns::{TextColumn, int64, map_text, maps};
use crate::group::FileEntry;

/// What one span must be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpanTest {
    /// The service; `None` for any.
    pub service: Option<String>,
    /// The span name; `None` for any.
    pub name: Option<String>,
    /// Attributes, all of which must hold.
    pub attributes: Vec<AttributeTest>,
}

/// What one attribute must be.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeTest {
    /// All spellings of the asked key.
    spellings: Vec<String>,
    column: Option<(&'static str, ColumnKind)>,
    value: String,
}

/// What of a file may hold a span that passes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    /// The columns to look at.
    pub columns: Vec<&'static str>,
    /// The parts of the file; `None` for all of it.
    pub rows: Option<Vec<Range<usize>>>,
}

impl Candidates {
    /// How many rows these are; `None` for all of the file.
    pub fn row_count(&self) -> Option<usize> {
        self.rows.as_ref().map(|rows| rows.iter().map(ExactSizeIterator::len).sum())
    }
}

impl AttributeTest {
    /// The attribute `key`, in any of its released spellings, has `value` as its text.
    pub fn new(key: &str, value: &str) -> Self {
        let promoted: Option<&'static Column> = promoted_span_column(key).or_else(|| promoted_resource_column(key));
        let spellings = match promoted {
            Some(column) => column.spellings.iter().map(|spelling| (*spelling).to_owned()).collect(),
            None => vec![key.to_owned()],
        };
        Self { spellings, column: promoted.map(|column| (column.name, column.kind)), value: value.to_owned() }
    }

    /// Where in a file the value may stand; without columns where it certainly is nowhere.
    async fn places(&self, reader: &LakeReader, file: &FileEntry) -> Result<Candidates, ReadError> {
        let value = self.value.as_bytes();
        let filter = reader.attribute_filter(file).await?;
        let mut columns = Vec::new();
        let mut pairs = Vec::new();
        let mut everywhere = filter.is_none();
        if let Some((name, kind)) = self.column {
            let distinct = reader.distinct(file, name, name).await?;
            let number = self.value.parse::<i64>().ok().map(i64::to_le_bytes);
            let may = match kind {
                ColumnKind::Int => distinct.may(|stored| number.is_some_and(|number| stored == number)),
                ColumnKind::Bool => true,
                _ => distinct.may(|stored| stored == value),
            };
            if may {
                columns.push(name);
                pairs.push(Pair::of(name, &self.value));
                everywhere |= filter.as_ref().is_none_or(|filter| !filter.covers(name));
            }
        }
        let keys = reader.distinct(file, "attributes", "keys").await?;
        if keys.may(|stored| self.spellings.iter().any(|spelling| spelling.as_bytes() == stored))
            && reader.distinct(file, "attributes", "values").await?.may(|stored| stored == value)
        {
            columns.push("attributes");
            pairs.extend(self.spellings.iter().map(|spelling| Pair::of(spelling, &self.value)));
        }
        let resources = reader.distinct(file, "resource", "resource").await?;
        if resources.may(|stored| std::str::from_utf8(stored).is_ok_and(|json| self.resource_holds(json))) {
            columns.push("resource");
            everywhere = true;
        }
        let rows = match filter.filter(|_| !everywhere && !columns.is_empty()) {
            Some(filter) => Some(reader.blocks_with(file, &filter, &pairs).await?),
            None => None,
        };
        if rows.as_ref().is_some_and(Vec::is_empty) {
            columns.clear();
        }
        Ok(Candidates { columns, rows })
    }

    fn mark(&self, spans: &RecordBatch, passed: &mut [bool]) {
        if let Some((name, kind)) = self.column {
            self.mark_column(spans, name, kind, passed);
        }
        self.mark_map(spans, passed);
        self.mark_resource(spans, passed);
    }

    fn mark_column(&self, spans: &RecordBatch, name: &str, kind: ColumnKind, passed: &mut [bool]) {
        match kind {
            ColumnKind::Int => {
                let wanted = self.value.parse::<i64>().ok().filter(|number| number.to_string() == self.value);
                if let (Some(wanted), Some(column)) = (wanted, int64(spans, name)) {
                    let equal = |row: usize| column.is_valid(row) && column.value(row) == wanted;
                    passed.iter_mut().enumerate().for_each(|(row, passed)| *passed |= equal(row));
                }
            }
            ColumnKind::Bool => {
                let wanted = self.value.parse::<bool>().ok();
                let column = spans.column_by_name(name).and_then(|column| column.as_boolean_opt());
                if let (Some(wanted), Some(column)) = (wanted, column) {
                    let equal = |row: usize| column.is_valid(row) && column.value(row) == wanted;
                    passed.iter_mut().enumerate().for_each(|(row, passed)| *passed |= equal(row));
                }
            }
            _ => {
                let marks = TextColumn::of(spans, name).matches(passed.len(), |text| text == self.value);
                passed.iter_mut().enumerate().for_each(|(row, passed)| *passed |= marks.value(row));
            }
        }
    }

    fn mark_map(&self, spans: &RecordBatch, passed: &mut [bool]) {
        let Some(map) = maps(spans, "attributes") else { return };
        let keys = TextColumn::from_array(map.keys());
        let entries = map.keys().len();
        let known = keys.matches(entries, |key| self.spellings.iter().any(|spelling| spelling == key));
        if known.true_count() == 0 {
            return;
        }
        for (row, passed) in passed.iter_mut().enumerate().filter(|(_, passed)| !**passed) {
            *passed = self.spellings.iter().any(|key| map_text(map, row, key) == Some(self.value.as_str()));
        }
    }

    fn mark_resource(&self, spans: &RecordBatch, passed: &mut [bool]) {
        let mut known: HashMap<String, bool> = HashMap::new();
        let column = TextColumn::of(spans, "resource");
        if let TextColumn::Plain(_) = column {
            for (row, passed) in passed.iter_mut().enumerate().filter(|(_, passed)| !**passed) {
                let Some(text) = column.get(row) else { continue };
                if let Some(holds) = known.get(text) {
                    *passed = *holds;
                    continue;
                }
                *passed = self.resource_holds(text);
                known.insert(text.to_owned(), *passed);
            }
            return;
        }
        let marks = column.matches(passed.len(), |text| self.resource_holds(text));
        passed.iter_mut().enumerate().for_each(|(row, passed)| *passed |= marks.value(row));
    }

    fn resource_holds(&self, json: &str) -> bool {
        // A resource without the value's letters cannot hold it; parsing is the dear part.
        if !self.spellings.iter().any(|spelling| json.contains(spelling.as_str())) {
            return false;
        }
        let Ok(resource) = serde_json::from_str::<Resource>(json) else { return false };
        let same = |(key, value): &(Text, Value)| {
            self.spellings.iter().any(|known| key == known) && value.to_text() == self.value
        };
        resource.attributes.iter().any(same)
    }
}

impl SpanTest {
    /// Whether every span passes.
    pub fn is_empty(&self) -> bool {
        self.service.is_none() && self.name.is_none() && self.attributes.is_empty()
    }

    /// What of a file the test must look at; `None` where certainly no span of it passes.
    ///
    /// # Errors
    /// Where the file is damaged or cannot be read.
    pub async fn candidates(&self, reader: &LakeReader, file: &FileEntry) -> Result<Option<Candidates>, ReadError> {
        let mut found = Candidates::default();
        found.columns.extend(self.service.as_ref().map(|_| "service_name"));
        found.columns.extend(self.name.as_ref().map(|_| "name"));
        for attribute in &self.attributes {
            let places = attribute.places(reader, file).await?;
            found.rows = match (found.rows, places.rows) {
                (Some(left), Some(right)) => Some(in_both(&left, &right)),
                (left, right) => left.or(right),
            };
            if places.columns.is_empty() || found.rows.as_ref().is_some_and(Vec::is_empty) {
                return Ok(None);
            }
            found.columns.extend(places.columns);
        }
        Ok(Some(found))
    }

    /// The columns of `spans` that the test looks at.
    pub fn columns(&self) -> Vec<&'static str> {
        let mut columns = Vec::new();
        columns.extend(self.service.as_ref().map(|_| "service_name"));
        columns.extend(self.name.as_ref().map(|_| "name"));
        if !self.attributes.is_empty() {
            columns.extend(["attributes", "resource"]);
            columns.extend(self.attributes.iter().filter_map(|attribute| attribute.column.map(|column| column.0)));
        }
        columns
    }

    /// Marks the rows that pass.
    pub fn mark(&self, spans: &RecordBatch) -> BooleanArray {
        let rows = spans.num_rows();
        let mut passed = vec![true; rows];
        let texts = [("service_name", &self.service), ("name", &self.name)];
        for (name, wanted) in texts.into_iter().filter_map(|(name, wanted)| Some((name, wanted.as_deref()?))) {
            let marks = TextColumn::of(spans, name).matches(rows, |text| text == wanted);
            passed.iter_mut().enumerate().for_each(|(row, passed)| *passed &= marks.value(row));
        }
        for attribute in &self.attributes {
            if !passed.contains(&true) {
                break;
            }
            let mut holds = vec![false; rows];
            attribute.mark(spans, &mut holds);
            passed.iter_mut().zip(holds).for_each(|(passed, holds)| *passed &= holds);
        }
        BooleanArray::from(passed)
    }
}

/// Returns the intersection of two lists of ranges, each sorted and without overlaps.
fn in_both(left: &[Range<usize>], right: &[Range<usize>]) -> Vec<Range<usize>> {
    let (mut at, mut both) = (0, Vec::new());
    for range in left {
        // A range of the right may reach into several of the left.
        while at < right.len() && right[at].end <= range.start {
            at += 1;
        }
        for other in right[at..].iter().take_while(|other| other.start < range.end) {
            both.push(range.start.max(other.start)..range.end.min(other.end));
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_lists_of_ranges_share() {
        let left = [0..10, 20..30, 40..50];
        assert_eq!(in_both(&left, &[5..25, 28..45]), [5..10, 20..25, 28..30, 40..45]);
        assert_eq!(in_both(&left, &[10..20, 50..60]), []);
        assert_eq!(in_both(&left, &left), left);
    }
}
