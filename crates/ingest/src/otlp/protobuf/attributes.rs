//! Attributes of the record at hand, borrowed from the body.

use std::borrow::Cow;

use kino_model::Value;
use kino_model::batch::row::{Attribute, ValueRef};
use kino_model::exact::any_value::{self, Faults};
use kino_model::exact::protobuf::Reader;

use super::Walked;
use crate::judge::Judge;

/// The attributes of one record, reused for the next.
#[derive(Debug, Default)]
pub(super) struct Scratch<'b> {
    attributes: Vec<RawAttribute<'b>>,
}

/// A key with its value; texts are UTF-8.
#[derive(Debug)]
pub(super) struct RawAttribute<'b> {
    key: Cow<'b, [u8]>,
    value: RawValue<'b>,
}

/// A value, its text borrowed where it can be.
#[derive(Debug, Default)]
enum RawValue<'b> {
    #[default]
    Empty,
    Text(&'b [u8]),
    Bool(bool),
    Int(i64),
    Double(f64),
    /// Bytes, a list, a map, or a text that is not as it was sent.
    Owned(Value),
}

impl Attribute for RawAttribute<'_> {
    fn key(&self) -> &[u8] {
        &self.key
    }

    fn value(&self) -> ValueRef<'_> {
        match &self.value {
            RawValue::Empty => ValueRef::Empty,
            RawValue::Text(text) => ValueRef::Text(text),
            RawValue::Bool(value) => ValueRef::Bool(*value),
            RawValue::Int(value) => ValueRef::Int(*value),
            RawValue::Double(value) => ValueRef::Double(*value),
            RawValue::Owned(value) => value.into(),
        }
    }
}

impl<'b> RawValue<'b> {
    fn into_value(self) -> Value {
        match self {
            Self::Empty => Value::Empty,
            Self::Text(text) => Value::String(String::from_utf8_lossy(text).into_owned()),
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Double(value) => Value::Double(value),
            Self::Owned(value) => value,
        }
    }

    /// Reads an `AnyValue` over what earlier occurrences of the same field said; see [`any_value::merge`].
    #[inline]
    fn merge(&mut self, mut reader: Reader<'b>, faults: &mut Faults) -> Walked {
        loop {
            let before = reader;
            let Some((field, payload)) = reader.field()? else { return Ok(()) };
            match field {
                1 => {
                    *self = match text(payload.delimited(&reader)?, faults) {
                        Cow::Borrowed(text) => Self::Text(text),
                        Cow::Owned(mended) => Self::Owned(Value::String(String::from_utf8_lossy(&mended).into_owned())),
                    }
                }
                2 => *self = Self::Bool(payload.varint(&reader)? != 0),
                3 => *self = Self::Int(payload.varint(&reader)?.cast_signed()),
                4 => *self = Self::Double(f64::from_bits(payload.fixed64(&reader)?)),
                5..=7 => {
                    let mut value = std::mem::take(self).into_value();
                    any_value::merge(&mut value, before, 0, faults)?;
                    *self = Self::Owned(value);
                    return Ok(());
                }
                _ => {}
            }
        }
    }
}

impl<'b> Scratch<'b> {
    pub(super) fn clear(&mut self) {
        self.attributes.clear();
    }

    pub(super) fn as_slice(&self) -> &[RawAttribute<'b>] {
        &self.attributes
    }

    /// Reads a `KeyValue`.
    pub(super) fn read(&mut self, mut reader: Reader<'b>, faults: &mut Faults, judge: &mut Judge<'_>) -> Walked {
        let (mut key, mut value) = (Cow::default(), RawValue::Empty);
        while let Some((field, payload)) = reader.field()? {
            match field {
                1 => key = text(payload.delimited(&reader)?, faults),
                2 => value.merge(payload.delimited(&reader)?, faults)?,
                _ => {}
            }
        }
        match &mut value {
            RawValue::Text(text) if text.len() > judge.value_bytes_max() => {
                let mut cut = value.into_value();
                judge.value(&mut cut);
                value = RawValue::Owned(cut);
            }
            RawValue::Owned(value) => judge.value(value),
            _ => {}
        }
        self.attributes.push(RawAttribute { key, value });
        Ok(())
    }
}

/// The bytes, which are text: as they are where they are ASCII or other UTF-8, else mended and counted.
#[inline]
pub(super) fn text<'b>(reader: Reader<'b>, faults: &mut Faults) -> Cow<'b, [u8]> {
    let bytes = reader.bytes();
    if bytes.is_ascii() {
        return Cow::Borrowed(bytes);
    }
    match faults.text(bytes) {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}
