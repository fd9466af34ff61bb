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
            Self::Text(text) => Value::String(String::from_utf8_lossy(text).into()),
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
                        Cow::Owned(mended) => Self::Owned(Value::String(String::from_utf8_lossy(&mended).into())),
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

    /// Leaves out what a record has past the limit; see [`Judge::attributes`].
    pub(super) fn cut(&mut self, judge: &mut Judge<'_>, dropped: &mut u32) {
        self.attributes.truncate(judge.attributes_within(self.attributes.len(), dropped));
    }

    /// Reads a `KeyValue`.
    #[inline]
    pub(super) fn read(&mut self, reader: Reader<'b>, faults: &mut Faults, judge: &mut Judge<'_>) -> Walked {
        if let Some(attribute) = usual(reader.bytes(), judge.value_bytes_max()) {
            self.attributes.push(attribute);
            return Ok(());
        }
        self.read_any(reader, faults, judge)
    }

    #[inline(never)]
    fn read_any(&mut self, mut reader: Reader<'b>, faults: &mut Faults, judge: &mut Judge<'_>) -> Walked {
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

/// An attribute as nearly all are written: a short key, then a short text or an integer, all of it ASCII. Anything else
/// is left to the walk over its fields, which gives the same for these.
#[inline]
fn usual(bytes: &[u8], value_bytes_max: usize) -> Option<RawAttribute<'_>> {
    const KEY: u8 = 1 << 3 | 2;
    const VALUE: u8 = 2 << 3 | 2;
    const TEXT: u8 = 1 << 3 | 2;
    const INT: u8 = 3 << 3;
    let [KEY, length, rest @ ..] = bytes else { return None };
    let (key, rest) = rest.split_at_checked(short(*length)?)?;
    let [VALUE, length, rest @ ..] = rest else { return None };
    if short(*length)? != rest.len() {
        return None;
    }
    let value = match rest {
        [TEXT, length, text @ ..] if usize::from(*length) == text.len() && text.len() <= value_bytes_max => {
            RawValue::Text(text)
        }
        [INT, value @ ..] => {
            let mut value = Reader::new(value);
            let number = value.varint().ok()?;
            value.is_empty().then_some(RawValue::Int(number.cast_signed()))?
        }
        _ => return None,
    };
    // The text is part of `rest`: checked together with its tag and length, which are ASCII too.
    (key.is_ascii() && (rest[0] != TEXT || rest.is_ascii())).then_some(RawAttribute { key: Cow::Borrowed(key), value })
}

/// A length that takes one byte.
#[inline]
fn short(length: u8) -> Option<usize> {
    (length < 0x80).then_some(usize::from(length))
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
