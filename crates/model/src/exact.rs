//! The exact side of attributes: what a text map cannot carry, so that export gives back what was sent.
//!
//! `attributes_exact` is a sequence of records, each a varint tag `ordinal << 3 | kind` with a payload by kind:
//!
//! ```text
//!  kind        ordinal counts       payload                 the map or column holds
//!  0 INT       map entries          –                       the decimal text, read back as an integer
//!  1 BOOL      map entries          –                       "true" or "false"
//!  2 DOUBLE    map entries          8 bytes, little endian  the shortest text
//!  3 EMPTY     map entries          –                       the empty text
//!  4 VALUE     map entries          varint length, bytes    JSON text; the bytes are OTLP's AnyValue message
//!  5 SPELLING  the table's columns  varint index            the value; index is the spelling sent, from 0
//!  6 EXTRA     always 0             varint length, bytes    nothing; OTLP's KeyValue of a repeated key
//! ```
//!
//! Null when every attribute is plain text under a unique key or sits in its column under the current spelling.
//! The order of attributes is lost: normalised attributes are sorted by key, repeats in the sender's order.
//! Since SPELLING names a column by its place, a table's columns only move together with
//! [`crate::columns::SCHEMA_VERSION`].

pub mod any_value;
pub mod json_attributes;
pub mod protobuf;

use protobuf::{Reader, WireError, put_bytes, put_varint};

/// One record of `attributes_exact`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Record<'a> {
    /// The map entry is an integer.
    Int {
        /// The entry's place in the row's map, from 0.
        entry: usize,
    },
    /// The map entry is a truth value.
    Bool {
        /// The entry's place in the row's map, from 0.
        entry: usize,
    },
    /// The map entry is this double.
    Double {
        /// The entry's place in the row's map, from 0.
        entry: usize,
        /// The value, bit for bit.
        value: f64,
    },
    /// The map entry had no value at all.
    Empty {
        /// The entry's place in the row's map, from 0.
        entry: usize,
    },
    /// The map entry is a list, a map or bytes.
    Value {
        /// The entry's place in the row's map, from 0.
        entry: usize,
        /// OTLP's `AnyValue`; see [`any_value::decode`].
        message: &'a [u8],
    },
    /// The promoted column's value was sent under an older spelling.
    Spelling {
        /// The column's place in its table.
        column: usize,
        /// The spelling's place in [`crate::columns::Column::spellings`].
        spelling: usize,
    },
    /// An attribute whose key the row has already.
    Extra {
        /// OTLP's `KeyValue`; see [`any_value::decode_key_value`].
        message: &'a [u8],
    },
}

/// Appends a record.
pub fn write(record: Record<'_>, out: &mut Vec<u8>) {
    let mut tag = |ordinal: usize, kind: u64| put_varint(out, (ordinal as u64) << 3 | kind);
    match record {
        Record::Int { entry } => tag(entry, 0),
        Record::Bool { entry } => tag(entry, 1),
        Record::Double { entry, value } => {
            tag(entry, 2);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Record::Empty { entry } => tag(entry, 3),
        Record::Value { entry, message } => {
            tag(entry, 4);
            put_bytes(out, message);
        }
        Record::Spelling { column, spelling } => {
            tag(column, 5);
            put_varint(out, spelling as u64);
        }
        Record::Extra { message } => {
            tag(0, 6);
            put_bytes(out, message);
        }
    }
}

/// Reads the records of one row. Ends after the first error.
pub fn records(bytes: &[u8]) -> impl Iterator<Item = Result<Record<'_>, WireError>> {
    let mut reader = Reader::new(bytes);
    std::iter::from_fn(move || {
        if reader.is_empty() {
            return None;
        }
        let record = read(&mut reader);
        if record.is_err() {
            reader = Reader::new(&[]);
        }
        Some(record)
    })
}

fn read<'a>(reader: &mut Reader<'a>) -> Result<Record<'a>, WireError> {
    let at = reader.offset();
    let tag = reader.varint()?;
    let entry = (tag >> 3) as usize;
    Ok(match tag & 7 {
        0 => Record::Int { entry },
        1 => Record::Bool { entry },
        2 => Record::Double { entry, value: f64::from_bits(reader.fixed64()?) },
        3 => Record::Empty { entry },
        4 => Record::Value { entry, message: reader.delimited()?.bytes() },
        5 => Record::Spelling { column: entry, spelling: reader.varint()? as usize },
        6 => Record::Extra { message: reader.delimited()?.bytes() },
        _ => return Err(WireError { what: "an unknown kind of record", offset: at }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_read_back_as_written() {
        let written = [
            Record::Int { entry: 0 },
            Record::Bool { entry: 300 },
            Record::Double { entry: 2, value: -0.0 },
            Record::Empty { entry: 3 },
            Record::Value { entry: 4, message: b"abc" },
            Record::Spelling { column: 40, spelling: 3 },
            Record::Extra { message: &[7; 200] },
        ];
        let mut bytes = Vec::new();
        for record in written {
            write(record, &mut bytes);
        }
        let read: Vec<_> = records(&bytes).map(Result::unwrap).collect();
        assert_eq!(read, written);
    }

    #[test]
    fn a_torn_record_is_an_error_and_the_end() {
        let mut bytes = Vec::new();
        write(Record::Extra { message: b"key and value" }, &mut bytes);
        bytes.pop();
        let read: Vec<_> = records(&bytes).collect();
        assert_eq!(read.len(), 1);
        assert!(read[0].is_err());
    }
}
