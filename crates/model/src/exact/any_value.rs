//! OTLP's `AnyValue` and `KeyValue` messages: how values that text cannot represent are stored and sent.

use std::borrow::Cow;

use super::protobuf::{Reader, WireError, put_bytes_field, put_fixed64_field, put_message_field, put_varint_field};
use crate::attribute::{MAX_VALUE_DEPTH, Value};
use crate::{Text, ThinVec};

/// What was wrong with values that could be read nevertheless.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Texts whose invalid UTF-8 was replaced by U+FFFD.
    pub invalid_utf8: u64,
    /// Values nested deeper than [`MAX_VALUE_DEPTH`], left empty.
    pub too_deep: u64,
}

impl Faults {
    /// The bytes as text, counting where they are none.
    pub fn text<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, str> {
        if let Ok(text) = std::str::from_utf8(bytes) {
            Cow::Borrowed(text)
        } else {
            self.invalid_utf8 += 1;
            String::from_utf8_lossy(bytes)
        }
    }
}

/// Appends the fields of an `AnyValue`.
pub fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Empty => {}
        Value::String(text) => put_bytes_field(out, 1, text.as_bytes()),
        Value::Bool(value) => put_varint_field(out, 2, u64::from(*value)),
        Value::Int(value) => put_varint_field(out, 3, *value as u64),
        Value::Double(value) => put_fixed64_field(out, 4, value.to_bits()),
        Value::Array(members) => put_message_field(out, 5, |out| {
            for member in members {
                put_message_field(out, 1, |out| encode(member, out));
            }
        }),
        Value::Map(members) => put_message_field(out, 6, |out| {
            for (key, value) in members {
                put_message_field(out, 1, |out| encode_key_value(key, value, out));
            }
        }),
        Value::Bytes(bytes) => put_bytes_field(out, 7, bytes),
    }
}

/// Appends the fields of a `KeyValue`.
pub fn encode_key_value(key: &str, value: &Value, out: &mut Vec<u8>) {
    if !key.is_empty() {
        put_bytes_field(out, 1, key.as_bytes());
    }
    put_message_field(out, 2, |out| encode(value, out));
}

/// Reads an `AnyValue`.
///
/// # Errors
/// When the bytes are no such message.
pub fn decode(message: &[u8]) -> Result<Value, WireError> {
    let mut value = Value::Empty;
    merge(&mut value, Reader::new(message), 0, &mut Faults::default())?;
    Ok(value)
}

/// Reads a `KeyValue`.
///
/// # Errors
/// When the bytes are no such message.
pub fn decode_key_value(message: &[u8]) -> Result<(Text, Value), WireError> {
    key_value(Reader::new(message), 0, &mut Faults::default())
}

/// Reads an `AnyValue` into `value`, which holds what earlier occurrences of the same field said: the last wins,
/// lists and maps are joined. `depth` counts the lists and maps around it.
///
/// # Errors
/// When the bytes are no such message.
pub fn merge(value: &mut Value, mut reader: Reader<'_>, depth: usize, faults: &mut Faults) -> Result<(), WireError> {
    while let Some((field, payload)) = reader.field()? {
        match field {
            1 => *value = Value::String(faults.text(payload.delimited(&reader)?.bytes()).into()),
            2 => *value = Value::Bool(payload.varint(&reader)? != 0),
            3 => *value = Value::Int(payload.varint(&reader)? as i64),
            4 => *value = Value::Double(f64::from_bits(payload.fixed64(&reader)?)),
            5 | 6 => {
                let inner = payload.delimited(&reader)?;
                if depth >= MAX_VALUE_DEPTH {
                    faults.too_deep += 1;
                } else if field == 5 {
                    merge_array(value, inner, depth + 1, faults)?;
                } else {
                    merge_map(value, inner, depth + 1, faults)?;
                }
            }
            7 => *value = Value::Bytes(payload.delimited(&reader)?.bytes().into()),
            _ => {}
        }
    }
    Ok(())
}

fn merge_array(value: &mut Value, mut reader: Reader<'_>, depth: usize, faults: &mut Faults) -> Result<(), WireError> {
    let mut members = match std::mem::take(value) {
        Value::Array(members) => members,
        _ => ThinVec::new(),
    };
    while let Some((field, payload)) = reader.field()? {
        if field == 1 {
            let mut member = Value::Empty;
            merge(&mut member, payload.delimited(&reader)?, depth, faults)?;
            members.push(member);
        }
    }
    *value = Value::Array(members);
    Ok(())
}

fn merge_map(value: &mut Value, mut reader: Reader<'_>, depth: usize, faults: &mut Faults) -> Result<(), WireError> {
    let mut members = match std::mem::take(value) {
        Value::Map(members) => members,
        _ => ThinVec::new(),
    };
    while let Some((field, payload)) = reader.field()? {
        if field == 1 {
            members.push(key_value(payload.delimited(&reader)?, depth, faults)?);
        }
    }
    *value = Value::Map(members);
    Ok(())
}

/// Reads a `KeyValue`; `depth` counts the lists and maps around its value.
///
/// # Errors
/// When the bytes are no such message.
pub fn key_value(mut reader: Reader<'_>, depth: usize, faults: &mut Faults) -> Result<(Text, Value), WireError> {
    let (mut key, mut value) = (Text::default(), Value::Empty);
    while let Some((field, payload)) = reader.field()? {
        match field {
            1 => key = faults.text(payload.delimited(&reader)?.bytes()).into(),
            2 => merge(&mut value, payload.delimited(&reader)?, depth, faults)?,
            _ => {}
        }
    }
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thin_vec;

    #[test]
    fn every_type_reads_back() {
        let value = Value::Map(thin_vec![
            ("a".into(), Value::Array(thin_vec![Value::Empty, Value::Int(-1), Value::Bool(true)])),
            (Text::default(), Value::Double(1.5)),
            ("a".into(), Value::Bytes(thin_vec![0, 255])),
            ("nothing".into(), Value::Array(thin_vec![])),
            ("text".into(), "é".into()),
        ]);
        let mut message = Vec::new();
        encode(&value, &mut message);
        assert_eq!(decode(&message).unwrap(), value);
    }

    #[test]
    fn depth_is_bounded_and_said() {
        let mut message = Vec::new();
        for _ in 0..10_000 {
            let inner = std::mem::take(&mut message);
            put_message_field(&mut message, 5, |out| put_bytes_field(out, 1, &inner));
        }
        let (mut value, mut faults) = (Value::Empty, Faults::default());
        merge(&mut value, Reader::new(&message), 0, &mut faults).unwrap();
        assert_eq!(faults.too_deep, 1);
    }

    #[test]
    fn invalid_utf8_is_replaced_and_counted() {
        let (mut value, mut faults) = (Value::Empty, Faults::default());
        merge(&mut value, Reader::new(&[0x0a, 2, b'a', 0xff]), 0, &mut faults).unwrap();
        assert_eq!(value, Value::from("a\u{fffd}"));
        assert_eq!(faults.invalid_utf8, 1);
    }
}
