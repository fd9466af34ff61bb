//! Redaction over a batch's columns.
//!
//! A column's texts lie one behind the other in a single buffer, which is searched as a whole; only a hit asks which
//! row it is in. Columns without a hit are handed on as they are. Attribute maps are looked at together with the
//! exact side of the same rows, so that neither keeps what the other lost.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BinaryArray, DictionaryArray, MapArray, RecordBatch, RecordBatchOptions, StringArray, StructArray,
    make_array, new_null_array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_data::transform::MutableArrayData;
use arrow_schema::{DataType, Schema};
use foldhash::HashMap;
use kino_model::columns::{ColumnKind, Table};
use kino_model::exact::{self, Record, any_value};
use kino_model::{Batch, Text, Value, names};

use super::clean::LabelKind;
use super::texts::Texts;
use super::{Fired, Redactor, number, numbers, url_password};

/// The most bytes in which an encoded text's length is written, up to 2 MiB of text.
const LENGTH_BYTES: usize = 3;

/// The rules that fired, by row.
type RulesByRow = BTreeMap<usize, BTreeSet<&'static str>>;

/// Redacts the three tables.
pub(super) fn redact(redactor: &Redactor, batch: Batch) -> (Batch, Fired) {
    let mut fired = Fired::new();
    let mut table = |which: Table, rows: RecordBatch| Work::new(redactor, which, rows).redacted(&mut fired);
    let spans = table(Table::Spans, batch.spans);
    let events = table(Table::Events, batch.events);
    let links = table(Table::Links, batch.links);
    (Batch { spans, events, links }, fired)
}

/// One table under redaction.
struct Work<'r> {
    redactor: &'r Redactor,
    table: Table,
    rows: RecordBatch,
    /// New columns by name.
    new: BTreeMap<&'static str, ArrayRef>,
    fired: RulesByRow,
}

impl<'r> Work<'r> {
    fn new(redactor: &'r Redactor, table: Table, rows: RecordBatch) -> Self {
        Self { redactor, table, rows, new: BTreeMap::new(), fired: RulesByRow::new() }
    }

    fn redacted(mut self, fired: &mut Fired) -> RecordBatch {
        if self.rows.num_rows() == 0 {
            return self.rows;
        }
        for column in self.table.columns() {
            let Some(array) = self.rows.column_by_name(column.name).cloned() else { continue };
            let new = match array.data_type() {
                DataType::Utf8 if column.kind == ColumnKind::Label => self.label(column.name, array.as_string(), fired),
                DataType::Utf8 => self.text(array.as_string(), fired),
                DataType::Dictionary(..) => self.dictionary(column.name, &array, fired),
                _ => None,
            };
            if let Some(new) = new {
                self.new.insert(column.name, new);
            }
        }
        self.body(fired);
        self.attributes(fired);
        self.finish()
    }

    fn text(&mut self, array: &StringArray, fired: &mut Fired) -> Option<ArrayRef> {
        let mut new = BTreeMap::new();
        for row in self.redactor.hits(array) {
            let mut here = Fired::new();
            if let Some(redacted) = self.redactor.text(array.value(row), &mut here) {
                self.fired.entry(row).or_default().extend(here.keys());
                merge(fired, here);
                new.insert(row, redacted);
            }
        }
        (!new.is_empty()).then(|| replaced(array, &new))
    }

    /// Values that stand for many rows each; which rows is not worth finding out.
    fn label(&self, name: &str, array: &StringArray, fired: &mut Fired) -> Option<ArrayRef> {
        let judged = match name {
            "resource" => LabelKind::Resource,
            "scope" => LabelKind::Scope,
            _ => LabelKind::Text,
        };
        if self.redactor.clean.holds_all(judged, array.iter().flatten()) {
            return None;
        }
        let described = judged != LabelKind::Text;
        let rows = if described {
            self.redactor.suspects(array.value_offsets(), array.value_data())
        } else {
            self.redactor.hits(array)
        };
        let mut new = BTreeMap::new();
        for row in rows {
            let text = array.value(row);
            let redacted = if described {
                self.redactor.described(text, judged == LabelKind::Scope, fired)
            } else {
                self.redactor.text(text, fired)
            };
            new.extend(redacted.map(|redacted| (row, redacted)));
        }
        let clean = array.iter().enumerate().filter(|(row, _)| !new.contains_key(row)).filter_map(|(_, text)| text);
        self.redactor.clean.add(judged, clean);
        (!new.is_empty()).then(|| replaced(array, &new))
    }

    fn dictionary(&self, name: &str, array: &ArrayRef, fired: &mut Fired) -> Option<ArrayRef> {
        let dictionary = array.as_dictionary_opt::<Int32Type>()?;
        let values = self.label(name, dictionary.values().as_string_opt()?, fired)?;
        // Values that become one, as a secret with and without its quotes or scheme does, are read as the same text.
        Some(Arc::new(DictionaryArray::<Int32Type>::new(dictionary.keys().clone(), values)))
    }

    /// A log's body beside its exact form: where either contains a secret, both lose it.
    fn body(&mut self, fired: &mut Fired) {
        let Some(exact) =
            self.rows.column_by_name("body_exact").and_then(|array| array.as_binary_opt::<i32>()).cloned()
        else {
            return;
        };
        let old = self.rows.column_by_name("body").and_then(|array| array.as_string_opt::<i32>()).cloned();
        let texts = self.new.get("body").map(|array| array.as_string::<i32>().clone()).or_else(|| old.clone());
        let was_redacted =
            |row: usize| texts.as_ref().zip(old.as_ref()).is_some_and(|(new, old)| new.value(row) != old.value(row));
        let mut suspects = self.redactor.suspects(exact.value_offsets(), exact.value_data());
        suspects.extend((0..exact.len()).filter(|row| exact.is_valid(*row) && was_redacted(*row)));
        let (mut new_exact, mut new_texts) = (BTreeMap::new(), BTreeMap::new());
        for row in suspects {
            let mut here = Fired::new();
            let mut value = any_value::decode(exact.value(row)).unwrap_or_default();
            if self.redactor.value(&mut value, &mut here) {
                let mut text = value.to_text();
                // The text shows the same value, so that its secrets were counted with the value.
                if let Some(again) = self.redactor.text(&text, &mut Fired::new()) {
                    text = again;
                    new_exact.insert(row, None);
                } else {
                    let mut message = Vec::new();
                    any_value::encode(&value, &mut message);
                    new_exact.insert(row, Some(message));
                }
                new_texts.insert(row, text);
                if !was_redacted(row) {
                    self.fired.entry(row).or_default().extend(here.keys());
                    merge(fired, here);
                }
            } else if was_redacted(row) {
                new_exact.insert(row, None);
            }
        }
        if !new_exact.is_empty() {
            self.new.insert("body_exact", replaced_bytes(&exact, &new_exact));
        }
        if let Some(texts) = texts.filter(|_| !new_texts.is_empty()) {
            self.new.insert("body", replaced(&texts, &new_texts));
        }
    }

    /// The attribute map with its exact side, and in it the names of the rules that fired on the row.
    fn attributes(&mut self, fired: &mut Fired) {
        let rows = self.rows.num_rows();
        let map = self.rows.column_by_name("attributes").and_then(|array| array.as_map_opt()).cloned();
        let exact =
            self.rows.column_by_name("attributes_exact").and_then(|array| array.as_binary_opt::<i32>()).cloned();
        let mut dirty: BTreeSet<usize> = self.fired.keys().copied().collect();
        if let Some(map) = &map {
            dirty.extend(self.redactor.map_hits(map));
        }
        if let Some(exact) = &exact {
            dirty.extend(self.redactor.suspects(exact.value_offsets(), exact.value_data()));
        }
        let mut new = BTreeMap::new();
        for row in dirty {
            let mut before = RowAttributes::read(map.as_ref(), exact.as_ref(), row);
            let mut here = Fired::new();
            let changed = before.redact(self.redactor, &mut here);
            let rules = self.fired.entry(row).or_default();
            rules.extend(here.keys());
            merge(fired, here);
            if changed || !rules.is_empty() {
                before.say(rules);
                new.insert(row, before);
            }
        }
        if new.is_empty() {
            return;
        }
        if exact.is_some() {
            let messages = new.iter().map(|(row, attributes)| (*row, attributes.exact.clone())).collect();
            let exact = exact.unwrap_or_else(|| BinaryArray::new_null(rows));
            self.new.insert("attributes_exact", replaced_bytes(&exact, &messages));
        }
        self.new.insert("attributes", replaced_map(map.as_ref(), rows, &new));
    }

    fn finish(self) -> RecordBatch {
        if self.new.is_empty() {
            return self.rows;
        }
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        for column in self.table.columns() {
            let old = self.rows.column_by_name(column.name);
            if let Some(array) = self.new.get(column.name).or(old) {
                let field = self.rows.schema_ref().field_with_name(column.name).cloned();
                fields.push(field.unwrap_or_else(|_| column.arrow()));
                columns.push(Arc::clone(array));
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows.num_rows()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
            .expect("redaction keeps every column's type and length")
    }
}

struct RowAttributes {
    entries: Vec<(Text, Option<String>)>,
    exact: Option<Vec<u8>>,
}

impl RowAttributes {
    fn read(map: Option<&MapArray>, exact: Option<&BinaryArray>, row: usize) -> Self {
        let mut entries = Vec::new();
        if let Some(map) = map.filter(|map| map.is_valid(row)) {
            let (keys, values) = (map.keys().as_string::<i32>(), map.values().as_string::<i32>());
            let range = map.value_offsets()[row] as usize..map.value_offsets()[row + 1] as usize;
            entries.extend(range.map(|entry| {
                (keys.value(entry).into(), values.is_valid(entry).then(|| values.value(entry).to_owned()))
            }));
        }
        let exact = exact.filter(|exact| exact.is_valid(row)).map(|exact| exact.value(row).to_vec());
        Self { entries, exact }
    }

    /// Redacts the entries and the exact values; an entry whose text lost something is text from then on. Takes time
    /// proportional to the entries and records: a row may have as many as its sender likes.
    fn redact(&mut self, redactor: &Redactor, fired: &mut Fired) -> bool {
        let old = self.exact.take().unwrap_or_default();
        let mut side = ExactSide::read(&old, self.entries.len());
        let mut changed = false;
        for (index, (key, text)) in self.entries.iter_mut().enumerate() {
            if let Some(mut value) = side.value(index) {
                if redactor.attribute(key, &mut value, fired) {
                    changed = true;
                    *text = Some(value.to_text());
                    side.replace(index, &value);
                }
            } else if let Some(renamed) = redactor.text(key, fired) {
                *key = renamed.into();
                changed = true;
            }
            let seen = text.as_deref().unwrap_or_default();
            if let Some(redacted) = redactor.under_key(key, seen, fired).or_else(|| redactor.text(seen, fired)) {
                *text = Some(redacted);
                changed = true;
                // Its exact form contained what the text showed.
                side.remove(index);
            }
        }
        let (written, extras_changed) = side.written(redactor, fired);
        self.exact = (!written.is_empty()).then_some(written);
        changed || extras_changed
    }

    /// Names the rules in the row's `kino.redacted`, behind all other entries, whose places the exact side counts.
    fn say(&mut self, rules: &BTreeSet<&'static str>) {
        let said = self.entries.iter_mut().find(|(key, _)| key == names::REDACTED);
        let before = said.as_ref().and_then(|(_, text)| text.clone()).unwrap_or_default();
        let all: BTreeSet<&str> =
            before.split(',').filter(|rule| !rule.is_empty()).chain(rules.iter().copied()).collect();
        let text = all.into_iter().collect::<Vec<_>>().join(",");
        match said {
            Some((_, value)) => *value = Some(text),
            None => self.entries.push((names::REDACTED.into(), Some(text))),
        }
    }
}

/// The records of a row, as far as they can be read.
fn records(bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let records = exact::records(bytes).map_while(Result::ok);
    #[cfg(test)]
    let records = records.inspect(|_| tests::RECORDS_READ.set(tests::RECORDS_READ.get() + 1));
    records
}

/// The exact side of one row under redaction.
struct ExactSide<'a> {
    records: Vec<Record<'a>>,
    /// What becomes of each entry's type and value.
    fates: Vec<Fate<'a>>,
}

/// What becomes of an entry's records.
enum Fate<'a> {
    /// They stay; here is its value's message, where it has one.
    Unchanged(Option<&'a [u8]>),
    /// They go, and this message of its value takes their place.
    Replaced(Vec<u8>),
    /// They go: the entry is text from now on.
    Removed,
}

impl<'a> ExactSide<'a> {
    fn read(bytes: &'a [u8], entries: usize) -> Self {
        let records: Vec<Record<'a>> = records(bytes).collect();
        let mut fates: Vec<Fate<'a>> = (0..entries).map(|_| Fate::Unchanged(None)).collect();
        for record in &records {
            if let Record::Value { entry, message } = record
                && let Some(Fate::Unchanged(first @ None)) = fates.get_mut(*entry)
            {
                *first = Some(message);
            }
        }
        Self { records, fates }
    }

    /// The entry's list, map or bytes.
    fn value(&self, entry: usize) -> Option<Value> {
        let Some(Fate::Unchanged(Some(message))) = self.fates.get(entry) else { return None };
        any_value::decode(message).ok()
    }

    fn replace(&mut self, entry: usize, value: &Value) {
        self.fates[entry] = if matches!(value, Value::String(_)) {
            Fate::Removed
        } else {
            let mut message = Vec::new();
            any_value::encode(value, &mut message);
            Fate::Replaced(message)
        };
    }

    fn remove(&mut self, entry: usize) {
        self.fates[entry] = Fate::Removed;
    }

    /// The records that stay, values that changed first, and whether a repeated key's attribute changed.
    fn written(self, redactor: &Redactor, fired: &mut Fired) -> (Vec<u8>, bool) {
        let (mut written, mut changed) = (Vec::new(), false);
        for (entry, fate) in self.fates.iter().enumerate() {
            if let Fate::Replaced(message) = fate {
                exact::write(Record::Value { entry, message }, &mut written);
            }
        }
        for record in self.records {
            match record {
                Record::Extra { message } => {
                    let Ok((mut key, mut value)) = any_value::decode_key_value(message) else { continue };
                    let mut message = message.to_vec();
                    if redactor.attribute(&mut key, &mut value, fired) {
                        changed = true;
                        message.clear();
                        any_value::encode_key_value(&key, &value, &mut message);
                    }
                    exact::write(Record::Extra { message: &message }, &mut written);
                }
                Record::Int { entry }
                | Record::Bool { entry }
                | Record::Double { entry, .. }
                | Record::Empty { entry }
                | Record::Value { entry, .. }
                    if !matches!(self.fates.get(entry), None | Some(Fate::Unchanged(_))) => {}
                other => exact::write(other, &mut written),
            }
        }
        (written, changed)
    }
}

impl Redactor {
    /// The rows of a column that hold a secret.
    fn hits(&self, array: &StringArray) -> BTreeSet<usize> {
        let column = Texts::new(array.value_offsets(), array.value_data());
        let bytes = &column.bytes[..column.end()];
        let mut hits = BTreeSet::new();
        for set in self.anchors.sets() {
            let mut from = column.start();
            while let Some((start, end, sign)) = set.next(bytes, from) {
                let (row, first, last) = column.around(start);
                if end > last {
                    from = start + 1;
                } else if self.examine(&bytes[first..last], start - first, end - first, sign).is_some() {
                    hits.insert(row);
                    from = last;
                } else {
                    from = end;
                }
            }
        }
        for at in memchr::memchr_iter(b'@', &bytes[column.start()..]).map(|at| column.start() + at) {
            let (row, first, last) = column.around(at);
            if url_password(&bytes[first..last], at - first).is_some() {
                hits.insert(row);
            }
        }
        let mut from = column.start();
        while let Some((mut start, end)) = numbers::next_run(bytes, from) {
            while start < end {
                let (row, first, last) = column.around(start);
                if number(&bytes[first..last], start - first, end.min(last) - first).is_some() {
                    hits.insert(row);
                }
                start = last;
            }
            from = end;
        }
        column.each_word(|(row, first, last), (start, end)| {
            if self.prefixed_token(&bytes[first..last], start - first, end - first).is_some() {
                hits.insert(row);
            }
        });
        if !self.rules.patterns.is_empty() {
            let matches = |row: &usize| {
                let text = array.value(*row).as_bytes();
                self.rules.patterns.iter().any(|pattern| pattern.regex.is_match(text))
            };
            hits.extend((0..array.len()).filter(|row| array.is_valid(*row)).filter(matches));
        }
        hits
    }

    /// The rows of encoded values that may hold a secret: there the rules' closer look needs the decoded text.
    fn suspects(&self, offsets: &[i32], bytes: &[u8]) -> BTreeSet<usize> {
        let column = Texts::new(offsets, bytes);
        let bytes = &column.bytes[..column.end()];
        let mut suspects = BTreeSet::new();
        if !self.rules.patterns.is_empty() {
            suspects.extend((0..offsets.len() - 1).filter(|row| offsets[*row] < offsets[row + 1]));
            return suspects;
        }
        let mut all = |next: &dyn Fn(usize) -> Option<usize>| {
            let mut from = column.start();
            while from < column.end() {
                let Some(at) = next(from) else { break };
                let (row, _, last) = column.around(at);
                suspects.insert(row);
                from = last;
            }
        };
        for set in self.anchors.sets() {
            all(&|from| set.next(bytes, from).map(|(start, ..)| start));
        }
        all(&|from| self.key_anchors.next(bytes, from));
        all(&|from| memchr::memchr(b'@', &bytes[from..]).map(|at| from + at));
        all(&|from| numbers::next_run(bytes, from).map(|(start, _)| start));
        column.each_word(|(row, first, last), (start, end)| {
            // The length of a text comes right before it, and may look like a letter.
            let mut begins = (start..end).take(LENGTH_BYTES + 1);
            if begins.any(|at| self.prefixed_token(&bytes[at..last], 0, end - at).is_some())
                || self.prefixed_token(&bytes[first..last], start - first, end - first).is_some()
            {
                suspects.insert(row);
            }
        });
        suspects
    }

    /// The rows of a map column in which a key, a value, or a value because of its key is secret.
    fn map_hits(&self, map: &MapArray) -> BTreeSet<usize> {
        let (Some(keys), Some(values)) = (map.keys().as_string_opt::<i32>(), map.values().as_string_opt::<i32>())
        else {
            return BTreeSet::new();
        };
        let mut entries = self.hits(values);
        entries.extend(self.hits(keys));
        let bytes = keys.value_data();
        let (mut begin, added) = (keys.value_offsets()[0] as usize, !self.rules.keys.is_empty());
        // The same few keys come in every row.
        let mut judged: HashMap<&str, bool> = HashMap::default();
        for (entry, end) in keys.value_offsets()[1..].iter().map(|end| *end as usize).enumerate() {
            let suspect = added || super::names::may_be_sensitive(&bytes[begin..end]);
            begin = end;
            if !suspect || values.is_null(entry) {
                continue;
            }
            let key = keys.value(entry);
            let is_sensitive = *judged.entry(key).or_insert_with(|| self.is_sensitive(key));
            if is_sensitive && self.is_secret_under(key, values.value(entry)) {
                entries.insert(entry);
            }
        }
        let offsets = map.value_offsets();
        let row_of = |entry: usize| offsets.partition_point(|offset| *offset as usize <= entry).checked_sub(1);
        entries.into_iter().filter_map(row_of).filter(|row| *row < map.len()).collect()
    }
}

fn merge(into: &mut Fired, from: Fired) {
    for (rule, count) in from {
        *into.entry(rule).or_default() += count;
    }
}

/// A column in which these rows, sorted, are replaced by those of `new`, in order. The rows between two of them are copied
/// as a whole: secrets are rare, and a column has thousands of rows.
fn with_rows(old: &dyn Array, rows: impl Iterator<Item = usize>, new: &dyn Array) -> ArrayRef {
    let (old, new) = (old.to_data(), new.to_data());
    let mut column = MutableArrayData::new(vec![&old, &new], false, old.len());
    let mut copy = |of: usize, rows: Range<usize>| {
        column.try_extend(of, rows.start, rows.end).expect("a column's texts have far less than 2 GiB");
    };
    let mut from = 0;
    for (place, row) in rows.enumerate() {
        copy(0, from..row);
        copy(1, place..place + 1);
        from = row + 1;
    }
    copy(0, from..old.len());
    make_array(column.freeze())
}

fn replaced(array: &StringArray, new: &BTreeMap<usize, String>) -> ArrayRef {
    with_rows(array, new.keys().copied(), &StringArray::from_iter_values(new.values()))
}

fn replaced_bytes(array: &BinaryArray, new: &BTreeMap<usize, Option<Vec<u8>>>) -> ArrayRef {
    with_rows(array, new.keys().copied(), &new.values().map(Option::as_deref).collect::<BinaryArray>())
}

fn replaced_map(map: Option<&MapArray>, rows: usize, new: &BTreeMap<usize, RowAttributes>) -> ArrayRef {
    let kind = map.map_or_else(|| ColumnKind::Map.arrow(), |map| map.data_type().clone());
    let DataType::Map(entry, sorted) = &kind else { unreachable!("the attributes' column is a map") };
    let DataType::Struct(fields) = entry.data_type() else { unreachable!("a map's entries are a struct") };
    let (mut keys, mut values) = (StringBuilder::new(), StringBuilder::new());
    for (key, value) in new.values().flat_map(|attributes| &attributes.entries) {
        keys.append_value(key);
        values.append_option(value.as_deref());
    }
    let entries = StructArray::new(fields.clone(), vec![Arc::new(keys.finish()), Arc::new(values.finish())], None);
    let offsets = OffsetBuffer::from_lengths(new.values().map(|attributes| attributes.entries.len()));
    let is_there: NullBuffer = new.values().map(|attributes| !attributes.entries.is_empty()).collect();
    let changed = MapArray::new(Arc::clone(entry), offsets, entries, Some(is_there), *sorted);
    let old = map.map_or_else(|| new_null_array(&kind, rows), |map| Arc::new(map.clone()));
    with_rows(&old, new.keys().copied(), &changed)
}

#[cfg(test)]
mod tests {
    use kino_model::thin_vec;

    use arrow_schema::Field;

    use super::*;
    use crate::Rules;
    use std::cell::Cell;

    const CARD: &str = "4111111111111111";

    thread_local! {
        /// Records that were read on this thread, each time they were.
        pub(super) static RECORDS_READ: Cell<usize> = const { Cell::new(0) };
    }

    fn redactor() -> Redactor {
        Redactor::new([7; 32], Rules::default())
    }

    fn strings(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(values.iter().copied().collect::<StringArray>())
    }

    fn labels(values: &[&str]) -> ArrayRef {
        Arc::new(values.iter().copied().collect::<DictionaryArray<Int32Type>>())
    }

    fn map(rows: &[&[(&str, &str)]]) -> ArrayRef {
        let read = |row: &&[(&str, &str)]| RowAttributes {
            entries: row.iter().map(|(key, value)| ((*key).into(), Some((*value).to_owned()))).collect(),
            exact: None,
        };
        let new = rows.iter().map(read).enumerate().collect();
        replaced_map(None, rows.len(), &new)
    }

    fn spans(columns: &[(&str, ArrayRef)]) -> Batch {
        let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
        let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
        let arrays = columns.iter().map(|(_, array)| Arc::clone(array)).collect();
        Batch { spans: RecordBatch::try_new(Arc::new(schema), arrays).unwrap(), ..Batch::empty() }
    }

    fn entries(batch: &Batch, row: usize) -> Vec<(String, String)> {
        let map = batch.spans.column_by_name("attributes").map(|array| array.as_map().clone());
        let read = RowAttributes::read(map.as_ref(), None, row);
        read.entries.into_iter().map(|(key, value)| (key.into(), value.unwrap_or_default())).collect()
    }

    #[test]
    fn a_clean_batch_keeps_its_buffers() {
        let batch = spans(&[
            ("name", strings(&[Some("GET /users"), Some("SELECT")])),
            ("resource", labels(&[r#"{"attributes":[]}"#, r#"{"attributes":[]}"#])),
            ("attributes", map(&[&[("http.flavor", "1.1")], &[("count", "1234567890"), ("net", "10.0.0.1")]])),
        ]);
        let (redacted, fired) = redactor().redact_batch(batch.clone());
        assert!(fired.is_empty());
        for (old, new) in batch.spans.columns().iter().zip(redacted.spans.columns()) {
            assert!(Arc::ptr_eq(old, new));
        }
    }

    #[test]
    fn a_hit_is_replaced_in_its_row_alone_and_said_there() {
        let batch = spans(&[
            ("name", strings(&[Some("a"), Some("login password=hunter22"), Some("b")])),
            ("status_message", strings(&[None, None, Some("card 4111 1111 1111 1111 refused")])),
        ]);
        let (redacted, fired) = redactor().redact_batch(batch);
        let names = redacted.spans.column_by_name("name").unwrap().as_string::<i32>();
        assert_eq!((names.value(0), names.value(2)), ("a", "b"));
        assert!(names.value(1).starts_with("login password=[redacted:password:"));
        assert_eq!(fired, Fired::from([("password", 1), ("credit-card", 1)]));
        assert!(entries(&redacted, 0).is_empty());
        assert_eq!(entries(&redacted, 1), [("kino.redacted".into(), "password".into())]);
        assert_eq!(entries(&redacted, 2), [("kino.redacted".into(), "credit-card".into())]);
    }

    #[test]
    fn rows_around_a_hit_stay_as_they_were_in_parts_of_columns_too() {
        let secret = "login password=hunter22";
        let names =
            strings(&[Some("x"), Some("a"), None, Some(""), Some(secret), None, Some(secret), Some("é"), Some("y")]);
        let row = [("k", "v"), ("empty", "")];
        let before = map(&[&row, &[], &row, &[("password", "hunter22")], &row, &[], &row, &row, &row]);
        let before = spans(&[("name", names), ("attributes", before)]);
        // What is left of larger batches does not begin with its buffers.
        let part = before.spans.slice(1, 7);
        let (after, fired) = redactor().redact_batch(Batch { spans: part.clone(), ..Batch::empty() });
        assert_eq!(fired, Fired::from([("password", 2), ("sensitive-key", 1)]));
        let (old, new) = (part.column(0).as_string::<i32>(), after.spans.column(0).as_string::<i32>());
        for row in [0, 1, 2, 4, 6] {
            assert_eq!(old.iter().nth(row), new.iter().nth(row), "row {row}");
        }
        assert!([3, 5].iter().all(|row| new.value(*row).starts_with("login password=[redacted:password:")));
        let (old, new) = (part.column(1).as_map(), after.spans.column(1).as_map());
        for row in [0, 1, 4, 6] {
            assert_eq!((old.is_valid(row), old.value(row)), (new.is_valid(row), new.value(row)), "row {row}");
        }
        let keys = |row| entries(&after, row).into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        assert_eq!(
            [keys(2), keys(3), keys(5)],
            [
                vec!["password", names::REDACTED],
                vec!["k", "empty", names::REDACTED],
                vec!["k", "empty", names::REDACTED],
            ]
        );
    }

    #[test]
    fn a_sensitive_key_takes_the_whole_value() {
        let rows: [&[(&str, &str)]; 2] =
            [&[("db.password", "plain words"), ("x", "1")], &[("http.request.header.cookie", "[\"a=b\"]")]];
        let (redacted, fired) =
            redactor().redact_batch(spans(&[("name", strings(&[Some("a"), Some("b")])), ("attributes", map(&rows))]));
        assert_eq!(fired, Fired::from([("sensitive-key", 2)]));
        let first = entries(&redacted, 0);
        assert!(first[0].1.starts_with("[redacted:sensitive-key:"), "{first:?}");
        assert_eq!(first[1..], [("x".into(), "1".into()), ("kino.redacted".into(), "sensitive-key".into())]);
    }

    #[test]
    fn neighbours_do_not_run_together() {
        let batch =
            spans(&[("name", strings(&[Some("41111111"), Some("11111111"), Some("AKIA"), Some("IOSFODNN7ABCDEFGH")]))]);
        assert!(redactor().redact_batch(batch).1.is_empty());
        let batch = spans(&[("name", strings(&[Some("200"), Some(CARD), Some("443")]))]);
        assert_eq!(redactor().redact_batch(batch).1, Fired::from([("credit-card", 1)]));
    }

    #[test]
    fn exact_values_are_redacted_with_their_text() {
        let nested =
            Value::Map(thin_vec![("password".into(), Value::from("open sesame")), ("n".into(), Value::Int(3))]);
        let mut message = Vec::new();
        any_value::encode(&nested, &mut message);
        let mut exact = Vec::new();
        exact::write(Record::Value { entry: 0, message: &message }, &mut exact);
        exact::write(Record::Int { entry: 1 }, &mut exact);
        exact::write(Record::Int { entry: 2 }, &mut exact);
        let mut extra = Vec::new();
        any_value::encode_key_value("note", &Value::from("api_key=0a1b2c3d4e5f"), &mut extra);
        exact::write(Record::Extra { message: &extra }, &mut exact);
        let text = nested.to_text();
        let batch = spans(&[
            ("name", strings(&[Some("a")])),
            ("attributes", map(&[&[("request", &text), ("card", CARD), ("n", "5")]])),
            ("attributes_exact", Arc::new(BinaryArray::from_vec(vec![&exact]))),
        ]);
        let (redacted, fired) = redactor().redact_batch(batch);
        assert_eq!(fired, Fired::from([("api-key", 1), ("credit-card", 1), ("sensitive-key", 1)]));
        let rest = redacted.spans.column_by_name("attributes_exact").unwrap().as_binary::<i32>().value(0).to_vec();
        let records: Vec<_> = exact::records(&rest).map(Result::unwrap).collect();
        assert!(
            matches!(records[..], [Record::Value { entry: 0, .. }, Record::Int { entry: 2 }, Record::Extra { .. }]),
            "{records:?}"
        );
        let Record::Value { message, .. } = records[0] else { unreachable!("matched above") };
        assert_eq!(entries(&redacted, 0)[0].1, any_value::decode(message).unwrap().to_text());
        for secret in ["sesame", "0a1b2c", CARD] {
            assert!(memchr::memmem::find(&rest, secret.as_bytes()).is_none(), "{secret}");
        }
    }

    #[test]
    fn each_attribute_of_a_crowded_row_is_redacted_as_if_it_were_alone() {
        const COUNT: usize = 2_000;
        let nested =
            Value::Map(thin_vec![("password".into(), Value::from("open sesame")), ("n".into(), Value::Int(3))]);
        let (mut message, mut exact) = (Vec::new(), Vec::new());
        any_value::encode(&nested, &mut message);
        let text = nested.to_text();
        let entries: Vec<(String, &str)> =
            (0..COUNT).map(|entry| (format!("k{entry}"), if entry % 2 == 0 { CARD } else { text.as_str() })).collect();
        for entry in 0..COUNT {
            let record =
                if entry % 2 == 0 { Record::Int { entry } } else { Record::Value { entry, message: &message } };
            exact::write(record, &mut exact);
        }
        let row: Vec<(&str, &str)> = entries.iter().map(|(key, text)| (key.as_str(), *text)).collect();
        let batch = spans(&[
            ("name", strings(&[Some("a")])),
            ("attributes", map(&[&row])),
            ("attributes_exact", Arc::new(BinaryArray::from_vec(vec![&exact]))),
        ]);
        let (redacted, fired) = redactor().redact_batch(batch);
        assert_eq!(RECORDS_READ.get(), COUNT, "each record is read once");
        let half = COUNT as u64 / 2;
        assert_eq!(fired, Fired::from([("credit-card", half), ("sensitive-key", half)]));
        let alone = |key: &str, value: &mut Value| {
            redactor().attribute(&mut key.into(), value, &mut Fired::new());
            value.to_text()
        };
        let expected = [alone("k0", &mut Value::from(CARD)), alone("k1", &mut nested.clone())];
        let entries = self::entries(&redacted, 0);
        assert_eq!(entries.len(), COUNT + 1);
        assert!(entries[..COUNT].iter().enumerate().all(|(entry, (_, text))| *text == expected[entry % 2]));
        let rest = redacted.spans.column_by_name("attributes_exact").unwrap().as_binary::<i32>().value(0).to_vec();
        let left: Vec<usize> = exact::records(&rest)
            .map(|record| match record.unwrap() {
                Record::Value { entry, .. } => entry,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(left.iter().copied().eq((1..COUNT).step_by(2)));
    }

    #[test]
    fn a_resource_loses_the_value_and_keeps_its_shape() {
        let resource = kino_model::Resource {
            attributes: thin_vec![
                ("api.token".into(), Value::from("abcdefgh12345")),
                ("service.name".into(), "shop".into()),
            ],
            ..Default::default()
        };
        let json = serde_json::to_string(&resource).unwrap();
        let (redacted, fired) =
            redactor().redact_batch(spans(&[("name", strings(&[Some("a")])), ("resource", labels(&[&json]))]));
        assert_eq!(fired, Fired::from([("sensitive-key", 1)]));
        let dictionary = redacted.spans.column_by_name("resource").unwrap().as_dictionary::<Int32Type>().clone();
        let read: kino_model::Resource = serde_json::from_str(dictionary.values().as_string::<i32>().value(0)).unwrap();
        assert_eq!(read.attributes[1], resource.attributes[1]);
        assert!(read.text("api.token").unwrap().starts_with("[redacted:"));
    }
}
