//! Serde for attributes as OTLP/JSON: lossless, the form in which resources and scopes are stored.
//!
//! `[{"key":"k","value":{"intValue":"1"}}]`: 64-bit integers are texts, bytes base64, the doubles that JSON lacks the
//! texts `NaN`, `Infinity`, `-Infinity`, and an empty value is `{}`.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use serde::{Deserialize, Serialize};

use crate::attribute::{Attributes, MAX_VALUE_DEPTH, Value};
use crate::{Text, ThinVec};

/// An `AnyValue` to be written as OTLP/JSON.
#[derive(Clone, Copy, Debug)]
pub struct JsonValue<'a>(pub &'a Value);

/// A list of `KeyValue` to be written as OTLP/JSON.
#[derive(Clone, Copy, Debug)]
pub struct JsonAttributes<'a>(pub &'a [(Text, Value)]);

/// Writes attributes as a list of `KeyValue`.
///
/// # Errors
/// The serializer's own.
pub fn serialize<S: Serializer>(attributes: &Attributes, serializer: S) -> Result<S::Ok, S::Error> {
    JsonAttributes(attributes).serialize(serializer)
}

/// Reads a list of `KeyValue`. Values nested deeper than [`MAX_VALUE_DEPTH`] come out empty.
///
/// # Errors
/// When it is no such list.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Attributes, D::Error> {
    AttributesSeed { depth: 0, too_deep: &Cell::new(0) }.deserialize(deserializer)
}

impl Serialize for JsonAttributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct KeyValue<'a> {
            key: &'a str,
            value: JsonValue<'a>,
        }
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for (key, value) in self.0 {
            list.serialize_element(&KeyValue { key, value: JsonValue(value) })?;
        }
        list.end()
    }
}

impl Serialize for JsonValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Values<T> {
            values: T,
        }
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            Value::Empty => {}
            Value::String(text) => map.serialize_entry("stringValue", text)?,
            Value::Bool(value) => map.serialize_entry("boolValue", value)?,
            Value::Int(value) => map.serialize_entry("intValue", &value.to_string())?,
            Value::Double(value) if value.is_finite() => map.serialize_entry("doubleValue", value)?,
            Value::Double(value) if value.is_nan() => map.serialize_entry("doubleValue", "NaN")?,
            Value::Double(value) if *value > 0.0 => map.serialize_entry("doubleValue", "Infinity")?,
            Value::Double(_) => map.serialize_entry("doubleValue", "-Infinity")?,
            Value::Bytes(bytes) => map.serialize_entry("bytesValue", &STANDARD.encode(bytes))?,
            Value::Array(members) => {
                let values: Vec<_> = members.iter().map(JsonValue).collect();
                map.serialize_entry("arrayValue", &Values { values })?;
            }
            Value::Map(members) => {
                map.serialize_entry("kvlistValue", &Values { values: JsonAttributes(members) })?;
            }
        }
        map.end()
    }
}

/// Reads an `AnyValue`; `depth` counts the lists and maps around it.
#[derive(Clone, Copy, Debug)]
pub struct ValueSeed<'c> {
    /// Lists and maps around the value.
    pub depth: usize,
    /// Counts values nested deeper than [`MAX_VALUE_DEPTH`], which come out empty.
    pub too_deep: &'c Cell<u64>,
}

/// Reads a list of `KeyValue`; as [`ValueSeed`].
#[derive(Clone, Copy, Debug)]
pub struct AttributesSeed<'c> {
    /// Lists and maps around the values.
    pub depth: usize,
    /// Counts values nested deeper than [`MAX_VALUE_DEPTH`], which come out empty.
    pub too_deep: &'c Cell<u64>,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an AnyValue")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Empty)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut value = Value::Empty;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "stringValue" | "string_value" => {
                    if let Some(text) = map.next_value::<Option<Text>>()? {
                        value = Value::String(text);
                    }
                }
                "boolValue" | "bool_value" => {
                    if let Some(truth) = map.next_value::<Option<bool>>()? {
                        value = Value::Bool(truth);
                    }
                }
                "intValue" | "int_value" => {
                    value = map.next_value::<Option<Int>>()?.map_or(value, |int| Value::Int(int.0));
                }
                "doubleValue" | "double_value" => {
                    value = map.next_value::<Option<Double>>()?.map_or(value, |double| Value::Double(double.0));
                }
                "bytesValue" | "bytes_value" => {
                    if let Some(text) = map.next_value::<Option<Cow<'de, str>>>()? {
                        let bytes = base64(&text).ok_or_else(|| A::Error::custom("bytesValue is not base64"))?;
                        value = Value::Bytes(bytes.into());
                    }
                }
                "arrayValue" | "array_value" => value = map.next_value_seed(NestedSeed { of: self, map: false })?,
                "kvlistValue" | "kvlist_value" => value = map.next_value_seed(NestedSeed { of: self, map: true })?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(value)
    }
}

/// Base64 of either alphabet, padded or not, as the JSON mapping of Protocol Buffers allows.
fn base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    const PLAIN: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    PLAIN.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

/// The `{"values": […]}` of a list or a map.
struct NestedSeed<'c> {
    of: ValueSeed<'c>,
    map: bool,
}

impl<'de> DeserializeSeed<'de> for NestedSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.of.depth >= MAX_VALUE_DEPTH {
            self.of.too_deep.set(self.of.too_deep.get() + 1);
            IgnoredAny::deserialize(deserializer)?;
            return Ok(Value::Empty);
        }
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for NestedSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let ValueSeed { depth, too_deep } = self.of;
        let mut value = if self.map { Value::Map(ThinVec::new()) } else { Value::Array(ThinVec::new()) };
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key != "values" {
                map.next_value::<IgnoredAny>()?;
            } else if self.map {
                value = Value::Map(map.next_value_seed(AttributesSeed { depth: depth + 1, too_deep })?);
            } else {
                value = Value::Array(map.next_value_seed(ListSeed(ValueSeed { depth: depth + 1, too_deep }))?);
            }
        }
        Ok(value)
    }
}

struct ListSeed<'c>(ValueSeed<'c>);

impl<'de> DeserializeSeed<'de> for ListSeed<'_> {
    type Value = ThinVec<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ThinVec<Value>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ListSeed<'_> {
    type Value = ThinVec<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of AnyValue")
    }

    fn visit_unit<E>(self) -> Result<ThinVec<Value>, E> {
        Ok(ThinVec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ThinVec<Value>, A::Error> {
        let mut members = ThinVec::new();
        while let Some(member) = list.next_element_seed(self.0)? {
            members.push(member);
        }
        Ok(members)
    }
}

impl<'de> DeserializeSeed<'de> for AttributesSeed<'_> {
    type Value = Attributes;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Attributes, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AttributesSeed<'_> {
    type Value = Attributes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of KeyValue")
    }

    fn visit_unit<E>(self) -> Result<Attributes, E> {
        Ok(ThinVec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Attributes, A::Error> {
        let mut attributes = ThinVec::new();
        while let Some(attribute) = list.next_element_seed(KeyValueSeed(self))? {
            attributes.push(attribute);
        }
        Ok(attributes)
    }
}

struct KeyValueSeed<'c>(AttributesSeed<'c>);

impl<'de> DeserializeSeed<'de> for KeyValueSeed<'_> {
    type Value = (Text, Value);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(Text, Value), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for KeyValueSeed<'_> {
    type Value = (Text, Value);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a KeyValue")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(Text, Value), A::Error> {
        let AttributesSeed { depth, too_deep } = self.0;
        let (mut key, mut value) = (Text::default(), Value::Empty);
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match &*name {
                "key" => key = map.next_value::<Option<Text>>()?.unwrap_or_default(),
                "value" => value = map.next_value_seed(ValueSeed { depth, too_deep })?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok((key, value))
    }
}

/// An integer as a number or a text.
struct Int(i64);

impl<'de> Deserialize<'de> for Int {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;
        impl Visitor<'_> for Numbers {
            type Value = Int;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a 64-bit integer")
            }
            fn visit_i64<E>(self, value: i64) -> Result<Int, E> {
                Ok(Int(value))
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Int, E> {
                i64::try_from(value).map(Int).map_err(|_| E::custom("an integer beyond 64 bits"))
            }
            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Int, E> {
                // 1e3 is an integer to JSON; 2^63 is the first double that is none to us.
                let whole = value.fract() == 0.0 && value.abs() < 9_223_372_036_854_775_808.0;
                if whole { Ok(Int(value as i64)) } else { Err(E::custom("a fraction where an integer was expected")) }
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Int, E> {
                text.parse().map(Int).map_err(|_| E::custom("a text that is not a 64-bit integer"))
            }
        }
        deserializer.deserialize_any(Numbers)
    }
}

/// A double as a number or a text.
struct Double(f64);

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;
        impl Visitor<'_> for Numbers {
            type Value = Double;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_i64<E>(self, value: i64) -> Result<Double, E> {
                Ok(Double(value as f64))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Double, E> {
                Ok(Double(value as f64))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Double, E> {
                Ok(Double(value))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Double, E> {
                text.parse().map(Double).map_err(|_| E::custom("a text that is not a number"))
            }
        }
        deserializer.deserialize_any(Numbers)
    }
}
